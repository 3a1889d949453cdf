//! The API of disputes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{About, Dispute, NewDispute, Opened, Outcome, Settled};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write, check_name, check_text};
use crate::id::{CustomerId, DisputeId};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(open, list)).routes(routes!(settle))
}

fn unknown(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

/// Open a dispute about an invoice or a call
///
/// While it is open nobody is reminded of the invoice, and neither it nor the detail of its calls is purged.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/disputes", tag = "disputes",
    security(("oauth" = ["disputes:write"])),
    params(("customer_id" = String, Path), IdempotencyKey), request_body = NewDispute,
    responses((status = 201, body = Dispute), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn open(
    State(app): State<SharedApp>,
    Key(id): Key<CustomerId>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewDispute = sent.json()?;
    check_name("/reason", &new.reason, 1_000)?;
    match &new.about {
        About::Invoice { number } => check_text("/about/invoice/number", number, 200)?,
        About::Call(call) => {
            check_text("/about/call/source", &call.source, 200)?;
            check_text("/about/call/record_id", &call.record_id, 500)?;
        }
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::open(&mut write.tx, id, new, &app.clock).await? {
        Opened::Dispute(dispute) => write.finish(StatusCode::CREATED, &dispute).await,
        Opened::UnknownCustomer => Err(unknown(id)),
        Opened::UnknownInvoice => {
            Err(Problem::invalid("/about/invoice/number", "is the number of no invoice of this customer"))
        }
        Opened::UnknownCall => {
            let detail = "is no call of this customer, or its detail is not kept any more";
            Err(Problem::invalid("/about/call", detail))
        }
        Opened::Already(dispute) => Err(Problem::conflict(format!("it is contested already: {dispute}"))),
    }
}

/// List a customer's disputes, the newest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/disputes", tag = "disputes",
    security(("oauth" = ["disputes:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<Dispute>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn list(State(app): State<SharedApp>, Key(id): Key<CustomerId>) -> Result<Json<Vec<Dispute>>, Problem> {
    let mut tx = app.db.read().await?;
    crate::customers::by_id(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(super::of_customer(&mut tx, id).await?))
}

/// How a dispute ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Settle {
    outcome: Outcome,
    #[schema(example = "Half of the call is credited: CN-2026-000001")]
    note: Option<String>,
}

/// Settle a dispute
///
/// What is given back is a credit note of its own.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/disputes/{dispute_id}/settle", tag = "disputes",
    security(("oauth" = ["disputes:write"])),
    params(("customer_id" = String, Path), ("dispute_id" = String, Path), IdempotencyKey), request_body = Settle,
    responses((status = 200, body = Dispute), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn settle(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, DisputeId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let Settle { outcome, note } = sent.json()?;
    check_text("/note", note.as_deref().unwrap_or_default(), 1_000)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::settle(&mut write.tx, customer, id, outcome, note, &app.clock).await? {
        Settled::Dispute(dispute) => write.finish(StatusCode::OK, &dispute).await,
        Settled::Unknown => Err(Problem::not_found(format!("customer {customer} has no dispute {id}"))),
        Settled::Already(settlement) => {
            Err(Problem::conflict(format!("the dispute was settled at {}", settlement.settled_at)))
        }
    }
}
