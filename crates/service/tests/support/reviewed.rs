//! Invoices that somebody looks at before they go out: under which mode, and what a round then does.

use std::sync::Arc;

use serde_json::{Value, json};
use tollbook::config::{BillingMode, Config};
use tollbook::jobs::Round;

use super::TestApp;
use super::account::Account;
use super::cycle::{at, customer, invoices_of, round_at};

/// The same application with a mode, or with none.
pub(crate) fn under(mut db: TestApp, mode: Option<BillingMode>) -> TestApp {
    let mut config = Config::clone(&db.app.config);
    config.invoices.mode = mode;
    db.app.config = Arc::new(config);
    db
}

/// A customer whose letters reach them, on the plan `Ten` since 2010: 11.90 a month with tax.
pub(crate) async fn reachable<'a>(db: &'a TestApp, reference: &str, more: Value) -> Account<'a> {
    let party = json!({"name": format!("Customer {reference}"), "street": "Kaiserkai 1", "postcode": "20457", "city": "Hamburg",
                       "country": "DE"});
    let mut all = json!({"party": party});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    customer(db, reference, "Europe/Berlin", ("Ten", "2010-01-01T00:00:00Z"), all).await
}

/// Invoices issued, customers who wait, customers who are held.
pub(crate) async fn billed_at(db: &TestApp, now: &str) -> (u64, u64, u64) {
    let Round { billed, .. } = round_at(db, at(now)).await;
    assert!(billed.refused.is_empty(), "{billed:?}");
    (billed.issued, billed.standing.waiting, billed.standing.held)
}

/// The months that a customer has invoices of, the oldest first.
pub(crate) async fn months_of(account: &Account<'_>) -> Vec<String> {
    let month = |invoice: &Value| {
        let day = invoice["invoice"]["period"]["first_day"].as_str().unwrap();
        day.strip_suffix("-01").unwrap().to_owned()
    };
    invoices_of(account).await.iter().map(month).collect()
}

/// Approves, which must succeed; how many customers that was.
pub(crate) async fn approve(db: &TestApp, body: Value) -> u64 {
    let answer = db.post_json("/v1/billing/approvals", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["customers"].as_u64().unwrap()
}
