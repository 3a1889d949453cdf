//! Is who asks too often told to come again, and nobody else?

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use jiff::ToSpan;
use tollbook::app::App;

use crate::support::{Answer, Engine, now, send};

const FEW: &str = "[http]\nrequests_per_second = 2\nburst = 5\ntoken_requests_per_minute = 3\n";

async fn get(app: &App, path: &str, from: &str) -> Answer {
    let peer: SocketAddr = format!("{from}:4711").parse().unwrap();
    let request = Request::get(path).extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    send(app.clone(), request).await
}

/// How many requests are let in, one after the other.
async fn let_in(app: &App, path: &str, from: &str) -> usize {
    for count in 0..50 {
        let answer = get(app, path, from).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(answer.body["status"], 429);
            let wait: u32 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{answer:?}");
            return count;
        }
    }
    50
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_let_in_again_when_time_has_passed() {
    let db = crate::support::app(Engine::Sqlite).await;
    let app = db.configured(FEW).unwrap();
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.1").await, 5);
    // Another is not held up by the first.
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.2").await, 5);
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.1").await, 0);
    db.app.clock.set(now() + 1.seconds());
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.1").await, 2);
    db.app.clock.set(now() + 60.seconds());
    app.rates.forget();
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.1").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_and_those_who_look_after_the_service_are_not_held_up() {
    let db = crate::support::app(Engine::Sqlite).await;
    let app = db.configured(FEW).unwrap();
    for path in ["/v1/charging/sessions/ses_1", "/livez", "/readyz", "/metrics"] {
        assert_eq!(let_in(&app, path, "192.0.2.1").await, 50, "{path}");
    }
    let unlimited =
        db.configured("[http]\nrequests_per_second = 0\ntoken_requests_per_minute = 0\n").unwrap();
    for path in ["/v1/plans", "/oauth/token"] {
        assert_eq!(let_in(&unlimited, path, "192.0.2.1").await, 50, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_asked_for_seldom() {
    let db = crate::support::app(Engine::Sqlite).await;
    let app = db.configured(FEW).unwrap();
    assert_eq!(let_in(&app, "/oauth/token", "192.0.2.1").await, 3);
    // Whoever asks for anything else is counted apart.
    assert_eq!(let_in(&app, "/v1/plans", "192.0.2.1").await, 5);
    db.app.clock.set(now() + 20.seconds());
    assert_eq!(let_in(&app, "/oauth/token", "192.0.2.1").await, 1);
}
