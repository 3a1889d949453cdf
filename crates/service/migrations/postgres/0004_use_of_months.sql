-- What an invoice adds up stands in the index of the history: a customer's calls of a month lie far apart in
-- the table, and reading them there one by one took most of the time of billing.
drop index calls_history;
create index calls_history on calls (customer_id, started_at) include (period_start, late_for, plan_id,
  destination, month_pricing, answered_at, billed_seconds, included_seconds, amount);
