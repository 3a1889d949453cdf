//! Are those who want to know told what happened, each thing once, with the deed or not at all?

use serde_json::{Value, json};
use tollbook::calls;

use crate::support::account::{Account, payment};
use crate::support::cycle::{at, customer, line, provider};
use crate::support::operator::{Record, import_text, operator};
use crate::support::purse::prepaid_plan;
use crate::support::receiver::{Receiver, deliver, endpoint, local, stored};
use crate::support::{TestApp, on_both_databases};

/// A receiver that is told of some events.
async fn told(db: &TestApp, events: &[&str]) -> Receiver {
    let receiver = Receiver::willing().await;
    endpoint(&local(db), &receiver.url(), events).await;
    receiver
}

/// Type and data of what it was told, after all that is due was delivered.
async fn heard(db: &TestApp, receiver: &Receiver) -> Vec<(String, Value)> {
    let [_, put_off, failed] = deliver(&local(db)).await;
    assert_eq!((put_off, failed), (0, 0));
    let pair = |payload: Value| (payload["type"].as_str().unwrap().to_owned(), payload["data"].clone());
    receiver.payloads().into_iter().map(pair).collect()
}

fn types(heard: &[(String, Value)]) -> Vec<&str> {
    heard.iter().map(|(kind, _)| kind.as_str()).collect()
}

fn records(count: usize) -> Vec<Record> {
    (0..count).map(|number| Record::new(&format!("R{number:05}"))).collect()
}

on_both_databases! {
    async fn charged_calls_are_told_five_hundred_at_a_time_and_once(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["call.charged"]).await;
        let file = Record::file(&records(1_201));
        assert_eq!(import_text(&db, "switch-a", &file).await.charged, 1_201);
        assert_eq!(import_text(&db, "switch-a", &file).await.duplicate, 1_201);
        let heard = heard(&db, &receiver).await;
        let calls: Vec<_> = heard.iter().map(|(_, data)| data["calls"].as_array().unwrap()).collect();
        // The first lines of a file are charged before the rest is read.
        assert_eq!(calls.iter().map(|calls| calls.len()).collect::<Vec<_>>(), [99, 500, 500, 102]);
        let mut ids: Vec<_> = calls.iter().flat_map(|calls| calls.iter()).map(|call| call["record_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_201);
        let account = Account::of(&db, "C-1").await;
        let expected = json!({"customer_id": account.id, "source": "switch-a", "record_id": "R00000", "call_id": "R00000",
            "started_at": "2026-10-05T10:00:00Z", "answered_at": "2026-10-05T10:00:00Z", "talk_seconds": 61,
            "destination": "United Kingdom", "billed_seconds": 120, "included_seconds": 0,
            "amount": {"amount": "0.04", "currency": "EUR"}, "period_start": "2026-09-30T22:00:00Z", "late_for": null});
        assert_eq!(calls[0][0], expected);
    }

    async fn prepaid_calls_and_single_ones_are_told_and_free_ones_not(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["call.charged"]).await;
        let prepaid = Record { from: "+493023125004", ..Record::new("P1") };
        let free = Record { seconds: 0, ..Record::new("F1") };
        for record in [&prepaid, &free, &prepaid] {
            let answer = db.post_json("/v1/calls?source=switch-a", &record.json()).await;
            assert!(answer.status.is_success(), "{answer:?}");
        }
        let heard = heard(&db, &receiver).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((&heard[0].1["calls"][0]["record_id"], heard[0].1["calls"].as_array().unwrap().len()), (&json!("P1"), 1));
    }

    async fn what_nobody_wants_is_not_stored(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["invoice.paid"]).await;
        import_text(&db, "switch-a", &Record::file(&records(3))).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        assert_eq!(stored(&db).await, 0);
        account.pay("bank 1", "11.78").await;
        assert_eq!(stored(&db).await, 1);
        assert_eq!(types(&heard(&db, &receiver).await), ["invoice.paid"]);
    }

    async fn a_deed_that_does_not_happen_is_not_told(db: TestApp) {
        operator(&db).await;
        told(&db, &["call.charged", "record.suspended"]).await;
        let mut tx = db.app.db.begin().await.unwrap();
        let (sound, flawed) = (records(1)[0].json().to_string(), Record { to: "x", ..Record::new("F") }.json().to_string());
        let charged = calls::charge_records(&mut tx, (&db.app.tariffs, &db.app.config, &db.app.clock), &"switch-a".into(), &[(1, sound.as_bytes()), (2, flawed.as_bytes())]).await.unwrap();
        assert_eq!(charged.len(), 2);
        let counted = tx.row("select count(*) as messages from webhook_messages", &[]).await.unwrap().unwrap();
        assert_eq!(counted.get::<i64>("messages").unwrap(), 2);
        drop(tx);
        assert_eq!(stored(&db).await, 0);
    }

    async fn imports_and_new_records_in_suspense_are_told(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["import.finished", "record.suspended"]).await;
        let flawed = Record { from: "+4930000000", ..Record::new("S1") };
        let file = Record::file(&[Record::new("R1"), flawed]);
        import_text(&db, "switch-a", &file).await;
        let first = heard(&db, &receiver).await;
        assert_eq!(types(&first), ["record.suspended", "import.finished"]);
        let (suspended, import) = (&first[0].1, &first[1].1);
        assert_eq!(suspended["records"], json!([{"line": 3, "record_id": "S1", "reason": "unknown_number", "field": "calling_number"}]));
        assert_eq!((&suspended["source"], &suspended["import_id"]), (&json!("switch-a"), &import["import_id"]));
        let control = json!({"records": 2, "charged": 1, "free": 0, "duplicate": 0, "suspended": 1});
        assert_eq!((&import["control"], &import["file_name"]), (&control, &json!("test.csv")));
        // It waits already; that the import is over is told all the same.
        import_text(&db, "switch-a", &file).await;
        assert_eq!(types(&heard(&db, &receiver).await), ["record.suspended", "import.finished", "import.finished"]);
    }

    async fn an_invoice_is_told_with_its_number_and_again_when_it_is_paid_in_full(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["invoice.issued", "invoice.paid"]).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let issued = heard(&db, &receiver).await;
        let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
        let expected = json!({"invoice_id": invoice["id"], "customer_id": account.id, "number": "INV-2026-000001",
            "period_start": "2026-09-30T22:00:00Z", "issued_on": "2026-11-05", "due_on": "2026-11-19",
            "net": money("9.90"), "tax": money("1.88"), "gross": money("11.78")});
        assert_eq!(issued, [("invoice.issued".to_owned(), expected)]);
        account.pay("bank 1", "11.77").await;
        assert_eq!(heard(&db, &receiver).await.len(), 1);
        account.pay("bank 2", "0.01").await;
        let paid = json!({"invoice_id": invoice["id"], "customer_id": account.id, "number": "INV-2026-000001", "gross": money("11.78")});
        assert_eq!(heard(&db, &receiver).await[1..], [("invoice.paid".to_owned(), paid)]);
        // The same payment again, and one more, tell nothing.
        assert_eq!(account.send(payment("bank 2", "0.01")).await.status, 200);
        account.pay("bank 3", "20.00").await;
        assert_eq!(heard(&db, &receiver).await.len(), 2);
        // What credit pays is told once it has its number, after it was issued.
        account.issue("2026-11", "2026-12-05").await;
        let all = heard(&db, &receiver).await;
        assert_eq!(types(&all[2..]), ["invoice.issued", "invoice.paid"]);
        assert_eq!((&all[2].1["number"], &all[3].1["number"]), (&json!("INV-2026-000002"), &json!("INV-2026-000002")));
    }

    async fn what_is_credited_or_given_up_is_not_paid(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["invoice.paid"]).await;
        let account = Account::of(&db, "C-2").await;
        let credited = account.issue("2026-09", "2026-10-05").await;
        let path = format!("{}/invoices/{}/credit-notes", account.path, credited["id"].as_str().unwrap());
        assert_eq!(db.post_json(&path, &json!({"reason": "never used", "credits": "whole"})).await.status, 201);
        let given_up = account.issue("2026-10", "2026-11-05").await;
        let path = format!("{}/invoices/{}/write-off", account.path, given_up["id"].as_str().unwrap());
        let written_off = db.post_json(&path, &json!({"reason": "insolvent"})).await;
        assert_eq!(written_off.status, 201, "{written_off:?}");
        assert_eq!(types(&heard(&db, &receiver).await), [""; 0]);
    }

    async fn low_money_is_told_once_until_it_is_no_more(db: TestApp) {
        db.app.clock.set(at("2026-10-15T08:00:00Z"));
        provider(&db).await;
        prepaid_plan(&db, "Per call", "0", json!({})).await;
        let receiver = told(&db, &["balance.low"]).await;
        let own = json!({"lines": line("+493023125001")});
        let account = customer(&db, "A", "Europe/Berlin", ("Per call", "2026-10-15T08:00:00Z"), own).await;
        account.top_up("first", "10.00", json!({})).await;
        account.agree(json!({"low_balance": "5.00"})).await;
        account.take("a1", "5.01").await;
        account.take("a2", "1.00").await;
        let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
        let expected = json!({"customer_id": account.id, "customer_reference": "A", "available": money("4.99"),
                              "below": money("5.00"), "top_up": null});
        assert_eq!(heard(&db, &receiver).await, [("balance.low".to_owned(), expected)]);
        account.top_up("second", "10.00", json!({})).await;
        account.agree(json!({"top_up_amount": "20.00"})).await;
        account.take("a3", "10.00").await;
        let heard = heard(&db, &receiver).await;
        assert_eq!((heard.len(), &heard[1].1["top_up"]), (2, &money("20.00")));
    }

    async fn each_threshold_of_a_spending_cap_is_told(db: TestApp) {
        operator(&db).await;
        let receiver = told(&db, &["spending.threshold"]).await;
        let account = Account::of(&db, "C-1").await;
        let capped = db.patch_json(&account.path, &json!({"billing": {"spending_cap": "0.10"}})).await;
        assert_eq!(capped.status, 200, "{capped:?}");
        for record in records(3) {
            import_text(&db, "switch-a", &Record::file(&[record])).await;
        }
        let heard = heard(&db, &receiver).await;
        let percent: Vec<_> = heard.iter().map(|(_, data)| data["percent"].as_u64().unwrap()).collect();
        assert_eq!(percent, [80, 100]);
        let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
        let expected = json!({"customer_id": account.id, "customer_reference": "C-1", "period_start": "2026-09-30T22:00:00Z",
                              "percent": 80, "used": money("0.08"), "cap": money("0.10")});
        assert_eq!(heard[0].1, expected);
    }

    async fn each_endpoint_is_told_what_it_wants_under_the_same_id(db: TestApp) {
        operator(&db).await;
        let (one, two) = (told(&db, &["call.charged", "import.finished"]).await, told(&db, &["import.finished"]).await);
        import_text(&db, "switch-a", &Record::file(&records(1))).await;
        assert_eq!(deliver(&local(&db)).await, [3, 0, 0]);
        let (one, two) = (one.got(), two.got());
        assert_eq!((one.len(), two.len()), (2, 1));
        let same = one.iter().find(|got| got.id() == two[0].id()).expect("one message for both");
        assert_eq!(same.body, two[0].body);
        assert_ne!(same.header("webhook-signature"), two[0].header("webhook-signature"), "each has its own secret");
    }
}
