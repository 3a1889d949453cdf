//! Does the program get by with a PostgreSQL that is silent: frozen, cut off, or gone on old connections only?

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tollbook::access::Access;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::db::{Db, Limits};

use crate::support::access::Guarded;
use crate::support::charging::Caller;
use crate::support::relay::Relay;
use crate::support::{Answer, Engine, TestApp, app, json_request, now, send_to};

/// Longer than anything here may take: a test that waits so long has found a hang.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: &str = "[database]\nwait_seconds = 2\nconnect_seconds = 1\nsilence_seconds = 1\n";

/// A program behind a wire, which asks for tokens.
async fn behind(relay: &Relay, db: &TestApp) -> App {
    let config = Config::from_toml(LIMITS).expect("the settings are sound");
    let access = Access::open(&config.access).expect("the settings are sound");
    let app = App::open(&relay.url(), Clock::fixed(now()), config).await.expect("the database opens");
    App { access, clock: db.app.clock.clone(), ..app }
}

async fn ask(app: &App, request: Request<Body>) -> Answer {
    let answer = send_to(tollbook::http::router(app.clone()), request);
    tokio::time::timeout(PATIENCE, answer).await.expect("an answer")
}

fn with_token(mut request: Request<Body>, token: &str) -> Request<Body> {
    let value = format!("Bearer {token}").parse().expect("a token is a header's value");
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("the path is sound")
}

fn emergency(token: &str) -> Request<Body> {
    let call = json!({"call_id": "e", "calling_number": "+493023125001", "called_number": "112"});
    with_token(json_request("/v1/charging/sessions", &call), token)
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["type"]),
        (503, &json!("/problems/unavailable")),
        "{answer:?}"
    );
    assert!(answer.headers.contains_key(header::RETRY_AFTER), "{answer:?}");
}

async fn prepared() -> (TestApp, Relay, App, String) {
    let db = app(Engine::Postgres).await;
    Caller::first(&db).await;
    let token = Guarded::new(&db).token("operator", None).await;
    let relay = Relay::to(&db.url).await;
    let app = behind(&relay, &db).await;
    assert_eq!(ask(&app, with_token(get("/v1/customers"), &token)).await.status, 200);
    (db, relay, app, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_told_and_emergency_calls_are_granted() {
    let (_db, relay, app, token) = prepared().await;
    relay.freeze();
    assert_eq!(ask(&app, emergency(&token)).await.body["emergency"], json!(true));
    assert_unavailable(&ask(&app, with_token(get("/v1/customers"), &token)).await);
    let call = json!({"call_id": "c", "calling_number": "+493023125001", "called_number": "+442079460123"});
    let asked = with_token(json_request("/v1/charging/sessions", &call), &token);
    assert_unavailable(&ask(&app, asked).await);
    // What a token is, that is not known, cannot be found out.
    assert_unavailable(&ask(&app, emergency("tok_unknown")).await);
    let ready = ask(&app, get("/readyz")).await;
    assert_eq!(
        (ready.status.as_u16(), ask(&app, get("/livez")).await.status.as_u16()),
        (503, 200),
        "{ready:?}"
    );
    relay.thaw();
    assert_eq!(ask(&app, with_token(get("/v1/customers"), &token)).await.status, 200);
    assert_eq!(ask(&app, get("/readyz")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_a_frozen_server_are_all_answered_and_leave_nothing_behind() {
    let (_db, relay, app, token) = prepared().await;
    relay.freeze();
    let asked: Vec<_> = (0..100)
        .map(|number| {
            let call = json!({"call_id": format!("c{number}"), "calling_number": "+493023125001", "called_number": "+442079460123"});
            let request = if number % 2 == 0 { get("/v1/customers") } else { json_request("/v1/charging/sessions", &call) };
            let (app, request) = (app.clone(), with_token(request, &token));
            tokio::spawn(async move { ask(&app, request).await })
        })
        .collect();
    for answer in asked {
        assert_unavailable(&answer.await.expect("no panic"));
    }
    relay.thaw();
    for _ in 0..40 {
        assert_eq!(ask(&app, with_token(get("/v1/customers"), &token)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_whose_packets_vanish_are_replaced_before_anybody_is_refused() {
    let (_db, relay, app, token) = prepared().await;
    for _ in 0..2 {
        relay.freeze_old();
        let answer = ask(&app, with_token(get("/v1/customers"), &token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    relay.cut();
    for _ in 0..3 {
        let answer = ask(&app, with_token(get("/v1/customers"), &token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

fn limits(silence_seconds: u64, statement_seconds: u64) -> Limits {
    Limits { wait_seconds: 2, connect_seconds: 1, silence_seconds, statement_seconds, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_works_is_waited_for_and_one_that_is_silent_is_not() {
    let db = app(Engine::Postgres).await;
    let relay = Relay::to(&db.url).await;
    let sleep = async |limits: Limits| {
        let opened = Db::open_within(&relay.url(), limits).await.expect("the database opens");
        let mut tx = opened.begin().await.expect("a transaction");
        tx.script("select pg_sleep(3)").await.map_err(|error| error.to_string())
    };
    assert_eq!(sleep(limits(1, 600)).await, Ok(()));
    assert_eq!(sleep(limits(1, 0)).await, Ok(()));
    let refused = sleep(limits(1, 1)).await.unwrap_err();
    assert_eq!(
        refused,
        "the database does not answer: a statement took more than 1 s (database.statement_seconds sets the limit)"
    );
    let opened = Db::open_within(&relay.url(), limits(1, 600)).await.expect("the database opens");
    // What is looked up by keys only waits for rows.
    let mut tx = opened.begin_by_keys().await.expect("a transaction");
    assert!(tx.script("select pg_sleep(2)").await.is_ok());
    let refused = tx.script("select pg_sleep(60)").await.unwrap_err();
    assert!(
        refused.is_away() && refused.to_string().contains("more than 4 s (database.wait_seconds"),
        "{refused}"
    );
    let mut tx = opened.begin().await.expect("a transaction");
    relay.freeze();
    let error = tx.script("select 1").await.unwrap_err();
    assert!(error.is_away() && error.to_string().contains("nothing was heard from it for 1 s"), "{error}");
    relay.thaw();
    let error =
        Db::open_within("postgres://postgres@192.0.2.1/x", limits(1, 600)).await.map(|_| ()).unwrap_err();
    assert!(error.is_away(), "{error}");
}

/// How many statements of clients the server works on, this one left out.
async fn at_work(db: &TestApp, what: &str) -> usize {
    let mut tx = db.app.db.read().await.expect("a transaction");
    let sql = "select pid from pg_stat_activity where state = 'active' and query like $1 and pid <> pg_backend_pid()";
    tx.rows(sql, &[&what]).await.expect("the server tells").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_any_more_is_given_up_by_the_server_too() {
    let db = app(Engine::Postgres).await;
    let mut tx = db.app.db.begin().await.expect("a transaction");
    let left =
        tokio::time::timeout(Duration::from_secs(1), tx.script("select pg_sleep(600), 'nobody waits'")).await;
    assert!(left.is_err());
    assert_eq!(at_work(&db, "%nobody waits%").await, 1);
    drop(tx);
    let gone = async {
        while at_work(&db, "%nobody waits%").await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the server gives it up");
}

/// Whether a command succeeded, and what it said.
async fn ended(mut command: Command) -> (bool, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().expect("it runs");
    let output = tokio::task::spawn_blocking(|| running.wait_with_output());
    let output =
        tokio::time::timeout(PATIENCE, output).await.expect("it ends").expect("no panic").expect("it ran");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn program(relay: &Relay, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    for setting in ["wait_seconds=2", "connect_seconds=1", "silence_seconds=1"] {
        command.args(["--set", &format!("database.{setting}")]);
    }
    command.args(["--database-url", &relay.url()]).args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_end_with_a_message() {
    let (_db, relay, _app, _) = prepared().await;
    relay.freeze();
    for arguments in
        [&["bill", "--month", "2026-10"][..], &["work", "--once"], &["check"], &["history", "C-1"]]
    {
        let (success, said) = ended(program(&relay, arguments)).await;
        assert!(!success && said.contains("the database does not answer"), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_begun_ends_with_a_message() {
    let (db, relay, _app, _) = prepared().await;
    let mut command = program(&relay, &["import", "-", "--source", "switch"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut importing = command.spawn().expect("it runs");
    let mut input = importing.stdin.take().expect("a pipe");
    let head = "record_id,direction,calling_number,called_number,start_time,answer_time,end_time,billsec,disposition\n";
    input.write_all(head.as_bytes()).expect("it reads");
    let line = |number: usize| {
        format!(
            "r{number},outbound,+493023125001,+442079460123,2026-10-05T10:00:00Z,2026-10-05T10:00:00Z,2026-10-05T10:01:00Z,60,ANSWERED\n"
        )
    };
    // More than a batch, so that it has begun to store.
    let many: String = (0..21_000).map(line).collect();
    input.write_all(many.as_bytes()).expect("it reads");
    while begun(&db).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.freeze();
    input.write_all(line(30_000).as_bytes()).expect("it reads");
    drop(input);
    let output = tokio::task::spawn_blocking(|| importing.wait_with_output());
    let output =
        tokio::time::timeout(PATIENCE, output).await.expect("it ends").expect("no panic").expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("the database does not answer"), "{said}");
    relay.thaw();
}

async fn begun(db: &TestApp) -> usize {
    let mut tx = db.app.db.read().await.expect("a transaction");
    tx.rows("select import_id from imports", &[]).await.expect("rows").len()
}

/// What the server itself refuses: no room, only reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_or_that_only_reads_is_told_as_unavailable() {
    let db = app(Engine::Postgres).await;
    let full = "create function full_disk() returns trigger language plpgsql as
                  $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
                create trigger full_disk before insert or update on customers execute function full_disk();
                create trigger full_disk before insert or update on program_time execute function full_disk()";
    let script = async |sql: &str| {
        let mut tx = db.app.db.begin().await.expect("a transaction");
        tx.script(sql).await.expect("it runs");
        tx.commit().await.expect("it commits");
    };
    script(full).await;
    let customer: Value =
        json!({"reference": "C-1", "currency": "EUR", "party": {"name": "C", "country": "DE"}});
    let answer = db.post_json("/v1/customers", &customer).await;
    assert_unavailable(&answer);
    assert_eq!(
        (&answer.headers[header::RETRY_AFTER], db.get("/v1/customers").await.status.as_u16()),
        (&"60".parse().unwrap(), 200)
    );
    let ready = db.get("/readyz").await;
    assert!(ready.status == 503 && ready.body.to_string().contains("has no room"), "{ready:?}");
    script("drop trigger full_disk on customers; drop trigger full_disk on program_time").await;
    assert_eq!(db.get("/readyz").await.status, 200);
    let name = db.url.rsplit('/').next().expect("a name").to_owned();
    script(&format!("alter database {name} set default_transaction_read_only = on")).await;
    let relay = Relay::to(&db.url).await;
    let config = Config::from_toml("").expect("the defaults are sound");
    // It was in order before the server that only reads took over.
    let reading = App::open(&relay.url(), Clock::fixed(now()), config).await.map(|_| ()).unwrap_err();
    assert!(reading.to_string().contains("read-only transaction"), "{reading}");
    let app = App { db: Db::open(&relay.url()).await.expect("the database opens"), ..db.app.clone() };
    assert_unavailable(&ask(&app, json_request("/v1/customers", &customer)).await);
}
