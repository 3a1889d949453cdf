//! Do balances hold what was put on them, once, and never give more than is there?

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::account::Account;
use crate::support::operator::operator;
use crate::support::{Answer, TestApp, on_both_databases};

const LINE: &str = "+493023125004";

/// A prepaid customer.
struct Prepaid<'a>(Account<'a>);

impl<'a> Prepaid<'a> {
    async fn of(db: &'a TestApp) -> Self {
        operator(db).await;
        Self(Account::of(db, "C-4").await)
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.0.db.post_json(&format!("{}/{path}", self.0.path), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.0.db.get(&format!("{}/{path}", self.0.path)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Posts what must be done, and answers it.
    async fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{body}: {answer:?}");
        answer.body
    }

    /// Posts what must be refused at a field.
    async fn wrong(&self, path: &str, body: &Value, pointer: &str) {
        let answer = self.post(path, body).await;
        assert_eq!(
            (&answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (&422, &json!(pointer)),
            "{body}: {answer:?}"
        );
    }

    /// Posts what must be refused; answers why.
    async fn refused(&self, path: &str, body: &Value, status: u16) -> String {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        answer.body["detail"].as_str().unwrap().to_owned()
    }
}

/// A top-up of money.
fn euros(reference: &str, amount: &str) -> Value {
    json!({"reference": reference, "amount": amount, "currency": "EUR"})
}

/// A body with some fields more or others.
fn with(mut body: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("{fields}") };
    body.as_object_mut().unwrap().extend(fields);
    body
}

on_both_databases! {
    async fn money_goes_to_the_main_balance(db: TestApp) {
        let customer = Prepaid::of(&db).await;
        let first = customer.done("top-ups", &euros("t1", "20.00")).await;
        customer.done("top-ups", &euros("t2", "5.50")).await;
        let balances = customer.get("balances").await;
        let main = &balances[0];
        assert_eq!(balances.as_array().unwrap().len(), 1);
        assert_eq!(main["amount"], json!({"amount": "25.50", "currency": "EUR"}));
        assert_eq!((&main["main"], &main["unit"], &main["name"]), (&json!(true), &json!("money"), &json!("Main balance")));
        assert_eq!(first["movements"][0]["balance_id"], main["id"]);
        let movements = customer.get("movements").await;
        let after: Vec<_> = movements["items"].as_array().unwrap().iter().map(|one| one["balance"]["amount"].clone()).collect();
        assert_eq!(after, ["20.00", "25.50"]);
    }
}
