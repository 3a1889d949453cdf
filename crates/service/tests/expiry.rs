//! Does what expires go, once, and what is held for a call only after it?

use serde_json::{Value, json};

use crate::support::account::Account;
use crate::support::cycle::{at, customer, provider, round_at};
use crate::support::mailing::execute;
use crate::support::purse::{assert_purses_add_up, posted, prepaid_plan};
use crate::support::{TestApp, on_both_databases};

const NOW: &str = "2026-10-15T08:00:00Z";
const EXPIRY: &str = "2026-10-20T00:00:00Z";

async fn with_a_gift<'a>(db: &'a TestApp, reference: &str) -> Account<'a> {
    db.app.clock.set(at(NOW));
    let account = customer(db, reference, "Europe/Berlin", ("Per call", NOW), json!({})).await;
    let gift = json!({"kind": "bonus", "name": "Gift", "expires_at": EXPIRY});
    account.top_up(&format!("{reference} gift"), "5.00", gift).await;
    account
}

async fn per_call(db: &TestApp) {
    provider(db).await;
    prepaid_plan(db, "Per call", "0", json!({})).await;
}

async fn expired_at(db: &TestApp, now: &str) -> u64 {
    let kept = round_at(db, at(now)).await.prepaid;
    assert_eq!(kept.failed, 0, "{kept:?}");
    kept.expired
}

fn gift(amount: &str) -> Vec<(String, String)> {
    vec![("Gift".to_owned(), amount.to_owned())]
}

/// Kind and amount of each movement.
async fn moved(account: &Account<'_>) -> Vec<(String, Value)> {
    let items = account.db.get(&format!("{}/movements", account.path)).await.body["items"].clone();
    let items = items.as_array().unwrap().iter();
    items.map(|one| (one["kind"].as_str().unwrap().to_owned(), one["amount"].clone())).collect()
}

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

on_both_databases! {
    async fn what_is_left_goes_at_that_instant_and_once(db: TestApp) {
        per_call(&db).await;
        let account = with_a_gift(&db, "A").await;
        account.top_up("main", "2.00", json!({})).await;
        assert_eq!(expired_at(&db, "2026-10-19T23:59:59Z").await, 0);
        assert_eq!(account.money().await.len(), 2);
        assert_eq!(expired_at(&db, EXPIRY).await, 1);
        assert_eq!(expired_at(&db, "2026-10-20T00:00:01Z").await, 0);
        assert_eq!(account.money().await, [("Main balance".to_owned(), "2.00".to_owned())]);
        let closed = account.balances(true).await;
        assert_eq!((&closed[0]["closed_at"], &closed[0]["amount"]), (&json!(EXPIRY), &euros("0.00")));
        let posted = posted(&db).await;
        assert_eq!((posted["breakage"], posted["bonus"], posted["prepaid"]), (-5_000_000, 5_000_000, -2_000_000));
        assert_eq!(moved(&account).await.last(), Some(&("expiry".to_owned(), euros("-5.00"))));
        assert_purses_add_up(&db).await;
    }

    async fn what_is_held_for_a_call_goes_after_it(db: TestApp) {
        per_call(&db).await;
        let account = with_a_gift(&db, "A").await;
        account.reserve("Gift", 2_000_000).await;
        assert_eq!(expired_at(&db, EXPIRY).await, 1);
        assert_eq!(account.money().await, gift("2.00"));
        assert_eq!(expired_at(&db, "2026-10-20T00:00:10Z").await, 0);
        account.reserve("Gift", -2_000_000).await;
        assert_eq!(expired_at(&db, "2026-10-20T00:00:20Z").await, 1);
        assert_eq!(account.money().await, []);
        assert_eq!(posted(&db).await["breakage"], -5_000_000);
        assert_purses_add_up(&db).await;
    }

    async fn what_a_call_used_up_to_the_last_is_closed(db: TestApp) {
        per_call(&db).await;
        let account = with_a_gift(&db, "A").await;
        account.reserve("Gift", 5_000_000).await;
        assert_eq!(expired_at(&db, EXPIRY).await, 0);
        let id = account.balances(false).await[0]["id"].as_str().unwrap().to_owned();
        account.reserve("Gift", -5_000_000).await;
        // What the call took: by hand here, since an expired balance takes no adjustment.
        let take = "update balances set amount = 0 where customer_id = $1 and amount = 5000000";
        execute(&db, take, &[&account.id.0]).await;
        assert_eq!(expired_at(&db, "2026-10-20T00:00:10Z").await, 0);
        let closed = account.balances(true).await;
        assert_eq!((closed[0]["id"].as_str(), &closed[0]["closed_at"]), (Some(id.as_str()), &json!("2026-10-20T00:00:10Z")));
        assert_eq!(posted(&db).await.get("breakage"), None);
    }

    async fn seconds_expire_without_an_entry(db: TestApp) {
        per_call(&db).await;
        db.app.clock.set(at(NOW));
        let account = customer(&db, "A", "Europe/Berlin", ("Per call", NOW), json!({})).await;
        let new = json!({"reference": "s1", "kind": "bonus", "seconds": 600, "destinations": ["49"], "expires_at": EXPIRY});
        crate::support::operator::create(&db, &format!("{}/top-ups", account.path), new).await;
        assert_eq!(expired_at(&db, EXPIRY).await, 1);
        assert_eq!(account.seconds().await, []);
        assert_eq!(moved(&account).await.last(), Some(&("expiry".to_owned(), json!(-600))));
        assert_eq!(posted(&db).await.len(), 0);
        assert_purses_add_up(&db).await;
    }

    async fn one_customer_s_fault_is_that_customer_s_alone(db: TestApp) {
        per_call(&db).await;
        let mut accounts = Vec::new();
        for reference in ["A", "B", "C"] {
            accounts.push(with_a_gift(&db, reference).await);
        }
        let party = "update customers set party = $2 where customer_id = $1";
        execute(&db, party, &[&accounts[1].id.0, &"{"]).await;
        let kept = tollbook::prepaid::round(&{ db.app.clock.set(at(EXPIRY)); db.app.clone() }).await.unwrap();
        // The fault is met once by what expires and once by what is to be renewed.
        assert_eq!((kept.expired, kept.failed), (2, 2));
        execute(&db, party, &[&accounts[1].id.0, &r#"{"name": "B", "country": "DE"}"#]).await;
        assert_eq!(expired_at(&db, "2026-10-20T00:00:10Z").await, 1);
        assert_eq!(posted(&db).await["breakage"], -15_000_000);
        assert_purses_add_up(&db).await;
    }

    async fn more_than_a_chunk_expires_in_one_round(db: TestApp) {
        per_call(&db).await;
        db.app.clock.set(at(NOW));
        let account = customer(&db, "A", "Europe/Berlin", ("Per call", NOW), json!({})).await;
        for number in 0..300 {
            let more = json!({"kind": "bonus", "name": "Gift", "expires_at": EXPIRY});
            account.top_up(&format!("g{number}"), "1.00", more).await;
        }
        assert_eq!(expired_at(&db, EXPIRY).await, 300);
        assert_eq!(account.money().await, []);
        assert_purses_add_up(&db).await;
    }
}
