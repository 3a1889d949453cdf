//! Is who guesses tokens and secrets held up, and nobody who has a right one?

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use jiff::ToSpan;
use tollbook::access::Access;
use tollbook::app::App;

use crate::support::access::{GRANT, Guarded};
use crate::support::{Answer, TestApp, now, on_both_databases, send};

const FEW: &str = "[http]\nwrong_credentials_per_minute = 3\ntoken_requests_per_minute = 0\n";
const HERE: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.2";

async fn ask(app: &App, from: &str, token: &str) -> Answer {
    let peer: SocketAddr = format!("{from}:4711").parse().unwrap();
    let request = Request::get("/v1/plans").header("authorization", format!("Bearer {token}"));
    send(app.clone(), request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap()).await
}

async fn ask_for_a_token(app: &App, from: &str, basic: &str) -> Answer {
    let peer: SocketAddr = format!("{from}:4711").parse().unwrap();
    let request = Request::post("/oauth/token").header("authorization", basic);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    send(app.clone(), request.extension(ConnectInfo(peer)).body(Body::from(GRANT)).unwrap()).await
}

/// The application, which asks for tokens.
fn guarded(db: &TestApp) -> App {
    let app = db.configured(FEW).unwrap();
    App { access: Access::open(&app.config.access).unwrap(), ..app }
}

fn assert_held(answer: &Answer) {
    assert_eq!(answer.status, 429, "{answer:?}");
    let wait: u64 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{answer:?}");
    assert!(
        answer.body["detail"].as_str().unwrap().contains("too many wrong tokens or secrets"),
        "{answer:?}"
    );
}

on_both_databases! {
    async fn an_address_that_guesses_tokens_is_not_listened_to_for_a_minute(db: TestApp) {
        let clients = Guarded::new(&db);
        let (known, fresh) = (clients.token("operator", None).await, clients.token("support", None).await);
        let app = guarded(&db);
        assert_eq!(ask(&app, HERE, &known).await.status, 200);
        for guess in ["tok_1", "tok_2", "nothing.of.ours"] {
            assert_eq!(ask(&app, HERE, guess).await.status, 401, "{guess}");
        }
        assert_held(&ask(&app, HERE, "tok_3").await);
        // Nobody looks whether it is right: it is not known here yet.
        assert_held(&ask(&app, HERE, &fresh).await);
        // What is known to be right passes, when it has to be looked up again too.
        assert_eq!(ask(&app, HERE, &known).await.status, 200);
        db.app.clock.set(now() + 15.seconds());
        assert_eq!(ask(&app, HERE, &known).await.status, 200);
        // Others are not held up, nor is who sends no token at all counted.
        assert_eq!(ask(&app, ELSEWHERE, &fresh).await.status, 200);
        db.app.clock.set(now() + 60.seconds());
        app.rates.forget();
        assert_eq!(ask(&app, HERE, &fresh).await.status, 200);
        let numbers = app.db.metrics().text();
        assert!(numbers.contains("tollbook_wrong_credentials_total{kind=\"token\"} 3"), "{numbers}");
        assert!(numbers.contains("tollbook_wrong_credentials_total{kind=\"unseen\"} 2"), "{numbers}");
    }

    async fn an_address_that_guesses_secrets_is_not_listened_to_for_a_minute(db: TestApp) {
        let client = Guarded::new(&db).client("switch-a", "switch", None).await;
        let app = guarded(&db);
        let wrong = crate::support::access::basic(&client.id, "sec_0cnadvaem1t98_wrong");
        for _ in 0..3 {
            assert_eq!(ask_for_a_token(&app, HERE, &wrong).await.status, 401);
        }
        assert_held(&ask_for_a_token(&app, HERE, &wrong).await);
        assert_held(&ask_for_a_token(&app, HERE, &client.basic()).await);
        assert_eq!(ask_for_a_token(&app, ELSEWHERE, &client.basic()).await.status, 200);
        db.app.clock.set(now() + 60.seconds());
        assert_eq!(ask_for_a_token(&app, HERE, &client.basic()).await.status, 200);
        let numbers = app.db.metrics().text();
        assert!(numbers.contains("tollbook_wrong_credentials_total{kind=\"secret\"} 3"), "{numbers}");
    }
}
