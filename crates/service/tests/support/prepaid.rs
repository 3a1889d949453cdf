//! A prepaid customer: what tests do to their balances, and what they then hold.

use axum::body::Body;
use axum::http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};
use tollbook::db::Ts;
use tollbook::id::{BalanceId, EntryId};
use tollbook::ledger::Entry;
use tollbook::prepaid::{self, MovementKind};

use super::account::{Account, euro};
use super::operator::operator;
use super::{Answer, TestApp};

/// The line of C-4.
pub(crate) const LINE: &str = "+493023125004";

/// A customer with balances.
pub(crate) struct Prepaid<'a> {
    pub(crate) account: Account<'a>,
}

impl<'a> Prepaid<'a> {
    /// C-4 of the small operator.
    pub(crate) async fn new(db: &'a TestApp) -> Self {
        operator(db).await;
        Self::of(db, "C-4").await
    }

    pub(crate) async fn of(db: &'a TestApp, reference: &str) -> Self {
        Self { account: Account::of(db, reference).await }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.account.db.post_json(&format!("{}/{path}", self.account.path), body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        let request = Request::put(format!("{}/{path}", self.account.path));
        let request = request.header("content-type", "application/json");
        self.account.db.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.account.db.get(&format!("{}/{path}", self.account.path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Posts what must be done, and answers it.
    pub(crate) async fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{path} {body}: {answer:?}");
        answer.body
    }

    /// Posts what must be refused for a field.
    pub(crate) async fn wrong(&self, path: &str, body: &Value, pointer: &str) {
        assert_wrong(&self.post(path, body).await, pointer);
    }

    /// Posts what must be refused; answers why.
    pub(crate) async fn refused(&self, path: &str, body: &Value, status: u16) -> String {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        answer.body["detail"].as_str().unwrap().to_owned()
    }

    /// Tops up, and answers the balance that it went to.
    pub(crate) async fn top_up(&self, body: &Value) -> BalanceId {
        let done = self.done("top-ups", body).await;
        done["movements"][0]["balance_id"].as_str().unwrap().parse().unwrap()
    }

    /// Each open balance: its name, amount and what is available of it.
    pub(crate) async fn balances(&self) -> Vec<(String, String, String)> {
        let all = self.get("balances").await;
        let shown = |balance: &Value| {
            let name = balance["name"].as_str().unwrap().to_owned();
            (name, quantity(&balance["amount"]), quantity(&balance["available"]))
        };
        all.as_array().unwrap().iter().map(shown).collect()
    }

    /// Holds something of a balance for a call under way.
    pub(crate) async fn reserve(&self, session: i64, balance: BalanceId, held: i64) {
        let mut tx = self.account.db.app.db.begin().await.unwrap();
        let mut purses = prepaid::hold(&mut tx, &[self.account.id]).await.unwrap();
        prepaid::purse_of(&mut purses, self.account.id).unwrap().reserve(balance, held).unwrap();
        prepaid::save(&mut tx, &mut purses, &self.account.db.app.clock).await.unwrap();
        self.insert_session(&mut tx, session, "open", balance, (held, 0)).await;
        tx.commit().await.unwrap();
    }

    /// Takes the price of a call from a balance of money.
    pub(crate) async fn take(&self, session: i64, balance: BalanceId, taken: i64) {
        let (app, customer) = (&self.account.db.app, self.account.id);
        let at = app.clock.now();
        let mut tx = app.db.begin().await.unwrap();
        let mut purses = prepaid::hold(&mut tx, &[customer]).await.unwrap();
        let purse = prepaid::purse_of(&mut purses, customer).unwrap();
        purse.add(balance, -taken, (MovementKind::Call, session), at).unwrap();
        let [paid, loss] = [taken, 0].map(calculation::money::Amount::from_micros);
        purse.post(Entry::call(customer, EntryId(app.clock.id()), euro(), paid, loss, at));
        prepaid::save(&mut tx, &mut purses, &app.clock).await.unwrap();
        self.insert_session(&mut tx, session, "released", balance, (0, taken)).await;
        tx.commit().await.unwrap();
    }

    async fn insert_session(
        &self,
        tx: &mut tollbook::db::Tx,
        session: i64,
        state: &str,
        balance: BalanceId,
        (held, taken): (i64, i64),
    ) {
        let customer = self.account.id.0;
        let now = Ts(self.account.db.app.clock.now());
        let sql = "insert into charging_sessions (customer_id, session_id, call_id, origin, state, line, called,
                     plan_id, prepaid, currency, started_at, granted_seconds, used_seconds, billed_seconds,
                     included_seconds, charged, loss, last_sequence, request_hash, answer, valid_until,
                     opened_at)
                   values ($1, $2, $3, 'switch', $4, '+493023125004', '+442079460123', 1, true, 'EUR', $5, 60, 0, 0,
                     0, $7, 0, 0, $6, '', $5, $5)";
        let call = format!("call {session}");
        let hash = vec![0_u8; 16];
        tx.execute(sql, &[&customer, &session, &call, &state, &now, &hash, &taken]).await.unwrap();
        let sql = "insert into reservations (customer_id, session_id, balance_id, held, taken)
                   values ($1, $2, $3, $4, $5)";
        tx.execute(sql, &[&customer, &session, &balance.0, &held, &taken]).await.unwrap();
    }
}

/// A refusal for a field.
pub(crate) fn assert_wrong(answer: &Answer, pointer: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
        (422, &json!(pointer)),
        "{answer:?}"
    );
}

/// A top-up of euros.
pub(crate) fn euros(reference: &str, amount: &str) -> Value {
    json!({"reference": reference, "amount": amount, "currency": "EUR"})
}

/// A top-up of seconds to Germany.
pub(crate) fn seconds(reference: &str, seconds: i64) -> Value {
    json!({"reference": reference, "seconds": seconds, "destinations": ["49"]})
}

/// A body with some fields more, or others. Those that are null are taken away.
#[expect(clippy::needless_pass_by_value, reason = "it is written as a literal")]
pub(crate) fn with(mut body: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    body
}

/// Money or seconds as text: `12.34` or `60`.
pub(crate) fn quantity(value: &Value) -> String {
    value["amount"].as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
