//! Do the numbers say what happened, and only that?

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::ToSpan;
use serde_json::json;
use tollbook::metrics::ALL;

use crate::support::charging::UK;
use crate::support::{TestApp, now, on_both_databases};

/// The text that Prometheus reads.
async fn text(db: &TestApp) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(tollbook::http::router(db.app.clone()), request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The value of a series, written as Prometheus writes it; nothing when there is none.
fn value<'t>(text: &'t str, series: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_default()
}

on_both_databases! {
    async fn requests_are_counted_by_their_route_and_not_by_their_path(db: TestApp) {
        for _ in 0..2 {
            db.get("/v1/customers/cus_0000000000011").await;
        }
        db.get("/v1/somewhere/else").await;
        let brew = Request::builder().method("BREW").uri("/livez").body(Body::empty()).unwrap();
        db.send(brew).await;
        let text = text(&db).await;
        let route = "/v1/customers/{customer_id}";
        let series = format!("tollbook_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"404\"}}");
        assert_eq!(value(&text, &series), "2", "{text}");
        assert_eq!(value(&text, "tollbook_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}"), "1");
        assert_eq!(value(&text, "tollbook_http_requests_total{method=\"other\",route=\"/livez\",status=\"405\"}"), "1");
        assert_eq!(value(&text, &format!("tollbook_http_request_duration_seconds_count{{route=\"{route}\"}}")), "2");
    }

    async fn charges_and_money_are_counted_once_they_are_committed(db: TestApp) {
        crate::support::operator::operator(&db).await;
        let records = [record("a-1", "61"), record("a-1", "61"), record("a-2", "0"), "{}".to_owned()].join("\n");
        let batch = || Request::post("/v1/calls:batch?source=switch-a").body(Body::from(records.clone())).unwrap();
        let answer = db.send(batch()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let amount = answer.body["records"][0]["amount"]["amount"].as_str().unwrap().to_owned();
        let micros = amount.parse::<calculation::money::Amount>().unwrap().micros().to_string();
        let found = text(&db).await;
        for (outcome, count) in [("charged", "1"), ("free", "1"), ("duplicate", "1"), ("suspended", "1")] {
            assert_eq!(value(&found, &format!("tollbook_records_total{{outcome=\"{outcome}\"}}")), count, "{found}");
        }
        assert_eq!(value(&found, "tollbook_calls_charged_total{currency=\"EUR\"}"), "1");
        assert_eq!(value(&found, "tollbook_charged_micros_total{currency=\"EUR\"}"), micros);
        assert_eq!(value(&found, "tollbook_suspense_records"), "1");
        assert_eq!(value(&found, "tollbook_database_up"), "1");
        // What is rolled back has not happened.
        let mut tx = db.app.db.begin().await.unwrap();
        tx.tally(tollbook::metrics::CALLS_CHARGED, &[("currency", "EUR")], 7);
        drop(tx);
        assert_eq!(value(&text(&db).await, "tollbook_calls_charged_total{currency=\"EUR\"}"), "1");
    }

    async fn what_waits_is_asked_of_the_database_now_and_then(db: TestApp) {
        let mut tx = db.app.db.begin().await.unwrap();
        let job = tollbook::jobs::Job::SendLowBalance { customer_id: tollbook::id::CustomerId(7), number: 1 };
        tollbook::jobs::enqueue(&mut tx, &[job], &db.app.clock).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(value(&text(&db).await, "tollbook_job_lag_seconds"), "0");
        db.app.clock.set(now() + 14.seconds());
        assert_eq!(value(&text(&db).await, "tollbook_job_lag_seconds"), "0");
        db.app.clock.set(now() + 90.seconds());
        assert_eq!(value(&text(&db).await, "tollbook_job_lag_seconds"), "90");
        // The job is for nobody, and put off.
        tollbook::jobs::round(&db.app).await.unwrap();
        let jobs = "tollbook_jobs_total{kind=\"send_low_balance\",outcome=\"put_off\"}";
        assert_eq!(value(&text(&db).await, jobs), "1");
        // A database that does not answer is told as well.
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("alter table jobs rename to gone").await.unwrap();
        tx.commit().await.unwrap();
        db.app.clock.set(now() + 120.seconds());
        assert_eq!(value(&text(&db).await, "tollbook_database_up"), "0");
    }
}

fn record(id: &str, seconds: &str) -> String {
    let answered = if seconds == "0" { json!(null) } else { json!("2026-10-08T08:00:09Z") };
    let disposition = if seconds == "0" { "NO ANSWER" } else { "ANSWERED" };
    json!({
        "record_id": id, "direction": "outbound", "calling_number": "+493023125001", "called_number": UK,
        "start_time": "2026-10-08T08:00:00Z", "answer_time": answered, "end_time": "2026-10-08T08:01:10Z",
        "disposition": disposition,
    })
    .to_string()
}

#[test]
fn every_metric_is_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    for metric in ALL {
        assert!(
            text.contains(&format!("| `{}` |", metric.name)),
            "{} is missing in docs/operating.md",
            metric.name
        );
    }
    let listed = text.lines().filter(|line| line.starts_with("| `tollbook_")).count();
    assert_eq!(listed, ALL.len(), "docs/operating.md has a metric that is none");
}
