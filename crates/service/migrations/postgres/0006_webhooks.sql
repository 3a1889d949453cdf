-- Webhooks: who is told what happened, and what became of telling them.

-- Events are JSON: which are wanted. During a change of the secret the one before signs as well.
-- placement: local
create table webhook_endpoints (
  endpoint_id bigint not null,
  url text not null,
  events text not null,
  description text not null,
  state text not null,
  secret text not null,
  previous_secret text,
  previous_until timestamptz,
  disabled_at timestamptz,
  disabled_reason text,
  failing_since timestamptz,
  failures bigint not null,
  rest_until timestamptz,
  created_at timestamptz not null,
  primary key (endpoint_id)
);

-- The payload as it is signed and sent.
-- placement: local
create table webhook_messages (
  message_id bigint not null,
  event text not null,
  payload text not null,
  created_at timestamptz not null,
  primary key (message_id)
);

-- placement: local
create table webhook_deliveries (
  endpoint_id bigint not null,
  message_id bigint not null,
  state text not null,
  attempts bigint not null,
  next_try_at timestamptz not null,
  last_status bigint,
  last_error text,
  finished_at timestamptz,
  primary key (endpoint_id, message_id)
);
create index webhook_deliveries_ready on webhook_deliveries (endpoint_id, next_try_at) where state = 'ready';
create index webhook_deliveries_by_state on webhook_deliveries (endpoint_id, state, message_id);
