//! What is told of each request? A line in the log, the numbers; its id and trace on the answer.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::context::{Context, Trace};
use crate::app::SharedApp;
use crate::clock::Stopwatch;
use crate::metrics::{HTTP_REQUESTS, HTTP_SECONDS};

/// What is asked by machines all the time, and says nothing.
pub(super) const QUIET: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Sees a request through. The path is told by its pattern: it may hold a number or the token of a link.
pub(super) async fn observe(State(app): State<SharedApp>, mut request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let method = named(request.method());
    let (told, trace) = app.traces.begin(method, route, Trace::of(request.headers()));
    let context = Context::of(request.headers(), trace);
    request.extensions_mut().insert(context.clone());
    // Of the highest level, so that whatever else is logged has the id.
    let span = tracing::error_span!("request", id = context.id());
    let mut response = next.run(request).instrument(span.clone()).await;
    context.mark(response.headers_mut());
    let (status, took) = (response.status(), watch.elapsed());
    let labels = [("method", method), ("route", route), ("status", status.as_str())];
    app.db.metrics().count(HTTP_REQUESTS, &labels, 1);
    app.db.metrics().took(HTTP_SECONDS, &[("route", route)], took);
    let status = status.as_u16();
    told.end(status);
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let subject = context.subject();
    let _within = span.entered();
    if QUIET.contains(&route) {
        tracing::debug!(method, route, status, milliseconds, "answered");
    } else {
        tracing::info!(method, route, status, milliseconds, subject, "answered");
    }
    response
}

/// A method by its name; there are as many others as somebody thinks up.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
