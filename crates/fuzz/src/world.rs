//! Which program answers the requests? One on SQLite with a month of a small operator, which starts anew after some requests.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::{check, http};
use tower::ServiceExt;

use crate::fixture;

/// The most requests to one program. Then everything is checked, and the next program starts from the same database.
const MAX_REQUESTS: usize = 300;

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

[http]
requests_per_second = 0
token_requests_per_minute = 0
wrong_credentials_per_minute = 0

[access]
issuer = "http://127.0.0.1:1"
audience = "tollbook"
"#;

/// An answer of the API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Null when the body is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The program, and the names of things in its database.
struct World {
    folder: tempfile::TempDir,
    names: Vec<(String, String)>,
    /// How many programs were started.
    begun: usize,
    running: Option<Running>,
}

struct Running {
    /// Its own: tasks that the program has started end with it.
    runtime: Runtime,
    app: App,
    database: PathBuf,
    /// Needs no token and permits everything.
    open: Router,
    /// Needs a token.
    guarded: Router,
    requests: usize,
}

static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// Checks what the last requests left, and removes the databases.
pub(crate) fn finish() {
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut world) = world {
        world.end();
    }
}

/// Sends a request. In its text, names stand for ids.
pub(crate) fn send(
    text: &str,
    request: impl FnOnce(&str) -> Option<(Request<Body>, bool)>,
) -> Option<Answer> {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if world.is_none() {
        *world = Some(World::new());
    }
    let world = world.as_mut()?;
    let mut text = text.to_owned();
    if text.contains('{') {
        for (name, id) in &world.names {
            text = text.replace(name, id);
        }
    }
    let (request, open) = request(&text)?;
    Some(world.send(request, open))
}

impl World {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tollbook-fuzz-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut world = Self { folder, names: Vec::new(), begun: 0, running: None };
        world.begin();
        for step in fixture::STEPS {
            world.step(step);
        }
        let Some(Running { runtime, app, .. }) = &world.running else { panic!("nothing runs") };
        let kept = runtime.block_on(app.db.back_up(&world.kept()));
        kept.unwrap_or_else(|error| panic!("the month is not kept: {error}"));
        world.end();
        world
    }

    fn step(&mut self, step: &fixture::Step) {
        let mut text = format!("{}\n{}", step.asked, step.body);
        for (name, id) in &self.names {
            text = text.replace(name, id);
        }
        let (request, open) = crate::api::request(&text).unwrap_or_else(|| panic!("no request: {text}"));
        let answer = self.send(request, open);
        let json = answer.json();
        assert!(answer.status.is_success(), "{text}: {} {json}", answer.status);
        for (name, pointer) in step.names {
            let id = json.pointer(pointer).and_then(Value::as_str);
            let id = id.unwrap_or_else(|| panic!("{text}: {pointer} of {json}"));
            self.names.push((format!("{{{name}}}"), id.to_owned()));
        }
    }

    /// The database that every program starts with.
    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept.db")
    }

    fn send(&mut self, request: Request<Body>, open: bool) -> Answer {
        if self.running.as_ref().is_some_and(|running| running.requests >= MAX_REQUESTS) {
            self.end();
        }
        if self.running.is_none() {
            self.begin();
        }
        let Some(running) = &mut self.running else { panic!("nothing runs") };
        running.requests += 1;
        let router = if open { running.open.clone() } else { running.guarded.clone() };
        running.runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            let body = to_bytes(Body::new(body), usize::MAX).await.unwrap_or_else(|error| panic!("{error}"));
            Answer { status: head.status, headers: head.headers, body: body.to_vec() }
        })
    }

    fn begin(&mut self) {
        let config = Config::from_toml(SETTINGS).unwrap_or_else(|error| panic!("{error}"));
        let now = fixture::NOW.parse().unwrap_or_else(|error| panic!("{error}"));
        // The previous program may not have closed its database yet.
        let database = self.folder.path().join(format!("{}.db", self.begun));
        self.begun += 1;
        if let Err(error) = std::fs::copy(self.kept(), &database) {
            assert!(self.begun == 1, "the month is not copied: {error}");
        }
        let url = format!("sqlite://{}", database.display());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        let app = runtime.block_on(Box::pin(App::open(&url, Clock::fixed(now), config)));
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        let unguarded = App { access: app.access.clone().without_authentication(), ..app.clone() };
        let (open, guarded) = (http::router(unguarded), http::router(app.clone()));
        self.running = Some(Running { runtime, app, database, open, guarded, requests: 0 });
    }

    /// Ends the program. Everything must still add up.
    fn end(&mut self) {
        let Some(Running { runtime, app, database, .. }) = self.running.take() else { return };
        let report = runtime.block_on(async {
            app.background.close();
            app.background.wait().await;
            let mut tx = app.db.read().await?;
            Box::pin(check::verify(&mut tx, &app)).await
        });
        let report = report.unwrap_or_else(|error| panic!("nothing can be checked: {error}"));
        assert!(report.faults.is_empty(), "after some requests: {:#?}", report.faults);
        drop(app);
        drop(runtime);
        for kind in ["db", "db-wal", "db-shm"] {
            // A file may be gone: closing a database removes some.
            let _ = std::fs::remove_file(database.with_extension(kind));
        }
    }
}
