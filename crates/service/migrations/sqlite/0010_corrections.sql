-- Corrections: records that came again with other content, legs of one call, and what takes the place of what.

-- Whose number pays, when it is not the caller's: the legs of one call that different parties pay are charged apart.
alter table calls add column charged_party text;
-- A call that switches name themselves has records in several sources, or several in one.
create index calls_of_call on calls (customer_id, call_id) where outcome = 'charged' and call_id <> record_id;

-- That a corrected record took the place of one that was there.
-- placement: customer
create table call_replacements (
  customer_id integer not null,
  replacement_id integer not null,
  source text not null,
  record_id text not null,
  -- Of both contents: whichever comes again is known.
  old_hash blob not null,
  new_hash blob not null,
  -- Under which id the call stood that was reversed, and under which the corrected record stands: another one when the first
  -- stays on its invoice.
  reversed text not null,
  stored_as text not null,
  reason text not null,
  credit_note_id integer,
  replaced_at integer not null,
  primary key (customer_id, replacement_id)
) strict;
create index call_replacements_of_record on call_replacements (source, record_id);

-- A call whose charge was reversed before it was invoiced, as it was.
-- placement: customer
create table replaced_calls (
  customer_id integer not null,
  replacement_id integer not null,
  source text not null,
  record_id text not null,
  call_id text not null,
  content_hash blob not null,
  import_id integer,
  caller text not null,
  called text not null,
  dialled text,
  disposition text not null,
  started_at integer not null,
  answered_at integer,
  ended_at integer not null,
  talk_seconds integer not null,
  outcome text not null,
  period_start integer,
  late_for integer,
  plan_id integer,
  tariff_id integer,
  tariff_version integer,
  prefix text,
  destination text,
  band text,
  billed_seconds integer,
  included_seconds integer,
  exact integer,
  amount integer,
  currency text,
  month_pricing integer,
  charged_party text,
  primary key (customer_id, replacement_id)
) strict;
create index replaced_calls_history on replaced_calls (customer_id, started_at);

-- What a suspended record says, so that it can be charged without its file.
alter table suspense add column understood text;
