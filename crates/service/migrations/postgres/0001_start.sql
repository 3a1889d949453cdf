-- Amounts are millionths and prices billionths of the currency's unit: docs/money.md.

-- placement: reference
create table tariffs (
  tariff_id bigint not null,
  name text not null,
  currency text not null,
  created_at timestamptz not null,
  primary key (tariff_id),
  unique (name)
);

-- placement: reference
create table tariff_versions (
  tariff_id bigint not null,
  version bigint not null,
  terms text not null,
  rate_count bigint not null,
  content_hash bytea not null,
  imported_at timestamptz not null,
  valid_from timestamptz,
  primary key (tariff_id, version)
);

-- placement: reference
create table rates (
  tariff_id bigint not null,
  version bigint not null,
  position bigint not null,
  prefix text not null,
  destination text not null,
  connection_fee bigint not null,
  steps text not null,
  increments text not null,
  minimum_charge bigint not null,
  blocked boolean not null,
  band text,
  effective_from timestamptz,
  effective_to timestamptz,
  primary key (tariff_id, version, position)
);

-- placement: reference
create table plans (
  plan_id bigint not null,
  name text not null,
  currency text not null,
  payment text not null,
  monthly_fee bigint not null,
  tariff_id bigint not null,
  allowances text not null,
  created_at timestamptz not null,
  primary key (plan_id),
  unique (name)
);

-- placement: reference
create table tax_rates (
  country text not null,
  valid_from text not null,
  rate bigint not null,
  created_at timestamptz not null,
  primary key (country, valid_from)
);

-- placement: customer
create table customers (
  customer_id bigint not null,
  reference text not null,
  party text not null,
  country text not null,
  currency text not null,
  zone text not null,
  zone_step text not null,
  created_at timestamptz not null,
  primary key (customer_id)
);

-- placement: directory(reference)
create table customer_directory (
  reference text not null,
  customer_id bigint not null,
  primary key (reference)
);

-- placement: customer
create table lines (
  customer_id bigint not null,
  line_id bigint not null,
  e164 text not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  primary key (customer_id, line_id)
);

-- placement: directory(e164)
create table number_directory (
  e164 text not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  customer_id bigint not null,
  line_id bigint not null,
  primary key (e164, valid_from)
);

-- One row a number, held while its spans are changed, so that two cannot overlap.
-- placement: directory(e164)
create table number_locks (
  e164 text not null,
  changes bigint not null,
  primary key (e164)
);

-- placement: customer
create table subscriptions (
  customer_id bigint not null,
  subscription_id bigint not null,
  plan_id bigint not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  primary key (customer_id, subscription_id)
);

-- placement: customer
create table periods (
  customer_id bigint not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  closed_at timestamptz,
  primary key (customer_id, starts_at)
);

-- placement: customer
create table allowance_uses (
  customer_id bigint not null,
  period_start timestamptz not null,
  plan_id bigint not null,
  allowance bigint not null,
  used_seconds bigint not null,
  primary key (customer_id, period_start, plan_id, allowance)
);

-- The key holds over all customers: a record that is sent again after its number went to another customer
-- must find the call that was charged.
-- placement: customer
create table calls (
  customer_id bigint not null,
  source text not null,
  record_id text not null,
  call_id text not null,
  content_hash bytea not null,
  import_id bigint,
  caller text not null,
  called text not null,
  dialled text,
  disposition text not null,
  started_at timestamptz not null,
  answered_at timestamptz,
  ended_at timestamptz not null,
  talk_seconds bigint not null,
  outcome text not null,
  period_start timestamptz,
  late_for timestamptz,
  plan_id bigint,
  tariff_id bigint,
  tariff_version bigint,
  prefix text,
  destination text,
  band text,
  billed_seconds bigint,
  included_seconds bigint,
  exact bigint,
  amount bigint,
  currency text,
  primary key (source, record_id)
);
create index calls_history on calls (customer_id, started_at);
create index calls_late on calls (customer_id, period_start) where late_for is not null;

-- placement: customer
create table call_allowances (
  customer_id bigint not null,
  source text not null,
  record_id text not null,
  allowance bigint not null,
  seconds bigint not null,
  primary key (customer_id, source, record_id, allowance)
);

-- placement: local
create table imports (
  import_id bigint not null,
  source text not null,
  file_name text not null,
  format text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  records bigint not null,
  charged bigint not null,
  free bigint not null,
  duplicate bigint not null,
  suspended bigint not null,
  primary key (import_id)
);

-- placement: local
create table suspense (
  source text not null,
  content_hash bytea not null,
  line bigint not null,
  import_id bigint,
  record_id text,
  reason text not null,
  field text not null,
  message text not null,
  content text not null,
  seen_at timestamptz not null,
  resolved_at timestamptz,
  primary key (source, content_hash, line)
);

-- placement: customer
create table invoices (
  customer_id bigint not null,
  invoice_id bigint not null,
  period_start timestamptz not null,
  kind text not null,
  issued_at timestamptz not null,
  currency text not null,
  net bigint not null,
  tax bigint not null,
  gross bigint not null,
  content text not null,
  number text,
  primary key (customer_id, invoice_id),
  unique (customer_id, period_start, kind)
);
create index invoices_unnumbered on invoices (issued_at) where number is null;

-- placement: directory(number)
create table invoice_directory (
  number text not null,
  customer_id bigint not null,
  invoice_id bigint not null,
  primary key (number)
);

-- placement: local
create table invoice_series (
  series text not null,
  year bigint not null,
  last_number bigint not null,
  primary key (series, year)
);

-- placement: directory(key)
create table idempotency_keys (
  key text not null,
  request_hash bytea not null,
  status bigint not null,
  body text not null,
  created_at timestamptz not null,
  primary key (key)
);
