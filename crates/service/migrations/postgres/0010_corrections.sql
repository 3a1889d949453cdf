-- Corrections: records that came again with other content, legs of one call, and what takes the place of what.

-- Whose number pays, when it is not the caller's: the legs of one call that different parties pay are charged apart.
alter table calls add column charged_party text;
-- A call that switches name themselves has records in several sources, or several in one.
create index calls_of_call on calls (customer_id, call_id) where outcome = 'charged' and call_id <> record_id;

-- That a corrected record took the place of one that was there.
-- placement: customer
create table call_replacements (
  customer_id bigint not null,
  replacement_id bigint not null,
  source text not null,
  record_id text not null,
  -- Of both contents: whichever comes again is known.
  old_hash bytea not null,
  new_hash bytea not null,
  -- Under which id the call stood that was reversed, and under which the corrected record stands: another one when the first
  -- stays on its invoice.
  reversed text not null,
  stored_as text not null,
  reason text not null,
  credit_note_id bigint,
  replaced_at timestamptz not null,
  primary key (customer_id, replacement_id)
);
create index call_replacements_of_record on call_replacements (source, record_id);

-- A call whose charge was reversed before it was invoiced, as it was.
-- placement: customer
create table replaced_calls (
  customer_id bigint not null,
  replacement_id bigint not null,
  source text not null,
  record_id text not null,
  call_id text not null,
  content_hash bytea not null,
  import_id bigint,
  caller text not null,
  called text not null,
  dialled text,
  disposition text not null,
  started_at timestamptz not null,
  answered_at timestamptz,
  ended_at timestamptz not null,
  talk_seconds bigint not null,
  outcome text not null,
  period_start timestamptz,
  late_for timestamptz,
  plan_id bigint,
  tariff_id bigint,
  tariff_version bigint,
  prefix text,
  destination text,
  band text,
  billed_seconds bigint,
  included_seconds bigint,
  exact bigint,
  amount bigint,
  currency text,
  month_pricing bigint,
  charged_party text,
  primary key (customer_id, replacement_id)
);
create index replaced_calls_history on replaced_calls (customer_id, started_at);

-- What a suspended record says, so that it can be charged without its file.
alter table suspense add column understood text;
