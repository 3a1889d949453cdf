-- Price lists, corrections, batches of vouchers and records in suspense are sealed as well. docs/audit.md says what is promised.
alter table tariff_versions add column seal_batch_id integer;
alter table rates add column seal_batch_id integer;
alter table call_replacements add column seal_batch_id integer;
alter table voucher_batches add column seal_batch_id integer;
alter table suspense add column seal_batch_id integer;
-- When it came first, and how often again.
alter table suspense add column suspended_at integer;
alter table suspense add column renewals integer not null default 0;

-- How many there were before.
alter table seal_series add column versions_before integer not null default 0;
alter table seal_series add column rates_before integer not null default 0;
alter table seal_series add column corrections_before integer not null default 0;
alter table seal_series add column voucher_batches_before integer not null default 0;
alter table seal_series add column suspense_before integer not null default 0;
insert into seal_series (series, last_number, calls_before, entries_before, audit_entries_before, documents_before,
                         versions_before, rates_before, corrections_before, voucher_batches_before, suspense_before)
  select 'seals', 0, 0, 0, 0, 0, versions_before, rates_before, corrections_before, voucher_batches_before, suspense_before
  from (select (select count(*) from tariff_versions) as versions_before, (select count(*) from rates) as rates_before,
          (select count(*) from call_replacements) as corrections_before,
          (select count(*) from voucher_batches) as voucher_batches_before,
          (select count(*) from suspense) as suspense_before) b
  where versions_before + rates_before + corrections_before + voucher_batches_before + suspense_before > 0
  on conflict (series) do update set
    versions_before = excluded.versions_before, rates_before = excluded.rates_before,
    corrections_before = excluded.corrections_before, voucher_batches_before = excluded.voucher_batches_before,
    suspense_before = excluded.suspense_before;
