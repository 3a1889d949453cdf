-- Retention: what is kept for how long, and the disputes that keep it longer.

-- What a customer contests: an invoice, or a call and with it the invoice that it is on. Call detail is kept from then on.
-- placement: customer
create table disputes (
  customer_id integer not null,
  dispute_id integer not null,
  invoice_id integer,
  source text,
  record_id text,
  keeps_from integer not null,
  reason text not null,
  opened_at integer not null,
  settled_at integer,
  outcome text,
  note text,
  primary key (customer_id, dispute_id)
) strict;
create index disputes_open on disputes (customer_id, keeps_from) where settled_at is null;

-- The detail of calls of before then is gone.
alter table customers add column calls_kept_from integer;
alter table customers add column erased_at integer;
-- How many of its calls are gone.
alter table imports add column purged integer not null default 0;
-- Since then only numbers, days and totals are left of it.
alter table invoices add column purged_at integer;
create index invoices_kept on invoices (issued_at) where purged_at is null;
alter table credit_notes add column purged_at integer;
create index credit_notes_kept on credit_notes (issued_at) where purged_at is null;
create index idempotency_keys_age on idempotency_keys (created_at);
-- A record that comes mended takes the one out that waits under its id.
create index suspense_of_record on suspense (source, record_id) where resolved_at is null;
