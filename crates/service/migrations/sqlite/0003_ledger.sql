-- Credit, what became of an invoice, and the ledger of what was issued before there was one.

-- What of a payment, credit note or invoice below zero no invoice has taken yet.
-- placement: customer
create table credits (
  customer_id integer not null,
  source text not null,
  source_id integer not null,
  remaining integer not null,
  given_at integer not null,
  primary key (customer_id, source, source_id)
) strict;
create index credits_remaining on credits (customer_id) where remaining > 0;

alter table receivables add column credited integer not null default 0;
alter table receivables add column written_off integer not null default 0;

-- Who has had so many reminders, and is due for the next?
drop index receivables_open;
create index receivables_to_remind on receivables (reminders, due_at) where open > 0;

alter table customers add column suspended_reason text;

-- Invoices of before the ledger get their entry, under their own id, and are to be paid. When they were due
-- stands only in their content: 14 days, the setting's default, are a guess. Who paid them is not known here,
-- so nobody is reminded of them: all steps of any ladder count as done.
insert into ledger_entries (customer_id, entry_id, kind, subject_id, currency, posted_at)
  select customer_id, invoice_id, 'issue', invoice_id, currency, issued_at from invoices;
insert into postings (customer_id, entry_id, account, amount)
  select customer_id, invoice_id, 'receivable', gross from invoices where gross <> 0;
insert into postings (customer_id, entry_id, account, amount)
  select customer_id, invoice_id, 'revenue', -net from invoices where net <> 0;
insert into postings (customer_id, entry_id, account, amount)
  select customer_id, invoice_id, 'tax', -tax from invoices where tax <> 0;
insert into receivables (customer_id, invoice_id, currency, due_at, gross, open, reminders)
  select customer_id, invoice_id, currency, issued_at + 14 * 86400000000, gross,
         case when gross > 0 then gross else 0 end, 1000000
  from invoices;
insert into credits (customer_id, source, source_id, remaining, given_at)
  select customer_id, 'invoice', invoice_id, -gross, issued_at from invoices where gross < 0;
