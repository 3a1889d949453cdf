-- By how many seconds a right clock is ahead of the database's, when somebody said that that one is wrong.
alter table program_time add column accepted_beside bigint;
