//! Customers who pay beforehand: what tests of renewals and of low balances set up and look at.

use std::collections::BTreeMap;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tollbook::id::BalanceId;
use tollbook::prepaid::{self, Purse};

use super::account::Account;
use super::cycle::plan;
use super::operator::create;
use super::{TestApp, json_request};

/// A prepaid plan in euros with a fee, and whatever else differs from the defaults.
pub(crate) async fn prepaid_plan(db: &TestApp, name: &str, fee: &str, more: Value) {
    let mut all = json!({"payment": "prepaid"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plan(db, name, fee, all).await;
}

/// So many seconds to Germany.
pub(crate) fn minutes(seconds: u32) -> Value {
    json!([{"name": "Germany", "seconds": seconds, "destinations": ["49"]}])
}

impl Account<'_> {
    /// Pays in euros, which must succeed.
    pub(crate) async fn top_up(&self, reference: &str, amount: &str, more: Value) -> Value {
        let mut new = json!({"reference": reference, "amount": amount, "currency": "EUR"});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(self.db, &format!("{}/top-ups", self.path), new).await
    }

    /// Changes what was agreed about prepaid money.
    pub(crate) async fn agree(&self, terms: Value) {
        let mut request = json_request(&format!("{}/prepaid", self.path), &terms);
        *request.method_mut() = Method::PUT;
        let answer = self.db.send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Changes the purse as a call does.
    pub(crate) async fn with_purse(&self, change: impl FnOnce(&mut Purse)) {
        let app = &self.db.app;
        let mut tx = app.db.begin().await.unwrap();
        let mut purses = prepaid::hold(&mut tx, &[self.id]).await.unwrap();
        change(purses.get_mut(&self.id).unwrap());
        prepaid::save(&mut tx, &mut purses, &app.clock).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Holds of a balance for a call, or gives back.
    pub(crate) async fn reserve(&self, name: &str, amount: i64) {
        let id = self.balance_id(name).await;
        self.with_purse(|purse| purse.reserve(id, amount).unwrap()).await;
    }

    async fn balance_id(&self, name: &str) -> BalanceId {
        let open = self.balances(false).await;
        let found = open.iter().find(|balance| balance["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is in {open:?}"))["id"].as_str().unwrap().parse().unwrap()
    }

    /// Takes money off the main balance by hand.
    pub(crate) async fn take(&self, reference: &str, amount: &str) {
        let id = self.balance_id("Main balance").await;
        let path = format!("{}/balances/{id}/adjustments", self.path);
        let amount = format!("-{amount}");
        let new = json!({"reference": reference, "reason": "spent", "amount": amount, "currency": "EUR"});
        create(self.db, &path, new).await;
    }

    pub(crate) async fn balances(&self, closed: bool) -> Vec<Value> {
        let answer = self.db.get(&format!("{}/balances?closed={closed}", self.path)).await;
        answer.body.as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
    }

    /// The open balances of money: name and amount.
    pub(crate) async fn money(&self) -> Vec<(String, String)> {
        let open = self.balances(false).await.into_iter().filter(|balance| balance["unit"] == "money");
        open.map(|balance| (text(&balance["name"]), text(&balance["amount"]["amount"]))).collect()
    }

    /// The open balances of seconds: name, seconds and until when.
    pub(crate) async fn seconds(&self) -> Vec<(String, i64, String)> {
        let open = self.balances(false).await.into_iter().filter(|balance| balance["unit"] == "seconds");
        let shown = |balance: Value| {
            let expires_at = text(&balance["expires_at"]);
            (text(&balance["name"]), balance["amount"].as_i64().unwrap(), expires_at)
        };
        open.map(shown).collect()
    }

    /// The months that were paid: since when, and how much.
    pub(crate) async fn renewals(&self) -> Vec<(String, i64)> {
        let sql = "select period_start, fee from renewals where customer_id = $1
                   order by period_start, renewed_at, subscription_id";
        let mut tx = self.db.app.db.read().await.unwrap();
        let rows = tx.rows(sql, &[&self.id.0]).await.unwrap();
        rows.iter()
            .map(|row| (row.time("period_start").unwrap().to_string(), row.get("fee").unwrap()))
            .collect()
    }

    /// When a renewal is due.
    pub(crate) async fn renew_at(&self) -> Option<Timestamp> {
        let sql = "select renew_at from charging_accounts where customer_id = $1";
        let mut tx = self.db.app.db.read().await.unwrap();
        tx.row(sql, &[&self.id.0]).await.unwrap().and_then(|row| row.optional_time("renew_at").unwrap())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text: {value}")).to_owned()
}

/// What all customers' entries sum to, by account, in millionths.
pub(crate) async fn posted(db: &TestApp) -> BTreeMap<String, i64> {
    let sql = "select account, cast(sum(amount) as bigint) as amount from postings group by account";
    let mut tx = db.app.db.read().await.unwrap();
    let rows = tx.rows(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get("account").unwrap(), row.get("amount").unwrap())).collect()
}

/// Balances, movements, bookings, renewals and the ledger agree.
pub(crate) async fn assert_purses_add_up(db: &TestApp) {
    let mut tx = db.app.db.read().await.unwrap();
    let verified = prepaid::verify(&mut tx).await.unwrap();
    assert!(verified.faults.is_empty(), "{:#?}", verified.faults);
    drop(tx);
    super::account::assert_sound(db).await;
}
