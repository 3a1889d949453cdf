-- Bills that mirror what was charged: with which tax each month was charged what, who a customer was when, and credits of
-- calls that added nothing.

-- What a fee was charged for a month, by which line of which invoice and with which tax: corrections are the difference.
-- discounted is what discounts took off; credited, below zero, what had been credited of what was given back.
-- placement: customer
create table fee_charges_by_tax (
  customer_id bigint not null,
  subscription_id bigint not null,
  month text not null,
  invoice_id bigint not null,
  part bigint not null,
  amount bigint not null,
  discounted bigint not null,
  credited bigint not null,
  line bigint,
  tax_category text,
  tax_rate bigint,
  primary key (customer_id, subscription_id, month, invoice_id, part)
);
insert into fee_charges_by_tax (customer_id, subscription_id, month, invoice_id, part, amount, discounted, credited, line)
  select customer_id, subscription_id, month, invoice_id, 0, amount, given_back, 0, line from fee_charges;
drop table fee_charges;
alter table fee_charges_by_tax rename to fee_charges;
create index fee_charges_of_invoice on fee_charges (customer_id, invoice_id);

-- How much of what documents show of a month is charged no more: because calls of it were credited, or because it had been
-- credited before it was given back. credited is how much of what was credited is used up by that.
-- placement: customer
create table settled_parts (
  customer_id bigint not null,
  month text not null,
  invoice_id bigint not null,
  settled_by bigint not null,
  part bigint not null,
  kind text not null,
  name text not null,
  tax_category text not null,
  tax_rate bigint not null,
  amount bigint not null,
  credited bigint not null,
  primary key (customer_id, month, invoice_id, settled_by, part)
);

-- Since when what is known of a customer's months is not what was billed.
alter table cycles add column changed_from timestamptz;

-- Who a customer was, and how they were taxed, from a local day on. None for those who never changed.
-- placement: customer
create table party_versions (
  customer_id bigint not null,
  valid_from text not null,
  party text not null,
  tax_treatment text not null,
  tax_note text,
  recorded_at timestamptz not null,
  primary key (customer_id, valid_from)
);

-- The credit note that a credit note takes back.
alter table credit_notes add column takes_back_id bigint;
-- The invoice that took the place of one that was credited in full.
alter table invoices add column replaced_by_id bigint;

-- A call that added nothing to its invoice is credited without a credit note. What is given back for a call is net.
alter table credited_calls alter column credit_note_id drop not null;
alter table credited_calls add column net bigint not null default 0;
alter table credited_calls add column credited_at timestamptz;
update credited_calls set
  net = (select n.net from credit_notes n where n.customer_id = credited_calls.customer_id
           and n.credit_note_id = credited_calls.credit_note_id),
  credited_at = (select n.issued_at from credit_notes n where n.customer_id = credited_calls.customer_id
                   and n.credit_note_id = credited_calls.credit_note_id);
alter table credited_calls alter column credited_at set not null;
create index credited_calls_of_invoice on credited_calls (customer_id, invoice_id);
