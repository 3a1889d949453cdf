//! What does a request do, and to whose data?

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::Entry;
use crate::access::SharedCaller;
use crate::app::SharedApp;
use crate::clock::Clock;
use crate::http::Context;
use crate::id::{AuditId, CustomerId};
use crate::log::Concealed;

/// What is asked for thousands of times a second, and keeps its own record of who asked.
const OWN_RECORD: [&str; 5] = [
    "/v1/calls",
    "/v1/calls:batch",
    "/v1/charging/sessions",
    "/v1/charging/sessions/{session_id}/update",
    "/v1/charging/sessions/{session_id}/release",
];
/// Its path is a secret.
const LINK: &str = "/d/{token}";
const CUSTOMER: &str = "{customer_id}";

/// Something that a caller does.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    subject: String,
    role: &'static str,
    method: Method,
    route: String,
    target: String,
    customer: Option<CustomerId>,
    request_id: String,
}

impl Deed {
    /// What a request is about to do.
    pub(crate) fn of(parts: &Parts) -> Self {
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
        let caller = parts.extensions.get::<SharedCaller>();
        let context = parts.extensions.get::<Context>();
        Self {
            subject: caller.map(|caller| caller.subject.clone()).unwrap_or_default(),
            role: caller.map_or("", |caller| caller.role.code()),
            method: parts.method.clone(),
            customer: customer_in(&route, &parts.uri),
            target: if route == LINK { LINK.to_owned() } else { Concealed(parts.uri.path()).to_string() },
            route,
            request_id: context.map(|context| Concealed(context.id()).to_string()).unwrap_or_default(),
        }
    }

    /// Whose data an answer shows, when the path does not say it: that of the customer it names or made.
    pub(crate) fn about(&mut self, answer: &str) {
        if self.customer.is_some() {
            return;
        }
        let answer: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
        let field = if self.route == "/v1/customers" { "id" } else { "customer_id" };
        self.customer = answer[field].as_str().and_then(|id| id.parse().ok());
    }

    pub(super) fn entry(&self, status: u16, clock: &Clock) -> Entry {
        Entry {
            id: AuditId(clock.id()),
            happened_at: clock.now(),
            subject: self.subject.clone(),
            role: self.role.to_owned(),
            action: format!("{} {}", self.method, self.route),
            target: self.target.clone(),
            customer_id: self.customer,
            status,
            request_id: self.request_id.clone(),
        }
    }

    fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Whether a request touches what is somebody's.
fn is_of_interest(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is_api = route.starts_with("/v1/") || route == LINK;
    is_api && (request.method() != Method::POST || !OWN_RECORD.contains(&route))
}

/// The customer whose id stands in a path.
fn customer_in(route: &str, uri: &Uri) -> Option<CustomerId> {
    let place = route.split('/').position(|part| part == CUSTOMER)?;
    uri.path().split('/').nth(place)?.parse().ok()
}

/// An answer whose deed is noted already, in its own transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted;

/// Notes what was seen, and what was done without a transaction of its own.
pub(crate) async fn watch(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    if !is_of_interest(&request) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let deed = Deed::of(&parts);
    let response = next.run(Request::from_parts(parts, body)).await;
    let is_noted = response.extensions().get::<Noted>().is_some();
    let is_kept = !deed.reads() || app.config.audit.reads;
    if response.status().is_success() && !is_noted && is_kept {
        app.audit.put(deed.entry(response.status().as_u16(), &app.clock)).await;
    }
    response
}
