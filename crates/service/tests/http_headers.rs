//! Does every answer say that it is data: nothing to be run, framed, sniffed or kept?

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tollbook::access::Access;
use tollbook::app::App;

use crate::support::{Answer, Engine, TestApp, on_both_databases, send};

const DATA: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[track_caller]
fn assert_sealed(answer: &Answer, what: &str) {
    let headers = &answer.headers;
    assert_eq!(text(headers, "x-content-type-options"), "nosniff", "{what}");
    assert_eq!(text(headers, "content-security-policy"), DATA, "{what}");
    assert_eq!(text(headers, "referrer-policy"), "no-referrer", "{what}");
    assert!(text(headers, "cache-control").contains("no-store"), "{what}: {headers:?}");
}

/// Every operation of the API, with an id in the place of each parameter.
fn operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(tollbook::http::openapi()).unwrap();
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| match part.split_once('{') {
            Some((before, _)) => format!("{before}cus_0000000000011"),
            None => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, methods): (&String, &Value)| {
        methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path))
    });
    methods.map(|(method, path)| (method, filled(path))).collect()
}

fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

on_both_databases! {
    async fn every_operation_answers_with_them(db: TestApp) {
        let app = db.configured("[http]\nrequests_per_second = 0\n").unwrap();
        let guarded = App { access: Access::open(&app.config.access).unwrap(), ..app.clone() };
        let operations = operations();
        assert!(operations.len() > 100, "{operations:?}");
        for (method, path) in operations {
            // What explains a refusal is public.
            if path.starts_with("/problems") || path.starts_with("/d/") {
                continue;
            }
            for app in [&app, &guarded] {
                let answer = send(app.clone(), request(&method, &path)).await;
                assert_sealed(&answer, &format!("{method} {path}: {}", answer.status));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_them_too() {
    let db = crate::support::app(Engine::Sqlite).await;
    let app = db.configured("[http]\nrequests_per_second = 1\nburst = 1\n").unwrap();
    let guarded = App { access: Access::open(&app.config.access).unwrap(), ..app.clone() };
    let ask = |app: &App, method: &str, path: &str| send(app.clone(), request(method, path));
    for (app, method, path, status) in [
        (&app, "GET", "/nothing/here", StatusCode::NOT_FOUND),
        (&app, "GET", "/", StatusCode::TEMPORARY_REDIRECT),
        (&app, "BREW", "/v1/plans", StatusCode::METHOD_NOT_ALLOWED),
        (&guarded, "GET", "/v1/plans", StatusCode::UNAUTHORIZED),
        (&app, "POST", "/oauth/token", StatusCode::BAD_REQUEST),
    ] {
        let answer = ask(app, method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_sealed(&answer, &format!("{method} {path}"));
    }
    let peer: std::net::SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let from_there = || Request::get("/v1/plans").extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    let answers = [send(app.clone(), from_there()).await, send(app.clone(), from_there()).await];
    assert_eq!(answers[1].status, StatusCode::TOO_MANY_REQUESTS);
    assert_sealed(&answers[1], "429");
    app.stopping.begin();
    let answer = ask(&app, "GET", "/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_sealed(&answer, "503");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_runs_its_own_scripts_and_no_others() {
    let db = crate::support::app(Engine::Sqlite).await;
    for path in ["/docs/", "/docs/index.html", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let answer = db.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = text(&answer.headers, "content-security-policy").to_owned();
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(text(&answer.headers, "x-content-type-options"), "nosniff", "{path}");
    }
    // Its page has no script in it that the policy would refuse.
    let page = send_text(&db.app, "/docs/").await;
    for (at, _) in page.match_indices("<script") {
        assert!(page[at..].starts_with("<script src=\""), "{page}");
    }
    let answer = db.get("/d/nothing").await;
    assert!(text(&answer.headers, "content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_reached_by_tls_says_so() {
    let db = crate::support::app(Engine::Sqlite).await;
    for (settings, said) in [
        ("", ""),
        ("[delivery]\npublic_url = \"http://localhost:8080\"\n", ""),
        ("[delivery]\npublic_url = \"https://bill.example.org\"\n", "max-age=31536000"),
    ] {
        let answer = send(db.configured(settings).unwrap(), request("GET", "/livez")).await;
        assert_eq!(text(&answer.headers, "strict-transport-security"), said, "{settings}");
    }
}

async fn send_text(app: &App, path: &str) -> String {
    let router = tollbook::http::router(app.clone());
    let response = tower::ServiceExt::oneshot(router, request("GET", path)).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
