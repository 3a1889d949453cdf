//! Customers whose months pass: what tests of the billing cycle set up, move and look at.

use axum::body::Body;
use axum::http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::jobs::{self, Round};
use tollbook::{calls, invoices};

use super::account::{Account, faults};
use super::operator::{Record, create, import_text};
use super::{Answer, TestApp};

/// Hours after a month's end until it is billed by itself: the setting's default.
pub(crate) const GRACE_HOURS: i64 = 6;

const DECK: &str = "prefix,destination,rate_per_min,connection_charge,increments,step_from,status
49,Germany,0.03,0,1/1,0,
44,United Kingdom,0.02,0,60/60,0,
";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds)).expect("an instant")
}

/// A tariff that is in force since 2010, and the plan `Ten`, of 10.00 a month; the German tax is 19 %.
pub(crate) async fn provider(db: &TestApp) {
    create(db, "/v1/tax-rates", json!({"country": "DE", "valid_from": "2010-01-01", "rate": "19"})).await;
    let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
    let tariff =
        json!({"name": "standard", "deck": DECK, "valid_from": "2010-01-01T00:00:00Z", "terms": terms});
    create(db, "/v1/tariffs", tariff).await;
    plan(db, "Ten", "10.00", json!({})).await;
}

/// A plan in euros with a fee, and whatever else differs from the defaults.
pub(crate) async fn plan(db: &TestApp, name: &str, fee: &str, more: Value) {
    let plan = json!({"name": name, "currency": "EUR", "payment": "postpaid", "monthly_fee": fee,
                      "tariff": "standard"});
    create(db, "/v1/plans", merged(plan, more)).await;
}

/// A customer on a plan from an instant on, billed from now on, and whatever else is known.
pub(crate) async fn customer<'a>(
    db: &'a TestApp,
    reference: &str,
    zone: &str,
    (plan, from): (&str, &str),
    more: Value,
) -> Account<'a> {
    let customer = json!({"reference": reference, "currency": "EUR", "zone": zone,
        "party": {"name": format!("Customer {reference}"), "country": "DE"},
        "subscription": {"plan": plan, "valid_from": from}});
    let made = create(db, "/v1/customers", merged(customer, more)).await;
    let id = made["id"].as_str().expect("an id").parse().expect("an id");
    Account { db, id, path: format!("/v1/customers/{id}") }
}

/// The customers' number from 2010 on.
pub(crate) fn line(number: &str) -> Value {
    json!([{"number": number, "valid_from": "2010-01-01T00:00:00Z"}])
}

fn merged(mut one: Value, other: Value) -> Value {
    let (Some(all), Value::Object(more)) = (one.as_object_mut(), other) else { panic!("two objects") };
    all.extend(more);
    one
}

pub(crate) async fn patch(db: &TestApp, path: &str, body: Value) -> Answer {
    let request = Request::patch(path).header("content-type", "application/json");
    db.send(request.body(Body::from(body.to_string())).expect("the path is sound")).await
}

/// A line of a file of records: a call to London of whole minutes, each 0.02, or wherever else.
pub(crate) struct Call<'a> {
    pub(crate) id: String,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) seconds: i64,
}

impl<'a> Call<'a> {
    pub(crate) fn new(id: impl Into<String>, from: &'a str, at: Timestamp) -> Self {
        Self { id: id.into(), from, to: "+442079460123", at, seconds: 60 }
    }

    fn line(&self) -> String {
        let Self { id, from, to, at, seconds } = self;
        format!("{id},{id},outbound,{from},{to},{at},{at},{},{seconds},ANSWERED\n", later(*at, *seconds))
    }
}

/// Imports calls, each of which must be charged.
pub(crate) async fn import(db: &TestApp, calls: &[Call<'_>]) {
    let lines: String = calls.iter().map(Call::line).collect();
    let control = import_text(db, "switch", &format!("{}\n{lines}", Record::HEADER)).await;
    assert_eq!(control.charged, calls.len() as u64, "{control}");
}

/// What `serve` and `work` do when the clock shows so much. A round that does not end is a fault.
pub(crate) async fn round_at(db: &TestApp, now: Timestamp) -> Round {
    round_of(&db.app, now).await
}

/// The same, under other settings.
pub(crate) async fn round_of(app: &App, now: Timestamp) -> Round {
    app.clock.set(now);
    let round = tokio::time::timeout(std::time::Duration::from_secs(30), jobs::round(app)).await;
    round.expect("a round ends").expect("a round succeeds")
}

/// A customer's invoices as the API shows them, the oldest month first.
pub(crate) async fn invoices_of(account: &Account<'_>) -> Vec<Value> {
    let answer = account.db.get(&format!("{}/invoices", account.path)).await;
    let mut all = answer.body.as_array().expect("a list").clone();
    all.reverse();
    all
}

/// What the lines of an invoice say: kind, description, amount.
pub(crate) fn lines(stored: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let lines = stored["invoice"]["lines"].as_array().expect("lines").iter();
    lines.map(|line| ["kind", "description", "net"].map(|name| text(&line[name]))).collect()
}

/// Kind and amount of each line.
pub(crate) fn amounts(stored: &Value) -> Vec<(String, String)> {
    lines(stored).into_iter().map(|[kind, _, net]| (kind, net)).collect()
}

/// How many calls an invoice is about.
pub(crate) fn calls_on(stored: &Value) -> u64 {
    let lines = stored["invoice"]["lines"].as_array().expect("lines").iter();
    lines.filter_map(|line| line["calls"].as_u64()).sum()
}

/// Beginning and end of an invoice's month.
pub(crate) fn span(stored: &Value) -> [Timestamp; 2] {
    ["starts_at", "ends_at"].map(|name| at(stored["invoice"]["period"][name].as_str().expect("text")))
}

/// The months of invoices, oldest first, meet exactly.
pub(crate) fn assert_they_meet(invoices: &[Value]) {
    for pair in invoices.windows(2) {
        let [one, other] = [&pair[0], &pair[1]];
        assert_eq!(span(one)[1], span(other)[0], "{one} {other}");
    }
}

/// All that `tollbook check` checks is right, and nothing waits to be seen to.
pub(crate) async fn assert_all_adds_up(db: &TestApp) {
    let refused = assert_no_faults(db).await;
    assert!(refused.is_empty(), "{refused:?}");
}

/// All that `tollbook check` checks is right; answers the months that were refused.
pub(crate) async fn assert_no_faults(db: &TestApp) -> Vec<String> {
    let mut tx = db.app.db.read().await.unwrap();
    let calls = calls::verify(&mut tx, &db.app).await.unwrap();
    assert!(calls.faults.is_empty() && calls.unbilled.is_empty(), "{calls:#?}");
    let verified = invoices::verify(&mut tx).await.unwrap();
    assert!(verified.faults.is_empty(), "{verified:#?}");
    let found = faults(&mut tx).await;
    assert!(found.is_empty(), "{found:#?}");
    verified.refused
}
