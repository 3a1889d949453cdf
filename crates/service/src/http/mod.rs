//! What can be asked over HTTP? The features' routes, merged, with one way to refuse and one to write.

mod file;
mod page;
mod problem;
mod write;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi as Document;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

pub use file::download;
pub use page::{Key, Page, PageQuery, Params};
pub use problem::{FieldError, Problem};
pub use write::{Begun, Sent, Write, check_instant, check_name, check_text, json};

use crate::app::App;

/// Makes a write safe to send again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, which `Write` reads")]
pub struct IdempotencyKey {
    /// The same request again under the same key gets the first answer; another request is refused.
    #[param(rename = "Idempotency-Key", max_length = 200)]
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
        (name = "customers", description = "Who pays: customers, their lines and subscriptions"),
        (name = "plans", description = "What customers subscribe to"),
        (name = "tariffs", description = "What calls cost"),
        (name = "calls", description = "Call records in, history and explanations out"),
        (name = "invoices", description = "What customers owe for a month"),
        (name = "credit notes", description = "What is given back of an invoice"),
        (name = "adjustments", description = "What else is on a bill: one-off charges and discounts"),
        (name = "payments", description = "What customers owe and pay: balances, payments, reminders"),
        (name = "charging", description = "May this call go on? Calls that are charged while they happen"),
        (name = "prepaid", description = "What customers paid beforehand: balances, top-ups, vouchers, movements"),
        (name = "jobs", description = "What is done later: mails to customers"),
        (name = "webhooks", description = "Who is told what happens: endpoints and their messages"),
    ),
    components(schemas(Problem))
)]
struct Api;

/// The whole API, ready to be served.
pub fn router(app: App) -> Router {
    let body_limit = app.config.http.body_limit_bytes;
    let (router, document) = parts();
    router
        .with_state(app)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .route("/", axum::routing::get(|| async { axum::response::Redirect::temporary("/docs") }))
        .fallback(|| async { Problem::not_found("there is nothing at this path: see /docs") })
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::map_response(as_problem))
}

/// The OpenAPI document, generated from the code.
pub fn openapi() -> Document {
    parts().1
}

fn parts() -> (Router<App>, Document) {
    let (router, mut document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(crate::customers::http::routes())
        .merge(crate::plans::http::routes())
        .merge(crate::tariffs::http::routes())
        .merge(crate::calls::http::routes())
        .merge(crate::suspense::http::routes())
        .merge(crate::adjustments::http::routes())
        .merge(crate::invoices::http::routes())
        .merge(crate::credit_notes::http::routes())
        .merge(crate::ledger::http::routes())
        .merge(crate::payments::http::routes())
        .merge(crate::sessions::http::routes())
        .merge(crate::prepaid::http::routes())
        .merge(crate::jobs::http::routes())
        .merge(crate::mail::http::routes())
        .merge(crate::webhooks::http::routes())
        .split_for_parts();
    crate::webhooks::describe(&mut document);
    (router, document)
}

/// Whatever refuses, the framework's own parts too, does it with a problem.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let refuses = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !refuses || kind.is_some_and(|kind| kind == "application/problem+json") {
        return response;
    }
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too large: send less, or use the command line",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method: see /docs",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body is of a kind that is not understood here",
        _ => "the request could not be served",
    };
    let mut problem = Problem::of_status(status, detail).into_response();
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    problem
}
