//! The jobs' API.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{State, StoredJob};
use crate::app::App;
use crate::http::{Begun, IdempotencyKey, Key, Params, Problem, Sent, Write};
use crate::id::JobId;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry))
}

/// Which jobs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct JobsQuery {
    /// Only those in this state: `ready`, `done` or `failed`.
    #[param(inline)]
    state: Option<State>,
    /// How many, 1 to 500; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
}

/// List jobs, newest first
///
/// Mails to be sent, sent, or given up because nobody takes them.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs",
    security(("oauth" = ["jobs:read"])), params(JobsQuery),
    responses((status = 200, body = Vec<StoredJob>), (status = 400, body = Problem, content_type = "application/problem+json")))]
async fn list(
    Shared(app): Shared<App>,
    Params(query): Params<JobsQuery>,
) -> Result<Json<Vec<StoredJob>>, Problem> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(Problem::malformed("limit must be 1 to 500"));
    }
    let mut tx = app.db.read().await?;
    Ok(Json(super::list(&mut tx, query.state, limit.into()).await?))
}

/// Try a failed job again
#[utoipa::path(post, path = "/v1/jobs/{job_id}/retry", tag = "jobs",
    security(("oauth" = ["jobs:write"])), params(("job_id" = String, Path), IdempotencyKey),
    responses((status = 202, description = "It is tried soon", body = bool),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn retry(Shared(app): Shared<App>, Key(id): Key<JobId>, sent: Sent) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    if !super::retry(&mut write.tx, id, app.clock.now()).await? {
        return Err(Problem::not_found(format!("there is no failed job {id}")));
    }
    write.finish(StatusCode::ACCEPTED, &true).await
}
