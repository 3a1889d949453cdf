//! Who calls on a prepaid plan, and what a switch asks for them.

use calculation::money::Amount;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::{calls, ledger, sessions};

use super::account::Account;
use super::operator::{create, operator};
use super::{Answer, TestApp, json_request, send};

/// 0.02 a minute, in minutes.
pub(crate) const UK: &str = "+442079460123";
/// 0.03 a minute, in seconds.
pub(crate) const GERMANY: &str = "+493012345678";
/// 0.07 for the connection, 0.10 a minute, from the sixth minute on 0.05; a minute, then seconds.
pub(crate) const ITALY: &str = "+390612345678";
/// Barred by the tariff.
pub(crate) const SATELLITE: &str = "+881612345678";

/// A customer with a line.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    pub(crate) db: &'a TestApp,
    /// Of the customer.
    pub(crate) path: String,
    pub(crate) line: String,
}

/// A prepaid plan with such limits on calls.
pub(crate) async fn plan(db: &TestApp, name: &str, limits: Value) {
    let plan = json!({"name": name, "currency": "EUR", "payment": "prepaid", "monthly_fee": "0",
                      "tariff": "standard", "terms": {"limits": limits}});
    create(db, "/v1/plans", plan).await;
}

impl<'a> Caller<'a> {
    /// The small operator's prepaid customer.
    pub(crate) async fn first(db: &'a TestApp) -> Self {
        operator(db).await;
        Self { db, path: Account::of(db, "C-4").await.path, line: "+493023125004".to_owned() }
    }

    /// Another customer of the small operator.
    pub(crate) async fn of(db: &'a TestApp, reference: &str, plan: &str, line: &str) -> Self {
        let customer = json!({
            "reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
            "lines": [{"number": line, "valid_from": "2025-01-01T00:00:00Z"}],
            "party": {"name": format!("Customer {reference}"), "country": "DE"},
            "subscription": {"plan": plan, "valid_from": "2026-01-01T00:00:00Z"},
        });
        let id = create(db, "/v1/customers", customer).await["id"].as_str().unwrap().to_owned();
        Self { db, path: format!("/v1/customers/{id}"), line: line.to_owned() }
    }

    /// Puts something on a balance; answers the balance's id.
    pub(crate) async fn give(&self, what: Value) -> String {
        let body = with(json!({"reference": format!("t{}", self.db.app.clock.id())}), &what);
        let done = create(self.db, &format!("{}/top-ups", self.path), body).await;
        done["movements"][0]["balance_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn top_up(&self, amount: &str) {
        self.give(json!({"amount": amount, "currency": "EUR"})).await;
    }

    /// Each open balance: what is on it and what of that is held.
    pub(crate) async fn balances(&self) -> Vec<(String, String)> {
        let body = self.db.get(&format!("{}/balances", self.path)).await.body;
        let text = |quantity: &Value| match &quantity["amount"] {
            Value::String(amount) => amount.clone(),
            _ => quantity.to_string(),
        };
        body.as_array().unwrap().iter().map(|one| (text(&one["amount"]), text(&one["reserved"]))).collect()
    }

    /// Their only balance has so much, and so much of it is held.
    pub(crate) async fn has(&self, amount: &str, reserved: &str) {
        assert_eq!(self.balances().await, [(amount.to_owned(), reserved.to_owned())]);
    }

    /// What a switch asks before a call.
    pub(crate) fn call(&self, call_id: &str, to: &str, more: Value) -> Value {
        let Value::Object(more) = more else { panic!("{more}") };
        let mut body = json!({"call_id": call_id, "calling_number": self.line, "called_number": to});
        body.as_object_mut().unwrap().extend(more);
        body
    }

    /// Asks for a call that must be granted.
    pub(crate) async fn granted(&self, call_id: &str, to: &str, seconds: u32) -> Value {
        let answer = ask(self.db, &self.call(call_id, to, json!({"requested_seconds": seconds}))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }
}

/// A body with some fields more or others.
pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Asks whether a call may be made.
pub(crate) async fn ask(db: &TestApp, body: &Value) -> Answer {
    db.post_json("/v1/charging/sessions", body).await
}

/// Sends requests all at once, in turn to each of some programs.
pub(crate) async fn at_once(apps: &[&App], requests: &[(String, Value)]) -> Vec<Answer> {
    let mut sent = JoinSet::new();
    for ((path, body), app) in requests.iter().zip(apps.iter().cycle()) {
        sent.spawn(send((*app).clone(), json_request(path, body)));
    }
    sent.join_all().await
}

/// Where a request about a session goes.
pub(crate) fn path(session: &Value, verb: &str) -> String {
    format!("/v1/charging/sessions/{}/{verb}", session["session_id"].as_str().unwrap())
}

/// Reports what was used, and asks for more.
pub(crate) async fn update(db: &TestApp, session: &Value, body: Value) -> Answer {
    db.post_json(&path(session, "update"), &body).await
}

/// Asks for more, which must be granted.
pub(crate) async fn extended(db: &TestApp, session: &Value, sequence: u32, used: u32, more: u32) -> Value {
    let body = json!({"sequence": sequence, "used_seconds": used, "requested_seconds": more});
    let answer = update(db, session, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

pub(crate) async fn release(db: &TestApp, session: &Value, sequence: u32, used: u32) -> Answer {
    db.post_json(&path(session, "release"), &json!({"sequence": sequence, "used_seconds": used})).await
}

/// Releases a call: what it came to.
pub(crate) async fn released(db: &TestApp, session: &Value, sequence: u32, used: u32) -> Value {
    let answer = release(db, session, sequence, used).await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (200, &json!("released")), "{answer:?}");
    answer.body
}

/// What is stored of a session.
pub(crate) async fn shown(db: &TestApp, session: &Value) -> Value {
    db.get(&format!("/v1/charging/sessions/{}", session["session_id"].as_str().unwrap())).await.body
}

/// A refusal is of this status and kind.
pub(crate) fn assert_refused(answer: &Answer, status: u16, kind: &str) {
    let expected = format!("/problems/{kind}");
    assert_eq!((answer.status.as_u16(), &answer.body["type"]), (status, &json!(expected)), "{answer:?}");
}

/// A refusal names this field.
pub(crate) fn assert_wrong(answer: &Answer, pointer: &str) {
    assert_refused(answer, 422, "invalid-field");
    assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{answer:?}");
}

/// Lets time go by.
pub(crate) fn pass(db: &TestApp, seconds: i64) {
    let clock = &db.app.clock;
    clock.set(clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap());
}

/// The clock of a second program: its ids are others.
pub(crate) fn second_clock(at: Timestamp) -> Clock {
    let clock = Clock::fixed(at);
    for _ in 0..1_000_000 {
        clock.id();
    }
    clock
}

/// The record of a call that was answered right away.
pub(crate) fn record(
    id: &str,
    call_id: &str,
    line: &str,
    to: &str,
    answered: Timestamp,
    seconds: u32,
) -> Value {
    let end = answered.checked_add(SignedDuration::from_secs(seconds.into())).unwrap();
    json!({"record_id": id, "call_id": call_id, "direction": "outbound", "calling_number": line,
           "called_number": to, "start_time": answered, "answer_time": answered, "end_time": end,
           "billsec": seconds, "disposition": "ANSWERED"})
}

/// Sends a record; answers what became of it.
pub(crate) async fn send_record(db: &TestApp, record: &Value) -> Value {
    let answer = db.post_json("/v1/calls?source=pbx", record).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.body
}

/// What was posted to an account of the ledger, in all.
pub(crate) async fn posted(db: &TestApp, account: &str) -> Amount {
    let mut tx = db.app.db.read().await.unwrap();
    let sql = "select cast(coalesce(sum(amount), 0) as bigint) as amount from postings where account = $1";
    let row = tx.row(sql, &[&account]).await.unwrap().unwrap();
    Amount::from_micros(row.get("amount").unwrap())
}

/// What must never be found, and what it means.
const FAULTS: [(&str, &str); 4] = [
    (
        "a balance is not the sum of its movements",
        "select b.balance_id from balances b left join movements m
           on m.customer_id = b.customer_id and m.balance_id = b.balance_id
         group by b.customer_id, b.balance_id, b.amount having coalesce(sum(m.amount), 0) <> b.amount",
    ),
    (
        "a balance holds other than its calls under way",
        "select b.balance_id from balances b left join reservations r
           on r.customer_id = b.customer_id and r.balance_id = b.balance_id
         group by b.customer_id, b.balance_id, b.reserved having coalesce(sum(r.held), 0) <> b.reserved",
    ),
    (
        "the ledger owes a customer other than the balances of money have",
        "select b.customer_id from (select customer_id, sum(amount) as amount from balances
           where unit = 'money' group by customer_id) b
         left join (select customer_id, sum(amount) as amount from postings where account = 'prepaid'
           group by customer_id) p on p.customer_id = b.customer_id
         where b.amount + coalesce(p.amount, 0) <> 0",
    ),
    (
        "the ledger lost other than the sessions",
        "select s.customer_id from (select customer_id, sum(loss) as amount from charging_sessions
           group by customer_id) s
         left join (select customer_id, sum(amount) as amount from postings where account = 'bad_debt'
           group by customer_id) p on p.customer_id = s.customer_id
         where s.amount <> coalesce(p.amount, 0)",
    ),
];

/// Sessions, balances, calls and ledger agree.
pub(crate) async fn assert_adds_up(db: &TestApp) {
    let mut tx = db.app.db.read().await.unwrap();
    let sessions = sessions::verify(&mut tx, db.app.clock.now(), 24).await.unwrap();
    let ledger = ledger::verify(&mut tx).await.unwrap();
    let calls = calls::verify(&mut tx, &db.app).await.unwrap();
    let mut faults = [sessions.faults, ledger.faults, calls.faults].concat();
    for (words, sql) in FAULTS {
        let found = tx.rows(sql, &[]).await.unwrap();
        faults.extend(found.iter().map(|_| words.to_owned()));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
