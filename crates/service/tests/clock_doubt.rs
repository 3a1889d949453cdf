//! What waits while the time is in doubt, what goes on, and when is it over?

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::db::{Db, Ts};
use tollbook::error::Error;
use tollbook::{jobs, retention, timekeeping};

use crate::support::account::Account;
use crate::support::charging::{Caller, UK, ask, release, released, second_clock};
use crate::support::cycle::{at, customer, invoices_of, provider, round_at};
use crate::support::program::{done, tollbook};
use crate::support::{Engine, TestApp, empty_database, on_both_databases};

const OCTOBER: &str = "2026-10-20T12:00:00Z";

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A customer whose September is billed.
async fn billed(db: &TestApp) -> Account<'_> {
    provider(db).await;
    let more = json!({"bill_from": "2026-08-31T22:00:00Z"});
    let account = customer(db, "B-1", "Europe/Berlin", ("Ten", "2026-08-31T22:00:00Z"), more).await;
    round_at(db, at(OCTOBER)).await;
    assert_eq!(invoices_of(&account).await.len(), 1);
    account
}

/// Why a round does not do all that is due.
async fn doubt(app: &App) -> String {
    match jobs::round(app).await {
        Err(Error::Clock(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn second_program(db: &TestApp, now: Timestamp) -> App {
    let config = Config::from_toml("").expect("the defaults are sound");
    App::open(&db.url, second_clock(now), config).await.expect("the database opens")
}

on_both_databases! {
    async fn a_leap_bills_no_month_that_has_not_ended_and_is_over_by_itself(db: TestApp) {
        let account = billed(&db).await;
        for leap in [days(20), days(400), days(-3)] {
            db.app.clock.set_wrong_by(leap);
            let why = doubt(&db.app).await;
            assert!(why.contains("this machine's clock leapt") && why.contains("tollbook clock accept"), "{why}");
            let answer = db.post_json(&format!("{}/invoices", account.path), &json!({"month": "2026-10"})).await;
            assert_eq!((answer.status.as_u16(), &answer.body["type"]), (503, &json!("/problems/clock-in-doubt")), "{answer:?}");
            assert!(matches!(retention::purge(&db.app).await, Err(Error::Clock(_))));
            let ready = db.get("/readyz").await;
            assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &json!("degraded")), "{ready:?}");
            assert!(ready.body.to_string().contains("expiry and purging wait"), "{ready:?}");
            let metrics = db.app.db.metrics().text();
            assert!(metrics.contains("tollbook_clock_in_doubt 1"), "{metrics}");
        }
        db.app.clock.set_wrong_by(SignedDuration::ZERO);
        jobs::round(&db.app).await.unwrap();
        assert_eq!((db.app.clock.now(), invoices_of(&account).await.len()), (at(OCTOBER), 1));
        assert_eq!(db.get("/readyz").await.body["status"], "ready");
    }

    async fn a_leap_that_is_accepted_is_the_time_for_every_program(db: TestApp) {
        let account = billed(&db).await;
        // Both have run since before the leap.
        let other = second_program(&db, at(OCTOBER)).await;
        jobs::round(&other).await.unwrap();
        db.app.clock.set_wrong_by(days(20));
        other.clock.set_wrong_by(days(20));
        doubt(&db.app).await;
        doubt(&other).await;
        assert_eq!(timekeeping::accept(&other).await.unwrap(), at(OCTOBER) + days(20));
        jobs::round(&db.app).await.unwrap();
        assert_eq!((db.app.clock.now(), invoices_of(&account).await.len()), (at(OCTOBER) + days(20), 2));
        // What was accepted then says nothing of another leap.
        db.app.clock.set_wrong_by(days(60));
        doubt(&db.app).await;
        assert_eq!(invoices_of(&account).await.len(), 2);
    }

    async fn a_program_that_begins_after_a_leap_doubts_what_one_before_doubts(db: TestApp) {
        let account = billed(&db).await;
        // It knows no other time than that of after the leap.
        let begun_after = async || {
            let app = second_program(&db, at(OCTOBER)).await;
            app.clock.set_wrong_by(days(20));
            app.clock.accept();
            app
        };
        let leaps = async || {
            db.app.clock.set_wrong_by(days(20));
            doubt(&db.app).await;
        };
        leaps().await;
        let why = doubt(&begun_after().await).await;
        assert!(why.contains("this machine's clock leapt forward by 480 h"), "{why}");
        // It is over by itself when the clock is right again, for whoever begins then too.
        let begun = begun_after().await;
        begun.clock.set_wrong_by(SignedDuration::ZERO);
        jobs::round(&begun).await.unwrap();
        assert_eq!(begun.clock.now(), at(OCTOBER));
        leaps().await;
        db.app.clock.set_wrong_by(SignedDuration::ZERO);
        jobs::round(&db.app).await.unwrap();
        assert!(timekeeping::doubt(&begun_after().await).await.unwrap().is_none());
        // Or when somebody accepts it.
        leaps().await;
        timekeeping::accept(&begun_after().await).await.unwrap();
        assert!(timekeeping::doubt(&begun_after().await).await.unwrap().is_none());
        jobs::round(&db.app).await.unwrap();
        assert_eq!(invoices_of(&account).await.len(), 2);
    }

    async fn a_clock_behind_the_work_that_was_done_is_in_doubt(db: TestApp) {
        billed(&db).await;
        let behind = second_program(&db, at(OCTOBER) - days(2)).await;
        let why = doubt(&behind).await;
        assert!(why.contains("is behind the work that was done at 2026-10-20T12:00:00Z"), "{why}");
        timekeeping::accept(&behind).await.unwrap();
        jobs::round(&behind).await.unwrap();
        // Within the tolerance a clock may be behind another's.
        let little = second_program(&db, at(OCTOBER) - days(2) - SignedDuration::from_mins(30)).await;
        jobs::round(&little).await.unwrap();
    }

    async fn calls_are_charged_while_the_time_is_in_doubt(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("10.00").await;
        let before = caller.granted("a", UK, 120).await;
        for leap in [days(30), days(-30)] {
            db.app.clock.set_wrong_by(leap);
            let asked = caller.call(&format!("b{leap}"), UK, json!({"requested_seconds": 60}));
            let session = ask(&db, &asked).await;
            assert_eq!(session.status, 201, "{session:?}");
            assert_eq!(released(&db, &session.body, 1, 0).await["state"], "released");
        }
        assert_eq!(released(&db, &before, 1, 0).await["state"], "released");
    }

    async fn the_end_of_a_call_is_heard_whatever_the_clocks_say(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("10.00").await;
        // Our clock, or the switch's, is years wrong: more is said to be used than time has gone by since the grant.
        let session = caller.granted("a", UK, 120).await;
        let settled = released(&db, &session, 1, 7200).await;
        assert_eq!((&settled["used_seconds"], &settled["state"]), (&json!(120), &json!("released")), "{settled}");
        let session = caller.granted("b", UK, 120).await;
        let path = format!("/v1/charging/sessions/{}/release", session["session_id"].as_str().unwrap());
        let answer = db.post_json(&path, &json!({"sequence": 1, "used_seconds": 0, "answered_at": "1970-01-01T00:00:10Z"})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["used_seconds"]), (200, &json!(0)), "{answer:?}");
        // Less than was reported before is no matter of clocks.
        let session = caller.granted("c", UK, 120).await;
        crate::support::charging::pass(&db, 100);
        crate::support::charging::extended(&db, &session, 1, 60, 120).await;
        assert_eq!(release(&db, &session, 2, 30).await.status, 422);
        crate::support::charging::assert_adds_up(&db).await;
    }

    async fn the_time_is_shown_and_accepted_by_command(db: TestApp) {
        let said = done(&db.url, &["clock"]);
        assert!(said.contains("this machine  ") && said.contains("the time is believed"), "{said}");
        assert!(done(&db.url, &["clock", "accept"]).contains("is accepted as the time"));
        let shown: serde_json::Value = serde_json::from_str(&done(&db.url, &["--json", "clock"])).unwrap();
        assert!(shown["doubt"].is_null() && shown["seen_at"].is_string(), "{shown}");
        assert_eq!(shown["database"].is_string(), db.url.starts_with("postgres"), "{shown}");
        // Work was done in a year that has not come.
        let ahead = Clock::system().now() + days(500);
        let app = second_program(&db, ahead).await;
        jobs::round(&app).await.unwrap();
        let refused = tollbook(&db.url, &["clock"]);
        assert!(!refused.status.success(), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stdout).contains("is behind the work that was done"), "{refused:?}");
        let refused = tollbook(&db.url, &["work", "--once"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("the time is in doubt"), "{refused:?}");
        done(&db.url, &["clock", "accept"]);
        done(&db.url, &["work", "--once"]);
    }
}

/// The program as on a machine whose clock shows another time.
fn at_another_time(shown: &str, url: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("faketime");
    command.args(["-f", shown, env!("CARGO_BIN_EXE_tollbook"), "--database-url", url]).args(arguments);
    let output = command.output().expect("faketime runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A program that goes on working while the clock that it sees leaps to whatever is written into a file.
fn working(shown: &Path, url: &str) -> Child {
    let environment = Command::new("faketime").args(["-f", "+0d", "env"]).output().expect("faketime runs");
    let environment = String::from_utf8(environment.stdout).expect("the environment is text");
    let library =
        environment.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=")).expect("it is loaded");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", shown);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.args(["--database-url", url, "--set", "jobs.every_seconds=1", "work"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_learns_that_the_clock_leapt_from_a_program_that_ran_before() {
    let (url, _database) = empty_database(Engine::Sqlite).await;
    done(&url, &["work", "--once"]);
    // Nobody runs, and nobody saw it leap: the last program knew where the clock was.
    let (believed, said) = at_another_time("+40d", &url, &["bill", "--month", "2026-10"]);
    assert!(!believed && said.contains("this machine's clock leapt forward by 9"), "{said}");
    done(&url, &["work", "--once"]);
    let shown = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(shown.path(), "+0d").expect("it can be written");
    let mut program = working(shown.path(), &url);
    let db = Db::open(&url).await.expect("the database opens");
    let counted = async |condition: &str| {
        let mut tx = db.read().await.expect("a transaction");
        let sql = format!("select count(*) as rows from program_time where {condition}");
        tx.counted(&sql, &[], "rows").await.expect("it is counted")
    };
    let now = Clock::system().now().as_microsecond();
    while counted(&format!("seen_at > {now}")).await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    std::fs::write(shown.path(), "+40d").expect("it can be written");
    while counted("expected_boot is not null").await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The next one knows it though that has ended.
    program.kill().expect("it can be killed");
    program.wait().expect("it has ended");
    let credit = ["credit", "INV-2026-000001", "--reason", "Line was down"];
    for arguments in [&["work", "--once"][..], &["bill", "--month", "2026-10"], &["purge"], &credit] {
        let (done, said) = at_another_time("+40d", &url, arguments);
        assert!(
            !done && said.contains("this machine's clock leapt forward by 960 h"),
            "{arguments:?}: {said}"
        );
    }
    let (believed, said) = at_another_time("+40d", &url, &["clock"]);
    assert!(!believed && said.contains("leapt forward"), "{said}");
    assert!(at_another_time("+40d", &url, &["clock", "accept"]).0);
    assert!(at_another_time("+40d", &url, &["work", "--once"]).0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_beside_that_of_the_database_server_bills_nothing() {
    let db = crate::support::app(Engine::Postgres).await;
    done(&db.url, &["work", "--once"]);
    // Nothing is known of where the clock was: only the database says it.
    let forgotten = "update program_time set expected_boot = null, expected_ahead = null";
    for (shown, how) in
        [("+2d", "ahead of the database's"), ("-2d", "behind the database's"), ("+2h", "ahead of")]
    {
        let mut tx = db.app.db.begin().await.unwrap();
        tx.execute(forgotten, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let (done, said) = at_another_time(shown, &db.url, &["work", "--once"]);
        assert!(!done && said.contains("the time is in doubt") && said.contains(how), "{shown}: {said}");
        let (believed, said) = at_another_time(shown, &db.url, &["clock"]);
        assert!(!believed && said.contains(how) && said.contains("tollbook clock accept"), "{shown}: {said}");
    }
    assert!(at_another_time("+30m", &db.url, &["work", "--once"]).0);
    // Nor does it remove what has expired by that clock alone, or date a seal.
    done(&db.url, &["client", "add", "switch", "--role", "switch"]);
    let mut tx = db.app.db.begin().await.unwrap();
    let token = "insert into access_tokens (token_hash, client_id, scopes, issued_at, expires_at)
                 select $1, client_id, '[]', $2, $3 from clients";
    let now = Clock::system().now();
    let expires_at = now + SignedDuration::from_hours(1);
    tx.execute(token, &[&vec![1_u8; 32], &Ts(now), &Ts(expires_at)]).await.unwrap();
    tx.commit().await.unwrap();
    let kept = async || {
        let mut tx = db.app.db.read().await.unwrap();
        let tokens = tx.counted("select count(*) as tokens from access_tokens", &[], "tokens").await.unwrap();
        (tokens, tx.counted("select count(*) as seals from seals", &[], "seals").await.unwrap())
    };
    let before = kept().await;
    assert!(!at_another_time("+3h", &db.url, &["work", "--once"]).0);
    assert_eq!((kept().await, before.0), (before, 1));
    // Which of the two clocks is wrong, somebody must know.
    let (accepted, said) = at_another_time("+3h", &db.url, &["clock", "accept"]);
    assert!(
        !accepted && said.contains("one of the two is wrong") && said.contains("--database-is-wrong"),
        "{said}"
    );
    done(&db.url, &["work", "--once"]);
    let (accepted, said) = at_another_time("+3h", &db.url, &["clock", "accept", "--database-is-wrong"]);
    assert!(accepted && said.contains("is accepted as the time"), "{said}");
    assert!(at_another_time("+3h", &db.url, &["work", "--once"]).0);
    let (believed, said) = at_another_time("+6h", &db.url, &["clock"]);
    assert!(!believed && said.contains("leapt forward by"), "{said}");
    // Whose clock agrees with the wrong one is beside what was accepted, until the right one is there.
    assert!(String::from_utf8_lossy(&tollbook(&db.url, &["clock"]).stdout).contains("leapt back by"));
    done(&db.url, &["clock", "accept"]);
    done(&db.url, &["work", "--once"]);
    let (done, said) = at_another_time("2023-05-01 10:00:00", &db.url, &["work", "--once"]);
    assert!(!done && said.contains("before 2024"), "{said}");
}
