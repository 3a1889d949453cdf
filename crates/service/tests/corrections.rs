//! Does a corrected record take the place of a wrong one, whatever became of that meanwhile?

use serde_json::{Value, json};
use tollbook::{credit_notes, invoices, payments};

use crate::calls::assert_adds_up;
use crate::support::account::Account;
use crate::support::charging::{Caller, UK, pass, record, released, send_record};
use crate::support::operator::{Record, import_text, operator};
use crate::support::{Answer, TestApp, now, on_both_databases};

/// A record of ten minutes instead of the 61 seconds that were charged, which waits.
async fn wrong_and_right(db: &TestApp) {
    import_text(db, "switch", &Record::file(&[Record::new("r1")])).await;
    let right = Record { seconds: 600, ..Record::new("r1") };
    assert_eq!(import_text(db, "switch", &Record::file(&[right])).await.suspended, 1);
}

async fn replace(db: &TestApp, source: &str, id: &str) -> Answer {
    let body = json!({"source": source, "record_id": id, "reason": "The switch's clock was wrong"});
    db.post_json("/v1/suspense/replacements", &body).await
}

async fn history(account: &Account<'_>) -> Vec<Value> {
    account.db.get(&format!("{}/calls?limit=500", account.path)).await.body["items"]
        .as_array()
        .unwrap()
        .clone()
}

fn amount(call: &Value) -> &str {
    call["amount"]["amount"].as_str().unwrap_or_default()
}

async fn waits(db: &TestApp) -> usize {
    db.get("/v1/suspense").await.body["items"].as_array().unwrap().len()
}

async fn assert_all_adds_up(db: &TestApp) {
    assert_adds_up(db).await;
    let mut tx = db.app.db.read().await.unwrap();
    let faults = [
        credit_notes::verify(&mut tx).await.unwrap().faults,
        invoices::verify(&mut tx).await.unwrap().faults,
        payments::verify(&mut tx).await.unwrap().faults,
        tollbook::ledger::verify(&mut tx).await.unwrap().faults,
        tollbook::seals::verify(&mut tx).await.unwrap().faults,
        tollbook::prepaid::verify(&mut tx).await.unwrap().faults,
        tollbook::sessions::verify(&mut tx, db.app.clock.now(), 24).await.unwrap().faults,
    ];
    assert_eq!(faults.concat(), [""; 0]);
}

on_both_databases! {
    async fn a_call_that_is_not_invoiced_is_charged_anew(db: TestApp) {
        operator(&db).await;
        wrong_and_right(&db).await;
        let done = replace(&db, "switch", "r1").await;
        assert_eq!(done.status, 201, "{done:?}");
        assert_eq!((amount(&done.body["reversed"]), amount(&done.body["call"])), ("0.04", "0.20"));
        assert_eq!(done.body["credit_note_id"], Value::Null);
        let account = Account::of(&db, "C-1").await;
        let calls = history(&account).await;
        assert_eq!((calls.len(), amount(&calls[0]), &calls[0]["talk_seconds"]), (1, "0.20", &json!(600)));
        let before = &calls[0]["replaces"][0];
        assert_eq!((amount(before), &before["talk_seconds"]), ("0.04", &json!(61)));
        assert_eq!(before["reversed"]["reason"], "The switch's clock was wrong");
        assert_eq!(waits(&db).await, 0);
        // Both records are known from then on.
        for seconds in [61, 600] {
            let again = Record { seconds, ..Record::new("r1") };
            assert_eq!(import_text(&db, "switch", &Record::file(&[again])).await.duplicate, 1, "{seconds}");
        }
        let third = Record { seconds: 120, ..Record::new("r1") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[third])).await.suspended, 1);
        assert_eq!(replace(&db, "switch", "r1").await.status, 201);
        let calls = history(&account).await;
        assert_eq!((calls.len(), amount(&calls[0]), calls[0]["replaces"].as_array().unwrap().len()), (1, "0.04", 2));
        let invoice = account.issue("2026-10", "2026-11-05").await;
        assert_eq!(invoice["invoice"]["net"], "0.04", "{invoice}");
        assert_all_adds_up(&db).await;
    }

    async fn an_invoiced_call_is_credited_and_charged_as_late_usage(db: TestApp) {
        operator(&db).await;
        wrong_and_right(&db).await;
        let account = Account::of(&db, "C-1").await;
        account.issue("2026-10", "2026-11-05").await;
        let done = replace(&db, "switch", "r1").await;
        assert_eq!(done.status, 201, "{done:?}");
        assert_eq!((done.body["call"]["record_id"].as_str(), amount(&done.body["call"])), (Some("r1~2"), "0.20"));
        assert!(done.body["call"]["late_for"].is_string(), "{done:?}");
        let notes = db.get(&format!("{}/credit-notes", account.path)).await.body;
        assert_eq!((&notes[0]["id"], &notes[0]["credit_note"]["net"]), (&done.body["credit_note_id"], &json!("0.04")));
        assert_eq!(notes[0]["number"], "CN-2026-000001");
        let calls = history(&account).await;
        assert_eq!(calls.iter().map(amount).collect::<Vec<_>>(), ["0.20", "0.04"]);
        let reversed = &calls[1]["reversed"];
        assert_eq!((&reversed["replaced_by"], &reversed["credit_note_id"]), (&json!("r1~2"), &done.body["credit_note_id"]));
        for seconds in [61, 600] {
            let again = Record { seconds, ..Record::new("r1") };
            assert_eq!(import_text(&db, "switch", &Record::file(&[again])).await.duplicate, 1, "{seconds}");
        }
        let third = Record { seconds: 120, ..Record::new("r1") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[third])).await.suspended, 1);
        let again = replace(&db, "switch", "r1").await;
        assert_eq!((again.status.as_u16(), again.body["call"]["record_id"].as_str(), amount(&again.body["call"])), (201, Some("r1~2"), "0.04"));
        db.app.clock.set("2026-12-02T12:00:00Z".parse().unwrap());
        let november = account.issue("2026-11", "2026-12-02").await;
        assert_eq!(november["invoice"]["net"], "0.04", "{november}");
        assert_all_adds_up(&db).await;
    }

    async fn allowances_get_back_what_a_wrong_record_took(db: TestApp) {
        operator(&db).await;
        let call = |seconds| Record { from: "+493023125002", to: "+493012345678", seconds, ..Record::new("r1") };
        import_text(&db, "switch", &Record::file(&[call(5_000)])).await;
        import_text(&db, "switch", &Record::file(&[call(60)])).await;
        assert_eq!(replace(&db, "switch", "r1").await.status, 201);
        // 60 s of the 6000 are used.
        let rest = Record { start: "2026-10-06T10:00:00Z", id: "r2".to_owned(), ..call(5_940) };
        import_text(&db, "switch", &Record::file(&[rest])).await;
        let account = Account::of(&db, "C-2").await;
        assert_eq!(history(&account).await.iter().map(amount).collect::<Vec<_>>(), ["0.00", "0.00"]);
        account.issue("2026-10", "2026-11-05").await;
        import_text(&db, "switch", &Record::file(&[call(120)])).await;
        assert_eq!(replace(&db, "switch", "r1").await.status, 201);
        // Of the month it belongs to 60 s are left again, and cost nothing.
        let late = &history(&account).await[0];
        assert_eq!(amount(&history(&account).await.iter().find(|call| call["record_id"] == "r1~2").unwrap().clone()), "0.03", "{late}");
        assert_all_adds_up(&db).await;
    }

    async fn balances_get_back_what_a_wrong_record_took(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        let session = caller.granted("a", UK, 120).await;
        released(&db, &session, 1, 60).await;
        for (call, id) in [("a", "with-session"), ("b", "alone")] {
            let told = |seconds| record(id, call, &caller.line, UK, now(), seconds);
            assert_eq!(send_record(&db, &told(180)).await["outcome"], "charged");
            assert_eq!(send_record(&db, &told(60)).await["reason"], "conflict");
            assert_eq!(replace(&db, "pbx", id).await.status, 201);
        }
        caller.has("0.96", "0.00").await;
        assert_all_adds_up(&db).await;
    }

    async fn a_call_moves_to_the_customer_whose_it_is(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let others = Record { from: "+493023125002", ..Record::new("r1") };
        import_text(&db, "switch", &Record::file(&[others])).await;
        let done = replace(&db, "switch", "r1").await;
        assert_eq!(done.status, 201, "{done:?}");
        let (first, second) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        let (gone, came) = (history(&first).await, history(&second).await);
        assert_eq!((gone.len(), came.len()), (1, 1));
        assert!(gone[0]["reversed"]["reversed_at"].is_string() && came[0]["replaces"].is_null(), "{gone:?} {came:?}");
        let draft = db.get(&format!("{}/invoices/draft?month=2026-10", first.path)).await;
        assert_eq!(draft.status, 404, "{draft:?}");
        let draft = db.get(&format!("{}/invoices/draft?month=2026-10", second.path)).await;
        assert_eq!(draft.body["net"], "9.94", "{draft:?}");
        assert_all_adds_up(&db).await;
    }

    async fn what_cannot_be_replaced_is_refused_and_changes_nothing(db: TestApp) {
        operator(&db).await;
        assert_eq!(replace(&db, "switch", "r1").await.status, 404);
        wrong_and_right(&db).await;
        let no_rate = Record { to: "+33142685300", ..Record::new("r1") };
        let text = format!("{}\n\n\n{}\n", Record::HEADER, no_rate.line());
        import_text(&db, "switch", &text).await;
        let several = replace(&db, "switch", "r1").await;
        assert_eq!((several.status.as_u16(), &several.body["errors"][0]["pointer"]), (422, &json!("/line")), "{several:?}");
        let asked = json!({"source": "switch", "record_id": "r1", "reason": "x", "line": 4});
        let flawed = db.post_json("/v1/suspense/replacements", &asked).await;
        assert_eq!(flawed.status, 409, "{flawed:?}");
        let account = Account::of(&db, "C-1").await;
        assert_eq!(history(&account).await.iter().map(amount).collect::<Vec<_>>(), ["0.04"]);
        let mut tx = db.app.db.begin().await.unwrap();
        tx.execute("update suspense set understood = null", &[]).await.unwrap();
        tx.commit().await.unwrap();
        let asked = json!({"source": "switch", "record_id": "r1", "reason": "x", "line": 2});
        assert_eq!(db.post_json("/v1/suspense/replacements", &asked).await.status, 409);
        assert_all_adds_up(&db).await;
    }

    async fn of_two_files_the_import_tells_which_record_is_right(db: TestApp) {
        operator(&db).await;
        wrong_and_right(&db).await;
        let other = Record { seconds: 300, ..Record::new("r1") };
        import_text(&db, "switch", &Record::file(&[other])).await;
        // Both stand on line 2.
        let several = replace(&db, "switch", "r1").await;
        let items = db.get("/v1/suspense").await.body["items"].clone();
        let right = items.as_array().unwrap().iter().find(|item| item["content"].as_str().unwrap().contains(",600,")).unwrap();
        let detail = several.body["errors"][0]["detail"].as_str().unwrap();
        assert!(several.status == 422 && detail.contains(right["import_id"].as_str().unwrap()), "{several:?}");
        let asked = json!({"source": "switch", "record_id": "r1", "reason": "x", "import_id": right["import_id"]});
        let done = db.post_json("/v1/suspense/replacements", &asked).await;
        assert_eq!((done.status.as_u16(), amount(&done.body["call"])), (201, "0.20"), "{done:?}");
        let blank = json!({"source": "switch", "record_id": "r1", "reason": " "});
        assert_eq!(db.post_json("/v1/suspense/replacements", &blank).await.status, 422);
        assert_all_adds_up(&db).await;
    }

    async fn a_purge_takes_what_was_replaced_as_well(db: TestApp) {
        operator(&db).await;
        wrong_and_right(&db).await;
        assert_eq!(replace(&db, "switch", "r1").await.status, 201);
        let account = Account::of(&db, "C-1").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        account.pay("p", invoice["invoice"]["gross"].as_str().unwrap()).await;
        db.app.clock.set("2027-07-01T12:00:00Z".parse().unwrap());
        let app = db.configured("[retention]\ncall_detail_months = 6\n").unwrap();
        tollbook::retention::purge(&app).await.unwrap();
        let mut tx = db.app.db.read().await.unwrap();
        for table in ["calls", "replaced_calls", "call_replacements"] {
            let row = tx.row(&format!("select count(*) as rows from {table}"), &[]).await.unwrap().unwrap();
            assert_eq!(row.get::<i64>("rows").unwrap(), 0, "{table}");
        }
        drop(tx);
        assert_all_adds_up(&db).await;
    }
}
