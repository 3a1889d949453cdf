-- Fees remember whose discounts count for them.

-- The first day of the month whose discounts a fee has; null for those charged before this was remembered.
alter table fee_charges add column discounts_of text;
