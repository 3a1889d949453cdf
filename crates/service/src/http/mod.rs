//! What can be asked over HTTP? The features' routes, merged, with one way to refuse and one to write.

mod context;
mod describe;
mod descriptors;
mod file;
mod guesses;
mod headers;
mod kind;
mod limits;
mod observe;
mod page;
mod patience;
mod places;
mod problem;
mod problems;
mod rate;
mod schemas;
mod seat;
mod serve;
mod strict;
mod tag;
mod turns;
mod watched;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::decompression::RequestDecompressionLayer;
use utoipa::openapi::OpenApi as Document;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use context::{Context, Trace};
pub use file::{WAITING, download, streamed};
pub use guesses::{Guess, Guesses, Whence, refuse_guess};
pub use kind::Kind;
pub use limits::{BATCHES, UPLOADS};
pub use page::{Key, Page, PageQuery, Params};
pub use patience::{PREFERENCE_APPLIED, Patience, Prefer};
pub use places::Standing;
pub use problem::{FieldError, Problem};
pub use rate::Rates;
pub use serve::{Ended, serve, serve_probes};
pub use turns::Turns;
pub(crate) use write::purge_keys;
pub use write::{Begun, Sent, Write, check_instant, check_name, check_text, json};

use crate::access::{self, Table};
use crate::app::{App, SharedApp};
use crate::audit;

/// Changes a thing only as long as it is as the client saw it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, which `Sent` reads")]
pub struct IfMatch {
    /// The `ETag` of the thing as it was read: when it was changed since, nothing is done (412).
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

/// Makes a write safe to send again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, which `Write` reads")]
pub struct IdempotencyKey {
    /// The same request again under the same key gets the first answer; another request is refused.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]*$"
    )]
    idempotency_key: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tollbook",
        description = "Phone billing: call records in, charged calls and invoices out.\n\nAmounts are decimal \
                       text with a currency, times are RFC 3339 instants, errors are problem details (RFC 9457). \
                       Every write takes an `Idempotency-Key`; an upload of call records needs none, it may be sent \
                       again as it is."
    ),
    tags(
        (name = "access", description = "Who may do what: tokens, and the clients that get them"),
        (name = "customers", description = "Who pays: customers, their lines and subscriptions"),
        (name = "plans", description = "What customers subscribe to"),
        (name = "tariffs", description = "What calls cost"),
        (name = "calls", description = "Call records in, history and explanations out"),
        (name = "invoices", description = "What customers owe for a month"),
        (name = "credit notes", description = "What is given back of an invoice"),
        (name = "adjustments", description = "What else is on a bill: one-off charges and discounts"),
        (name = "payments", description = "What customers owe and pay: balances, payments, reminders"),
        (name = "disputes", description = "What customers contest, and how it ended"),
        (name = "charging", description = "May this call go on? Calls that are charged while they happen"),
        (name = "prepaid", description = "What customers paid beforehand: balances, top-ups, vouchers, movements"),
        (name = "jobs", description = "What is done later: mails to customers"),
        (name = "operating", description = "Does the service live, is it ready, and what does it do?"),
        (name = "webhooks", description = "Who is told what happens: endpoints and their messages"),
        (name = "problems", description = "What refusals mean"),
    ),
    components(schemas(Problem))
)]
struct Api;

/// The whole API, ready to be served.
pub fn router(app: App) -> Router {
    let (routes, document) = parts();
    // Made once: whoever asks for it needs no token.
    let text = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let app = SharedApp::new(app);
    let router = guarded(routes, &document, &app)
        .merge(SwaggerUi::new("/docs").config(Config::from("/openapi.json")))
        .route("/openapi.json", axum::routing::get(move || async move { described(text) }))
        .route("/", axum::routing::get(|| async { axum::response::Redirect::temporary("/docs") }));
    around(router, app)
}

fn described(text: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// What tells whether the program is well, and nothing else.
pub fn probes(app: App) -> Router {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(crate::health::http::routes())
        .merge(crate::metrics::http::routes())
        .split_for_parts();
    let app = SharedApp::new(app);
    around(guarded(routes, &document, &app), app)
}

/// Lets each request pass that may. The layer that is named first is the outermost.
fn guarded(routes: Router<SharedApp>, document: &Document, app: &SharedApp) -> Router {
    let guard = (app.clone(), Arc::new(Table::of(document)));
    let behind_paths = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), rate::hold_tokens))
        .layer(from_fn_with_state(guard, access::guard))
        .layer(from_fn_with_state(app.clone(), audit::watch))
        .layer(from_fn_with_state(app.clone(), rate::hold));
    routes.route_layer(behind_paths).with_state(app.clone())
}

/// What happens to every request. The layers are stacked before the router has them: each that it is given by itself is
/// one more copy of all within, for each request.
fn around(router: Router, app: SharedApp) -> Router {
    // What is packed already, and what is not worth it.
    let worth = SizeAbove::new(1_024).and(NotForContentType::IMAGES);
    let worth = worth.and(NotForContentType::const_new("application/pdf"));
    let around_all = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), headers::put))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .layer(CompressionLayer::new().compress_when(worth))
        .layer(from_fn(as_problem))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app, limits::hold))
        .layer(RequestDecompressionLayer::new())
        .map_request(|request: Request<_>| request.map(Body::new))
        .layer(from_fn(page::linked))
        .layer(from_fn(tag::tagged));
    router
        .fallback(|| async { Problem::not_found("there is nothing at this path: see /docs") })
        .layer(around_all)
}

/// The OpenAPI document, generated from the code.
pub fn openapi() -> Document {
    parts().1
}

fn parts() -> (Router<SharedApp>, Document) {
    let (router, mut document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(crate::access::http::routes())
        .merge(crate::audit::http::routes())
        .merge(crate::seals::http::routes())
        .merge(crate::customers::http::routes())
        .merge(crate::plans::http::routes())
        .merge(crate::tariffs::http::routes())
        .merge(crate::calls::http::routes())
        .merge(crate::suspense::http::routes())
        .merge(crate::adjustments::http::routes())
        .merge(crate::invoices::http::routes())
        .merge(crate::corrections::http::routes())
        .merge(crate::credit_notes::http::routes())
        .merge(crate::disputes::http::routes())
        .merge(crate::ledger::http::routes())
        .merge(crate::payments::http::routes())
        .merge(crate::reports::http::routes())
        .merge(crate::sessions::http::routes())
        .merge(crate::prepaid::http::routes())
        .merge(crate::retention::http::routes())
        .merge(crate::jobs::http::routes())
        .merge(crate::letters::http::routes())
        .merge(crate::mail::http::routes())
        .merge(crate::health::http::routes())
        .merge(crate::metrics::http::routes())
        .merge(crate::webhooks::http::routes())
        .merge(problems::routes())
        .split_for_parts();
    access::describe(&mut document);
    crate::webhooks::describe(&mut document);
    describe::finish(&mut document);
    (router, document)
}

/// Whatever refuses, the framework's own parts too, does it with a problem.
async fn as_problem(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem.concealed(),
        None if refuses(status) && !is_json(&response) => Problem::of_status(status, what(status)),
        None => return response,
    };
    let mut answer = problem.into_response();
    answer.headers_mut().extend(kept(response.headers()));
    answer
}

fn refuses(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Such an answer is one of ours.
fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn what(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method: see /docs",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body is of a kind that is not understood here",
        _ => "the request could not be served",
    }
}

/// The headers of a refusal but for those of its body.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        kept.remove(name);
    }
    kept
}
