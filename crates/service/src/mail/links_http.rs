//! The API of links to documents: which there are, and how they are revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::links::{self, DocumentLink, Revoke, Revoked};
use crate::app::SharedApp;
use crate::credit_notes;
use crate::db::Tx;
use crate::http::{Begun, IdempotencyKey, Key, Problem, Sent, Write};
use crate::id::{CreditNoteId, CustomerId, InvoiceId, LinkId};
use crate::invoices::{self, Subject};

pub(super) fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(invoice_links))
        .routes(routes!(revoke_invoice_links))
        .routes(routes!(credit_note_links))
        .routes(routes!(revoke_credit_note_links))
}

/// Which links are to open nothing any more.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct RevokeLinks {
    /// These; all that were made until now when absent, those without an id too.
    #[schema(value_type = Option<Vec<LinkIdSchema>>, min_items = 1, max_items = 100, example = json!(["lnk_01h2x3y4z5a6b"]))]
    links: Option<Vec<LinkId>>,
}

/// A link, by its id.
#[derive(ToSchema)]
#[schema(as = LinkId, pattern = "^lnk_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
#[expect(dead_code, reason = "describes the id, which is text")]
struct LinkIdSchema(String);

/// How many links were revoked.
#[derive(Debug, Serialize, ToSchema)]
struct RevokedLinks {
    /// Links with an id that worked until now.
    revoked: u64,
}

/// So many can be named at once.
const MAX_LINKS: usize = 100;

/// List the links to an invoice
///
/// Those that have not expired, the newest first. Their addresses are not kept: they are in the mails alone.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/links", tag = "invoices",
    security(("oauth" = ["invoices:read"])), params(("customer_id" = String, Path), ("invoice_id" = String, Path)),
    responses((status = 200, body = Vec<DocumentLink>),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn invoice_links(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
) -> Result<Json<Vec<DocumentLink>>, Problem> {
    list(&app, customer, Subject::Invoice(id)).await
}

/// Revoke links to an invoice
///
/// What was mailed stays, and opens nothing any more.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/invoices/{invoice_id}/links/revoke", tag = "invoices",
    security(("oauth" = ["invoices:write"])),
    params(("customer_id" = String, Path), ("invoice_id" = String, Path), IdempotencyKey), request_body = RevokeLinks,
    responses((status = 200, body = RevokedLinks),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn revoke_invoice_links(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, InvoiceId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    revoke(&app, customer, Subject::Invoice(id), &sent).await
}

/// List the links to a credit note
///
/// Those that have not expired, the newest first. Their addresses are not kept: they are in the mails alone.
#[utoipa::path(get, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/links", tag = "credit notes",
    security(("oauth" = ["credit-notes:read"])), params(("customer_id" = String, Path), ("credit_note_id" = String, Path)),
    responses((status = 200, body = Vec<DocumentLink>),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn credit_note_links(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
) -> Result<Json<Vec<DocumentLink>>, Problem> {
    list(&app, customer, Subject::CreditNote(id)).await
}

/// Revoke links to a credit note
///
/// What was mailed stays, and opens nothing any more.
#[utoipa::path(post, path = "/v1/customers/{customer_id}/credit-notes/{credit_note_id}/links/revoke", tag = "credit notes",
    security(("oauth" = ["credit-notes:write"])),
    params(("customer_id" = String, Path), ("credit_note_id" = String, Path), IdempotencyKey), request_body = RevokeLinks,
    responses((status = 200, body = RevokedLinks),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn revoke_credit_note_links(
    State(app): State<SharedApp>,
    Key((customer, id)): Key<(CustomerId, CreditNoteId)>,
    sent: Sent,
) -> Result<Response, Problem> {
    revoke(&app, customer, Subject::CreditNote(id), &sent).await
}

async fn list(
    app: &SharedApp,
    customer: CustomerId,
    subject: Subject,
) -> Result<Json<Vec<DocumentLink>>, Problem> {
    let mut tx = app.db.read().await?;
    check_there(&mut tx, customer, subject).await?;
    Ok(Json(links::links_of(&mut tx, customer, subject, app.clock.now()).await?))
}

async fn revoke(
    app: &SharedApp,
    customer: CustomerId,
    subject: Subject,
    sent: &Sent,
) -> Result<Response, Problem> {
    let RevokeLinks { links } = sent.json()?;
    let which = match links {
        None => Revoke::All,
        Some(ids) if (1..=MAX_LINKS).contains(&ids.len()) => Revoke::These(ids),
        Some(_) => return Err(Problem::invalid("/links", format!("must be 1 to {MAX_LINKS} links"))),
    };
    let mut write = match Write::begin(app, sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    check_there(&mut write.tx, customer, subject).await?;
    match links::revoke(&mut write.tx, customer, subject, &which, app.clock.now()).await? {
        Revoked::Done(revoked) => write.finish(StatusCode::OK, &RevokedLinks { revoked }).await,
        Revoked::UnknownLink(id) => {
            Err(Problem::invalid("/links", format!("{id} is not a link to this document")))
        }
    }
}

async fn check_there(tx: &mut Tx, customer: CustomerId, subject: Subject) -> Result<(), Problem> {
    let what = match subject {
        Subject::Invoice(id) if invoices::by_id(tx, customer, id).await?.is_none() => format!("invoice {id}"),
        Subject::CreditNote(id) if credit_notes::by_id(tx, customer, id).await?.is_none() => {
            format!("credit note {id}")
        }
        _ => return Ok(()),
    };
    Err(Problem::not_found(format!("customer {customer} has no {what}")))
}
