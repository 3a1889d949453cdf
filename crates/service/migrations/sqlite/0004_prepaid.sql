-- Prepaid: balances, what moves them, vouchers, and calls that are charged while they happen.

-- One row a customer, held by whoever changes the customer's balances or sessions. A plan's month is renewed at
-- `renew_at`; `renewal_fee` is there while that waits for money.
-- placement: customer
create table charging_accounts (
  customer_id integer not null,
  low_balance integer,
  top_up_amount integer,
  top_ups_asked integer not null default 0,
  top_up_asked_at integer,
  renew_at integer,
  renewal_fee integer,
  primary key (customer_id)
) strict;
create index charging_accounts_due on charging_accounts (renew_at, customer_id) where renew_at is not null;
-- Who is on a prepaid plan already pays for the running month first.
insert into charging_accounts (customer_id, renew_at)
  select s.customer_id, min(s.valid_from) from subscriptions s join plans p on p.plan_id = s.plan_id
  where p.payment = 'prepaid' group by s.customer_id;

-- Amounts are millionths or, of units, seconds. What is reserved is part of the amount.
-- placement: customer
create table balances (
  customer_id integer not null,
  balance_id integer not null,
  line text,
  name text not null,
  unit text not null,
  main integer not null,
  destinations text not null,
  priority integer not null,
  expires_at integer,
  floor integer not null,
  amount integer not null,
  reserved integer not null,
  last_movement_id integer not null,
  created_at integer not null,
  closed_at integer,
  primary key (customer_id, balance_id),
  check (reserved >= 0 and floor <= 0 and amount - reserved >= floor)
) strict;
create index balances_expiring on balances (expires_at, customer_id) where expires_at is not null and closed_at is null;

-- placement: customer
create table movements (
  customer_id integer not null,
  movement_id integer not null,
  balance_id integer not null,
  kind text not null,
  subject_id integer not null,
  amount integer not null,
  balance_after integer not null,
  moved_at integer not null,
  primary key (customer_id, movement_id)
) strict;

-- placement: customer
create table bookings (
  customer_id integer not null,
  booking_id integer not null,
  kind text not null,
  reference text,
  reason text,
  content_hash blob not null,
  booked_at integer not null,
  primary key (customer_id, booking_id)
) strict;

-- placement: directory(reference)
create table booking_directory (
  reference text not null,
  customer_id integer not null,
  booking_id integer not null,
  primary key (reference)
) strict;

-- What the vouchers of a batch are worth.
-- placement: reference
create table voucher_batches (
  batch text not null,
  balance_name text,
  unit text not null,
  currency text,
  amount integer not null,
  destinations text not null,
  priority integer,
  balance_days integer,
  expires_at integer,
  vouchers integer not null,
  created_at integer not null,
  primary key (batch)
) strict;

-- Their codes are not kept, only what tells them again.
-- placement: directory(code_hash)
create table vouchers (
  code_hash blob not null,
  batch text not null,
  customer_id integer,
  booking_id integer,
  redeemed_at integer,
  primary key (code_hash)
) strict;
create index vouchers_batch on vouchers (batch);

-- The fee of a prepaid plan for a month, once.
-- placement: customer
create table renewals (
  customer_id integer not null,
  subscription_id integer not null,
  period_start integer not null,
  booking_id integer not null,
  fee integer not null,
  renewed_at integer not null,
  primary key (customer_id, subscription_id, period_start)
) strict;

-- A call as the switch reports it while it happens, or a record that came without such reports.
-- placement: customer
create table charging_sessions (
  customer_id integer not null,
  session_id integer not null,
  call_id text not null,
  origin text not null,
  state text not null,
  line text,
  called text not null,
  region text,
  destination text,
  plan_id integer not null,
  tariff_id integer,
  tariff_version integer,
  prepaid integer not null,
  currency text not null,
  started_at integer not null,
  answered_at integer,
  granted_seconds integer not null,
  used_seconds integer not null,
  billed_seconds integer not null,
  included_seconds integer not null,
  charged integer not null,
  loss integer not null,
  last_sequence integer not null,
  request_hash blob not null,
  answer text not null,
  valid_until integer not null,
  opened_at integer not null,
  closed_at integer,
  source text,
  record_id text,
  primary key (customer_id, session_id),
  unique (customer_id, call_id)
) strict;
create index charging_sessions_open on charging_sessions (valid_until) where state = 'open';

-- How a session is paid: what is held for it of a balance while it is open, and what it took in the end.
-- placement: customer
create table reservations (
  customer_id integer not null,
  session_id integer not null,
  balance_id integer not null,
  held integer not null,
  taken integer not null,
  primary key (customer_id, session_id, balance_id),
  check (held >= 0 and taken >= 0)
) strict;

-- What a customer with a cap for the day has spent of it.
-- placement: customer
create table day_spending (
  customer_id integer not null,
  day text not null,
  amount integer not null,
  primary key (customer_id, day)
) strict;
