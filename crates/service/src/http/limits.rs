//! How much may a request hold, and how slowly may it come?
//!
//! A body is counted as it comes over the wire and once more as it is read, so that a small file which unpacks into
//! a large one is refused, and so is a large one which unpacks into nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::problem::Problem;
use crate::app::SharedApp;
use crate::config::Http;

/// A path and a query, together.
const LONGEST_URI: usize = 8 * 1024;
const ORDINARY_BYTES: usize = 1024 * 1024;
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// A body has the setting's time, and as much more as it takes at this pace.
const LEAST_BYTES_A_SECOND: u64 = 4 * 1024;
/// Whose bodies are batches of records.
pub const BATCHES: [&str; 1] = ["/v1/calls:batch"];
/// Whose bodies are files.
pub const UPLOADS: [&str; 3] = ["/v1/imports", "/v1/tariffs", "/v1/tariffs/compare"];

fn most_bytes(settings: &Http, path: Option<&MatchedPath>) -> usize {
    match path.map(MatchedPath::as_str) {
        Some(path) if UPLOADS.contains(&path) => settings.body_limit_bytes,
        Some(path) if BATCHES.contains(&path) => BATCH_BYTES.min(settings.body_limit_bytes),
        _ => ORDINARY_BYTES.min(settings.body_limit_bytes),
    }
}

/// Holds a request to its limits.
pub(super) async fn hold(State(app): State<SharedApp>, mut request: Request, next: Next) -> Response {
    let settings = &app.config.http;
    if request.uri().path_and_query().is_some_and(|text| text.as_str().len() > LONGEST_URI) {
        let detail = format!("the path and query are longer than {LONGEST_URI} bytes");
        return Problem::of_status(StatusCode::URI_TOO_LONG, detail).into_response();
    }
    let most = most_bytes(settings, request.extensions().get::<MatchedPath>());
    if request.body().size_hint().lower() > most as u64 {
        return refusal(Verdict::TooLarge, most);
    }
    DefaultBodyLimit::max(most).apply(&mut request);
    let verdict = Shared::default();
    let patience = Duration::from_secs(settings.body_timeout_seconds);
    let request = request.map(|body| Body::new(Held::new(body, most, patience, verdict.clone())));
    let response = next.run(request).await;
    // Whoever reads the body can only say that it ended early; here it is known why.
    match verdict.get() {
        Some(verdict) if response.status().is_client_error() => refusal(verdict, most),
        _ if response.status() == StatusCode::PAYLOAD_TOO_LARGE => refusal(Verdict::TooLarge, most),
        _ => response,
    }
}

fn refusal(verdict: Verdict, most: usize) -> Response {
    let problem = match verdict {
        Verdict::TooLarge => {
            let detail = format!("the body is larger than {most} bytes: send less at a time");
            Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        Verdict::TooSlow => {
            let detail = "the body came too slowly: send it again";
            Problem::of_status(StatusCode::REQUEST_TIMEOUT, detail)
        }
    };
    let mut response = problem.into_response();
    // The rest of the body is still to come, and nobody will read it.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    TooLarge,
    TooSlow,
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<AtomicU8>);

impl Shared {
    fn set(&self, verdict: Verdict) {
        let code = match verdict {
            Verdict::TooLarge => 1,
            Verdict::TooSlow => 2,
        };
        self.0.store(code, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Verdict> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Verdict::TooLarge),
            _ => Some(Verdict::TooSlow),
        }
    }
}

/// A body that is let in only as far, and as slowly, as it may be.
struct Held {
    body: Body,
    /// Bytes that may still come.
    left: usize,
    came: u64,
    patience: Duration,
    began: Instant,
    /// Begun only when something has to be waited for: most bodies are there with their head.
    waiting: Option<Pin<Box<Sleep>>>,
    verdict: Shared,
}

impl Held {
    fn new(body: Body, most: usize, patience: Duration, verdict: Shared) -> Self {
        Self { body, left: most, came: 0, patience, began: Instant::now(), waiting: None, verdict }
    }

    fn deadline(&self) -> Instant {
        self.began + self.patience + Duration::from_secs(self.came / LEAST_BYTES_A_SECOND)
    }

    fn refused(&self, verdict: Verdict) -> axum::Error {
        self.verdict.set(verdict);
        axum::Error::new(std::io::Error::other("the body was not let in"))
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.came += bytes as u64;
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(self.refused(Verdict::TooLarge)))),
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        let deadline = self.deadline();
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if waiting.deadline() != deadline {
            waiting.as_mut().reset(deadline);
        }
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Some(Err(self.refused(Verdict::TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
