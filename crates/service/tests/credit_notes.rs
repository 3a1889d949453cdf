//! Does a credit note give back what it should, once, with the right tax?

use serde_json::{Value, json};
use tollbook::{credit_notes, invoices};

use crate::calls::assert_adds_up;
use crate::support::account::Account;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{Answer, TestApp, on_both_databases};

/// Credits something of an invoice.
async fn credit(account: &Account<'_>, invoice: &Value, credits: Value) -> Answer {
    let path = format!("{}/invoices/{}/credit-notes", account.path, invoice["id"].as_str().unwrap());
    account.db.post_json(&path, &json!({"reason": "The line was out of order", "credits": credits})).await
}

/// Number, net, tax and gross of what was credited.
fn sums(answer: &Answer) -> [String; 4] {
    assert_eq!(answer.status, 201, "{answer:?}");
    let note = &answer.body["credit_note"];
    ["number", "net", "tax", "gross"].map(|name| note[name].as_str().unwrap().to_owned())
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.body["detail"].as_str().unwrap_or_default().to_owned())
}

async fn assert_credits_add_up(db: &TestApp) {
    assert_adds_up(db).await;
    let mut tx = db.app.db.read().await.unwrap();
    let notes = credit_notes::verify(&mut tx).await.unwrap();
    let ledger = tollbook::ledger::verify(&mut tx).await.unwrap();
    let payments = tollbook::payments::verify(&mut tx).await.unwrap();
    assert!(notes.credit_notes > 0, "nothing was credited");
    assert_eq!([notes.faults, ledger.faults, payments.faults].concat(), [""; 0]);
}

on_both_databases! {
    async fn a_whole_invoice_is_voided_by_its_credit_note(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let note = credit(&account, &invoice, json!("whole")).await;
        assert_eq!(sums(&note), ["CN-2026-000001", "9.90", "1.88", "11.78"]);
        let corrects = &note.body["credit_note"]["corrects"];
        assert_eq!(corrects["number"], "INV-2026-000001");
        assert_eq!(corrects["reason"], "The line was out of order");
        assert_eq!(account.standing(&invoice).await, ("void".to_owned(), "0.00".to_owned()));
        assert_eq!(account.balance().await, ["0.00", "0.00", "0.00", "0.00"]);
        let again = credit(&account, &invoice, json!("whole")).await;
        assert_eq!(refused(&again), (409, "nothing is left to be credited".to_owned()));
        // It reads as JSON, PDF and XML, and is sent.
        let path = format!("{}/credit-notes/{}", account.path, note.body["id"].as_str().unwrap());
        assert_eq!(db.get(&path).await.body, note.body);
        assert_eq!(db.get(&format!("{}/credit-notes", account.path)).await.body, json!([note.body]));
        let pdf = db.get(&format!("{path}/pdf")).await;
        assert_eq!(pdf.headers["content-disposition"], "inline; filename=\"CN-2026-000001.pdf\"");
        let jobs = db.get("/v1/jobs?state=ready").await.body["items"].clone();
        let kinds: Vec<_> = jobs.as_array().unwrap().iter().map(|job| job["job"]["kind"].clone()).collect();
        assert_eq!(kinds, [json!("send_credit_note"), json!("send_invoice")]);
        // What is credited is not billed again.
        db.app.clock.set("2026-12-02T12:00:00Z".parse().unwrap());
        let november = db.get(&format!("{}/invoices/draft?month=2026-11", account.path)).await;
        assert_eq!(november.body["net"], "9.90", "{november:?}");
        assert_credits_add_up(&db).await;
    }

    async fn parts_come_to_exactly_what_was_invoiced(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        // 19 % of 3.30 are 0.627; three times 0.63 would be a cent too much.
        for (number, tax) in [("CN-2026-000001", "0.63"), ("CN-2026-000002", "0.63")] {
            let part = credit(&account, &invoice, json!({"line": {"number": 1, "net": "3.30"}})).await;
            let gross = if tax == "0.63" { "3.93" } else { "3.92" };
            assert_eq!(sums(&part), [number, "3.30", tax, gross]);
        }
        let rest = credit(&account, &invoice, json!({"line": {"number": 1, "net": null}})).await;
        assert_eq!(sums(&rest), ["CN-2026-000003", "3.30", "0.62", "3.92"]);
        let xml = format!("{}/credit-notes/{}/xml", account.path, rest.body["id"].as_str().unwrap());
        assert_eq!(db.get(&xml).await.status, 200, "the cent that was left does not stop the XML");
        assert_eq!(account.standing(&invoice).await, ("void".to_owned(), "0.00".to_owned()));
        assert_credits_add_up(&db).await;
    }

    async fn what_cannot_be_credited_is_refused_and_leaves_nothing(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        for (credits, status, part) in [
            (json!({"line": {"number": 1, "net": "-1.00"}}), 422, "above zero"),
            (json!({"line": {"number": 1, "net": "0.001"}}), 422, "finer"),
            (json!({"line": {"number": 1, "net": "9.91"}}), 409, "only 9.90 is left"),
            (json!({"line": {"number": 0, "net": "1.00"}}), 422, "no line 0"),
            (json!({"line": {"number": 2, "net": "1.00"}}), 422, "no line 2"),
            (json!({"call": {"source": "switch", "record_id": "none"}}), 422, "no such call"),
            (json!("half"), 422, "unknown variant"),
        ] {
            let (was, detail) = refused(&credit(&account, &invoice, credits.clone()).await);
            assert!(was == status && detail.contains(part), "{credits}: {was} {detail}");
        }
        let path = format!("{}/invoices/{}/credit-notes", account.path, invoice["id"].as_str().unwrap());
        let silent = db.post_json(&path, &json!({"reason": " ", "credits": "whole"})).await;
        assert_eq!(refused(&silent).0, 422);
        let other = Account::of(&db, "C-1").await;
        assert_eq!(credit(&other, &invoice, json!("whole")).await.status, 404);
        assert_eq!(db.get(&format!("{}/credit-notes", account.path)).await.body, json!([]));
        assert_eq!(account.standing(&invoice).await, ("open".to_owned(), "11.78".to_owned()));
    }

    async fn disputed_calls_give_back_exactly_their_line(db: TestApp) {
        operator(&db).await;
        // Three calls of 0.03 / 60 a second to Germany for 25 s are 0.0125 each: the line is 0.04.
        let record = |id: &str| Record { to: "+4940123456", seconds: 25, ..Record::new(id) };
        let records = [record("r1"), record("r2"), record("r3"), Record::new("r4")];
        import_text(&db, "switch", &Record::file(&records)).await;
        let account = Account::of(&db, "C-1").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        assert_eq!(invoice["invoice"]["lines"][0]["net"], "0.04", "{invoice}");
        let call = |id: &str| json!({"call": {"source": "switch", "record_id": id}});
        let first = credit(&account, &invoice, call("r1")).await;
        // 0.0375 without one are 0.025: 0.03.
        assert_eq!(sums(&first), ["CN-2026-000001", "0.01", "0.00", "0.01"]);
        let line = &first.body["credit_note"]["lines"][0];
        assert!(line["description"].as_str().unwrap().contains("+4940123456"), "{line}");
        assert_eq!((&line["calls"], &line["seconds"]), (&json!(1), &json!(25)));
        let (status, detail) = refused(&credit(&account, &invoice, call("r1")).await);
        assert_eq!((status, detail.as_str()), (409, "the call was credited before"));
        assert_eq!(sums(&credit(&account, &invoice, call("r2")).await)[1], "0.02");
        assert_eq!(sums(&credit(&account, &invoice, call("r3")).await)[1], "0.01");
        let (status, detail) = refused(&credit(&account, &invoice, call("none")).await);
        assert_eq!((status, detail.as_str()), (422, "the customer made no such call"));
        assert_eq!(sums(&credit(&account, &invoice, json!("whole")).await)[1], "0.04");
        assert_credits_add_up(&db).await;
    }

    async fn a_call_of_another_invoice_is_refused_and_one_priced_by_the_month_gives_its_part(db: TestApp) {
        operator(&db).await;
        let terms = json!({"usage_pricing": [{"name": "Minutes to Germany", "destinations": ["49"],
            "model": "package", "minutes": 10, "price": "1.00"}]});
        create(&db, "/v1/plans", json!({"name": "Packages", "currency": "EUR", "payment": "postpaid",
            "monthly_fee": "0", "tariff": "standard", "terms": terms})).await;
        let account = Account::of(&db, "C-1").await;
        let plan = json!({"plan": "Packages", "valid_from": "2026-10-01T00:00:00Z"});
        create(&db, &format!("{}/subscriptions", account.path), plan).await;
        let german = Record { to: "+4940123456", ..Record::new("g1") };
        let september = Record { start: "2026-09-05T10:00:00Z", ..Record::new("s1") };
        import_text(&db, "switch", &Record::file(&[german, september, Record::new("r1")])).await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let call = |id: &str| json!({"call": {"source": "switch", "record_id": id}});
        // The only call of its package.
        assert_eq!(sums(&credit(&account, &invoice, call("g1")).await)[1], "1.00");
        let (status, detail) = refused(&credit(&account, &invoice, call("s1")).await);
        assert!(status == 422 && detail.contains("not on this invoice"), "{detail}");
        assert_eq!(sums(&credit(&account, &invoice, call("r1")).await)[1], "0.04");
        assert_credits_add_up(&db).await;
    }

    async fn two_that_credit_at_once_do_not_give_back_the_same(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let whole = || credit(&account, &invoice, json!("whole"));
        let (one, two, three) = tokio::join!(whole(), whole(), whole());
        let mut statuses = [one.status.as_u16(), two.status.as_u16(), three.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409]);
        assert_credits_add_up(&db).await;
    }

    async fn an_invoice_is_credited_once_it_has_a_number(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let mut tx = db.app.db.begin().await.unwrap();
        let issued = invoices::issue(&mut tx, &db.app.config, account.id, "2026-10", &db.app.clock).await.unwrap();
        let invoices::Issued::New(id) = issued else { panic!("{issued:?}") };
        tx.commit().await.unwrap();
        let early = credit(&account, &json!({"id": id}), json!("whole")).await;
        assert!(refused(&early).1.contains("no number"), "{early:?}");
    }
}
