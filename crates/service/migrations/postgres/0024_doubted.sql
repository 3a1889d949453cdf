-- What a program that doubts the machine's clock expects of it: since which start of the machine, and by how many microseconds the clock
-- is ahead of the stopwatch that began then.
alter table program_time add column doubted_boot text;
alter table program_time add column doubted_ahead bigint;
