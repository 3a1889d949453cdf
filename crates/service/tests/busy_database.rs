//! Does the program get by with an SQLite file that another program holds, or that has no room?

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::http::header;
use jiff::SignedDuration;
use serde_json::json;
use tokio::task::JoinSet;
use tollbook::app::App;
use tollbook::config::Config;

use crate::support::charging::{Caller, UK, record, second_clock};
use crate::support::{Answer, Engine, TestApp, app, json_request, now, send};

/// The same program, with less patience.
async fn impatient(db: &TestApp) -> App {
    let config = Config::from_toml("[database]\nwait_seconds = 1\n").expect("the settings are sound");
    let app = App::open(&db.url, second_clock(now()), config).await.expect("the database opens");
    let access = app.access.clone().without_authentication();
    App { access, ..app }
}

fn assert_unavailable(answer: &Answer, retry_after: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["type"]),
        (503, &json!("/problems/unavailable")),
        "{answer:?}"
    );
    assert_eq!(answer.headers[header::RETRY_AFTER], retry_after, "{answer:?}");
}

fn check(ready: &Answer, name: &str) -> String {
    let checks = ready.body["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.map_or_else(|| panic!("{ready:?}"), |check| check["status"].as_str().expect("a text").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_program_writes_to_is_waited_for_and_told() {
    let db = app(Engine::Sqlite).await;
    Caller::first(&db).await;
    let other = impatient(&db).await;
    let held = db.app.db.begin().await.expect("a transaction");
    let customer = json!({"reference": "C-9", "currency": "EUR", "party": {"name": "C", "country": "DE"}});
    let call =
        |called: &str| json!({"call_id": "c", "calling_number": "+493023125001", "called_number": called});
    let ask = async |path: &str, body| send(other.clone(), json_request(path, &body)).await;
    assert_unavailable(&ask("/v1/customers", customer.clone()).await, "5");
    assert_unavailable(&ask("/v1/charging/sessions", call(UK)).await, "5");
    assert_eq!(ask("/v1/charging/sessions", call("112")).await.status, 201);
    let get = |path: &str| axum::http::Request::get(path).body(axum::body::Body::empty()).expect("a path");
    assert_eq!(send(other.clone(), get("/v1/customers")).await.status, 200);
    // Whoever waits for others is not sent away. A machine with much to do may take a second for less.
    let mut ready = send(other.clone(), get("/readyz")).await;
    for _ in 0..10 {
        if ready.status != 200 {
            ready = send(other.clone(), get("/readyz")).await;
        }
    }
    assert_eq!((ready.status.as_u16(), check(&ready, "writing")), (200, "degraded".to_owned()));
    drop(held);
    // What was noted meanwhile is written first.
    let mut tries = 0;
    while ask("/v1/customers", customer.clone()).await.status != 201 {
        tries += 1;
        assert!(tries < 30, "the file is free");
    }
    assert_eq!(check(&send(other.clone(), get("/readyz")).await, "writing"), "ready");
}

/// Runs a command on a held file: it says so while it waits, and does what it is asked once the file is let go of.
fn assert_waits(url: &str, arguments: &[&str], let_go: impl FnOnce()) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.args(["--database-url", url]).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = command.spawn().expect("the program runs");
    let mut said = String::new();
    BufReader::new(program.stderr.take().expect("it is piped")).read_line(&mut said).expect("it is text");
    let_go();
    assert!(
        said.contains("another program holds the database's file: it is waited for"),
        "{arguments:?}: {said}"
    );
    assert!(program.wait().expect("it ends").success(), "{arguments:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_says_that_it_waits_for_the_file() {
    let db = app(Engine::Sqlite).await;
    for arguments in [&["check"][..], &["ageing"], &["--json", "jobs"], &["migrate"]] {
        let held = db.app.db.begin().await.expect("a transaction");
        assert_waits(&db.url, arguments, || drop(held));
    }
    // One that lets nobody read either.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("held.db");
    for arguments in [&["ageing"][..], &["config", "check"]] {
        let other = rusqlite::Connection::open(&path).expect("it opens");
        let hold = "pragma locking_mode = exclusive; begin exclusive; create table if not exists other (a)";
        other.execute_batch(hold).expect("the file is free");
        assert_waits(&format!("sqlite://{}", path.display()), arguments, || drop(other));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_room_is_told_and_takes_more_when_there_is_room() {
    let db = app(Engine::Sqlite).await;
    let limit = async |pages: &str| {
        let mut tx = db.app.db.begin().await.expect("a transaction");
        tx.script(&format!("pragma max_page_count = {pages}")).await.expect("it runs");
        tx.commit().await.expect("it commits");
    };
    let customer = |number: usize| {
        let party = json!({"name": "C".repeat(190), "country": "DE", "street": "S".repeat(190)});
        json!({"reference": format!("C-{number}"), "currency": "EUR", "party": party})
    };
    limit("1").await; // As small as it is now.
    let mut refused = None;
    for number in 0..200 {
        let answer = db.post_json("/v1/customers", &customer(number)).await;
        if answer.status != 201 {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, answer) = refused.expect("the file fills up");
    assert_unavailable(&answer, "60");
    assert!(answer.body["detail"].as_str().expect("a text").contains("no room"), "{answer:?}");
    assert_eq!(db.get("/v1/customers").await.status, 200);
    limit("1000000").await;
    assert_eq!(db.post_json("/v1/customers", &customer(number)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_another_holds_is_not_waited_for_without_end() {
    let db = app(Engine::Postgres).await;
    let caller = Caller::first(&db).await;
    let other = impatient(&db).await;
    let mut held = db.app.db.begin().await.expect("a transaction");
    held.rows("select customer_id from customers for update", &[]).await.expect("the rows are free");
    held.rows("select customer_id from charging_accounts for update", &[]).await.expect("the rows are free");
    let top_up = json!({"reference": "t-1", "amount": "1.00", "currency": "EUR"});
    let path = format!("{}/top-ups", caller.path);
    let answer = send(other.clone(), json_request(&path, &top_up)).await;
    assert_unavailable(&answer, "1");
    // Who asks for nothing that is held is served.
    let get = axum::http::Request::get("/v1/plans").body(axum::body::Body::empty()).expect("a path");
    assert_eq!(send(other.clone(), get).await.status, 200);
    held.commit().await.expect("the rows are let go of");
    let answer = send(other, json_request(&path, &top_up)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Longer than anything here may take: a test that waits so long has found a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for all that one may ask for at once: a top-up, a call, and to charge a record; by itself, and in a batch.
async fn ask_for(app: App, caller: (String, String), nth: i64) -> [Answer; 3] {
    let (path, line) = caller;
    let top_up = json!({"reference": format!("{line}-{nth}"), "amount": "1.00", "currency": "EUR"});
    let call = json!({"call_id": format!("{line}-{nth}"), "calling_number": line, "called_number": UK});
    let answered = now() - SignedDuration::from_hours(nth + 1);
    let told = |id: &str| record(&format!("{line}-{nth}"), id, &line, UK, answered, 60);
    let of_record = if nth % 2 == 0 {
        json_request("/v1/calls?source=pbx", &told(""))
    } else {
        json_request("/v1/calls:batch?source=pbx", &told(""))
    };
    tokio::join!(
        send(app.clone(), json_request(&format!("{path}/top-ups"), &top_up)),
        send(app.clone(), json_request("/v1/charging/sessions", &call)),
        send(app.clone(), of_record),
    )
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_customer_whose_rows_are_held_keeps_nobody_else_waiting() {
    let db = app(Engine::Postgres).await;
    let held = Caller::first(&db).await;
    let other = Caller::of(&db, "C-5", "Prepaid", "+493023125005").await;
    for caller in [&held, &other] {
        caller.top_up("100.00").await;
    }
    let mut foreign = db.app.db.begin().await.expect("a transaction");
    let rows = "select customer_id from customers where reference = 'C-4' for update";
    foreign.rows(rows, &[]).await.expect("the rows are free");
    let rows =
        "select a.customer_id from charging_accounts a join customers c on c.customer_id = a.customer_id
                where c.reference = 'C-4' for update of a";
    foreign.rows(rows, &[]).await.expect("the rows are free");
    let mut waiting = JoinSet::new();
    for nth in 0..30 {
        waiting.spawn(ask_for(db.app.clone(), (held.path.clone(), held.line.clone()), nth));
    }
    // Top-ups, calls, single records and batches: each wait for the rows.
    let waiting_for_rows = async || {
        let mut tx = db.app.db.read().await.expect("a transaction");
        let sql = "select count(*) as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        tx.counted(sql, &[], "waiting").await.expect("the server tells")
    };
    let all_wait = async {
        while waiting_for_rows().await < 14 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_wait).await.expect("they wait");
    for nth in [0, 2, 4] {
        let caller = (other.path.clone(), other.line.clone());
        let answers = tokio::time::timeout(PATIENCE, ask_for(db.app.clone(), caller, nth));
        for answer in answers.await.expect("others are served") {
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    }
    assert!(waiting.try_join_next().is_none());
    foreign.commit().await.expect("the rows are let go of");
    for answer in waiting.join_all().await.into_iter().flatten() {
        assert!(answer.status.is_success(), "{answer:?}");
    }
}
