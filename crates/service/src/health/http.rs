//! The doors for whoever watches the service.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Readiness, Status};
use crate::app::SharedApp;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz))
}

/// It lives.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    #[schema(example = "alive")]
    status: &'static str,
}

/// Tell whether the program lives
///
/// Looks at nothing else: a program whose database is away need not be started anew.
#[utoipa::path(get, path = "/livez", tag = "operating", security(()),
    responses((status = 200, body = Liveness)))]
async fn livez() -> Response {
    fresh(StatusCode::OK, Json(Liveness { status: "alive" }))
}

/// Tell whether requests should be sent here
///
/// `degraded` is ready, but somebody should look: jobs are late.
#[utoipa::path(get, path = "/readyz", tag = "operating", security(()),
    responses((status = 200, description = "Ready or degraded", body = Readiness),
        (status = 503, description = "Send requests elsewhere", body = Readiness)))]
async fn readyz(State(app): State<SharedApp>) -> Response {
    let readiness = super::readiness(&app).await;
    let status = match readiness.status {
        Status::Ready | Status::Degraded => StatusCode::OK,
        Status::Unready => StatusCode::SERVICE_UNAVAILABLE,
    };
    fresh(status, Json(readiness))
}

/// An answer that nobody keeps.
fn fresh(status: StatusCode, answer: impl IntoResponse) -> Response {
    let mut response = (status, answer).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
