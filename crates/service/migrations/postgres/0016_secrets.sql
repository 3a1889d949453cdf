-- What opens something has a name, so that it can be taken back: links to documents.

-- A link to a document of a customer, from when it was made until it expires or is revoked. The link 0 of a document stands
-- for all of before, which had no ids.
-- placement: customer
create table document_links (
  customer_id bigint not null,
  document text not null,
  link_id bigint not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (customer_id, document, link_id)
);
create index document_links_expired on document_links (expires_at);
