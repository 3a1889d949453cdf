-- Prepaid: balances, what moves them, vouchers, and calls that are charged while they happen.

-- One row a customer, held by whoever changes the customer's balances or sessions. A plan's month is renewed at
-- `renew_at`; `renewal_fee` is there while that waits for money.
-- placement: customer
create table charging_accounts (
  customer_id bigint not null,
  low_balance bigint,
  top_up_amount bigint,
  top_ups_asked bigint not null default 0,
  top_up_asked_at timestamptz,
  renew_at timestamptz,
  renewal_fee bigint,
  primary key (customer_id)
);
create index charging_accounts_due on charging_accounts (renew_at, customer_id) where renew_at is not null;
-- Who is on a prepaid plan already pays for the running month first.
insert into charging_accounts (customer_id, renew_at)
  select s.customer_id, min(s.valid_from) from subscriptions s join plans p on p.plan_id = s.plan_id
  where p.payment = 'prepaid' group by s.customer_id;

-- Amounts are millionths or, of units, seconds. What is reserved is part of the amount.
-- placement: customer
create table balances (
  customer_id bigint not null,
  balance_id bigint not null,
  line text,
  name text not null,
  unit text not null,
  main boolean not null,
  destinations text not null,
  priority bigint not null,
  expires_at timestamptz,
  floor bigint not null,
  amount bigint not null,
  reserved bigint not null,
  last_movement_id bigint not null,
  created_at timestamptz not null,
  closed_at timestamptz,
  primary key (customer_id, balance_id),
  check (reserved >= 0 and floor <= 0 and amount - reserved >= floor)
);
create index balances_expiring on balances (expires_at, customer_id) where expires_at is not null and closed_at is null;

-- placement: customer
create table movements (
  customer_id bigint not null,
  movement_id bigint not null,
  balance_id bigint not null,
  kind text not null,
  subject_id bigint not null,
  amount bigint not null,
  balance_after bigint not null,
  moved_at timestamptz not null,
  primary key (customer_id, movement_id)
);

-- placement: customer
create table bookings (
  customer_id bigint not null,
  booking_id bigint not null,
  kind text not null,
  reference text,
  reason text,
  content_hash bytea not null,
  booked_at timestamptz not null,
  primary key (customer_id, booking_id)
);

-- placement: directory(reference)
create table booking_directory (
  reference text not null,
  customer_id bigint not null,
  booking_id bigint not null,
  primary key (reference)
);

-- What the vouchers of a batch are worth.
-- placement: reference
create table voucher_batches (
  batch text not null,
  balance_name text,
  unit text not null,
  currency text,
  amount bigint not null,
  destinations text not null,
  priority bigint,
  balance_days bigint,
  expires_at timestamptz,
  vouchers bigint not null,
  created_at timestamptz not null,
  primary key (batch)
);

-- Their codes are not kept, only what tells them again.
-- placement: directory(code_hash)
create table vouchers (
  code_hash bytea not null,
  batch text not null,
  customer_id bigint,
  booking_id bigint,
  redeemed_at timestamptz,
  primary key (code_hash)
);
create index vouchers_batch on vouchers (batch);

-- The fee of a prepaid plan for a month, once.
-- placement: customer
create table renewals (
  customer_id bigint not null,
  subscription_id bigint not null,
  period_start timestamptz not null,
  booking_id bigint not null,
  fee bigint not null,
  renewed_at timestamptz not null,
  primary key (customer_id, subscription_id, period_start)
);

-- A call as the switch reports it while it happens, or a record that came without such reports.
-- placement: customer
create table charging_sessions (
  customer_id bigint not null,
  session_id bigint not null,
  call_id text not null,
  origin text not null,
  state text not null,
  line text,
  called text not null,
  region text,
  destination text,
  plan_id bigint not null,
  tariff_id bigint,
  tariff_version bigint,
  prepaid boolean not null,
  currency text not null,
  started_at timestamptz not null,
  answered_at timestamptz,
  granted_seconds bigint not null,
  used_seconds bigint not null,
  billed_seconds bigint not null,
  included_seconds bigint not null,
  charged bigint not null,
  loss bigint not null,
  last_sequence bigint not null,
  request_hash bytea not null,
  answer text not null,
  valid_until timestamptz not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  source text,
  record_id text,
  primary key (customer_id, session_id),
  unique (customer_id, call_id)
);
create index charging_sessions_open on charging_sessions (valid_until) where state = 'open';

-- How a session is paid: what is held for it of a balance while it is open, and what it took in the end.
-- placement: customer
create table reservations (
  customer_id bigint not null,
  session_id bigint not null,
  balance_id bigint not null,
  held bigint not null,
  taken bigint not null,
  primary key (customer_id, session_id, balance_id),
  check (held >= 0 and taken >= 0)
);

-- What a customer with a cap for the day has spent of it.
-- placement: customer
create table day_spending (
  customer_id bigint not null,
  day text not null,
  amount bigint not null,
  primary key (customer_id, day)
);
