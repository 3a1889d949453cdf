-- Access: programs that may ask for tokens, their secrets, and the tokens they got.

-- placement: local
create table clients (
  client_id bigint not null,
  name text not null,
  role text not null,
  customer_id bigint,
  created_at timestamptz not null,
  revoked_at timestamptz,
  primary key (client_id),
  check ((role = 'customer') = (customer_id is not null))
);
create unique index clients_by_name on clients (name) where revoked_at is null;

-- Two are valid while one takes the other's place. The hash is a PHC string (argon2id).
-- placement: local
create table client_secrets (
  client_id bigint not null,
  secret_id bigint not null,
  secret_hash text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  primary key (client_id, secret_id)
);

-- Only the SHA-256 of a token is known. Without scopes it has those of its client's role.
-- placement: local
create table access_tokens (
  token_hash bytea not null,
  client_id bigint not null,
  scopes text,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (token_hash)
);
create index access_tokens_expiring on access_tokens (expires_at);
create index access_tokens_of_client on access_tokens (client_id);
