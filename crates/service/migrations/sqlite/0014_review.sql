-- A look at invoices before they go out: months that wait for approval, and customers who are held.

-- Since when no invoice of a customer is issued, and why.
alter table cycles add column held_at integer;
alter table cycles add column held_reason text;
-- Months that end by then were approved.
alter table cycles add column approved_until integer;
-- Months that end by then were over when the customer was created: a person looks at them first, whatever the settings say of
-- later ones. None of customers of before.
alter table cycles add column review_until integer;

-- Those whom the next round bills, without those who wait or are held: one for each `invoices.mode`.
drop index cycles_due;
create index cycles_open on cycles (next_end, customer_id) where held_at is null;
create index cycles_reviewed on cycles (next_end, customer_id)
  where held_at is null and (next_end = next_start or approved_until >= next_end or review_until is null or next_end > review_until);
create index cycles_approved on cycles (next_end, customer_id)
  where held_at is null and (next_end = next_start or approved_until >= next_end);
create index cycles_held on cycles (customer_id) where held_at is not null;
