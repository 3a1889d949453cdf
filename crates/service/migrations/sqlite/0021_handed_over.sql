-- What is being handed over, and what references look like.

-- Since when a job is handed over whose answer is not noted yet. Who finds it so knows that nobody heard the answer.
alter table jobs add column handed_over_at integer;

-- What a reference looks like to a reader, to tell whoever gives another one that looks the same.
alter table customer_directory add column look text;

create index customer_directory_looks on customer_directory (look);
