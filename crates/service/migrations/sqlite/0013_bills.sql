-- Bills that mirror what was charged: with which tax each month was charged what, who a customer was when, and credits of
-- calls that added nothing.

-- What a fee was charged for a month, by which line of which invoice and with which tax: corrections are the difference.
-- discounted is what discounts took off; credited, below zero, what had been credited of what was given back.
-- placement: customer
create table fee_charges_by_tax (
  customer_id integer not null,
  subscription_id integer not null,
  month text not null,
  invoice_id integer not null,
  part integer not null,
  amount integer not null,
  discounted integer not null,
  credited integer not null,
  line integer,
  tax_category text,
  tax_rate integer,
  primary key (customer_id, subscription_id, month, invoice_id, part)
) strict;
insert into fee_charges_by_tax (customer_id, subscription_id, month, invoice_id, part, amount, discounted, credited, line)
  select customer_id, subscription_id, month, invoice_id, 0, amount, given_back, 0, line from fee_charges;
drop table fee_charges;
alter table fee_charges_by_tax rename to fee_charges;
create index fee_charges_of_invoice on fee_charges (customer_id, invoice_id);

-- How much of what documents show of a month is charged no more: because calls of it were credited, or because it had been
-- credited before it was given back. credited is how much of what was credited is used up by that.
-- placement: customer
create table settled_parts (
  customer_id integer not null,
  month text not null,
  invoice_id integer not null,
  settled_by integer not null,
  part integer not null,
  kind text not null,
  name text not null,
  tax_category text not null,
  tax_rate integer not null,
  amount integer not null,
  credited integer not null,
  primary key (customer_id, month, invoice_id, settled_by, part)
) strict;

-- Since when what is known of a customer's months is not what was billed.
alter table cycles add column changed_from integer;

-- Who a customer was, and how they were taxed, from a local day on. None for those who never changed.
-- placement: customer
create table party_versions (
  customer_id integer not null,
  valid_from text not null,
  party text not null,
  tax_treatment text not null,
  tax_note text,
  recorded_at integer not null,
  primary key (customer_id, valid_from)
) strict;

-- The credit note that a credit note takes back.
alter table credit_notes add column takes_back_id integer;
-- The invoice that took the place of one that was credited in full.
alter table invoices add column replaced_by_id integer;

-- A call that added nothing to its invoice is credited without a credit note. What is given back for a call is net.
-- placement: customer
create table credited_calls_by_month (
  customer_id integer not null,
  source text not null,
  record_id text not null,
  credit_note_id integer,
  invoice_id integer not null,
  line integer not null,
  amount integer not null,
  net integer not null,
  credited_at integer not null,
  primary key (customer_id, source, record_id)
) strict;
insert into credited_calls_by_month (customer_id, source, record_id, credit_note_id, invoice_id, line, amount, net, credited_at)
  select c.customer_id, c.source, c.record_id, c.credit_note_id, c.invoice_id, c.line, c.amount, n.net, n.issued_at
  from credited_calls c join credit_notes n on n.customer_id = c.customer_id and n.credit_note_id = c.credit_note_id;
drop table credited_calls;
alter table credited_calls_by_month rename to credited_calls;
create index credited_calls_of_invoice on credited_calls (customer_id, invoice_id);
