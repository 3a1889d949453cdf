//! Do connections that ask for nothing keep out those that do? Each address has its share, and the silent make room.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tollbook::access::Access;
use tollbook::app::App;
use tollbook::http::serve_probes;
use tower::ServiceExt;

use crate::support::access::Guarded;
use crate::support::charging::{Caller, UK};
use crate::support::server::{Connection, Server};
use crate::support::{Engine, TestApp, on_both_databases};

const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
const BODY: &str = r#"{"country": "DE", "rate": "19", "valid_from": "2020-01-01"}"#;

/// On one engine: no database is asked for these.
async fn server(settings: &str) -> (TestApp, Server) {
    let db = crate::support::app(Engine::Sqlite).await;
    let server = Server::start(db.configured(&format!("[http]\n{settings}")).unwrap()).await;
    (db, server)
}

/// A request that is under way: the server asked for its body.
async fn begun(mut connection: Connection, path: &str) -> Connection {
    let kind = if path == "/oauth/token" { "application/x-www-form-urlencoded" } else { "application/json" };
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    connection.write(head.as_bytes()).await.unwrap();
    let (status, answer) = connection.first().await;
    assert_eq!(status, Some(100), "{answer}");
    connection
}

async fn asks(connection: &mut Connection) -> Option<u16> {
    // It may have been refused already.
    let _ = connection.write(ASK).await;
    connection.first().await.0
}

async fn numbers(app: &App) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = tollbook::http::router(app.clone()).oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

on_both_databases! {
    async fn thousands_of_silent_connections_and_half_heads_keep_nobody_out(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("10.00").await;
        let server = Server::start(db.app.clone()).await;
        let mut held = Vec::new();
        for number in 0..3_010 {
            let mut connection = server.connect().await;
            if number >= 2_000 {
                let _ = connection.write(b"GET /livez HTTP/1.1\r\nhost: ").await;
            }
            held.push(connection);
        }
        for (from, call) in [("127.0.0.1", "a"), ("127.0.0.2", "b")] {
            let began = Instant::now();
            let answers = async {
                let mut probe = server.connect_from(from).await;
                assert_eq!(asks(&mut probe).await, Some(200), "{from}");
                let live = began.elapsed();
                let body = caller.call(call, UK, json!({})).to_string();
                let request = format!(
                    "POST /v1/charging/sessions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut switch = server.connect_from(from).await;
                switch.write(request.as_bytes()).await.unwrap();
                let (status, answer) = switch.first().await;
                assert_eq!(status, Some(201), "{from}: {answer}");
                eprintln!("beside 3,010 connections, from {from}: /livez {live:?}, with a session {:?}", began.elapsed());
            };
            tokio::time::timeout(Duration::from_secs(10), answers).await.expect("they are answered");
        }
        assert!(numbers(&server.app).await.contains("tollbook_http_connections_closed_total{why=\"room\"}"));
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_silent_connection_makes_room() {
    let (_db, server) = server("connections = 2\n").await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for open in [&mut one, &mut two] {
        assert_eq!(asks(open).await, Some(200));
    }
    assert_eq!(asks(&mut one).await, Some(200));
    let mut third = server.connect().await;
    assert_eq!(asks(&mut third).await, Some(200));
    // The first asked again, so the second was silent for longest.
    assert_eq!(two.answer().await.0, None);
    for open in [&mut one, &mut third] {
        assert_eq!(asks(open).await, Some(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_under_way_is_never_cut_off() {
    let (_db, server) = server("connections = 1\nheader_timeout_seconds = 1\n").await;
    let mut busy = begun(server.connect().await, "/v1/tax-rates").await;
    let (status, answer) = server.send(ASK).await;
    assert_eq!(status, Some(503), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("application/problem+json"), "{answer}");
    assert!(numbers(&server.app).await.contains("tollbook_http_connections_refused_total{full=\"all\"} 1"));
    busy.write(BODY.as_bytes()).await.unwrap();
    assert_eq!(busy.first().await.0, Some(201));
    assert_eq!(server.send(b"GET /livez HTTP/1.0\r\n\r\n").await.0, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_all_are_busy_waits_for_the_first_that_is_done() {
    let (_db, server) = server("connections = 1\n").await;
    let mut busy = begun(server.connect().await, "/v1/tax-rates").await;
    let mut next = server.connect().await;
    next.write(ASK).await.unwrap();
    busy.write(BODY.as_bytes()).await.unwrap();
    assert_eq!(busy.first().await.0, Some(201));
    assert_eq!(next.first().await.0, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_and_a_proxy_none() {
    let (db, server) = server("connections_per_address = 1\n").await;
    let busy = begun(server.connect().await, "/v1/tax-rates").await;
    let mut second = server.connect().await;
    assert_eq!(asks(&mut second).await, Some(429));
    assert_eq!(asks(&mut server.connect_from("127.0.0.2").await).await, Some(200));
    drop(busy);
    let proxied = db.configured("[http]\nconnections_per_address = 1\nproxies = [\"127.0.0.1\"]\n").unwrap();
    let server = Server::start(proxied).await;
    let _busy = begun(server.connect().await, "/v1/tax-rates").await;
    assert_eq!(asks(&mut server.connect().await).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_sends_nothing_is_closed_early() {
    let (_db, server) = server("first_byte_seconds = 1\n").await;
    let (mut silent, mut half) = (server.connect().await, server.connect().await);
    half.write(b"GET /livez HT").await.unwrap();
    assert_eq!(silent.answer().await.0, None);
    half.write(b"TP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_eq!(half.first().await.0, Some(200));
    assert!(numbers(&server.app).await.contains("tollbook_http_connections_closed_total{why=\"silence\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_switches_has_places_of_its_own() {
    let settings =
        "connections = 1\nswitch_connections = 1\nheader_timeout_seconds = 1\nswitches = [\"127.0.0.2\"]\n";
    let (_db, server) = server(settings).await;
    let _busy = begun(server.connect().await, "/v1/tax-rates").await;
    assert_eq!(asks(&mut server.connect_from("127.0.0.2").await).await, Some(200));
    assert_eq!(asks(&mut server.connect().await).await, Some(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_has_proven_itself_keeps_its_connection() {
    let db = crate::support::app(Engine::Sqlite).await;
    let token = Guarded::new(&db).token("switch", None).await;
    let app = db.configured("[http]\nconnections = 1\nheader_timeout_seconds = 3\n").unwrap();
    let access = Access::open(&app.config.access).unwrap();
    let server = Server::start(App { access, ..app }).await;
    let ask = format!(
        "GET /v1/charging/sessions/ses_0000000000011 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let mut switch = server.connect().await;
    switch.write(ask.as_bytes()).await.unwrap();
    assert_eq!(switch.first().await.0, Some(404));
    // The only place of strangers is taken, and not at its expense.
    let _busy = begun(server.connect().await, "/oauth/token").await;
    switch.write(ask.as_bytes()).await.unwrap();
    assert_eq!(switch.first().await.0, Some(404));
    assert_eq!(asks(&mut server.connect().await).await, Some(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_at_an_address_of_their_own() {
    let (_db, server) = server("connections = 1\nheader_timeout_seconds = 1\n").await;
    let _busy = begun(server.connect().await, "/v1/tax-rates").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let probing = tokio::spawn(serve_probes(listener, server.app.clone()));
    for (path, status) in
        [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/v1/plans", 404), ("/docs", 404), ("/", 404)]
    {
        let mut probe = Connection(TcpStream::connect(address).await.unwrap());
        let ask = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        probe.write(ask.as_bytes()).await.unwrap();
        let (found, answer) = probe.answer().await;
        assert_eq!(found, Some(status), "{path}: {answer}");
    }
    assert_eq!(asks(&mut server.connect().await).await, Some(503));
    probing.abort();
}
