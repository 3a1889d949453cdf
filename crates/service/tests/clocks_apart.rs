//! Do the books add up that programs keep together whose clocks differ? What builds on a deed comes after it, whatever they say.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::{check, invoices};

use crate::right_bills::{berliner, call, credit_call, issue, lines, text};
use crate::support::account::{Account, id_of, payment};
use crate::support::charging::{Caller, UK, second_clock};
use crate::support::cycle::{import, provider};
use crate::support::{Answer, TestApp, json_request, on_both_databases, send};

/// A second program on the database, whose clock is so many minutes behind the first one's.
async fn behind(db: &TestApp, minutes: i64) -> App {
    let clock = second_clock(db.app.clock.now() - SignedDuration::from_mins(minutes));
    // Its ids are its own.
    clock.count_from(minutes * 1_000_000);
    let mut app = App::open(&db.url, clock, (*db.app.config).clone()).await.unwrap();
    app.access = db.app.access.clone();
    app
}

/// Posts to a program, which must do it.
async fn post(app: &App, path: &str, body: Value) -> Value {
    let Answer { status, body, .. } = send(app.clone(), json_request(path, &body)).await;
    assert!(status.is_success(), "{path}: {status} {body}");
    body
}

async fn assert_sound(app: &App) {
    let report = check::verify(&mut app.db.read().await.unwrap(), app).await.unwrap();
    assert!(report.faults.is_empty(), "{:#?}", report.faults);
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// What an invoice asked for when it was issued.
async fn asked(account: &Account<'_>, invoice: &Value) -> String {
    let mut tx = account.db.app.db.read().await.unwrap();
    let stored = invoices::by_id(&mut tx, account.id, id_of(invoice)).await.unwrap().unwrap();
    let drawing = invoices::drawing(&mut tx, &stored, true).await.unwrap();
    drawing.settlement.open.to_text(2)
}

on_both_databases! {
    async fn what_a_program_behind_records_comes_after_the_invoice(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 100)]).await;
        let invoice = issue(&account, "2026-10").await;
        let (path, of) = (&account.path, format!("{}/invoices/{}", account.path, text(&invoice, "id")));
        let (little, much) = (behind(&db, 30).await, behind(&db, 50).await);
        let issued_at = instant(&invoice["issued_at"]);

        let paid = post(&little, &format!("{path}/payments"), payment("b1", "2.00")).await;
        assert_sound(&db.app).await;
        assert_eq!(asked(&account, &invoice).await, "14.28");
        let reverse = format!("{path}/payments/{}/reverse", text(&paid, "id"));
        let reversed = post(&much, &reverse, json!({"reason": "bounced"})).await;
        assert!(instant(&reversed["payment"]["reversal"]["reversed_at"]) > instant(&paid["recorded_at"]), "{reversed}");
        assert_sound(&db.app).await;

        let credits = json!({"call": {"source": "switch", "record_id": "c1"}});
        let note = post(&little, &format!("{of}/credit-notes"), json!({"reason": "never made", "credits": credits})).await;
        assert!(instant(&note["issued_at"]) > issued_at, "{note}");
        assert_sound(&db.app).await;
        let back = format!("{path}/credit-notes/{}/take-back", text(&note, "id"));
        let taken = post(&much, &back, json!({"reason": "it was made"})).await;
        assert!(instant(&taken["issued_at"]) > instant(&note["issued_at"]), "{taken}");
        assert_sound(&db.app).await;

        let contested = json!({"about": {"invoice": {"number": text(&invoice, "number")}}, "reason": "not mine"});
        let dispute = post(&little, &format!("{path}/disputes"), contested).await;
        assert!(instant(&dispute["opened_at"]) > issued_at, "{dispute}");
        let settle = format!("{path}/disputes/{}/settle", text(&dispute, "id"));
        let settled = post(&much, &settle, json!({"outcome": "rejected"})).await;
        assert!(instant(&settled["settlement"]["settled_at"]) > instant(&dispute["opened_at"]), "{settled}");

        let written = post(&much, &format!("{of}/write-off"), json!({"reason": "insolvent"})).await;
        assert!(instant(&written["written_at"]) > issued_at, "{written}");
        let recovering = json!({"reference": "b2", "amount": "1.00", "currency": "EUR", "paid_on": "2026-11-04",
            "invoice": text(&invoice, "number")});
        post(&little, &format!("{path}/payments"), recovering).await;
        assert_sound(&db.app).await;
        assert_eq!(asked(&account, &invoice).await, "14.28");
    }

    async fn a_month_is_invoiced_anew_by_a_program_behind(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 100), call("c2", "2026-10-06T10:00:00Z", 50)]).await;
        let first = issue(&account, "2026-10").await;
        assert_eq!(credit_call(&account, &first, "c2").await, "1.00");
        let whole = json!({"reason": "wrong name", "credits": "whole"});
        let void = post(&db.app, &format!("{}/invoices/{}/credit-notes", account.path, text(&first, "id")), whole).await;
        let little = behind(&db, 30).await;
        let anew = post(&little, &format!("{}/invoices", account.path), json!({"month": "2026-10"})).await;
        assert_eq!(lines(&anew)[1], ("usage".to_owned(), "2.00".to_owned()), "{anew}");
        assert!(instant(&anew["issued_at"]) >= instant(&void["issued_at"]), "{anew}");
        assert_sound(&db.app).await;
        // What is credited of it afterwards was on it.
        let credits = json!({"call": {"source": "switch", "record_id": "c1"}});
        let much = behind(&db, 50).await;
        let of = format!("{}/invoices/{}/credit-notes", account.path, text(&anew, "id"));
        let note = post(&much, &of, json!({"reason": "never made", "credits": credits})).await;
        assert!(instant(&note["issued_at"]) > instant(&anew["issued_at"]), "{note}");
        assert_sound(&db.app).await;
    }

    async fn a_call_that_another_program_opened_is_extended_and_ended_by_one_behind(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("10.00").await;
        let session = caller.granted("a", UK, 120).await;
        let path = format!("/v1/charging/sessions/{}", text(&session, "session_id"));
        let (little, much) = (behind(&db, 30).await, behind(&db, 50).await);
        for (sequence, used) in [(1, 100), (2, 300), (3, 600)] {
            let more = json!({"sequence": sequence, "used_seconds": used, "requested_seconds": 300});
            post(&little, &format!("{path}/update"), more).await;
        }
        let ended = post(&much, &format!("{path}/release"), json!({"sequence": 4, "used_seconds": 700})).await;
        assert_eq!((&ended["used_seconds"], &ended["state"]), (&json!(700), &json!("released")), "{ended}");
        let mut tx = db.app.db.read().await.unwrap();
        let sql = "select count(*) as early from charging_sessions where closed_at < opened_at";
        assert_eq!(tx.counted(sql, &[], "early").await.unwrap(), 0);
        drop(tx);
        assert_sound(&db.app).await;
    }

    async fn credit_of_a_program_behind_pays_what_was_issued_by_one_ahead(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        let first = issue(&account, "2026-10").await;
        let little = behind(&db, 30).await;
        // More than is open: the rest is credit, which pays the next invoice as it is issued.
        post(&little, &format!("{}/payments", account.path), payment("b1", "15.00")).await;
        let second = post(&little, &format!("{}/invoices", account.path), json!({"month": "2026-11"})).await;
        assert_eq!([asked(&account, &first).await, asked(&account, &second).await], ["11.90", "8.80"]);
        assert_sound(&db.app).await;
    }
}
