//! The API of what one customer may ask for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Erased, Erasure};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, WAITING, Write, streamed};
use crate::id::CustomerId;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(erase))
}

/// Copy all that is known of a customer
///
/// A line of JSON for each thing, `{"kind": …, "data": …}`: the customer, lines, subscriptions, clients, charges, discounts,
/// disputes, invoices, credit notes, payments, balances, movements, sessions, calls, and who saw or changed any of it. The last
/// line is of the kind `end`: a copy without it was cut short (GDPR, articles 15 and 20).
#[utoipa::path(get, path = "/v1/customers/{customer_id}/export", tag = "customers",
    security(("oauth" = ["privacy:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, content_type = "application/x-ndjson", body = String),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn export(State(app): State<SharedApp>, Key(id): Key<CustomerId>) -> Result<Response, Problem> {
    let mut tx = app.db.read().await?;
    let customer = crate::customers::by_id(&mut tx, id).await?;
    let customer = customer.ok_or_else(|| Problem::not_found(format!("there is no customer {id}")))?;
    let (lines, read) = mpsc::channel(WAITING);
    let copying = tokio::spawn(async move { super::export(&mut tx, &customer, lines).await });
    Ok(streamed("application/x-ndjson", &format!("{id}.ndjson"), read, copying))
}

/// Forget who a customer is
///
/// The customer must be closed, billed, settled and have no open dispute. Calls, numbers, names and what was written about them are
/// removed at once. Invoices, credit notes and payments are kept for the years that the settings say (GDPR, article 17).
#[utoipa::path(post, path = "/v1/customers/{customer_id}/erase", tag = "customers",
    security(("oauth" = ["privacy:write"])),
    params(("customer_id" = String, Path), IdempotencyKey),
    responses((status = 200, body = Erasure), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn erase(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::erase(&mut write.tx, &app, id).await? {
        Erased::Erased(erasure) => write.finish(StatusCode::OK, &erasure).await,
        Erased::UnknownCustomer => Err(Problem::not_found(format!("there is no customer {id}"))),
        Erased::Already(at) => Err(Problem::conflict(format!("the customer was forgotten at {at}"))),
        Erased::Refused(refusal) => Err(Problem::conflict(refusal.to_string())),
    }
}
