//! Can a customer contest an invoice or a call, and does that hold what it must?

use serde_json::{Value, json};
use tollbook::payments::{Reminded, remind};

use crate::support::account::{Account, assert_sound};
use crate::support::operator::{Record, import_text, operator};
use crate::support::program::{done, failed};
use crate::support::{Answer, TestApp, on_both_databases};

/// Contests something.
pub(crate) async fn contest(account: &Account<'_>, about: Value) -> Answer {
    let body = json!({"about": about, "reason": "Nobody was at home"});
    account.db.post_json(&format!("{}/disputes", account.path), &body).await
}

/// Contests something, which must succeed; answers the dispute's path.
pub(crate) async fn contested(account: &Account<'_>, about: Value) -> String {
    let answer = contest(account, about).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("{}/disputes/{}", account.path, answer.body["id"].as_str().unwrap())
}

/// Settles a dispute, which must succeed.
pub(crate) async fn settled(db: &TestApp, dispute: &str, outcome: &str) -> Value {
    let answer =
        db.post_json(&format!("{dispute}/settle"), &json!({"outcome": outcome, "note": "as agreed"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn about_invoice(number: &str) -> Value {
    json!({"invoice": {"number": number}})
}

fn about_call(record_id: &str) -> Value {
    json!({"call": {"source": "switch", "record_id": record_id}})
}

on_both_databases! {
    async fn an_invoice_or_a_call_is_contested_once_until_it_is_settled(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1"), Record::new("r2")])).await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let dispute = contested(&account, about_invoice("INV-2026-000001")).await;
        let call = contested(&account, about_call("r1")).await;
        for again in [about_invoice("INV-2026-000001"), about_call("r1")] {
            let answer = contest(&account, again).await;
            assert_eq!(answer.status, 409, "{answer:?}");
            assert!(answer.body["detail"].as_str().unwrap().contains("contested already: dsp_"), "{answer:?}");
        }
        let told = settled(&db, &dispute, "rejected").await;
        assert_eq!(told["settlement"], json!({"outcome": "rejected", "note": "as agreed", "settled_at": "2026-11-05T12:00:00Z"}));
        let again = db.post_json(&format!("{dispute}/settle"), &json!({"outcome": "upheld"})).await;
        assert_eq!((again.status.as_u16(), &again.body["detail"]), (409, &json!("the dispute was settled at 2026-11-05T12:00:00Z")));
        // It may be contested again. The one about a call is about its invoice, and from the month on.
        contested(&account, about_invoice("INV-2026-000001")).await;
        let all = db.get(&format!("{}/disputes", account.path)).await.body;
        let all = all.as_array().unwrap();
        assert_eq!(all.len(), 3);
        let of_call = all.iter().find(|one| one["call"] != Value::Null).unwrap();
        assert!(call.ends_with(of_call["id"].as_str().unwrap()), "{call} {of_call}");
        assert_eq!(of_call["call"], json!({"source": "switch", "record_id": "r1"}));
        assert_eq!((&of_call["invoice_id"], &of_call["keeps_from"]), (&invoice["id"], &json!("2026-09-30T22:00:00Z")));
    }

    async fn what_cannot_be_contested_is_refused(db: TestApp) {
        operator(&db).await;
        let (account, other) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        account.issue("2026-10", "2026-11-05").await;
        for (whose, about, pointer) in [
            (&account, about_invoice("INV-2026-000002"), "/about/invoice/number"),
            (&other, about_invoice("INV-2026-000001"), "/about/invoice/number"),
            (&account, about_call("r2"), "/about/call"),
            (&other, about_call("r1"), "/about/call"),
            (&account, json!({"letter": "of May"}), "/about"),
        ] {
            let answer = contest(whose, about.clone()).await;
            assert_eq!(answer.status, 422, "{about}: {answer:?}");
            assert!(answer.body["errors"][0]["pointer"].as_str().unwrap().starts_with(pointer), "{about}: {answer:?}");
        }
        let path = format!("{}/disputes", account.path);
        let silent = db.post_json(&path, &json!({"about": about_call("r1"), "reason": " "})).await;
        assert_eq!((silent.status.as_u16(), &silent.body["errors"][0]["pointer"]), (422, &json!("/reason")));
        let settle = json!({"outcome": "rejected"});
        assert_eq!(db.post_json(&format!("{path}/dsp_0000000000001/settle"), &settle).await.status, 404);
        let nobody = "/v1/customers/cus_0000000000001/disputes";
        assert_eq!(db.post_json(nobody, &json!({"about": about_call("r1"), "reason": "no"})).await.status, 404);
        assert_eq!(db.get(nobody).await.status, 404);
    }

    async fn nobody_is_reminded_of_what_is_contested(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        let dispute = contested(&account, about_invoice("INV-2026-000001")).await;
        // Due on 19 November: service would be suspended 30 days later.
        db.app.clock.set("2026-12-25T12:00:00Z".parse().unwrap());
        assert_eq!(remind(&db.app).await.unwrap(), Reminded::default());
        assert_eq!(account.suspended_for().await, Value::Null);
        settled(&db, &dispute, "rejected").await;
        // The ladder begins with its first step.
        assert_eq!(remind(&db.app).await.unwrap(), Reminded { reminded: 1, suspended: 0, failed: 0 });
        assert_eq!(remind(&db.app).await.unwrap(), Reminded::default());
        assert_sound(&db).await;
    }

    async fn disputes_are_led_from_the_command_line(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-1").await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        account.issue("2026-10", "2026-11-05").await;
        let say = |arguments: &[&str]| done(&db.url, &[&["dispute"], arguments].concat());
        assert_eq!(say(&["list", "C-1"]), "C-1 contests nothing\n");
        let told = say(&["open", "C-1", "--call", "switch/r1", "--reason", "Nobody was at home"]);
        assert!(told.contains(" about call switch/r1, open"), "{told}");
        let id = told.split(' ').next().unwrap();
        say(&["open", "C-1", "--invoice", "INV-2026-000001", "--reason", "Too much"]);
        let told = say(&["settle", "C-1", id, "upheld", "--note", "see CN-2026-000001"]);
        assert!(told.contains("upheld at ") && told.contains(": see CN-2026-000001"), "{told}");
        assert_eq!(say(&["list", "C-1"]).lines().count(), 4);
        for (arguments, part) in [
            (&["list", "C-9"][..], "no customer has the reference C-9"),
            (&["open", "C-1", "--call", "r1", "--reason", "x"], "no SOURCE/RECORD_ID"),
            (&["open", "C-1", "--call", "switch/r9", "--reason", "x"], "no such call"),
            (&["open", "C-1", "--invoice", "INV-1", "--reason", "x"], "no such invoice"),
            (&["open", "C-1", "--invoice", "INV-2026-000001", "--reason", "x"], "contested already: dsp_"),
            (&["open", "C-1", "--reason", "x"], "--invoice"),
            (&["settle", "C-1", id, "rejected"], "was settled at"),
            (&["settle", "C-2", id, "rejected"], "C-2 has no dispute dsp_"),
        ] {
            let said = failed(&db.url, &[&["dispute"], arguments].concat());
            assert!(said.contains(part), "{arguments:?}: {said}");
        }
    }
}
