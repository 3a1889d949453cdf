//! The corrections' API.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Replace, Replaced, Replacement};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Problem, Sent, Write, check_name, check_text};
use crate::invoices;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(replace))
}

/// Put a record in suspense in the place of the one that was charged
///
/// For a record that waits as `conflict`: another one stands under its id and says something else. What that one took is given back
/// (by a credit note, if it is on an invoice), and the record is charged. Both stay in the customer's history.
#[utoipa::path(post, path = "/v1/suspense/replacements", tag = "calls",
    security(("oauth" = ["suspense:write"])), params(IdempotencyKey), request_body = Replace,
    responses((status = 201, body = Replacement), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn replace(State(app): State<SharedApp>, sent: Sent) -> Result<Response, Problem> {
    let asked: Replace = sent.json()?;
    check_name("/source", &asked.source, 100)?;
    check_text("/record_id", &asked.record_id, 500)?;
    check_name("/reason", &asked.reason, 300)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let world = (&app.tariffs, &*app.config, &app.clock);
    let refusal = match Box::pin(super::replace(&mut write.tx, world, &asked)).await? {
        Replaced::Done(done) => {
            if done.credit_note_id.is_some() {
                // Nothing leaves the house unnumbered.
                invoices::number_in(&mut write.tx, &app.config, &app.clock).await?;
            }
            return write.finish(StatusCode::CREATED, &done).await;
        }
        refusal => refusal,
    };
    let words = refusal.to_string();
    Err(match refusal {
        Replaced::Several(_) => Problem::invalid("/line", words),
        Replaced::NoReason => Problem::invalid("/reason", words),
        Replaced::NothingWaits | Replaced::UnknownCall => Problem::not_found(words),
        _ => Problem::conflict(words),
    })
}
