//! Is a request told to a collector of traces, as one with what its caller told?

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tollbook::log::Traces;

use crate::support::{Engine, send};

type Told = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A collector on this machine: answers its address, and what it was told.
async fn collector() -> (String, Told) {
    let told = Told::default();
    let take = async |State(told): State<Told>, headers: HeaderMap, body: String| {
        told.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
        "{}"
    };
    let router = Router::new().route("/v1/traces", post(take)).with_state(told.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/v1/traces"), told)
}

fn attribute<'v>(span: &'v Value, name: &str) -> &'v Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    &found.unwrap_or_else(|| panic!("{name}: {span}"))["value"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_continues_its_callers_trace_and_says_no_number() {
    let db = crate::support::app(Engine::Sqlite).await;
    let (url, told) = collector().await;
    let mut app = db.configured(&format!("[log]\ntraces_url = \"{url}\"\n")).unwrap();
    app.traces = Traces::open(&app.config.log).unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let path = "/v1/customers/%2B493023125001?from=%2B493023125001";
    let asked = Request::get(path).header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let continued = send(app.clone(), asked.body(Body::empty()).unwrap()).await;
    // The operation has no such parameter.
    assert_eq!(continued.status, StatusCode::BAD_REQUEST);
    let begun = send(app.clone(), Request::get("/livez").body(Body::empty()).unwrap()).await;
    // Whom the caller does not follow, nobody does.
    let unseen = Request::get("/readyz").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-00"));
    send(app.clone(), unseen.body(Body::empty()).unwrap()).await;
    app.traces.finish().await;
    let told = told.lock().unwrap().clone();
    let text = serde_json::to_string(&told.iter().map(|(_, body)| body).collect::<Vec<_>>()).unwrap();
    assert!(!text.contains("3023125001"), "{text}");
    let spans: Vec<_> = told
        .iter()
        .flat_map(|(_, body)| body["resourceSpans"].as_array().unwrap())
        .flat_map(|resource| resource["scopeSpans"].as_array().unwrap())
        .flat_map(|scope| scope["spans"].as_array().unwrap())
        .collect();
    assert_eq!(spans.len(), 2, "{text}");
    assert_eq!(told[0].0["content-type"], "application/json");
    let [one, two] = spans[..] else { panic!("{text}") };
    assert_eq!(one["name"], "GET /v1/customers/{customer_id}", "{one}");
    assert_eq!(
        (one["traceId"].as_str(), one["parentSpanId"].as_str()),
        (Some(trace), Some("00f067aa0ba902b7"))
    );
    assert!(attribute(one, "http.response.status_code").to_string().contains("400"), "{one}");
    for (span, answer) in [(one, &continued), (two, &begun)] {
        let [trace, span] = ["traceId", "spanId"].map(|id| span[id].as_str().unwrap());
        assert_eq!(answer.headers["traceparent"], format!("00-{trace}-{span}-01"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up() {
    let db = crate::support::app(Engine::Sqlite).await;
    let mut app = db.configured("[log]\ntraces_url = \"http://127.0.0.1:1/v1/traces\"\n").unwrap();
    app.traces = Traces::open(&app.config.log).unwrap();
    let answer = send(app.clone(), Request::get("/livez").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    app.traces.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_refused() {
    let db = crate::support::app(Engine::Sqlite).await;
    for url in ["collector", "ftp://collector/v1/traces", "http://"] {
        let app = db.configured(&format!("[log]\ntraces_url = \"{url}\"\n")).unwrap();
        let refusal = Traces::open(&app.config.log).err().unwrap_or_else(|| panic!("{url}")).to_string();
        assert!(refusal.contains("log.traces_url"), "{refusal}");
    }
}
