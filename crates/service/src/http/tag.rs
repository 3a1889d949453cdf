//! Which version of a thing does a request mean? Entity tags and conditional requests (RFC 9110).
//!
//! The tag of a thing is a hash of its JSON, so whoever has read it can say with `If-Match` that they change what
//! they saw.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use super::kind::Kind;
use super::problem::Problem;
use crate::error::Error;
use crate::hash;

fn tag_of(body: &[u8]) -> String {
    format!("\"{}\"", hash::hex(&hash::of(body)))
}

/// Gives each JSON answer that shows a thing its tag, and spares what the client has already.
pub(super) async fn tagged(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let shows = reads || matches!(*request.method(), Method::PATCH | Method::PUT);
    let known = request.headers().clone();
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !shows || !is_json || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It is whole in memory: nothing of it can be missing.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let tag = tag_of(&body);
    let is_known = reads && names(&known, header::IF_NONE_MATCH, &tag);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether a header names a tag, or any.
fn names(headers: &HeaderMap, header: HeaderName, tag: &str) -> bool {
    let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|named| named.trim() == tag || named.trim() == "*")
}

/// Refuses a change of a thing that is not any more as the client saw it: it says so with `If-Match`.
pub(super) fn check_match(headers: &HeaderMap, now: &impl Serialize) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let body = serde_json::to_vec(now).map_err(|error| Error::Other(error.to_string()))?;
    if names(headers, header::IF_MATCH, &tag_of(&body)) {
        return Ok(());
    }
    let detail = "it was changed since you read it: read it again, and send the change with its new ETag";
    Err(Problem::of_kind(Kind::ChangedMeanwhile, detail))
}
