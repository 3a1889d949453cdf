//! Is a request held to what it may take, and marked with its id and trace?

use std::io::Write;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::support::{Answer, TestApp, on_both_databases};

const RECORDS: &str = "record_id,direction,calling_number,called_number,start_time,answer_time,end_time,disposition\n\
    a-1,outbound,+493023125001,+442079460123,2026-10-08T08:00:00Z,2026-10-08T08:00:09Z,2026-10-08T08:02:00Z,ANSWERED\n";

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(db: &TestApp, path: &str, encoding: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header(header::CONTENT_ENCODING, encoding);
    db.send(request.body(body.into()).unwrap()).await
}

on_both_databases! {
    async fn a_body_is_refused_above_the_limit_of_its_path(db: TestApp) {
        let mebibytes = |count: usize| vec![b' '; count * 1024 * 1024 + 1];
        for (path, most) in [
            ("/v1/customers", 1),
            ("/v1/charging/sessions", 1),
            ("/v1/calls?source=a", 1),
            ("/v1/calls:batch?source=a", 16),
            ("/v1/imports?source=a", 64),
        ] {
            let refused = post(&db, path, "identity", mebibytes(most)).await;
            assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {refused:?}");
            assert_eq!(refused.headers[header::CONTENT_TYPE], "application/problem+json");
            assert!(refused.body["detail"].as_str().unwrap().contains("bytes"), "{refused:?}");
            let mut lower = mebibytes(most);
            lower.pop();
            let read = post(&db, path, "identity", lower).await;
            assert!(read.status != StatusCode::PAYLOAD_TOO_LARGE && read.status.is_client_error(), "{path}: {read:?}");
        }
        // Without a length known beforehand it is counted as it comes.
        let chunks = (0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 32 * 1024]));
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let refused = post(&db, "/v1/customers", "identity", body).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{refused:?}");
    }

    async fn a_zipped_file_is_read_and_counted_as_it_unpacks(db: TestApp) {
        let read = post(&db, "/v1/imports?source=a", "gzip", zipped(RECORDS.as_bytes())).await;
        assert_eq!(read.status, StatusCode::CREATED, "{read:?}");
        assert_eq!(read.body["import"]["control"]["records"], 1, "{read:?}");
        // 65 MiB of nothing in 65 KiB.
        let bomb = zipped(&vec![b' '; 65 * 1024 * 1024]);
        assert!(bomb.len() < 128 * 1024);
        let refused = post(&db, "/v1/imports?source=a", "gzip", bomb).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{refused:?}");
        let cut = &zipped(RECORDS.as_bytes())[..40];
        for (encoding, body, status) in [
            ("gzip", b"no gzip".to_vec(), StatusCode::BAD_REQUEST),
            ("gzip", cut.to_vec(), StatusCode::BAD_REQUEST),
            ("br", RECORDS.into(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ] {
            let refused = post(&db, "/v1/imports?source=a", encoding, body).await;
            assert_eq!(refused.status, status, "{encoding}: {refused:?}");
            assert_eq!(refused.headers[header::CONTENT_TYPE], "application/problem+json");
        }
        assert_eq!(db.get("/v1/imports").await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn an_answer_is_zipped_for_who_takes_it_unless_it_is_small(db: TestApp) {
        let get = |path: &str, accepted: &str| {
            Request::get(path).header(header::ACCEPT_ENCODING, accepted).body(Body::empty()).unwrap()
        };
        let large = db.send(get("/openapi.json", "gzip")).await;
        assert_eq!(large.headers[header::CONTENT_ENCODING], "gzip", "{large:?}");
        let plain = db.send(get("/openapi.json", "identity")).await;
        assert!(!plain.headers.contains_key(header::CONTENT_ENCODING) && plain.body.is_object());
        let small = db.send(get("/livez", "gzip")).await;
        assert!(!small.headers.contains_key(header::CONTENT_ENCODING), "{small:?}");
    }

    async fn a_request_is_marked_by_its_id_and_trace(db: TestApp) {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let request = Request::get("/v1/nothing")
            .header("x-request-id", "switch-a/17%")
            .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        let answer = db.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers["x-request-id"], "switch-a/17%", "{answer:?}");
        let echoed = answer.headers["traceparent"].to_str().unwrap();
        assert!(echoed.starts_with(&format!("00-{trace}-")) && echoed.ends_with("-01"), "{echoed}");
        assert!(!echoed.contains("00f067aa0ba902b7"), "the span is ours: {echoed}");
        let (one, two) = (db.get("/livez").await, db.get("/livez").await);
        let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(id(&one).len() == 32 && id(&one) != id(&two), "{one:?} {two:?}");
        assert!(one.headers["traceparent"].to_str().unwrap().contains(&id(&one)), "{one:?}");
        // Refusals of the framework's own too.
        let refused = db.post_json("/livez", &json!({})).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers[header::ALLOW], "GET");
    }
}

#[test]
fn every_path_with_a_limit_of_its_own_is_one_of_the_api() {
    let document = serde_json::to_value(tollbook::http::openapi()).unwrap();
    for path in tollbook::http::UPLOADS.iter().chain(&tollbook::http::BATCHES) {
        assert!(document["paths"][path]["post"].is_object(), "{path}");
    }
}
