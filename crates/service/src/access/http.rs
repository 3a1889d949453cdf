//! The API of clients.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Added, Client, NewClient, Revoked, Role, Rotated, oauth};
use crate::app::SharedApp;
use crate::http::{
    Begun, IdempotencyKey, Key, Kind, Page, PageQuery, Params, Problem, Sent, Write, check_name,
};
use crate::id::ClientId;

/// So long the secret before may work beside the new one.
const LONGEST_OVERLAP_MINUTES: u32 = 30 * 24 * 60;

pub fn routes() -> OpenApiRouter<SharedApp> {
    oauth::routes()
        .routes(routes!(add, list))
        .routes(routes!(read))
        .routes(routes!(rotate))
        .routes(routes!(revoke))
}

/// A client with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "`client_secret` is what OAuth calls it")]
struct ClientSecret {
    #[serde(flatten)]
    client: Client,
    /// Told once: the same request again answers without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Until when the secret before it works as well.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<Timestamp>,
    /// The name of another client, if this one's looks the same to a reader. Make sure that both are meant. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_like: Option<String>,
}

/// Commits and tells a secret. What is kept for the key has none.
async fn tell(write: Write, status: StatusCode, told: ClientSecret) -> Result<Response, Problem> {
    let (client, looks_like) = (told.client.clone(), told.looks_like.clone());
    let kept = ClientSecret { client, client_secret: None, looks_like, ..told };
    write.finish(status, &kept).await?;
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(told)).into_response())
}

fn unknown(id: ClientId) -> Problem {
    Problem::not_found(format!("there is no client {id}"))
}

/// Whoever makes a secret of a role can use it.
fn check_reach(sent: &Sent, role: Role) -> Result<(), Problem> {
    if sent.caller.may_all_of(role) {
        return Ok(());
    }
    let detail = format!("the token has not all scopes of the role {}: nobody hands out more", role.code());
    Err(Problem::of_kind(Kind::Forbidden, detail))
}

/// Make a client
///
/// A program that gets tokens at `/oauth/token`. Its secret is told in this answer and never again.
#[utoipa::path(post, path = "/v1/clients", tag = "access",
    security(("oauth" = ["access:write"])), params(IdempotencyKey), request_body = NewClient,
    responses((status = 201, body = ClientSecret), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn add(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let new: NewClient = sent.json()?;
    check_name("/name", &new.name, 100)?;
    check_reach(&sent, new.role)?;
    let secret = super::new_secret(&app.clock).await?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::add(&mut write.tx, new, secret, &app.clock).await? {
        Added::Client(client, secret, looks_like) => {
            let told =
                ClientSecret { client, client_secret: Some(secret), old_secret_until: None, looks_like };
            tell(write, StatusCode::CREATED, told).await
        }
        Added::NoCustomer => Err(Problem::invalid("/customer_id", "the role customer needs a customer")),
        Added::NotForACustomer => {
            Err(Problem::invalid("/customer_id", "only a client with the role customer has a customer"))
        }
        Added::UnknownCustomer(id) => {
            Err(Problem::invalid("/customer_id", format!("there is no customer {id}")))
        }
        Added::NameTaken => {
            Err(Problem::conflict("a client has this name: choose another or rotate its secret"))
        }
    }
}

/// List clients, oldest first, revoked ones too
#[utoipa::path(get, path = "/v1/clients", tag = "access",
    security(("oauth" = ["access:read"])), params(PageQuery),
    responses((status = 200, body = Page<Client>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Client>>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    let clients = super::clients(&mut tx, after, limit + 1).await?;
    Ok(Json(Page::new(clients, limit, |client| client.id.to_string())))
}

/// Read a client
#[utoipa::path(get, path = "/v1/clients/{client_id}", tag = "access",
    security(("oauth" = ["access:read"])), params(("client_id" = String, Path)),
    responses((status = 200, body = Client), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(State(app): State<SharedApp>, Key(id): Key<ClientId>) -> Result<Json<Client>, Problem> {
    let mut tx = app.db.read().await?;
    super::by_id(&mut tx, id).await?.map(Json).ok_or_else(|| unknown(id))
}

/// How a secret is rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// How long the secret before works as well; 0 ends it now, as after a leak. A day when absent.
    #[schema(minimum = 0, maximum = 43_200)]
    overlap_minutes: Option<u32>,
}

/// Give a client another secret
///
/// It is told in this answer and never again. At most two secrets work at a time.
#[utoipa::path(post, path = "/v1/clients/{client_id}/rotate", tag = "access",
    security(("oauth" = ["access:write"])), params(("client_id" = String, Path), IdempotencyKey), request_body = Rotate,
    responses((status = 200, body = ClientSecret), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn rotate(
    State(app): State<SharedApp>,
    Key(id): Key<ClientId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let asked: Rotate = sent.json()?;
    let minutes = asked.overlap_minutes.unwrap_or(super::OVERLAP_MINUTES);
    if minutes > LONGEST_OVERLAP_MINUTES {
        return Err(Problem::invalid("/overlap_minutes", "is more than 30 days"));
    }
    let secret = super::new_secret(&app.clock).await?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let overlap = SignedDuration::from_mins(minutes.into());
    match super::rotate(&mut write.tx, id, secret, overlap, &app.clock).await? {
        Rotated::Client(client, secret, until) => {
            check_reach(&sent, client.role)?;
            let told = ClientSecret {
                client,
                client_secret: Some(secret),
                old_secret_until: Some(until),
                looks_like: None,
            };
            tell(write, StatusCode::OK, told).await
        }
        Rotated::Unknown => Err(unknown(id)),
        Rotated::RevokedAt(at) => {
            Err(Problem::conflict(format!("the client was revoked at {at}: make another")))
        }
    }
}

/// Revoke a client
///
/// It gets no tokens any more, and those it has work for ten seconds at most. It cannot be taken back.
#[utoipa::path(post, path = "/v1/clients/{client_id}/revoke", tag = "access",
    security(("oauth" = ["access:write"])), params(("client_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Client), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn revoke(
    State(app): State<SharedApp>,
    Key(id): Key<ClientId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::revoke(&mut write.tx, id, &app.clock).await? {
        Revoked::Client(client) => {
            let response = write.finish(StatusCode::OK, &client).await;
            app.access.forget_all();
            response
        }
        Revoked::Unknown => Err(unknown(id)),
    }
}
