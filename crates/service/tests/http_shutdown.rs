//! Does a program that is told to stop finish what it began?

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tollbook::http::Ended;

use crate::support::server::Server;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    async fn what_was_begun_is_finished_and_nothing_else_is_begun(db: TestApp) {
        let server = Server::start(db.app.clone()).await;
        let body = json!({"country": "DE", "rate": "19", "valid_from": "2020-01-01"}).to_string();
        let (first, rest) = body.split_at(10);
        let mut begun = server.connect().await;
        let head = format!("POST /v1/tax-rates HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
        begun.write((head + first).as_bytes()).await.unwrap();
        // An idle connection holds nobody up.
        let mut idle = server.connect().await;
        idle.write(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(idle.first().await.0, Some(200));
        server.app.stopping.begin();
        assert_eq!(idle.answer().await.0, None);
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!server.serving.is_finished());
        begun.write(rest.as_bytes()).await.unwrap();
        let (status, answer) = begun.answer().await;
        assert_eq!(status, Some(201), "{answer}");
        assert_eq!(server.serving.await.unwrap(), Ended::Finished);
        assert_eq!(db.get("/v1/tax-rates").await.body.as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_finish_in_time_is_cut_off() {
    let db = crate::support::app(Engine::Sqlite).await;
    let app = db.configured("[http]\nshutdown_seconds = 1\n").unwrap();
    let server = Server::start(app).await;
    let mut slow = server.connect().await;
    slow.write(b"POST /v1/customers HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    // Seen, once another request on another connection was answered.
    assert_eq!(server.send(b"GET /livez HTTP/1.0\r\n\r\n").await.0, Some(200));
    server.app.stopping.begin();
    let ended = tokio::time::timeout(Duration::from_secs(10), server.serving).await.unwrap().unwrap();
    assert_eq!(ended, Ended::CutOff(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_is_told_before_nobody_listens() {
    let db = crate::support::app(Engine::Sqlite).await;
    let server = Server::start(db.configured("[http]\ndrain_seconds = 2\n").unwrap()).await;
    let ask = b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(server.send(ask).await.0, Some(200));
    server.app.stopping.begin();
    let (status, answer) = server.send(ask).await;
    assert_eq!(status, Some(503), "{answer}");
    assert!(answer.contains("is about to stop"), "{answer}");
    assert_eq!(server.serving.await.unwrap(), Ended::Finished);
    assert_eq!(db.get("/livez").await.status, StatusCode::OK);
}
