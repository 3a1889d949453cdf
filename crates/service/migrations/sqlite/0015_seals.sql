-- Seals: whoever changes, removes or inserts a sealed row is found out. docs/audit.md says what is promised.

-- A hash of each sealed row that one transaction stored, in the order they were stored, committed with them.
-- placement: local
create table seal_batches (
  batch_id integer not null,
  committed_at integer not null,
  row_count integer not null,
  leaves blob not null,
  root blob,
  seal_number integer,
  primary key (batch_id)
) strict;
-- Those of a seal, and those that wait for theirs.
create index seal_batches_of_seal on seal_batches (seal_number, batch_id);

-- placement: local
create table seals (
  number integer not null,
  previous_hash blob not null,
  root blob not null,
  batch_count integer not null,
  row_count integer not null,
  sealed_at integer not null,
  seal_hash blob not null,
  primary key (number)
) strict;

-- One row: held by whoever seals; the last seal, and how many rows there were before sealing began.
-- placement: local
create table seal_series (
  series text not null,
  last_number integer not null,
  last_hash blob,
  calls_before integer not null,
  entries_before integer not null,
  audit_entries_before integer not null,
  documents_before integer not null,
  primary key (series)
) strict;

alter table calls add column seal_batch_id integer;
alter table replaced_calls add column seal_batch_id integer;
alter table ledger_entries add column seal_batch_id integer;
alter table audit_entries add column seal_batch_id integer;

-- Documents are chained where they get their numbers.
alter table invoice_directory add column content_hash blob;
alter table invoice_directory add column chain_hash blob;
alter table invoice_directory add column seal_batch_id integer;
create index invoice_directory_documents on invoice_directory (customer_id, invoice_id);
alter table invoice_series add column chain_hash blob;

-- What is there already is not sealed. A new database has no row here, since a copy begins with empty tables.
insert into seal_series (series, last_number, calls_before, entries_before, audit_entries_before, documents_before)
  select 'seals', 0, calls_before, entries_before, audit_entries_before, documents_before
  from (select (select count(*) from calls) + (select count(*) from replaced_calls) as calls_before,
          (select count(*) from ledger_entries) as entries_before, (select count(*) from audit_entries) as audit_entries_before,
          (select count(*) from invoice_directory) as documents_before) b
  where calls_before + entries_before + audit_entries_before + documents_before > 0;
