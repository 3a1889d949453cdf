//! The jobs' API.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Retried, State, StoredJob};
use crate::app::SharedApp;
use crate::http::{Begun, IdempotencyKey, Key, Page, PageQuery, Params, Problem, Sent, Write};
use crate::id::JobId;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry))
}

/// Which jobs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// Only those in this state: `ready`, `done` or `failed`.
    #[param(inline)]
    state: Option<State>,
}

/// List jobs, newest first
///
/// Mails to be sent, sent, or given up because nobody takes them.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs",
    security(("oauth" = ["jobs:read"])), params(JobsQuery, PageQuery),
    responses((status = 200, body = Page<StoredJob>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    Shared(app): Shared<SharedApp>,
    Params(query): Params<JobsQuery>,
    Params(page): Params<PageQuery>,
) -> Result<Page<StoredJob>, Problem> {
    let (limit, before) = (page.limit()?, page.after()?.unwrap_or(JobId(i64::MAX)));
    let mut tx = app.db.read().await?;
    let jobs = super::list_before(&mut tx, query.state, before, limit + 1).await?;
    Ok(Page::new(jobs, limit, |job| job.id.to_string()))
}

/// Try a job now
///
/// One that was given up, or that waits for its next try.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/retry", tag = "jobs",
    security(("oauth" = ["jobs:write"])), params(("job_id" = String, Path), IdempotencyKey),
    responses((status = 202, description = "It is tried soon", body = bool, content_type = "application/json"),
        (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn retry(Shared(app): Shared<SharedApp>, Key(id): Key<JobId>, sent: Sent) -> Result<Response, Problem> {
    let mut write = match Write::begin(&app, &sent).await? {
        Begun::New(write) => write,
        Begun::Done(response) => return Ok(response),
    };
    let retried = super::retry(&mut write.tx, id, app.clock.now()).await?;
    if let Some(why) = retried.refusal(id) {
        let is_unknown = retried == Retried::Unknown;
        return Err(if is_unknown { Problem::not_found(why) } else { Problem::conflict(why) });
    }
    write.finish(StatusCode::ACCEPTED, &true).await
}
