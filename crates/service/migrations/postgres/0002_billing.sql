-- The monthly bill: fees, discounts, the cycle, corrections, payments, the ledger, and jobs.

alter table plans add column terms text not null default '{}';
alter table calls add column month_pricing bigint;

alter table customers add column language text not null default 'en';
alter table customers add column itemisation text not null default 'none';
alter table customers add column tax_treatment text not null default 'standard';
alter table customers add column tax_note text;
alter table customers add column spending_cap bigint;
alter table customers add column closed_at timestamptz;
alter table customers add column suspended_at timestamptz;
alter table customers add column suspended_for text;

-- A zone that a customer had until the month that begins on a local day.
-- placement: customer
create table former_zones (
  customer_id bigint not null,
  until_day text not null,
  zone text not null,
  primary key (customer_id, until_day)
);

-- Takes the place of tax_rates, with the class in its key.
-- placement: reference
create table tax_rates_by_class (
  country text not null,
  class text not null,
  valid_from text not null,
  rate bigint not null,
  created_at timestamptz not null,
  primary key (country, class, valid_from)
);
insert into tax_rates_by_class (country, class, valid_from, rate, created_at)
  select country, 'standard', valid_from, rate, created_at from tax_rates;
drop table tax_rates;
alter table tax_rates_by_class rename to tax_rates;

-- The next month to be billed of each customer: the one that holds next_start.
-- placement: customer
create table cycles (
  customer_id bigint not null,
  bill_from timestamptz not null,
  next_start timestamptz not null,
  next_end timestamptz not null,
  retry_at timestamptz,
  refused text,
  primary key (customer_id)
);
create index cycles_due on cycles (next_end, customer_id);
insert into cycles (customer_id, bill_from, next_start, next_end)
  select c.customer_id, coalesce(max(p.ends_at), c.created_at), coalesce(max(p.ends_at), c.created_at),
         coalesce(max(p.ends_at), c.created_at)
  from customers c left join periods p on p.customer_id = c.customer_id and p.closed_at is not null
  group by c.customer_id, c.created_at;

-- placement: customer
create table one_off_charges (
  customer_id bigint not null,
  charge_id bigint not null,
  description text not null,
  amount bigint not null,
  tax_class text not null,
  charged_at timestamptz not null,
  created_at timestamptz not null,
  invoice_id bigint,
  primary key (customer_id, charge_id)
);
create index one_off_charges_open on one_off_charges (customer_id, charged_at) where invoice_id is null;

-- placement: customer
create table discounts (
  customer_id bigint not null,
  discount_id bigint not null,
  description text not null,
  terms text not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  created_at timestamptz not null,
  primary key (customer_id, discount_id)
);

-- What a discount took off which invoice.
-- placement: customer
create table discount_uses (
  customer_id bigint not null,
  discount_id bigint not null,
  invoice_id bigint not null,
  amount bigint not null,
  primary key (customer_id, discount_id, invoice_id)
);

-- What a subscription was charged for a month, by which line of which invoice: corrections are the difference.
-- What was given back is what discounts took off, or what of a fee given back had not been paid.
-- placement: customer
create table fee_charges (
  customer_id bigint not null,
  subscription_id bigint not null,
  month text not null,
  invoice_id bigint not null,
  amount bigint not null,
  given_back bigint not null,
  line bigint,
  primary key (customer_id, subscription_id, month, invoice_id)
);

create index fee_charges_of_invoice on fee_charges (customer_id, invoice_id);

-- What a customer with a spending cap has used in a month, and the percentage last told.
-- placement: customer
create table spending (
  customer_id bigint not null,
  period_start timestamptz not null,
  amount bigint not null,
  notified_percent bigint not null,
  primary key (customer_id, period_start)
);

alter table invoices add column issued_on text;
alter table invoices add column due_on text;

-- placement: customer
create table credit_notes (
  customer_id bigint not null,
  credit_note_id bigint not null,
  invoice_id bigint not null,
  issued_at timestamptz not null,
  issued_on text not null,
  currency text not null,
  net bigint not null,
  tax bigint not null,
  gross bigint not null,
  content text not null,
  number text,
  primary key (customer_id, credit_note_id)
);
create index credit_notes_of_invoice on credit_notes (customer_id, invoice_id);
create index credit_notes_unnumbered on credit_notes (issued_at) where number is null;

-- How much of a line of an invoice was credited.
-- placement: customer
create table credited_lines (
  customer_id bigint not null,
  invoice_id bigint not null,
  line bigint not null,
  credit_note_id bigint not null,
  net bigint not null,
  primary key (customer_id, invoice_id, line, credit_note_id)
);

-- A call is credited once.
-- placement: customer
create table credited_calls (
  customer_id bigint not null,
  source text not null,
  record_id text not null,
  credit_note_id bigint not null,
  invoice_id bigint not null,
  line bigint not null,
  amount bigint not null,
  primary key (customer_id, source, record_id)
);

-- What is still to be paid of an invoice.
-- placement: customer
create table receivables (
  customer_id bigint not null,
  invoice_id bigint not null,
  currency text not null,
  due_at timestamptz not null,
  gross bigint not null,
  open bigint not null,
  reminders bigint not null,
  primary key (customer_id, invoice_id)
);
create index receivables_open on receivables (due_at) where open > 0;

-- A payment of the customer, or a refund to them. What no invoice took is the customer's credit.
-- placement: customer
create table payments (
  customer_id bigint not null,
  payment_id bigint not null,
  kind text not null,
  reference text not null,
  amount bigint not null,
  currency text not null,
  paid_on text not null,
  method text,
  recorded_at timestamptz not null,
  primary key (customer_id, payment_id)
);

-- placement: directory(reference)
create table payment_directory (
  reference text not null,
  customer_id bigint not null,
  payment_id bigint not null,
  primary key (reference)
);

-- What of a payment, credit note or write-off went to an invoice; below zero when it is taken back.
-- placement: customer
create table allocations (
  customer_id bigint not null,
  allocation_id bigint not null,
  invoice_id bigint not null,
  source text not null,
  source_id bigint not null,
  amount bigint not null,
  allocated_at timestamptz not null,
  primary key (customer_id, allocation_id)
);
create index allocations_of_invoice on allocations (customer_id, invoice_id);

-- placement: customer
create table write_offs (
  customer_id bigint not null,
  write_off_id bigint not null,
  invoice_id bigint not null,
  amount bigint not null,
  reason text not null,
  written_at timestamptz not null,
  primary key (customer_id, write_off_id)
);

-- Append-only: the postings of an entry sum to zero.
-- placement: customer
create table ledger_entries (
  customer_id bigint not null,
  entry_id bigint not null,
  kind text not null,
  subject_id bigint not null,
  currency text not null,
  posted_at timestamptz not null,
  primary key (customer_id, entry_id),
  unique (customer_id, kind, subject_id)
);

-- placement: customer
create table postings (
  customer_id bigint not null,
  entry_id bigint not null,
  account text not null,
  amount bigint not null,
  primary key (customer_id, entry_id, account)
);

-- Work to be done once, after the transaction that asked for it.
-- placement: local
create table jobs (
  job_id bigint not null,
  kind text not null,
  key text not null,
  payload text not null,
  state text not null,
  run_at timestamptz not null,
  attempts bigint not null,
  last_error text,
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (job_id),
  unique (kind, key)
);
create index jobs_ready on jobs (run_at) where state = 'ready';
