//! What becomes of clients that are slow, broken or mean? They get an answer or an end; never a fault, never for ever.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::server::Server;
use crate::support::{Engine, TestApp, on_both_databases};

/// Impatient, so that a test need not wait long.
const IMPATIENT: &str = "[http]\nheader_timeout_seconds = 1\nbody_timeout_seconds = 1\n";

async fn server(db: &TestApp, settings: &str) -> Server {
    Server::start(db.configured(settings).unwrap()).await
}

/// On one engine: what comes to no handler reaches no database.
async fn alone(settings: &str) -> (TestApp, Server) {
    let db = crate::support::app(Engine::Sqlite).await;
    let server = server(&db, settings).await;
    (db, server)
}

async fn assert_serves(server: &Server) {
    let (status, answer) = server.send(b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status, Some(200), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_to_ask_is_left() {
    let (_db, server) = alone(IMPATIENT).await;
    for begun in [&b""[..], b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let mut slow = server.connect().await;
        slow.write(begun).await.unwrap();
        let (status, answer) = slow.answer().await;
        assert!(matches!(status, None | Some(408)), "{answer}");
    }
    // A letter now and then does not help.
    let mut slow = server.connect().await;
    slow.write(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let trickle = async {
        while slow.write(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle).await.expect("it is left");
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_refused() {
    let (_db, server) = alone(IMPATIENT).await;
    let head = "POST /v1/customers HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{";
    let (status, answer) = server.send(head.as_bytes()).await;
    assert_eq!(status, Some(408), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("too slowly"), "{answer}");
    // One letter at a time takes no longer in all.
    let mut slow = server.connect().await;
    slow.write(head.as_bytes()).await.unwrap();
    let trickle = async {
        while slow.write(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle).await.expect("it is left");
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answer_is_left() {
    let (_db, server) = alone(&format!("{IMPATIENT}connections = 1\n")).await;
    let mut deaf = server.connect().await;
    // So many answers that no buffer on the way holds them.
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n";
    let asking = async { while deaf.write(&ask.repeat(50)).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(15), asking).await.expect("it is left");
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused() {
    let (_db, server) = alone(IMPATIENT).await;
    let head = |more: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{more}\r\n\r\n");
    let many = (0..5_000).map(|number| format!("x-{number}: 1\r\n")).collect::<Vec<_>>().concat();
    for (sent, wanted) in [
        (head(&format!("x-bomb: {}", "b".repeat(1024 * 1024))), 431),
        (head(&many), 431),
        (head(&"x: 1\r\n".repeat(101)), 431),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(9_000)), 414),
        (format!("GET /v1/quote?to={} HTTP/1.1\r\nhost: a\r\n\r\n", "1".repeat(9_000)), 414),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(100_000)), 431),
        ("\u{16}\u{3}\u{1}\u{2}\0 hello by TLS\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        (head("x y: 1"), 400),
        (head("content-length: 1\r\ncontent-length: 2"), 400),
        (head("content-length: -1"), 400),
        (head("content-length: 99999999999999999999999"), 400),
        (
            "POST /v1/customers HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
        ),
        ("POST /v1/customers HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n".to_owned(), 413),
    ] {
        let shown: String = sent.chars().take(80).collect();
        let (status, answer) = server.send(sent.as_bytes()).await;
        assert_eq!(status, Some(wanted), "{shown}: {answer}");
    }
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_behind_a_request_does_not_reach_the_next() {
    let (_db, server) = alone(IMPATIENT).await;
    // Two requests at once are two answers; what follows them is refused by itself.
    let ask = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    let (_, answer) = server.send(format!("{ask}{ask}garbage\0\r\n\r\n").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 400").count(), 1, "{answer}");
    // Where a body ends is not left to two headers: the connection ends with it.
    let unclear = format!(
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n{ask}"
    );
    let (_, answer) = server.send(unclear.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    // A body that nobody reads is not taken for the next request.
    let inner = "GET /v1/plans HTTP/1.1\r\nhost: a\r\n\r\n";
    let outer = format!("POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{inner}", inner.len());
    let (status, answer) = server.send(outer.as_bytes()).await;
    assert_eq!((status, answer.matches("HTTP/1.1").count()), (Some(405), 1), "{answer}");
}

/// Every path of the API with its parameters filled with something.
fn paths(filling: &str) -> Vec<(String, String)> {
    let document = serde_json::to_value(tollbook::http::openapi()).unwrap();
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| match part.split_once('{') {
            Some((before, _)) => format!("{before}{filling}"),
            None => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (path, method)));
    methods.map(|(path, method)| (method.to_uppercase(), filled(path))).collect()
}

on_both_databases! {
    async fn a_trick_in_a_path_is_refused_and_never_a_fault(db: TestApp) {
        let server = server(&db, "[http]\nrequests_per_second = 0\n").await;
        for filling in
            ["%00", "a%00b", "%ff", "..", "%2e%2e%2f", "..%5c", "%0d%0aset-cookie:a", "'--", "%", "%zz", "\u{7f}",
             "9223372036854775808", "cus_zzzzzzzzzzzzz", "cus_0000000000000", "%F0%9F%93%9E"]
        {
            let mut connection = server.connect().await;
            let mut statuses = Vec::new();
            for (method, path) in paths(filling) {
                // What refuses a body closes the connection.
                let request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{}}");
                if connection.write(request.as_bytes()).await.is_err() {
                    connection = server.connect().await;
                    connection.write(request.as_bytes()).await.unwrap();
                }
                let (mut status, mut answer) = connection.first().await;
                if status.is_none() {
                    connection = server.connect().await;
                    connection.write(request.as_bytes()).await.unwrap();
                    (status, answer) = connection.first().await;
                }
                let harmless = path == "/readyz" || status.is_some_and(|status| status < 500);
                assert!(harmless, "{method} {path}: {answer}");
                statuses.extend(status);
                if answer.contains("connection: close") || status == Some(400) {
                    connection = server.connect().await;
                }
            }
            assert!(statuses.iter().any(|status| matches!(status, 400 | 404)), "{filling}: {statuses:?}");
        }
        for path in ["/../etc/passwd", "//", "/v1//plans", "/v1/plans/", "/v1/plans/../plans", "/%2e%2e/", "/./v1/plans"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            let (status, answer) = server.send(request.as_bytes()).await;
            assert_eq!(status, Some(404), "{path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_nobody_knows_is_refused() {
    let (db, server) = alone("").await;
    for method in ["BREW", "TRACE", "CONNECT", "OPTIONS", "PUT"] {
        let request = format!("{method} /v1/plans HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let (status, answer) = server.send(request.as_bytes()).await;
        assert!(matches!(status, Some(400 | 405)), "{method}: {answer}");
    }
    assert_eq!(db.get("/v1/plans").await.status, StatusCode::OK);
    assert_ne!(db.get("/livez").await.body, Value::Null);
}
