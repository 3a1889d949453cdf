//! The API of seals.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Seal;
use crate::app::SharedApp;
use crate::http::{Page, PageQuery, Params, Problem};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Read the seals, newest first
///
/// Hand `hash` to an auditor: with it they check proofs of everything that was sealed until then.
#[utoipa::path(get, path = "/v1/audit/seals", tag = "access", operation_id = "seals",
    security(("oauth" = ["audit:read"])), params(PageQuery),
    responses((status = 200, body = Page<Seal>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(State(app): State<SharedApp>, Params(page): Params<PageQuery>) -> Result<Page<Seal>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<i64>()?);
    let from = after.map_or(i64::MAX, |after| after.saturating_sub(1));
    let mut tx = app.db.read().await?;
    let seals = super::list(&mut tx, from, limit + 1).await?;
    Ok(Page::new(seals, limit, |seal| seal.number.to_string()))
}
