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

/// Whether it lives.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    #[schema(example = "alive")]
    status: &'static str,
    /// What only a new start mends.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

/// Tell whether the program lives
///
/// A program whose database is away need not be started anew. 503: it cannot get well by itself, start it anew.
#[utoipa::path(get, path = "/livez", tag = "operating", security(()),
    responses((status = 200, body = Liveness),
        (status = 503, description = "Start the program anew", body = Liveness)))]
async fn livez(State(app): State<SharedApp>) -> Response {
    match super::incurable(&app).await {
        None => fresh(StatusCode::OK, Json(Liveness { status: "alive", detail: None })),
        Some(detail) => {
            tracing::error!("{detail}: start the program anew");
            let liveness = Liveness { status: "incurable", detail: Some(detail) };
            fresh(StatusCode::SERVICE_UNAVAILABLE, Json(liveness))
        }
    }
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
    let mut response = fresh(status, Json(readiness));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// An answer that nobody keeps.
fn fresh(status: StatusCode, answer: impl IntoResponse) -> Response {
    let mut response = (status, answer).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
