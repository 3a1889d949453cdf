//! Can a customer have a copy of all that is known of them, and be forgotten?

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollbook::retention;

use crate::calls::assert_adds_up;
use crate::disputes::{contested, settled};
use crate::support::account::{Account, assert_sound, payment};
use crate::support::charging::{Caller, UK, released};
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::program::{done, failed};
use crate::support::{Answer, TestApp, on_both_databases};

/// A copy of all that is known of a customer, as text.
async fn copy(account: &Account<'_>) -> String {
    let mut tx = account.db.app.db.read().await.unwrap();
    let customer = tollbook::customers::by_id(&mut tx, account.id).await.unwrap().unwrap();
    let (lines, mut read) = tokio::sync::mpsc::channel(4);
    let gather = async {
        let mut text = Vec::new();
        while let Some(line) = read.recv().await {
            text.extend(line);
        }
        String::from_utf8(text).unwrap()
    };
    let (copied, text) = tokio::join!(retention::export(&mut tx, &customer, lines), gather);
    copied.unwrap();
    text
}

/// How many things of each kind are in a copy.
fn kinds(copy: &str) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in copy.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        *kinds.entry(line["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    kinds
}

async fn erase(account: &Account<'_>) -> Answer {
    account.db.post_json(&format!("{}/erase", account.path), &json!({})).await
}

/// Tries to forget the customer, which must be refused; answers why.
async fn refused(account: &Account<'_>) -> String {
    let answer = erase(account).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    answer.body["detail"].as_str().unwrap().to_owned()
}

/// C-1 has called, has one invoice and was charged something once.
async fn somebody(db: &TestApp) -> Account<'_> {
    operator(db).await;
    let account = Account::of(db, "C-1").await;
    import_text(db, "switch", &Record::file(&[Record::new("r1"), Record::new("r2")])).await;
    let charge = json!({"description": "Visit to Anna", "amount": {"amount": "5.00", "currency": "EUR"},
                        "charged_at": "2026-10-20T10:00:00Z"});
    create(db, &format!("{}/charges", account.path), charge).await;
    account.issue("2026-10", "2026-11-05").await;
    account
}

on_both_databases! {
    async fn a_copy_has_all_of_one_customer_and_nothing_of_others(db: TestApp) {
        let account = somebody(&db).await;
        account.pay("p1", "6.05").await;
        contested(&account, json!({"invoice": {"number": "INV-2026-000001"}})).await;
        db.app.audit.settle().await;
        let text = copy(&account).await;
        let expected = [
            ("audit_entry", 5), ("call", 2), ("charge", 1), ("customer", 1), ("dispute", 1), ("end", 1), ("invoice", 1),
            ("line", 1), ("payment", 1), ("subscription", 1),
        ];
        assert_eq!(kinds(&text), expected.map(|(kind, count)| (kind.to_owned(), count)).into());
        assert!(text.ends_with(&format!("{{\"kind\":\"end\",\"data\":{{\"customer_id\":\"{}\"}}}}\n", account.id)), "{text}");
        assert!(!text.contains("C-2") && text.contains("+442079460123"), "{text}");
        // The same by HTTP and on the command line.
        let answer = db.get(&format!("{}/export", account.path)).await;
        assert_eq!((answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()), (200, "application/x-ndjson"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c-1.ndjson");
        let file = file.to_str().unwrap();
        done(&db.url, &["export", "C-1", "--to", file]);
        let written = std::fs::read_to_string(file).unwrap();
        assert_eq!(kinds(&written)["call"], 2);
        assert_eq!(kinds(&done(&db.url, &["export", "C-1"]))["end"], 1);
        // No file is overwritten, and nobody is nobody.
        assert!(failed(&db.url, &["export", "C-1", "--to", file]).contains("c-1.ndjson"));
        assert!(failed(&db.url, &["export", "C-9"]).contains("no customer has the reference C-9"));
        assert_eq!(db.get("/v1/customers/cus_0000000000001/export").await.status, 404);
    }

    async fn a_copy_of_a_prepaid_customer_has_what_moved(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("5.00").await;
        let session = caller.granted("call-1", UK, 600).await;
        released(&db, &session, 1, 61).await;
        let found = kinds(&copy(&Account::of(&db, "C-4").await).await);
        assert_eq!((found["balance"], found["movement"], found["session"]), (1, 2, 1), "{found:?}");
    }

    async fn a_customer_is_forgotten_only_when_nothing_is_open(db: TestApp) {
        let account = somebody(&db).await;
        assert_eq!(refused(&account).await, "the customer is not closed: close them first");
        let close = json!({"closed_at": "2026-11-05T12:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        assert!(refused(&account).await.contains("is still to be billed"));
        // November, in which nothing was called, is over.
        db.app.clock.set("2026-12-05T12:00:00Z".parse().unwrap());
        tollbook::jobs::round(&db.app).await.unwrap();
        assert!(refused(&account).await.contains("owes money or has credit"));
        account.send(payment("p1", "7.05")).await;
        assert!(refused(&account).await.contains("owes money or has credit"), "1.00 too much");
        let refund = json!({"kind": "refund", "reference": "p2", "amount": "1.00", "currency": "EUR", "paid_on": "2026-11-04"});
        create(&db, &format!("{}/payments", account.path), refund).await;
        let dispute = contested(&account, json!({"invoice": {"number": "INV-2026-000001"}})).await;
        assert!(refused(&account).await.contains("has an open dispute"));
        settled(&db, &dispute, "upheld").await;
        assert_eq!(erase(&account).await.status, 200);
        let again = erase(&account).await;
        assert_eq!((again.status.as_u16(), &again.body["detail"]), (409, &json!("the customer was forgotten at 2026-12-05T12:00:00Z")));
        assert_eq!(db.post_json("/v1/customers/cus_0000000000001/erase", &json!({})).await.status, 404);
        assert!(failed(&db.url, &["erase", "C-2", "--for-good"]).contains("C-2: the customer is not closed"));
        assert!(failed(&db.url, &["erase", "C-2"]).contains("--for-good"));
    }

    async fn prepaid_money_or_a_call_under_way_forbids_it(db: TestApp) {
        let caller = Caller::first(&db).await;
        let account = Account::of(&db, "C-4").await;
        caller.top_up("5.00").await;
        let session = caller.granted("call-1", UK, 600).await;
        db.app.clock.set("2026-11-05T12:00:10Z".parse().unwrap());
        let close = json!({"closed_at": "2026-11-05T12:00:10Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        assert!(refused(&account).await.contains("is under way"));
        released(&db, &session, 1, 60).await;
        db.app.clock.set("2026-12-05T12:00:00Z".parse().unwrap());
        tollbook::jobs::round(&db.app).await.unwrap();
        assert!(refused(&account).await.contains("money on the customer's balances"));
    }

    async fn nothing_is_left_that_tells_who_a_customer_was(db: TestApp) {
        let account = somebody(&db).await;
        account.pay("p1", "6.05").await;
        let client = json!({"name": "portal", "role": "customer", "customer_id": account.id.to_string()});
        create(&db, "/v1/clients", client).await;
        let dispute = contested(&account, json!({"call": {"source": "switch", "record_id": "r1"}})).await;
        settled(&db, &dispute, "rejected").await;
        db.post_json(&format!("{}/close", account.path), &json!({"closed_at": "2026-11-05T12:00:00Z"})).await;
        db.app.clock.set("2026-12-05T12:00:00Z".parse().unwrap());
        tollbook::jobs::round(&db.app).await.unwrap();
        let app = db.configured("[retention]\ninvoice_years = 10\n").unwrap();
        let answer = crate::support::send(app, crate::support::json_request(&format!("{}/erase", account.path), &json!({}))).await;
        let told = json!({"customer_id": account.id.to_string(), "erased_at": "2026-12-05T12:00:00Z", "calls": 2,
                          "documents_kept": 1, "documents_kept_until": "2036-12-31"});
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &told));
        let left = db.get(&account.path).await.body;
        assert_eq!((&left["reference"], &left["party"]["name"]), (&json!(account.id.to_string()), &json!("")));
        assert_eq!(left["erased_at"], "2026-12-05T12:00:00Z");
        let text = copy(&account).await;
        let kinds = kinds(&text);
        assert!(!kinds.contains_key("call") && !kinds.contains_key("line"), "{kinds:?}");
        // The invoice is kept, as the law wants it.
        for line in text.lines().filter(|line| !line.contains("\"kind\":\"invoice\"")) {
            for word in ["C-1", "4930231", "Anna", "at home"] {
                assert!(!line.contains(word), "{word}: {line}");
            }
        }
        let clients = db.get("/v1/clients").await.body;
        assert_eq!(clients["items"][0]["revoked_at"], "2026-12-05T12:00:00Z");
        // Their reference is free, and a late record finds nobody.
        assert!(failed(&db.url, &["history", "C-1"]).contains("C-1"));
        let control = import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        assert_eq!(control.suspended, 1, "{control}");
        assert_adds_up(&db).await;
        assert_sound(&db).await;
        // After its years the invoice goes as well.
        db.app.clock.set("2037-01-05T12:00:00Z".parse().unwrap());
        let app = db.configured("[retention]\ninvoice_years = 10\n").unwrap();
        assert_eq!(retention::purge(&app).await.unwrap().documents, 1);
        assert!(!copy(&account).await.contains("Customer C-1"));
    }

    async fn a_customer_is_forgotten_from_the_command_line(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-3").await;
        db.post_json(&format!("{}/close", account.path), &json!({"closed_at": "2026-11-05T12:00:00Z"})).await;
        db.app.clock.set("2026-12-05T12:00:00Z".parse().unwrap());
        tollbook::jobs::round(&db.app).await.unwrap();
        let told = done(&db.url, &["erase", "C-3", "--for-good"]);
        assert!(told.contains(&format!("C-3 is forgotten, now {}: 0 calls removed, no documents kept", account.id)), "{told}");
    }
}
