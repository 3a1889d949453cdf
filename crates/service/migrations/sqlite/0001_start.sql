-- Amounts are millionths and prices billionths of the currency's unit: docs/money.md.

-- placement: reference
create table tariffs (
  tariff_id integer not null,
  name text not null,
  currency text not null,
  created_at integer not null,
  primary key (tariff_id),
  unique (name)
) strict;

-- placement: reference
create table tariff_versions (
  tariff_id integer not null,
  version integer not null,
  terms text not null,
  rate_count integer not null,
  content_hash blob not null,
  imported_at integer not null,
  valid_from integer,
  primary key (tariff_id, version)
) strict;

-- placement: reference
create table rates (
  tariff_id integer not null,
  version integer not null,
  position integer not null,
  prefix text not null,
  destination text not null,
  connection_fee integer not null,
  steps text not null,
  increments text not null,
  minimum_charge integer not null,
  blocked integer not null,
  band text,
  effective_from integer,
  effective_to integer,
  primary key (tariff_id, version, position)
) strict;

-- placement: reference
create table plans (
  plan_id integer not null,
  name text not null,
  currency text not null,
  payment text not null,
  monthly_fee integer not null,
  tariff_id integer not null,
  allowances text not null,
  created_at integer not null,
  primary key (plan_id),
  unique (name)
) strict;

-- placement: reference
create table tax_rates (
  country text not null,
  valid_from text not null,
  rate integer not null,
  created_at integer not null,
  primary key (country, valid_from)
) strict;

-- placement: customer
create table customers (
  customer_id integer not null,
  reference text not null,
  party text not null,
  country text not null,
  currency text not null,
  zone text not null,
  zone_step text not null,
  created_at integer not null,
  primary key (customer_id)
) strict;

-- placement: directory(reference)
create table customer_directory (
  reference text not null,
  customer_id integer not null,
  primary key (reference)
) strict;

-- placement: customer
create table lines (
  customer_id integer not null,
  line_id integer not null,
  e164 text not null,
  valid_from integer not null,
  valid_to integer,
  primary key (customer_id, line_id)
) strict;

-- placement: directory(e164)
create table number_directory (
  e164 text not null,
  valid_from integer not null,
  valid_to integer,
  customer_id integer not null,
  line_id integer not null,
  primary key (e164, valid_from)
) strict;

-- One row a number, held while its spans are changed, so that two cannot overlap.
-- placement: directory(e164)
create table number_locks (
  e164 text not null,
  changes integer not null,
  primary key (e164)
) strict;

-- placement: customer
create table subscriptions (
  customer_id integer not null,
  subscription_id integer not null,
  plan_id integer not null,
  valid_from integer not null,
  valid_to integer,
  primary key (customer_id, subscription_id)
) strict;

-- placement: customer
create table periods (
  customer_id integer not null,
  starts_at integer not null,
  ends_at integer not null,
  closed_at integer,
  primary key (customer_id, starts_at)
) strict;

-- placement: customer
create table allowance_uses (
  customer_id integer not null,
  period_start integer not null,
  plan_id integer not null,
  allowance integer not null,
  used_seconds integer not null,
  primary key (customer_id, period_start, plan_id, allowance)
) strict;

-- The key holds over all customers: a record that is sent again after its number went to another customer
-- must find the call that was charged.
-- placement: customer
create table calls (
  customer_id integer not null,
  source text not null,
  record_id text not null,
  call_id text not null,
  content_hash blob not null,
  import_id integer,
  caller text not null,
  called text not null,
  dialled text,
  disposition text not null,
  started_at integer not null,
  answered_at integer,
  ended_at integer not null,
  talk_seconds integer not null,
  outcome text not null,
  period_start integer,
  late_for integer,
  plan_id integer,
  tariff_id integer,
  tariff_version integer,
  prefix text,
  destination text,
  band text,
  billed_seconds integer,
  included_seconds integer,
  exact integer,
  amount integer,
  currency text,
  primary key (source, record_id)
) strict;
create index calls_history on calls (customer_id, started_at);
create index calls_late on calls (customer_id, period_start) where late_for is not null;

-- placement: customer
create table call_allowances (
  customer_id integer not null,
  source text not null,
  record_id text not null,
  allowance integer not null,
  seconds integer not null,
  primary key (customer_id, source, record_id, allowance)
) strict;

-- placement: local
create table imports (
  import_id integer not null,
  source text not null,
  file_name text not null,
  format text not null,
  started_at integer not null,
  finished_at integer,
  records integer not null,
  charged integer not null,
  free integer not null,
  duplicate integer not null,
  suspended integer not null,
  primary key (import_id)
) strict;

-- placement: local
create table suspense (
  source text not null,
  content_hash blob not null,
  line integer not null,
  import_id integer,
  record_id text,
  reason text not null,
  field text not null,
  message text not null,
  content text not null,
  seen_at integer not null,
  resolved_at integer,
  primary key (source, content_hash, line)
) strict;

-- placement: customer
create table invoices (
  customer_id integer not null,
  invoice_id integer not null,
  period_start integer not null,
  kind text not null,
  issued_at integer not null,
  currency text not null,
  net integer not null,
  tax integer not null,
  gross integer not null,
  content text not null,
  number text,
  primary key (customer_id, invoice_id),
  unique (customer_id, period_start, kind)
) strict;
create index invoices_unnumbered on invoices (issued_at) where number is null;

-- placement: directory(number)
create table invoice_directory (
  number text not null,
  customer_id integer not null,
  invoice_id integer not null,
  primary key (number)
) strict;

-- placement: local
create table invoice_series (
  series text not null,
  year integer not null,
  last_number integer not null,
  primary key (series, year)
) strict;

-- placement: directory(key)
create table idempotency_keys (
  key text not null,
  request_hash blob not null,
  status integer not null,
  body text not null,
  created_at integer not null,
  primary key (key)
) strict;
