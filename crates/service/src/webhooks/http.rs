//! The webhooks' API.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Change, Changed, Delivery, DeliveryState, Endpoint, MOST_ENDPOINTS, NewEndpoint, Pinged, Registered,
    Replayed, WithSecret,
};
use crate::app::SharedApp;
use crate::http::{
    Begun, IdempotencyKey, IfMatch, Key, Page, PageQuery, Params, Problem, Sent, Write, check_instant,
    check_text,
};
use crate::id::{EndpointId, MessageId};

const LONGEST_DESCRIPTION: usize = 200;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(delivery))
        .routes(routes!(replay_one))
        .routes(routes!(replay))
}

fn unknown(id: EndpointId) -> Problem {
    Problem::not_found(format!("there is no webhook endpoint {id}"))
}

fn no_events() -> Problem {
    Problem::invalid("/events", "is empty: name one event or more")
}

/// Make a webhook endpoint
///
/// It is told of the named events from now on. The answer is the only place that has the secret; sent again under its
/// `Idempotency-Key` the endpoint is answered without it. See docs/webhooks.md for how to verify what arrives.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", params(IdempotencyKey), request_body = NewEndpoint,
    security(("oauth" = ["webhooks:write"])),
    responses((status = 201, body = WithSecret), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn create(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewEndpoint = sent.json()?;
    check_text("/description", &new.description, LONGEST_DESCRIPTION)?;
    let url = app.courier.target(&new.url).await.map_err(|why| Problem::invalid("/url", why))?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::register(&mut write.tx, new, &url, &app.clock).await? {
        Registered::Endpoint(made) => with_secret(write, StatusCode::CREATED, made).await,
        Registered::NoEvents => Err(no_events()),
        Registered::TooMany => Err(Problem::conflict(format!(
            "there are {MOST_ENDPOINTS} endpoints already: remove one that nobody needs"
        ))),
    }
}

/// Answers a secret; what is kept for the key has none.
async fn with_secret(write: Write, status: StatusCode, made: WithSecret) -> Result<Response, Problem> {
    let kept = WithSecret { endpoint: made.endpoint.clone(), secret: None };
    write.finish(status, &kept).await?;
    let mut response = (status, Json(made)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// List all webhook endpoints
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", security(("oauth" = ["webhooks:read"])),
    responses((status = 200, body = Vec<Endpoint>)))]
async fn list(State(app): State<SharedApp>) -> Result<Json<Vec<Endpoint>>, Problem> {
    let mut tx = app.db.read().await?;
    Ok(Json(super::endpoints(&mut tx).await?))
}

/// Read a webhook endpoint
#[utoipa::path(get, path = "/v1/webhooks/{endpoint_id}", tag = "webhooks", params(("endpoint_id" = String, Path)),
    security(("oauth" = ["webhooks:read"])),
    responses((status = 200, body = Endpoint), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(State(app): State<SharedApp>, Key(id): Key<EndpointId>) -> Result<Json<Endpoint>, Problem> {
    let mut tx = app.db.read().await?;
    super::endpoint(&mut tx, id).await?.map(Json).ok_or_else(|| unknown(id))
}

/// Change a webhook endpoint, disable or enable it
#[utoipa::path(patch, path = "/v1/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path), IdempotencyKey, IfMatch), request_body = Change,
    security(("oauth" = ["webhooks:write"])),
    responses((status = 200, body = Endpoint), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn change(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let change: Change = sent.json()?;
    check_text("/description", change.description.as_deref().unwrap_or_default(), LONGEST_DESCRIPTION)?;
    let url = match &change.url {
        None => None,
        Some(url) => Some(app.courier.target(url).await.map_err(|why| Problem::invalid("/url", why))?),
    };
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    if let Some(now) = super::hold(&mut write.tx, id).await? {
        sent.check_match(&now)?;
    }
    match super::change(&mut write.tx, id, change, url.as_ref(), &app.clock).await? {
        Changed::Endpoint(endpoint) => write.finish(StatusCode::OK, &endpoint).await,
        Changed::Unknown => Err(unknown(id)),
        Changed::NoEvents => Err(no_events()),
    }
}

/// Remove a webhook endpoint, with what became of its messages
#[utoipa::path(delete, path = "/v1/webhooks/{endpoint_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path), IdempotencyKey), security(("oauth" = ["webhooks:write"])),
    responses((status = 200, description = "What it was", body = Endpoint),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let removed = super::remove(&mut write.tx, id).await?.ok_or_else(|| unknown(id))?;
    write.finish(StatusCode::OK, &removed).await
}

/// Change the secret of a webhook endpoint
///
/// For 24 hours messages are signed with the secret of before as well. The answer is the only place that has the new one.
#[utoipa::path(post, path = "/v1/webhooks/{endpoint_id}/rotate", tag = "webhooks",
    params(("endpoint_id" = String, Path), IdempotencyKey), security(("oauth" = ["webhooks:write"])),
    responses((status = 200, body = WithSecret), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn rotate(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let rotated = super::rotate(&mut write.tx, id, &app.clock).await?.ok_or_else(|| unknown(id))?;
    with_secret(write, StatusCode::OK, rotated).await
}

/// A message that is to be delivered.
#[derive(Debug, Serialize, ToSchema)]
struct Queued {
    #[schema(value_type = String, example = "msg_01h2x3y4z5a6b")]
    message_id: MessageId,
}

/// Send a webhook endpoint a test
///
/// The event is `webhook.test`. It is delivered soon, as any other: its message tells what became of it.
#[utoipa::path(post, path = "/v1/webhooks/{endpoint_id}/test", tag = "webhooks",
    params(("endpoint_id" = String, Path), IdempotencyKey), security(("oauth" = ["webhooks:write"])),
    responses((status = 202, body = Queued), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn test(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::ping(&mut write.tx, id, &app.clock).await? {
        Pinged::Message(message_id) => write.finish(StatusCode::ACCEPTED, &Queued { message_id }).await,
        Pinged::Unknown => Err(unknown(id)),
        Pinged::Disabled => Err(disabled()),
    }
}

fn disabled() -> Problem {
    Problem::conflict("the endpoint is disabled: enable it first")
}

/// Which messages are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveriesQuery {
    /// Only those in this state: `ready`, `done` or `failed`.
    #[param(inline)]
    state: Option<DeliveryState>,
}

/// List the messages to a webhook endpoint, newest first
///
/// With `state=failed` its dead letters.
#[utoipa::path(get, path = "/v1/webhooks/{endpoint_id}/messages", tag = "webhooks",
    params(("endpoint_id" = String, Path), DeliveriesQuery, PageQuery), security(("oauth" = ["webhooks:read"])),
    responses((status = 200, body = Page<Delivery>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn deliveries(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    Params(query): Params<DeliveriesQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let (limit, before) = (page.limit()?, page.after::<MessageId>()?);
    let mut tx = app.db.read().await?;
    if super::endpoint(&mut tx, id).await?.is_none() {
        return Err(unknown(id));
    }
    let found = super::deliveries(&mut tx, id, query.state, before, limit + 1).await?;
    Ok(Json(Page::new(found, limit, |last| last.message_id.to_string())))
}

/// A message to an endpoint, and what is in it.
#[derive(Debug, Serialize, ToSchema)]
struct WithPayload {
    #[serde(flatten)]
    delivery: Delivery,
    /// The body as it was signed: JSON as text.
    #[schema(example = r#"{"type":"webhook.test","timestamp":"2026-11-05T12:00:00Z","data":{}}"#)]
    payload: String,
}

fn no_message(id: EndpointId, message: MessageId) -> Problem {
    Problem::not_found(format!("there is no message {message} to the webhook endpoint {id}"))
}

/// Read a message to a webhook endpoint
#[utoipa::path(get, path = "/v1/webhooks/{endpoint_id}/messages/{message_id}", tag = "webhooks",
    params(("endpoint_id" = String, Path), ("message_id" = String, Path)),
    security(("oauth" = ["webhooks:read"])),
    responses((status = 200, body = WithPayload), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn delivery(
    State(app): State<SharedApp>,
    Key((id, message)): Key<(EndpointId, MessageId)>,
) -> Result<Json<WithPayload>, Problem> {
    let mut tx = app.db.read().await?;
    let found = super::delivery(&mut tx, id, message).await?;
    let (delivery, payload) = found.ok_or_else(|| no_message(id, message))?;
    Ok(Json(WithPayload { delivery, payload }))
}

/// How many messages are sent again.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayAnswer {
    messages: u64,
}

/// Send a message again that was delivered or given up
///
/// Under its id, so that a receiver that has it knows.
#[utoipa::path(post, path = "/v1/webhooks/{endpoint_id}/messages/{message_id}/replay", tag = "webhooks",
    params(("endpoint_id" = String, Path), ("message_id" = String, Path), IdempotencyKey),
    security(("oauth" = ["webhooks:write"])),
    responses((status = 202, body = ReplayAnswer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn replay_one(
    State(app): State<SharedApp>,
    Key((id, message)): Key<(EndpointId, MessageId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::replay(&mut write.tx, id, message, app.clock.now()).await? {
        Replayed::NotSettled if super::delivery(&mut write.tx, id, message).await?.is_none() => {
            Err(no_message(id, message))
        }
        replayed => answer(write, id, replayed).await,
    }
}

/// Which messages are sent again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplayFailed {
    /// Those about what happened at or after this instant; all when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// Send all messages again that were given up
#[utoipa::path(post, path = "/v1/webhooks/{endpoint_id}/replay", tag = "webhooks",
    params(("endpoint_id" = String, Path), IdempotencyKey), request_body = ReplayFailed,
    security(("oauth" = ["webhooks:write"])),
    responses((status = 202, body = ReplayAnswer), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn replay(
    State(app): State<SharedApp>,
    Key(id): Key<EndpointId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let asked: ReplayFailed = sent.json()?;
    if let Some(since) = asked.since {
        check_instant("/since", since)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let replayed = super::replay_failed(&mut write.tx, id, asked.since, app.clock.now()).await?;
    answer(write, id, replayed).await
}

async fn answer(write: Write, id: EndpointId, replayed: Replayed) -> Result<Response, Problem> {
    match replayed {
        Replayed::Messages(messages) => write.finish(StatusCode::ACCEPTED, &ReplayAnswer { messages }).await,
        Replayed::Unknown => Err(unknown(id)),
        Replayed::Disabled => Err(disabled()),
        Replayed::NotSettled => Err(Problem::conflict("the message waits for its next attempt already")),
    }
}
