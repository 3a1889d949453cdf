-- Who saw or changed what.

-- Rows are only added; retention alone takes them away.
-- placement: local
create table audit_entries (
  audit_id bigint not null,
  happened_at timestamptz not null,
  subject text not null,
  role text not null,
  action text not null,
  target text not null,
  customer_id bigint,
  status bigint not null,
  request_id text not null,
  primary key (audit_id)
);
create index audit_entries_customer on audit_entries (customer_id, audit_id) where customer_id is not null;
create index audit_entries_subject on audit_entries (subject, audit_id);
