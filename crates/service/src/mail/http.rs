//! The doors for customers who follow a link in a mail, and for whoever wants a document sent once more.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::link::Opened;
use super::links::{self, Standing};
use super::{SentAgain, documents};
use crate::app::SharedApp;
use crate::credit_notes;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices::{self, Subject};

pub fn routes() -> OpenApiRouter<SharedApp> {
    super::links_http::routes()
        .routes(routes!(document))
        .routes(routes!(send_invoice))
        .routes(routes!(send_credit_note))
}

/// Read a document by the link in a mail
///
/// The token is the permission: it names one document, is signed, expires, and can be revoked.
#[utoipa::path(get, path = "/d/{token}", tag = "invoices",
    security(()), params(("token" = String, Path)),
    responses((status = 200, description = "The PDF", content_type = "application/pdf"),
        (status = 404, description = "No link of ours", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The link has expired or was revoked", body = Problem, content_type = "application/problem+json")))]
async fn document(State(app): State<SharedApp>, Path(token): Path<String>) -> Result<Response, Problem> {
    let none = || Problem::not_found("this link leads to nothing: see that it is whole");
    let links = app.mailer.links.as_ref().ok_or_else(none)?;
    let gone = |detail: &str| Err(Problem::of_status(StatusCode::GONE, detail));
    let (customer, document, link) = match links.opened(&token, app.clock.now()) {
        Opened::Document { customer, document, link } => (customer, document, link),
        Opened::Forged => return Err(none()),
        Opened::Expired => return gone("this link has expired: ask who sent it for the document"),
    };
    let mut tx = app.db.read().await?;
    match links::standing(&mut tx, customer, document, link).await? {
        Standing::Works => {}
        Standing::Unknown => return Err(none()),
        Standing::Revoked => return gone("this link was revoked: ask who sent it for the document"),
    }
    let drawing = documents::read(&mut tx, customer, document).await?;
    drop(tx);
    let drawing = drawing.ok_or_else(none)?;
    let name = drawing.invoice.number.clone().ok_or_else(none)?;
    let mut response = invoices::file::of(&app, customer, &drawing).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    // Whoever has the address has the document: it is not to be kept on the way, nor told to others.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(shown) = HeaderValue::from_str(&format!("inline; filename=\"{name}.pdf\"")) {
        headers.insert(header::CONTENT_DISPOSITION, shown);
    }
    Ok(response)
}

/// Where a document is sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct SendAgain {
    /// One e-mail address; the customer's when absent.
    #[schema(example = "accounting@example.org")]
    to: Option<String>,
}

/// That a document is sent.
#[derive(Debug, Serialize, ToSchema)]
struct Sending {
    /// To this address.
    #[schema(example = "accounting@example.org")]
    to: String,
}

/// Send an invoice by mail once more
///
/// As it stands when it is sent. The mail leaves with the next round of work.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/mail", tag = "invoices",
    security(("oauth" = ["invoices:write"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), IdempotencyKey), request_body = SendAgain,
    responses((status = 202, body = Sending), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn send_invoice(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut tx = app.db.read().await?;
    let found = invoices::by_id(&mut tx, customer, id).await?;
    drop(tx);
    let found =
        found.ok_or_else(|| Problem::not_found(format!("customer {customer} has no invoice {id}")))?;
    invoices::http::sendable(found.number.as_deref(), found.purged_at)?;
    send(&app, customer, Subject::Invoice(id), &sent).await
}

/// Send a credit note by mail once more
///
/// As it stands when it is sent. The mail leaves with the next round of work.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/mail", tag = "credit notes",
    security(("oauth" = ["credit-notes:write"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path), IdempotencyKey), request_body = SendAgain,
    responses((status = 202, body = Sending), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn send_credit_note(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let mut tx = app.db.read().await?;
    let found = credit_notes::by_id(&mut tx, customer, id).await?;
    drop(tx);
    let found =
        found.ok_or_else(|| Problem::not_found(format!("customer {customer} has no credit note {id}")))?;
    invoices::http::sendable(found.number.as_deref(), found.purged_at)?;
    send(&app, customer, Subject::CreditNote(id), &sent).await
}

async fn send(
    app: &SharedApp,
    customer: CustomerId,
    subject: Subject,
    sent: &Sent,
) -> Result<Response, Problem> {
    let SendAgain { to } = sent.json()?;
    let mut write = match Write::begin(app, sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    match super::send_again(&mut write.tx, customer, subject, to, &app.clock).await? {
        SentAgain::Asked { to } => write.finish(StatusCode::ACCEPTED, &Sending { to }).await,
        SentAgain::UnknownCustomer => Err(Problem::not_found(format!("there is no customer {customer}"))),
        refusal @ (SentAgain::NoAddress | SentAgain::NotAnAddress(_)) => {
            Err(Problem::invalid("/to", refusal.to_string()))
        }
    }
}
