-- Where programs expect the machine's clock: since which start of the machine, and by how many microseconds the clock
-- is ahead of the stopwatch that began then.
alter table program_time add column expected_boot text;
alter table program_time add column expected_ahead integer;
