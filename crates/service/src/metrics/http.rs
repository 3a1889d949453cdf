//! The door for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::SharedApp;

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Read the numbers
///
/// In the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operating", security(("oauth" = ["metrics:read"])),
    responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(app): State<SharedApp>) -> Response {
    super::gather(&app).await;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, app.db.metrics().text()).into_response()
}
