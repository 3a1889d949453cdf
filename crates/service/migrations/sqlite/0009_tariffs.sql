-- Tariffs: versions that are taken back before they come into force stay in the record.

-- When it was withdrawn, and from when on it would have been in force; it has no valid_from any more.
alter table tariff_versions add column withdrawn_at integer;
alter table tariff_versions add column withdrawn_from integer;
