-- Bills that mirror what was charged: with which tax each month was charged what, who a customer was when, and credits of
-- calls that added nothing.

-- Takes the place of fee_charges. What was charged for a month, of a subscription's fee or up to the minimum of a plan, by
-- which line of which invoice and with which tax: corrections are the difference. What was given back is what discounts took
-- off, or what had not been paid of what is given back.
-- placement: customer
create table month_charges (
  customer_id bigint not null,
  charged_for text not null,
  subject_id bigint not null,
  month text not null,
  invoice_id bigint not null,
  part bigint not null,
  amount bigint not null,
  given_back bigint not null,
  line bigint,
  tax_category text,
  tax_rate bigint,
  primary key (customer_id, charged_for, subject_id, month, invoice_id, part)
);
insert into month_charges (customer_id, charged_for, subject_id, month, invoice_id, part, amount, given_back, line)
  select customer_id, 'fee', subscription_id, month, invoice_id, 0, amount, given_back, line from fee_charges;
drop table fee_charges;
create index month_charges_of_invoice on month_charges (customer_id, invoice_id);

-- Whether all that a closed month was charged up to minimums is in month_charges.
alter table periods add column minimums_remembered bigint not null default 0;
-- Since when a customer's plans are others than was billed.
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
