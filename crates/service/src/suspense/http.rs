//! The suspense's API.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Suspended;
use crate::app::App;
use crate::http::{Params, Problem, check_name};

pub fn routes() -> OpenApiRouter<App> {
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
    security(("oauth" = ["suspense:read"])), params(SuspenseQuery),
    responses((status = 200, description = "Up to 500", body = Vec<Suspended>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn suspense(
    State(app): State<App>,
    Params(query): Params<SuspenseQuery>,
) -> Result<Json<Vec<Suspended>>, Problem> {
    if let Some(source) = &query.source {
        check_name("/source", source, 100)?;
    }
    let mut tx = app.db.read().await?;
    Ok(Json(super::list(&mut tx, query.source.as_deref(), 500).await?))
}
