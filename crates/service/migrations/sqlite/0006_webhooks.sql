-- Webhooks: who is told what happened, and what became of telling them.

-- Events are JSON: which are wanted. During a change of the secret the one before signs as well.
-- placement: local
create table webhook_endpoints (
  endpoint_id integer not null,
  url text not null,
  events text not null,
  description text not null,
  state text not null,
  secret text not null,
  previous_secret text,
  previous_until integer,
  disabled_at integer,
  disabled_reason text,
  failing_since integer,
  failures integer not null,
  rest_until integer,
  created_at integer not null,
  primary key (endpoint_id)
) strict;

-- The payload as it is signed and sent.
-- placement: local
create table webhook_messages (
  message_id integer not null,
  event text not null,
  payload text not null,
  created_at integer not null,
  primary key (message_id)
) strict;

-- placement: local
create table webhook_deliveries (
  endpoint_id integer not null,
  message_id integer not null,
  state text not null,
  attempts integer not null,
  next_try_at integer not null,
  last_status integer,
  last_error text,
  finished_at integer,
  primary key (endpoint_id, message_id)
) strict;
create index webhook_deliveries_ready on webhook_deliveries (endpoint_id, next_try_at) where state = 'ready';
create index webhook_deliveries_by_state on webhook_deliveries (endpoint_id, state, message_id);
