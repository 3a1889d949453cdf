//! Does what was kept long enough go, is the rest left alone, and do the books still add up?

use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::db::Ts;
use tollbook::retention::{self, Held, Purged};
use tollbook::{calls, credit_notes, invoices, jobs, seals, sessions};

use crate::disputes::{contested, settled};
use crate::support::account::{Account, faults, payment};
use crate::support::charging::{Caller, UK, released};
use crate::support::operator::{Record, import_text, operator};
use crate::support::program::done;
use crate::support::{TestApp, on_both_databases};

/// September, in Berlin, has been over for six months.
const SIX_MONTHS_LATER: &str = "2027-03-31T22:00:00Z";

/// Moves the clock, and purges with call detail kept for six months.
async fn purge_at(db: &TestApp, at: &str) -> Purged {
    db.app.clock.set(at.parse().unwrap());
    purge_by(db, "call_detail_months = 6").await
}

/// Purges by some settings: what was said before is what is done.
async fn purge_by(db: &TestApp, settings: &str) -> Purged {
    let app = db.configured(&format!("[retention]\n{settings}\n")).unwrap();
    let said = retention::outlook(&app).await.unwrap();
    let purged = retention::purge(&app).await.unwrap();
    assert_eq!(said, purged);
    assert_books_add_up(&app).await;
    purged
}

/// Everything that `tollbook check` proves.
async fn assert_books_add_up(app: &App) {
    let mut tx = app.db.read().await.unwrap();
    let calls = calls::verify(&mut tx, app).await.unwrap().faults;
    let invoices = invoices::verify(&mut tx).await.unwrap().faults;
    let notes = credit_notes::verify(&mut tx).await.unwrap().faults;
    let sessions = sessions::verify(&mut tx, app.clock.now(), 1).await.unwrap();
    assert_eq!(sessions.without_record, [""; 0]);
    let seals = seals::verify(&mut tx).await.unwrap().faults;
    let faults = [calls, invoices, notes, sessions.faults, seals, faults(&mut tx).await].concat();
    assert_eq!(faults, [""; 0]);
}

/// The record ids of a customer's calls, oldest first.
async fn kept(account: &Account<'_>) -> Vec<String> {
    let page = account.db.get(&format!("{}/calls?limit=500", account.path)).await.body;
    let calls = page["items"].as_array().unwrap().iter();
    calls.rev().map(|call| call["record_id"].as_str().unwrap().to_owned()).collect()
}

fn purged_calls(calls: u64) -> Purged {
    Purged { calls, ..Purged::default() }
}

/// C-2, who has 100 minutes, called in September and October; both months are invoiced and paid.
async fn two_months(db: &TestApp) -> Account<'_> {
    operator(db).await;
    let account = Account::of(db, "C-2").await;
    let call =
        |id: &str, start| Record { from: "+493023125002", to: "+493012345678", start, ..Record::new(id) };
    let records = [
        call("september", "2026-09-10T10:00:00Z"),
        // Rang and was answered in October, by Berlin's clocks.
        call("midnight", "2026-09-30T22:00:00Z"),
        call("october", "2026-10-10T10:00:00Z"),
    ];
    import_text(db, "switch", &Record::file(&records)).await;
    account.issue("2026-09", "2026-10-05").await;
    // Came after September was invoiced.
    let late = call("late", "2026-09-20T10:00:00Z");
    import_text(db, "switch", &Record::file(&[late])).await;
    account.issue("2026-10", "2026-11-05").await;
    account.send(payment("p1", "30.00")).await;
    account
}

on_both_databases! {
    async fn call_detail_goes_with_its_month_and_not_a_second_before(db: TestApp) {
        let account = two_months(&db).await;
        assert_eq!(purge_at(&db, "2027-03-31T21:59:59Z").await, Purged::default());
        assert_eq!(purge_at(&db, SIX_MONTHS_LATER).await, purged_calls(1));
        assert_eq!(kept(&account).await, ["late", "midnight", "october"], "the late one is on October's invoice");
        // So it may be contested, and goes with October.
        let dispute = contested(&account, json!({"call": {"source": "switch", "record_id": "late"}})).await;
        settled(&db, &dispute, "withdrawn").await;
        assert_eq!(purge_at(&db, SIX_MONTHS_LATER).await, Purged::default());
        assert_eq!(db.get(&account.path).await.body["calls_kept_from"], "2026-08-31T22:00:00Z".replace("08-31", "09-30"));
        assert_eq!(purge_at(&db, "2027-04-30T22:00:00Z").await, purged_calls(3));
        assert_eq!(kept(&account).await, [""; 0]);
        // Imports know what became of their calls, invoices stay as they are.
        let imports = db.get("/v1/imports").await.body;
        let gone: Vec<_> = imports["items"].as_array().unwrap().iter().map(|import| import["purged"].clone()).collect();
        assert_eq!(gone, [json!(1), json!(3)]);
        let all = db.get(&format!("{}/invoices", account.path)).await.body;
        assert_eq!(all[1]["invoice"]["lines"][1]["calls"], 1, "{all}");
        let told = done(&db.url, &["check"]);
        assert!(told.contains("2 invoices are of months whose detail was purged") && told.contains("all adds up"), "{told}");
    }

    async fn a_record_of_what_was_purged_is_not_charged_again(db: TestApp) {
        let account = two_months(&db).await;
        purge_at(&db, SIX_MONTHS_LATER).await;
        let call = |id: &str, start| Record { from: "+493023125002", start, ..Record::new(id) };
        let again = [
            call("september", "2026-09-10T10:00:00Z"), call("never seen", "2026-09-11T10:00:00Z"),
            Record { to: "+493012345678", ..call("october", "2026-10-10T10:00:00Z") }, call("new", "2027-03-10T10:00:00Z"),
        ];
        let control = import_text(&db, "switch", &Record::file(&again)).await;
        assert_eq!((control.charged, control.duplicate, control.suspended), (1, 1, 2), "{control}");
        let waiting = db.get("/v1/suspense").await.body;
        for record in waiting["items"].as_array().unwrap() {
            assert_eq!(record["reason"], "detail_purged", "{record}");
            assert!(record["message"].as_str().unwrap().contains("the detail of calls of 2026-09 was purged"), "{record}");
        }
        assert_eq!(kept(&account).await, ["late", "midnight", "october", "new"]);
        assert_books_add_up(&db.app).await;
    }

    async fn more_than_goes_in_one_transaction_goes(db: TestApp) {
        operator(&db).await;
        let records: Vec<_> = (0..5_001).map(|number| Record {
            // To an emergency number, so that nothing is to be billed.
            to: "110", start: "2026-09-10T10:00:00Z", ..Record::new(&format!("r{number}"))
        }).collect();
        import_text(&db, "switch", &Record::file(&records)).await;
        assert_eq!(purge_at(&db, SIX_MONTHS_LATER).await, purged_calls(5_001));
    }

    async fn what_is_contested_not_paid_or_not_billed_stays(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        let call = |id: &str, start| Record { start, ..Record::new(id) };
        let records = [call("august", "2026-08-10T10:00:00Z"), call("september", "2026-09-10T10:00:00Z")];
        import_text(&db, "switch", &Record::file(&records)).await;
        let held = |disputes, unbilled, unpaid| Purged {
            held: Held { disputes, unbilled, unpaid }, ..Purged::default()
        };
        assert_eq!(purge_at(&db, SIX_MONTHS_LATER).await, held(0, 1, 0));
        account.issue("2026-08", "2026-09-05").await;
        account.issue("2026-09", "2026-10-05").await;
        assert_eq!(purge_at(&db, SIX_MONTHS_LATER).await, held(0, 0, 1));
        // August is paid, of September a call is contested.
        account.send(payment("p1", "0.05")).await;
        let dispute = contested(&account, json!({"call": {"source": "switch", "record_id": "september"}})).await;
        assert_eq!(purge_by(&db, "call_detail_months = 6\nkeep_unpaid = false").await, Purged { calls: 1, ..held(1, 0, 0) });
        assert_eq!(kept(&account).await, ["september"]);
        account.send(payment("p2", "0.05")).await;
        assert_eq!(purge_at(&db, "2027-09-01T12:00:00Z").await, held(1, 0, 0));
        settled(&db, &dispute, "rejected").await;
        assert_eq!(purge_at(&db, "2027-09-01T12:00:00Z").await, purged_calls(1));
        // What is gone cannot be contested any more.
        let answer = crate::disputes::contest(&account, json!({"call": {"source": "switch", "record_id": "september"}})).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body["detail"].as_str().unwrap().contains("its detail is not kept any more"), "{answer:?}");
    }

    async fn prepaid_calls_lose_their_numbers_and_keep_their_money(db: TestApp) {
        let caller = Caller::first(&db).await;
        db.app.clock.set("2026-09-10T10:00:00Z".parse().unwrap());
        caller.top_up("5.00").await;
        let session = caller.granted("call-1", UK, 600).await;
        released(&db, &session, 1, 61).await;
        let purged = purge_at(&db, SIX_MONTHS_LATER).await;
        assert_eq!(purged, Purged { sessions: 1, ..Purged::default() });
        caller.has("4.96", "0.00").await;
        let shown = db.get(&format!("/v1/charging/sessions/{}", session["session_id"].as_str().unwrap())).await.body;
        assert!(!shown.to_string().contains("44207946") && !shown.to_string().contains("49302312"), "{shown}");
        let mut tx = db.app.db.read().await.unwrap();
        let row = tx.row("select called, line, call_id, answer from charging_sessions", &[]).await.unwrap().unwrap();
        assert_eq!(row.get::<String>("called").unwrap() + &row.get::<String>("answer").unwrap(), "");
        assert_eq!(row.get::<Option<String>>("line").unwrap(), None);
        assert!(row.get::<String>("call_id").unwrap().starts_with("purged "));
    }

    async fn what_belongs_to_no_customer_goes_by_its_age(db: TestApp) {
        operator(&db).await;
        db.app.clock.set("2026-09-10T12:00:00Z".parse().unwrap());
        // Nobody's line, unanswered: it costs nothing; and one that cannot be charged.
        let unanswered = "u1,u1,inbound,+4915112345678,+493099999999,2026-09-10T10:00:00Z,,2026-09-10T10:00:20Z,0,NO_ANSWER";
        let unknown = Record { from: "+493099999999", start: "2026-09-10T10:00:00Z", ..Record::new("u2") };
        let control = import_text(&db, "switch", &format!("{}\n{unanswered}\n{}\n", Record::HEADER, unknown.line())).await;
        assert_eq!((control.free, control.suspended), (1, 1), "{control}");
        db.app.audit.settle().await;
        let plan = json!({"name": "Other", "currency": "EUR", "payment": "postpaid", "tariff": "standard"});
        db.post_json_once("/v1/plans", "k1", &plan).await;
        assert_eq!(purge_at(&db, "2026-12-09T12:00:00Z").await, Purged::default());
        let purged = purge_at(&db, "2026-12-09T12:00:01Z").await;
        assert_eq!(purged, Purged { idempotency_keys: 1, ..Purged::default() }, "after 90 days");
        db.app.clock.set("2027-04-02T00:00:00Z".parse().unwrap());
        let purged = purge_by(&db, "call_detail_months = 6\naudit_months = 6").await;
        // The operator of the tests was made in November; only the last plan is of September.
        assert_eq!(purged, Purged { calls: 1, suspense: 1, audit_entries: 1, ..Purged::default() });
        assert!(db.get("/v1/suspense").await.body["items"].as_array().unwrap().is_empty());
    }

    async fn an_invoice_ends_as_a_number_and_a_total(db: TestApp) {
        let account = two_months(&db).await;
        let all = db.get(&format!("{}/invoices", account.path)).await.body;
        let (october, september) = (&all[0], &all[1]);
        let path = format!("{}/invoices/{}", account.path, september["id"].as_str().unwrap());
        let note = db.post_json(&format!("{path}/credit-notes"), &json!({"reason": "Sorry", "credits": {"line": {"number": 1, "net": "1.00"}}})).await;
        assert_eq!(note.status, 201, "{note:?}");
        let dispute = contested(&account, json!({"invoice": {"number": "INV-2026-000002"}})).await;
        db.app.clock.set("2036-12-31T23:59:59Z".parse().unwrap());
        assert_eq!(purge_by(&db, "invoice_years = 10").await, Purged::default());
        db.app.clock.set("2037-01-02T00:00:00Z".parse().unwrap());
        // October is contested, and so stays whole.
        assert_eq!(purge_by(&db, "invoice_years = 10").await, Purged { documents: 2, ..Purged::default() });
        let left = db.get(&path).await.body;
        assert_eq!(left["purged_at"], "2037-01-02T00:00:00Z");
        for field in ["number", "gross", "net", "tax", "taxes", "issued_on", "due_on", "period", "seller"] {
            assert_eq!(left["invoice"][field], september["invoice"][field], "{field}");
        }
        assert_eq!((&left["invoice"]["lines"], &left["invoice"]["buyer"]["name"]), (&json!([]), &json!("")));
        assert_eq!(left["invoice"]["customer_reference"], "");
        let note_path = format!("{}/credit-notes/{}", account.path, note.body["id"].as_str().unwrap());
        for gone in [&path, &note_path].iter().flat_map(|path| ["pdf", "xml"].map(|kind| format!("{path}/{kind}"))) {
            let answer = db.get(&gone).await;
            assert_eq!(answer.status, 410, "{gone}: {answer:?}");
        }
        let credit = db.post_json(&format!("{path}/credit-notes"), &json!({"reason": "Sorry", "credits": "whole"})).await;
        assert_eq!((credit.status.as_u16(), &credit.body["detail"]), (409, &json!("the invoice's lines are not kept any more")));
        let refused = crate::support::program::failed(&db.url, &["invoice", "INV-2026-000001", "--pdf", "/nonexistent/x.pdf"]);
        assert!(refused.contains("is not kept any more since 2037-01-02"), "{refused}");
        assert_eq!(db.get(&format!("{}/invoices/{}", account.path, october["id"].as_str().unwrap())).await.body["invoice"], october["invoice"]);
        settled(&db, &dispute, "withdrawn").await;
        assert_eq!(purge_by(&db, "invoice_years = 10").await, Purged { documents: 1, ..Purged::default() });
    }

    async fn nothing_goes_unless_a_setting_says_when(db: TestApp) {
        let account = two_months(&db).await;
        db.app.clock.set("2080-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(purge_by(&db, "").await, Purged::default());
        assert_eq!(kept(&account).await.len(), 4);
        let told = done(&db.url, &["purge", "--dry-run"]);
        assert!(told.starts_with("would be removed:\n0 calls"), "{told}");
        let told = done(&db.url, &["--set", "retention.call_detail_months=1", "purge", "--dry-run"]);
        assert!(told.contains("kept for longer: the calls of 0 customers for a dispute"), "{told}");
        let told = done(&db.url, &["--json", "purge"]);
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["calls"], 0, "{told}");
    }

    async fn a_round_of_work_purges(db: TestApp) {
        let account = two_months(&db).await;
        db.app.clock.set(SIX_MONTHS_LATER.parse().unwrap());
        let app = db.configured("[retention]\ncall_detail_months = 6\n").unwrap();
        let round = jobs::round(&app).await.unwrap();
        assert_eq!(round.purged.calls, 1);
        assert!(round.to_string().contains("retention: 1 call and 0 documents removed"), "{round}");
        assert_eq!(kept(&account).await.len(), 3);
    }

    async fn a_purge_that_is_told_to_stop_goes_on_the_next_time(db: TestApp) {
        let account = two_months(&db).await;
        db.app.clock.set(SIX_MONTHS_LATER.parse().unwrap());
        let app = db.configured("[retention]\ncall_detail_months = 6\n").unwrap();
        // It got as far as saying that September goes.
        let mut tx = app.db.begin().await.unwrap();
        let from = Ts("2026-09-30T22:00:00Z".parse().unwrap());
        tx.execute("update customers set calls_kept_from = $1 where customer_id = $2", &[&from, &account.id.0]).await.unwrap();
        tx.commit().await.unwrap();
        assert_books_add_up(&app).await;
        let late = crate::disputes::contest(&account, json!({"call": {"source": "switch", "record_id": "september"}})).await;
        assert_eq!(late.status, 422, "it goes: {late:?}");
        let stopped = App { stopping: tollbook::stopping::Stopping::default(), ..app.clone() };
        stopped.stopping.begin();
        assert_eq!(retention::purge(&stopped).await.unwrap(), Purged::default());
        assert_eq!(retention::purge(&app).await.unwrap(), purged_calls(1));
    }

    async fn programs_that_purge_at_once_remove_each_thing_once(db: TestApp) {
        operator(&db).await;
        let mut records = Vec::new();
        for number in 0..6_000 {
            let from = if number % 2 == 0 { "+493023125001" } else { "+493023125002" };
            records.push(Record { from, to: "110", start: "2026-09-10T10:00:00Z", ..Record::new(&format!("r{number}")) });
        }
        import_text(&db, "switch", &Record::file(&records)).await;
        let unknown: Vec<_> = (0..50).map(|number| Record { from: "+493099999999", ..Record::new(&format!("u{number}")) }).collect();
        import_text(&db, "switch", &Record::file(&unknown)).await;
        db.app.clock.set("2027-06-01T00:00:00Z".parse().unwrap());
        let app = db.configured("[retention]\ncall_detail_months = 6\n").unwrap();
        let (one, two) = (tokio::spawn({ let app = app.clone(); async move { retention::purge(&app).await } }), retention::purge(&app));
        let (one, two) = tokio::join!(one, two);
        let (one, two) = (one.unwrap().unwrap(), two.unwrap());
        assert_eq!((one.calls + two.calls, one.suspense + two.suspense), (6_000, 50));
        assert_books_add_up(&app).await;
    }
}
