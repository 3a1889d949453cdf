//! The audit log's API.

use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Asked, Entry};
use crate::app::SharedApp;
use crate::http::{Page, PageQuery, Params, Problem, check_instant, check_text};
use crate::id::CustomerId;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// About this customer.
    #[param(value_type = Option<String>)]
    customer_id: Option<CustomerId>,
    /// Of this caller: a client's id, or the subject of an OpenID Connect token.
    subject: Option<String>,
    /// At or after this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Read who saw or changed what, newest first
///
/// Changes are there at once, what was seen within about a second.
#[utoipa::path(get, path = "/v1/audit", tag = "access", operation_id = "audit",
    security(("oauth" = ["audit:read"])), params(AuditQuery, PageQuery),
    responses((status = 200, body = Page<Entry>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    State(app): State<SharedApp>,
    Params(query): Params<AuditQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Entry>, Problem> {
    let (limit, before) = (page.limit()?, page.after()?);
    if let Some(subject) = &query.subject {
        check_text("/subject", subject, 300)?;
    }
    for at in [query.from, query.to].into_iter().flatten() {
        check_instant("from, to", at)?;
    }
    let AuditQuery { customer_id: customer, subject, from, to } = query;
    let asked = Asked { customer, subject, from, to, before };
    let mut tx = app.db.read().await?;
    let entries = super::list(&mut tx, &asked, limit + 1).await?;
    Ok(Page::new(entries, limit, |entry| entry.id.to_string()))
}
