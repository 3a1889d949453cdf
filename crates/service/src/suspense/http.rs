//! The suspense's API.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Cursor, Suspended};
use crate::app::SharedApp;
use crate::http::{Page, PageQuery, Params, Problem, check_name};

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(suspense))
}

/// Which records in suspense are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SuspenseQuery {
    /// Only those of this source.
    source: Option<String>,
}

/// List records in suspense, newest first
#[utoipa::path(get, path = "/v1/suspense", tag = "calls",
    security(("oauth" = ["suspense:read"])), params(SuspenseQuery, PageQuery),
    responses((status = 200, body = Page<Suspended>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn suspense(
    State(app): State<SharedApp>,
    Params(query): Params<SuspenseQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Suspended>, Problem> {
    let (limit, after) = (page.limit()?, page.after()?.unwrap_or_else(Cursor::first));
    if let Some(source) = &query.source {
        check_name("/source", source, 100)?;
    }
    let mut tx = app.db.read().await?;
    let found = super::list_after(&mut tx, query.source.as_deref(), &after, limit + 1).await?;
    Ok(Page::new(found, limit, |record| Cursor::after(record).to_string()))
}
