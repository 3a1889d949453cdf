//! The credit notes' API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use calculation::credit::CreditError;
use documents::{Drawing, einvoice};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CreditNote, Credited, NewCredit, TakenBack};
use crate::app::{App, SharedApp};
use crate::error::Error;
use crate::http::{
    Begun, IdempotencyKey, Key, Params, Problem, Sent, Write, check_name, check_text, download,
};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices::{self, DrawnQuery, SyntaxQuery};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(credit))
        .routes(routes!(take_back))
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(pdf))
        .routes(routes!(xml))
}

/// That calls were credited which added nothing to their invoice.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct NothingGiven {
    #[schema(value_type = String, example = "0.00")]
    credited: calculation::money::Amount,
    reason: String,
}

/// Credit an invoice, a line of it, or one call
///
/// Issues a credit note with the invoice's tax. What is credited is not billed again.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/credit-notes", tag = "credit notes",
    security(("oauth" = ["credit-notes:write"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), IdempotencyKey), request_body = NewCredit,
    responses((status = 201, body = CreditNote), (status = 200, body = NothingGiven, description = "Without the calls the invoice would be the same: they are credited, and there is no document."), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn credit(
    State(app): State<SharedApp>,
    Key((customer, invoice)): Key<(CustomerId, InvoiceId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let new: NewCredit = sent.json()?;
    check_name("/reason", &new.reason, 300)?;
    if let super::Credits::Call { source, record_id } = &new.credits {
        check_text("/credits/call/source", source, 200)?;
        check_text("/credits/call/record_id", record_id, 500)?;
    }
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::credit(&mut write.tx, (&app.tariffs, &app.config), customer, invoice, new, &app.clock)
        .await?
    {
        Credited::New(id) => {
            // Nothing leaves the house unnumbered.
            invoices::number_in(&mut write.tx, &app.config, &app.clock).await?;
            let note = super::by_id(&mut write.tx, customer, id).await?;
            write.finish(StatusCode::CREATED, &note).await
        }
        nothing @ (Credited::Nothing | Credited::Later(_)) => {
            let answer =
                NothingGiven { credited: calculation::money::Amount::ZERO, reason: nothing.to_string() };
            write.finish(StatusCode::OK, &answer).await
        }
        Credited::UnknownInvoice => {
            Err(Problem::not_found(format!("customer {customer} has no invoice {invoice}")))
        }
        refusal => Err(refused(&refusal)),
    }
}

fn refused(refusal: &Credited) -> Problem {
    let words = refusal.to_string();
    match refusal {
        Credited::UnknownCall | Credited::NotOnInvoice => Problem::invalid("/credits/call", words),
        Credited::Refused(CreditError::NoSuchLine(_)) => Problem::invalid("/credits/line/number", words),
        Credited::Refused(CreditError::NotAboveZero | CreditError::TooFine) => {
            Problem::invalid("/credits/line/net", words)
        }
        _ => Problem::conflict(words),
    }
}

/// Why a credit note is taken back.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TakeBackReason {
    #[schema(example = "It was for another customer")]
    reason: String,
}

/// Take a credit note back
///
/// By a credit note of the same amounts below zero, which names it. What it settled is open again.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/take-back", tag = "credit notes",
    security(("oauth" = ["credit-notes:write"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path), IdempotencyKey), request_body = TakeBackReason,
    responses((status = 201, body = CreditNote), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn take_back(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let TakeBackReason { reason } = sent.json()?;
    check_name("/reason", &reason, 300)?;
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::take_back(&mut write.tx, &app.config, customer, id, reason, &app.clock).await? {
        TakenBack::New(new) => {
            invoices::number_in(&mut write.tx, &app.config, &app.clock).await?;
            let note = super::by_id(&mut write.tx, customer, new).await?;
            write.finish(StatusCode::CREATED, &note).await
        }
        TakenBack::Unknown => Err(Problem::not_found(format!("customer {customer} has no credit note {id}"))),
        refusal => Err(Problem::conflict(refusal.to_string())),
    }
}

/// List a customer's credit notes, newest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/credit-notes", tag = "credit notes",
    security(("oauth" = ["credit-notes:read"])),
    params(("customer_id" = String, Path)),
    responses((status = 200, body = Vec<CreditNote>), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Key(customer): Key<CustomerId>,
) -> Result<Json<Vec<CreditNote>>, Problem> {
    let mut tx = app.db.read().await?;
    let found = crate::customers::by_id(&mut tx, customer).await?;
    found.ok_or_else(|| Problem::not_found(format!("there is no customer {customer}")))?;
    Ok(Json(super::of_customer(&mut tx, customer).await?))
}

async fn find(app: &App, customer: CustomerId, id: CreditNoteId) -> Result<CreditNote, Problem> {
    let mut tx = app.db.read().await?;
    let found = super::by_id(&mut tx, customer, id).await?;
    found.ok_or_else(|| Problem::not_found(format!("customer {customer} has no credit note {id}")))
}

/// Read a credit note
#[utoipa::path(get, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}", tag = "credit notes",
    security(("oauth" = ["credit-notes:read"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path)),
    responses((status = 200, body = CreditNote), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
) -> Result<Json<CreditNote>, Problem> {
    Ok(Json(find(&app, customer, id).await?))
}

fn file_name(note: &CreditNote) -> Result<&str, Problem> {
    invoices::http::sendable(note.number.as_deref(), note.purged_at)
}

/// A credit note as it stands, or as it stood when it was issued.
async fn drawing(app: &App, note: &CreditNote, as_issued: bool) -> Result<Drawing, Error> {
    let mut tx = app.db.read().await?;
    super::drawing(&mut tx, note, as_issued).await
}

/// Read a credit note as a PDF
#[utoipa::path(get, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/pdf", tag = "credit notes",
    security(("oauth" = ["credit-notes:read"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path), DrawnQuery),
    responses((status = 200, content_type = "application/pdf", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn pdf(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
    Params(query): Params<DrawnQuery>,
) -> Result<Response, Problem> {
    let note = find(&app, customer, id).await?;
    let name = file_name(&note)?;
    let bytes = invoices::file::of(&app, customer, &drawing(&app, &note, query.as_issued).await?).await?;
    Ok(download("application/pdf", &format!("inline; filename=\"{name}.pdf\""), bytes))
}

/// Read a credit note as XML
///
/// By EN 16931, as an invoice is.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/xml", tag = "credit notes",
    security(("oauth" = ["credit-notes:read"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path), SyntaxQuery),
    responses((status = 200, content_type = "application/xml", body = String), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn xml(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
    Params(query): Params<SyntaxQuery>,
) -> Result<Response, Problem> {
    let note = find(&app, customer, id).await?;
    let name = file_name(&note)?;
    let made = einvoice::xml(&drawing(&app, &note, query.as_issued).await?, query.syntax);
    let text = made.map_err(|error| Problem::conflict(format!("{name} has no XML: {error}")))?;
    Ok(download("application/xml", &format!("attachment; filename=\"{name}.xml\""), text.into_bytes()))
}
