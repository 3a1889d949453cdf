-- What was handed over and not answered.

-- How often a job was handed over without an answer: it may have been done.
alter table jobs add column unanswered bigint not null default 0;
