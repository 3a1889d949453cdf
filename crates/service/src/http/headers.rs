//! Which headers keep a browser, a cache or another page from misusing an answer? They are on every one.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::SharedApp;

/// Answers of the API are data: nothing of them is run, shown in a frame, or loads anything.
const DATA: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
/// The documentation runs the scripts of this server and asks this server alone.
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                    font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// A document that a link leads to is drawn by the browser's own viewer.
const DOCUMENT: &str = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
                        base-uri 'none'";
/// A year.
const TLS_ONLY: &str = "max-age=31536000";

/// Puts them on an answer. It stands before everything that may refuse.
pub(super) async fn put(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let policy = match path {
        _ if is_below(path, "/docs") => DOCS,
        _ if is_below(path, "/d") => DOCUMENT,
        _ => DATA,
    };
    let is_public = ["/docs", "/problems", "/openapi.json"].iter().any(|begin| is_below(path, begin));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    absent(headers, header::REFERRER_POLICY, "no-referrer");
    if !is_public {
        absent(headers, header::CACHE_CONTROL, "no-store");
    }
    let public_url = app.config.delivery.public_url.as_deref().unwrap_or_default();
    if public_url.starts_with("https://") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    response
}

/// Whether a path is another or lies in it.
fn is_below(path: &str, begin: &str) -> bool {
    path.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Sets what nobody set who knows better.
fn absent(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::app::App;
    use crate::clock::Clock;
    use crate::config::Config;

    async fn fault() -> StatusCode {
        panic!("a fault of the program")
    }

    #[tokio::test]
    async fn a_fault_of_the_program_is_answered_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("tollbook.db").display());
        let clock = Clock::fixed("2026-11-05T12:00:00Z".parse().unwrap());
        let app = App::open(&url, clock, Config::from_toml("").unwrap()).await.unwrap();
        let router = Router::new().route("/v1/fault", get(fault));
        let request = Request::get("/v1/fault").body(axum::body::Body::empty()).unwrap();
        let response = super::super::around(router, SharedApp::new(app)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], DATA);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    }
}
