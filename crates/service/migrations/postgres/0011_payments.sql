-- Money received and asked for: payments that are taken back, reminders at their distances, letters, the clerk's lists.

-- When and why a payment was taken back: its debit bounced, its card was charged back.
alter table payments add column reversed_at timestamptz;
alter table payments add column reversal_reason text;

-- References are compared with blanks folded. Those of before lead to their payment in that form, too: every blank
-- becomes one that nothing else contains, a run of them meets itself, and what is left of it is one blank.
insert into payment_directory (reference, customer_id, payment_id)
select folded, customer_id, payment_id
from (select trim(replace(replace(replace(replace(reference, chr(160), ' '),
        ' ', chr(1) || chr(2)), chr(2) || chr(1), ''), chr(1) || chr(2), ' ')) as folded,
        reference, customer_id, payment_id from payments) one
where folded <> reference and folded <> '' order by payment_id
on conflict (reference) do nothing;

-- From when on the days to the next step of the ladder count. Nothing before the first step, which counts from the due
-- day, and after the last.
alter table receivables add column ladder_from timestamptz;
create index receivables_next_step on receivables (reminders, ladder_from) where open > 0;

-- When a customer was reminded last, and the suspension that was announced to them.
-- placement: customer
create table reminded_customers (
  customer_id bigint not null,
  reminded_at timestamptz,
  suspends_at timestamptz,
  -- The day of the mail that announced it.
  announced_on text,
  -- Service is suspended for no less, nor stays so.
  least bigint not null,
  primary key (customer_id)
);
create index reminded_customers_to_suspend on reminded_customers (suspends_at) where suspends_at is not null;

-- How a customer gets documents: `email` or `letter`; by whether there is an address when nothing is said.
alter table customers add column delivery text;

-- A document that is to be printed instead of mailed, and when it was.
-- placement: customer
create table letters (
  customer_id bigint not null,
  letter_id bigint not null,
  job text not null,
  created_at timestamptz not null,
  printed_at timestamptz,
  primary key (customer_id, letter_id)
);
create index letters_to_print on letters (letter_id) where printed_at is null;

-- The lists of all customers' invoices and entries.
create index invoices_of_month on invoices (period_start, customer_id, invoice_id);
create index ledger_entries_by_time on ledger_entries (posted_at, customer_id, entry_id);
