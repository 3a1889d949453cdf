//! What is told of each request? One line in the log; its id and trace on the answer.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::context::Context;
use crate::clock::Stopwatch;

/// What is asked by machines all the time, and says nothing.
pub(super) const QUIET: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Sees a request through. The path is told by its pattern: it may hold a number or the token of a link.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let context = Context::of(request.headers());
    request.extensions_mut().insert(context.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let method = request.method().clone();
    // Of the highest level, so that whatever else is logged has the id.
    let span = tracing::error_span!("request", id = context.id());
    let mut response = next.run(request).instrument(span.clone()).await;
    context.mark(response.headers_mut());
    let (status, milliseconds) = (response.status().as_u16(), watch.elapsed().as_millis());
    let subject = context.subject();
    let _within = span.entered();
    if QUIET.contains(&route) {
        tracing::debug!(%method, route, status, milliseconds, "answered");
    } else {
        tracing::info!(%method, route, status, milliseconds, subject, "answered");
    }
    response
}
