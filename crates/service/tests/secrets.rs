//! Does a secret that somebody sends to the wrong place show up where others read it?

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tollbook::app::App;
use tower::ServiceExt;

use crate::support::access::{GRANT, Guarded};
use crate::support::program::failed;
use crate::support::{TestApp, on_both_databases};

/// Each with the part that nobody may read.
const SECRETS: [(&str, &str); 7] = [
    ("tok_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE", "AbCdEfGh"),
    ("sec_0cnadvaem1t98_QqWwEeRrTtZzUuIiOoPpAaSsDdFf", "QqWwEeRr"),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"),
    ("4111-1111-1111-1111", "1111-1111"),
    ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "eyJzdWIi"),
    ("https://a:letmein123@example.org", "letmein123"),
    ("https://a.example.org/hook?api_key=letmein456", "letmein456"),
];

/// Status and body of an answer.
async fn ask(app: &App, request: Request<Body>) -> (u16, String) {
    let response = tollbook::http::router(app.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

fn request(method: Method, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}

/// Requests that hold a secret in every place that a refusal quotes.
fn requests(secret: &str) -> Vec<Request<Body>> {
    let get = |path: String| request(Method::GET, &path, "");
    let post = |path: &str, body: Value| request(Method::POST, path, &body.to_string());
    let encoded = secret.replace(':', "%3A").replace('/', "%2F").replace('@', "%40");
    let customer = |name: &str, value: Value| {
        let mut body =
            json!({"reference": "C-1", "currency": "EUR", "party": {"name": "C-1", "country": "DE"}});
        body[name] = value;
        post("/v1/customers", body)
    };
    let mut requests = vec![
        get(format!("/v1/plans?{encoded}=1")),
        get(format!("/v1/customers?limit={encoded}")),
        get(format!("/v1/customers?after={encoded}")),
        get(format!("/v1/invoices?month={encoded}")),
        get(format!("/v1/quote?from={encoded}&to={encoded}")),
        customer(secret, json!(1)),
        customer("currency", json!(secret)),
        customer("zone", json!(secret)),
        customer("lines", json!([{"number": secret, "valid_from": "2020-01-01T00:00:00Z"}])),
        customer("subscription", json!({"plan": secret, "valid_from": "2026-01-01T00:00:00Z"})),
        post("/v1/plans", json!({"name": "x", "currency": "EUR", "payment": secret})),
        post("/v1/tax-rates", json!({"country": secret, "rate": secret, "valid_from": secret})),
        post(
            "/v1/charging/sessions",
            json!({"call_id": "1", "calling_number": secret, "called_number": secret}),
        ),
        post("/v1/webhooks", json!({"url": secret, "events": [secret]})),
        request(Method::POST, "/v1/customers", secret),
    ];
    if !secret.contains('/') {
        requests.push(get(format!("/v1/customers/{secret}")));
        requests.push(get(format!("/v1/customers/cus_0000000000011/invoices/{secret}")));
        requests.push(request(Method::PATCH, &format!("/v1/customers/{secret}"), "{}"));
    }
    requests
}

on_both_databases! {
    async fn no_refusal_and_no_entry_of_the_audit_log_shows_one(db: TestApp) {
        for (number, (secret, part)) in SECRETS.into_iter().enumerate() {
            // What was done is noted, with the id that its caller chose.
            let new = json!({"reference": format!("S-{number}"), "currency": "EUR", "party": {"name": "S", "country": "DE"}});
            let mut done = request(Method::POST, "/v1/customers", &new.to_string());
            done.headers_mut().insert("x-request-id", secret.parse().unwrap());
            assert_eq!(ask(&db.app, done).await.0, 201);
            let mut refused = 0;
            for mut request in requests(secret) {
                let what = format!("{} {}", request.method(), request.uri());
                request.headers_mut().insert("x-request-id", secret.parse().unwrap());
                let (status, body) = ask(&db.app, request).await;
                assert!(status < 500, "{what}: {body}");
                if status >= 400 {
                    assert!(!body.contains(part), "{what}: {body}");
                    refused += 1;
                }
            }
            assert!(refused >= 10, "{secret}: {refused}");
        }
        db.app.audit.settle().await;
        let entries = db.get("/v1/audit?limit=200").await.body["items"].take();
        assert!(entries.as_array().unwrap().len() >= SECRETS.len(), "{entries}");
        for (_, part) in SECRETS {
            assert!(!entries.to_string().contains(part), "{part}: {entries}");
        }
    }

    async fn a_refusal_of_a_token_shows_none(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("a", "operator", None).await;
        for (secret, part) in SECRETS {
            for form in [format!("{GRANT}&scope={secret}"), format!("grant_type={secret}"), format!("{GRANT}&{secret}=1&{secret}=2")] {
                let answer = guarded.form("/oauth/token", &form, Some(&client.basic())).await;
                assert_eq!(answer.status, 400, "{form}: {answer:?}");
                assert!(!answer.body.to_string().contains(part), "{form}: {answer:?}");
            }
        }
    }
}

#[test]
fn what_the_program_says_when_it_fails_shows_none() {
    for url in [
        "postgres://a:letmein123@127.0.0.1:1/tollbook",
        "postgres://127.0.0.1:1/tollbook?user=a&password=letmein123",
        "mysql://127.0.0.1:1/tollbook?password=letmein123",
    ] {
        let error = failed(url, &["check"]);
        assert!(!error.contains("letmein123"), "{error}");
    }
    let error =
        failed("sqlite://no/such/folder/x.db", &["--set", "http.listen=tok_AbCdEfGhIjKlMnOp", "check"]);
    assert!(error.contains("http.listen") && !error.contains("AbCdEfGh"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/x.db", folder.path().display());
    for address in
        ["ftp://a.example.org/?token=letmein123", "https://256.256.256.256/hook?id=1&key=letmein123"]
    {
        let error = failed(&database, &["webhooks", "add", address, "--event", "invoice.issued"]);
        assert!(error.contains("=***") && !error.contains("letmein123"), "{error}");
    }
}
