//! What does a test start from? An application on a database of its own, at a fixed instant.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod arithmetic;
pub(crate) mod charging;
pub(crate) mod cycle;
pub(crate) mod deployed;
pub(crate) mod issuer;
pub(crate) mod mailing;
pub(crate) mod oidc_provider;
pub(crate) mod operator;
pub(crate) mod payment_service;
mod postgres;
pub(crate) mod prepaid;
pub(crate) mod program;
pub(crate) mod purse;
pub(crate) mod python;
pub(crate) mod reading;
pub(crate) mod receiver;
pub(crate) mod relay;
pub(crate) mod reviewed;
pub(crate) mod sample;
pub(crate) mod served;
pub(crate) mod server;
pub(crate) mod smtp;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::http::Rates;
use tollbook::mail::Mailer;
use tollbook::prepaid::{TopUpService, VoucherKeys};
use tollbook::webhooks::Courier;
use tower::ServiceExt;

/// Tests start over when the machine fails, so nothing waits for the disk.
const POSTGRES_SETTINGS: &str =
    "-c max_connections=500 -c fsync=off -c synchronous_commit=off -c full_page_writes=off";

/// What every test's clock shows until the test moves it.
pub(crate) const NOW: &str = "2026-11-05T12:00:00Z";

const SETTINGS: &str = r#"
[operator]
name = "Harbour Telecom GmbH"
street = "Kaiserkai 0"
postcode = "20457"
city = "Hamburg"
country = "DE"
vat_id = "DE123456788"
iban = "DE02120300000000202051"

[customers]
zone = "Europe/Berlin"

[invoices]
mode = "automatic"
"#;

/// Runs each test once on SQLite and once on PostgreSQL: `name::sqlite` and `name::postgres`.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($test_app:ident: $kind:ty) $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn test($test_app: $kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test($crate::support::app($crate::support::Engine::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                test($crate::support::app($crate::support::Engine::Postgres).await).await;
            }
        }
    )+};
}
pub(crate) use on_both_databases;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn other(self) -> Self {
        if self == Self::Sqlite { Self::Postgres } else { Self::Sqlite }
    }
}

/// An application under test. Its database is removed with it.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) engine: Engine,
    /// Where the database is, for a second program on it.
    pub(crate) url: String,
    _database: Database,
}

pub(crate) enum Database {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { _database: postgres::Database },
}

/// An application on a new database with an up-to-date schema.
pub(crate) async fn app(engine: Engine) -> TestApp {
    let (url, database) = empty_database(engine).await;
    app_on(engine, url, database, Clock::fixed(now())).await
}

/// An application on a database that another has filled, by whose clock it goes, so that it makes other ids.
pub(crate) async fn app_on(engine: Engine, url: String, database: Database, clock: Clock) -> TestApp {
    let config = Config::from_toml(SETTINGS).expect("the tests' settings are sound");
    let mut app = App::open(&url, clock, config).await.expect("the database opens");
    // Tests of access ask for it.
    app.access = app.access.without_authentication();
    TestApp { app, engine, url, _database: database }
}

/// The address of a new database without a schema, and what removes it when dropped.
pub(crate) async fn empty_database(engine: Engine) -> (String, Database) {
    match engine {
        Engine::Sqlite => {
            let folder =
                tempfile::Builder::new().prefix("tollbook-test-").tempdir().expect("a temporary folder");
            let url = format!("sqlite://{}", folder.path().join("tollbook.db").display());
            (url, Database::Sqlite { _folder: folder })
        }
        Engine::Postgres => {
            let database = postgres::Database::create().await;
            (database.url.clone(), Database::Postgres { _database: database })
        }
    }
}

/// The instant [`NOW`].
pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("NOW is an instant")
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Null when the body is no JSON.
    pub(crate) body: Value,
}

impl TestApp {
    /// The same application under further settings, or why it refuses to start under them.
    pub(crate) fn configured(&self, over: &str) -> Result<App, String> {
        let config = Config::from_tomls(&[SETTINGS, over]).map_err(|error| error.to_string())?;
        let mailer = Mailer::open(&config).map_err(|error| error.to_string())?;
        let top_ups = TopUpService::open(&config.prepaid).map_err(|error| error.to_string())?;
        let voucher_keys = VoucherKeys::open(&config.prepaid).map_err(|error| error.to_string())?;
        let courier = Courier::open(&config.webhooks).map_err(|error| error.to_string())?;
        let (mailer, top_ups, courier) = (Arc::new(mailer), Arc::new(top_ups), Arc::new(courier));
        let rates = Rates::new(&config.http, &self.app.clock, self.app.db.metrics());
        Ok(App {
            config: Arc::new(config),
            mailer,
            top_ups,
            voucher_keys,
            courier,
            rates,
            ..self.app.clone()
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("the path is sound")).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(path, body)).await
    }

    pub(crate) async fn patch_json(&self, path: &str, body: &Value) -> Answer {
        let mut request = json_request(path, body);
        *request.method_mut() = axum::http::Method::PATCH;
        self.send(request).await
    }

    /// Posts under an `Idempotency-Key`.
    pub(crate) async fn post_json_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        let mut request = json_request(path, body);
        request.headers_mut().insert("idempotency-key", key.parse().expect("the key is a header's value"));
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.app.clone(), request).await
    }
}

/// Sends a request to an application.
pub(crate) async fn send(app: App, request: Request<Body>) -> Answer {
    send_to(tollbook::http::router(app), request).await
}

pub(crate) async fn send_to(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("a router always answers");
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("the body comes from memory");
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: head.status, headers: head.headers, body }
}

pub(crate) fn json_request(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).expect("the path is sound")
}
