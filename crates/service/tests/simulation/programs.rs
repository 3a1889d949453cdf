//! What is a program here? An application of its own on the common database, with its own connections, clock and ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use jiff::Timestamp;
use serde_json::Value;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::db::{Fault, Faults};
use tower::ServiceExt;

use crate::calendar::later;
use crate::peers::Peers;

/// A request that is not answered after so many looks is given up, and its program killed.
const LOOKS: u32 = 3_000;
/// So often it is looked whether an answer of the database is one that never comes.
const LOOK: Duration = Duration::from_millis(20);
/// So many looks later that is sure.
const SURE: u32 = 5;

const SETTINGS: &str = r#"
[operator]
name = "Harbour Telecom GmbH"
street = "Kaiserkai 0"
postcode = "20457"
city = "Hamburg"
country = "DE"
vat_id = "DE123456788"
iban = "DE02120300000000202051"

[invoices]
mode = "automatic"

[http]
requests_per_second = 0

[audit]
reads = false

[webhooks]
allow_private = true

[mail]
transport = "smtp"
host = "localhost"
tls = "none"
from = "billing@harbour.example"
timeout_seconds = 5

[database]
silence_seconds = 1
statement_seconds = 5
"#;

/// Where programs are started.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) peers: Peers,
    /// How many were started: each makes ids of its own.
    started: Arc<AtomicI64>,
}

/// A program that runs.
pub(crate) struct Program {
    pub(crate) app: App,
    router: Router,
    place: Place,
    number: i64,
}

/// A request as a client sends it, as often as it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) key: Option<String>,
}

/// What a client hears: a status and a body, or nothing.
pub(crate) type Heard = Option<(u16, Value)>;

impl Place {
    pub(crate) fn new(url: String, peers: Peers) -> Self {
        Self { url, peers, started: Arc::default() }
    }

    pub(crate) async fn start(&self, now: Timestamp) -> Result<Program, String> {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let clock = Clock::fixed(now);
        let ports = format!("[mail]\nport = {}\n", self.peers.smtp);
        let config = Config::from_tomls(&[SETTINGS, &ports]).map_err(|error| error.to_string())?;
        let mut app = App::open(&self.url, clock, config).await.map_err(|error| error.to_string())?;
        app.access = app.access.without_authentication();
        let router = tollbook::http::router(app.clone());
        let program = Program { app, router, place: self.clone(), number };
        program.set(now);
        Ok(program)
    }
}

impl Program {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.app.db.faults()
    }

    /// Sets its clock. Its ids follow, as the machine's do, beside those of other programs.
    pub(crate) fn set(&self, now: Timestamp) {
        const SINCE_2020: i64 = 1_577_836_800_000;
        self.app.clock.set(now);
        self.app.clock.count_from(((now.as_millisecond() - SINCE_2020) << 21) | ((self.number % 500) << 12));
    }

    /// Sets its clock wrong by so many seconds.
    pub(crate) fn leap(&self, now: Timestamp, seconds: i64) {
        self.app.clock.set(later(now, seconds));
    }

    /// Plans a fault for what is asked next.
    pub(crate) fn plan(&self, fault: Option<(Fault, u64)>) {
        self.faults().plan(fault.map(|(fault, _)| fault), fault.map_or(0, |(_, before)| before));
    }

    /// Ends when its clients wait no longer.
    pub(crate) async fn patience(&self) {
        let mut frozen = 0;
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
            frozen += u32::from(self.faults().met().1 == Some(Fault::Frozen));
            if frozen > SURE {
                return;
            }
        }
    }

    /// Asks once. A fault of the server is no answer.
    pub(crate) async fn ask(&self, asked: &Asked) -> Heard {
        let request = Request::builder().method(asked.method.clone()).uri(&asked.path);
        let request = request.header("content-type", "application/json");
        let request = match &asked.key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        let request = request.body(Body::from(asked.body.clone())).expect("the request is sound");
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.ok()?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        if status >= 500 || self.faults().is_dead() {
            return None;
        }
        Some((status, body))
    }

    /// Kills it and starts another in its place.
    pub(crate) async fn replace(&mut self, now: Timestamp) -> Result<(), String> {
        self.faults().kill();
        let fresh = self.place.start(now).await?;
        *self = fresh;
        Ok(())
    }
}
