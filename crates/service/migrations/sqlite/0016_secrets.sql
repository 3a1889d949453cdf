-- What opens something has a name, so that it can be taken back: links to documents.

-- A link to a document of a customer, from when it was made until it expires or is revoked. The link 0 of a document stands
-- for all of before, which had no ids.
-- placement: customer
create table document_links (
  customer_id integer not null,
  document text not null,
  link_id integer not null,
  created_at integer not null,
  expires_at integer not null,
  revoked_at integer,
  primary key (customer_id, document, link_id)
) strict;
create index document_links_expired on document_links (expires_at);
