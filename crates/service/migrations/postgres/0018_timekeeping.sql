-- Is the time right? What programs saw of it.

-- One row: the latest instant at which a program worked, and when somebody last said that the machine's clock is right.
-- placement: local
create table program_time (
  place bigint not null,
  seen_at timestamptz not null,
  accepted_at timestamptz,
  primary key (place)
);
