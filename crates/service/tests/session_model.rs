//! Do balances stay what a much simpler program says they are, whatever is asked in whichever order?
//!
//! Customers call, top up, repeat themselves and get records by chance, all at once; after each step balances and
//! sessions are compared with a model that knows two prices and adds.

use std::collections::BTreeMap;

use axum::Router;
use calculation::money::Amount;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollbook::id::CustomerId;
use tollbook::sessions;
use tower::ServiceExt;

use crate::support::charging::{Caller, GERMANY, UK, assert_adds_up, record};
use crate::support::{TestApp, json_request, on_both_databases};

const CUSTOMERS: u32 = 125;
/// How often it all begins anew, with what is left on the balances.
const TIMES: u64 = 8;
const STEPS: u64 = 12;
const GRACE: i64 = 300;

/// Numbers by chance that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn up_to(&mut self, most: i64) -> i64 {
        self.below(most.unsigned_abs() + 1).cast_signed()
    }
}

/// What so much talk costs, in millionths.
fn cost(to: &str, seconds: i64) -> i64 {
    if to == UK { (seconds + 59) / 60 * 20_000 } else { seconds * 500 }
}

/// How much talk so much money pays.
fn payable(to: &str, money: i64) -> i64 {
    if to == UK { money / 20_000 * 60 } else { money / 500 }
}

fn money(micros: i64) -> Value {
    json!(Amount::from_micros(micros).to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Released,
    Expired,
    Refused,
}

#[derive(Debug)]
struct Call {
    id: String,
    to: &'static str,
    state: State,
    began: Timestamp,
    over_at: Timestamp,
    used: i64,
    held: i64,
    taken: i64,
    lost: i64,
    sequence: i64,
    records: Vec<Value>,
    session: String,
    /// The last request that was heard, and its answer.
    heard: Option<(String, Value, u16, Value)>,
}

/// A customer as the model sees them.
struct Model {
    caller: (String, String),
    customer: CustomerId,
    chance: Chance,
    calls: Vec<Call>,
    top_ups: Vec<Value>,
    money: i64,
    /// Of records without a session.
    alone: (i64, i64),
    made: u64,
}

/// A request, and what must be answered.
struct Sent {
    path: String,
    body: Value,
    status: u16,
    expected: Vec<(&'static str, Value)>,
    /// Of which call the answer is to be kept.
    kept: Option<usize>,
}

impl Model {
    fn available(&self) -> i64 {
        self.money - self.calls.iter().map(|call| call.held).sum::<i64>()
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("{}/{}", self.customer, self.made)
    }

    /// Chooses what happens next, and lets it happen in the model.
    fn step(&mut self, now: Timestamp) -> Sent {
        let known = self.calls.len() as u64;
        let call = if known > 0 { usize::try_from(self.chance.below(known)).unwrap() } else { 0 };
        match self.chance.below(12) {
            0 => self.top_up(),
            1 if !self.top_ups.is_empty() => self.top_up_again(),
            _ if known == 0 => self.ask(now),
            2..=3 => self.ask(now),
            4..=5 => self.update(call, now),
            6..=7 => self.release(call, now),
            8..=9 => self.again(call),
            _ => self.record(call, now),
        }
    }

    fn sent(&self, verb: &str, call: usize, body: Value, status: u16) -> Sent {
        let path = format!("/v1/charging/sessions/{}/{verb}", self.calls[call].session);
        Sent { path, body, status, expected: vec![], kept: None }
    }

    fn top_up(&mut self) -> Sent {
        let cents = self.chance.up_to(20) + 1;
        self.money += cents * 10_000;
        let body = json!({"reference": self.name(), "amount": money(cents * 10_000), "currency": "EUR"});
        self.top_ups.push(body.clone());
        Sent { path: format!("{}/top-ups", self.caller.0), body, status: 201, expected: vec![], kept: None }
    }

    fn top_up_again(&mut self) -> Sent {
        let which = usize::try_from(self.chance.below(self.top_ups.len() as u64)).unwrap();
        let (path, body) = (format!("{}/top-ups", self.caller.0), self.top_ups[which].clone());
        Sent { path, body, status: 200, expected: vec![], kept: None }
    }

    fn ask(&mut self, now: Timestamp) -> Sent {
        let to = if self.chance.below(2) == 0 { UK } else { GERMANY };
        let wanted = self.chance.up_to(400) + 1;
        let most = payable(to, self.available());
        let granted = wanted.min(most);
        let id = self.name();
        let body = json!({"call_id": id, "calling_number": self.caller.1, "called_number": to, "requested_seconds": wanted});
        let over_at = now.checked_add(SignedDuration::from_secs(granted + GRACE)).unwrap();
        let state = if granted > 0 { State::Open } else { State::Refused };
        let (session, heard, records) = (String::new(), None, vec![]);
        let call = Call {
            id,
            to,
            state,
            began: now,
            over_at,
            used: 0,
            held: cost(to, granted),
            taken: 0,
            lost: 0,
            sequence: 0,
            records,
            session,
            heard,
        };
        self.calls.push(call);
        let (status, expected) = if granted > 0 {
            (
                201,
                vec![
                    ("/granted_seconds", json!(granted)),
                    ("/final", json!(wanted >= most)),
                    ("/reserved/amount", money(cost(to, granted))),
                    ("/valid_until", json!(over_at)),
                ],
            )
        } else {
            (402, vec![])
        };
        Sent {
            path: "/v1/charging/sessions".to_owned(),
            body,
            status,
            expected,
            kept: Some(self.calls.len() - 1),
        }
    }

    /// More talk than before, as far as time has gone by.
    fn more_use(&mut self, call: usize, now: Timestamp) -> i64 {
        let Call { used, began, .. } = self.calls[call];
        let most = now.duration_since(began).as_secs().min(used + 500);
        used + self.chance.up_to((most - used).max(0))
    }

    fn update(&mut self, place: usize, now: Timestamp) -> Sent {
        let (used, wanted) = (self.more_use(place, now), self.chance.up_to(400) + 1);
        let available = self.available();
        let call = &mut self.calls[place];
        let (sequence, state) = (call.sequence + 1, call.state);
        let body = json!({"sequence": sequence, "used_seconds": used, "requested_seconds": wanted});
        if call.session.is_empty() {
            return self.top_up();
        }
        if state != State::Open {
            return self.sent("update", place, body, 409);
        }
        let most = payable(call.to, available + call.held);
        let granted = (used + wanted).min(most);
        (call.sequence, call.used, call.held) = (sequence, used, cost(call.to, granted));
        let left = (granted - used).max(0) + GRACE;
        call.over_at = now.checked_add(SignedDuration::from_secs(left)).unwrap();
        let expected = vec![
            ("/granted_seconds", json!(granted)),
            ("/final", json!(used + wanted >= most)),
            ("/reserved/amount", money(call.held)),
            ("/valid_until", json!(call.over_at)),
        ];
        Sent { expected, kept: Some(place), ..self.sent("update", place, body, 200) }
    }

    fn release(&mut self, place: usize, now: Timestamp) -> Sent {
        let used = self.more_use(place, now);
        let call = &mut self.calls[place];
        let sequence = call.sequence + 1;
        let body = json!({"sequence": sequence, "used_seconds": used});
        if call.session.is_empty() {
            return self.top_up();
        }
        if call.records.is_empty() {
            if !matches!(call.state, State::Open | State::Expired) {
                return self.sent("release", place, body, 409);
            }
            self.settle(place, used, State::Released);
        }
        let call = &mut self.calls[place];
        call.sequence = sequence;
        let expected = vec![
            ("/state", json!("released")),
            ("/used_seconds", json!(call.used)),
            ("/charged/amount", money(call.taken)),
            ("/loss/amount", money(call.lost)),
        ];
        Sent { expected, kept: Some(place), ..self.sent("release", place, body, 200) }
    }

    fn settle(&mut self, place: usize, used: i64, state: State) {
        let free = self.available() + self.calls[place].held + self.calls[place].taken;
        let call = &mut self.calls[place];
        let cost = cost(call.to, used);
        let taken = cost.min(free);
        self.money -= taken - call.taken;
        (call.held, call.taken, call.lost, call.used, call.state) = (0, taken, cost - taken, used, state);
    }

    /// Sends the last request of a call again.
    fn again(&mut self, place: usize) -> Sent {
        let call = &self.calls[place];
        let Some((path, body, status, answer)) = call.heard.clone() else { return self.top_up() };
        if call.state == State::Expired {
            return Sent { path, body, status: 409, expected: vec![], kept: None };
        }
        let expected = vec![("", answer)];
        Sent { path, body, status, expected, kept: None }
    }

    fn record(&mut self, place: usize, now: Timestamp) -> Sent {
        let seconds = self.chance.up_to(now.duration_since(self.calls[place].began).as_secs().min(600));
        let known = self.calls[place].records.first().cloned();
        let path = "/v1/calls?source=pbx".to_owned();
        if let Some(body) = known.clone().filter(|_| self.chance.below(2) == 0) {
            return Sent { path, body, status: 200, expected: vec![], kept: None };
        }
        if seconds == 0 {
            return self.top_up();
        }
        let name = self.name();
        let call = &mut self.calls[place];
        let (to, began) = (call.to, call.began);
        let body = record(&name, &call.id, &self.caller.1, to, began, u32::try_from(seconds).unwrap());
        let mut status = 201;
        // A further record of the same time is another leg.
        if known.is_some() {
            status = 202;
        } else if call.state == State::Refused {
            call.records.push(body.clone());
            let taken = cost(to, seconds).min(self.available());
            self.money -= taken;
            self.alone = (self.alone.0 + taken, self.alone.1 + cost(to, seconds) - taken);
        } else {
            call.records.push(body.clone());
            self.settle(place, seconds, State::Released);
        }
        let amount = ("/amount/amount", money(cost(to, seconds)));
        let expected = if status == 201 { vec![amount] } else { vec![("/reason", json!("another_leg"))] };
        Sent { path, body, status, expected, kept: None }
    }

    /// Nothing is heard any more of calls whose time is over.
    fn expire(&mut self, now: Timestamp) {
        let due = |call: &Call| call.state == State::Open && call.over_at <= now;
        let mut places: Vec<_> = (0..self.calls.len()).filter(|place| due(&self.calls[*place])).collect();
        places.sort_by_key(|place| self.calls[*place].over_at);
        for place in places {
            self.settle(place, self.calls[place].used, State::Expired);
        }
    }

    /// Compares an answer.
    fn judge(&mut self, sent: Sent, status: u16, answer: Value) {
        let Sent { path, body, status: expected_status, expected, kept } = sent;
        assert_eq!(status, expected_status, "{path} {body}: {answer} {:#?}", self.calls);
        for (pointer, expected) in expected {
            assert_eq!(answer.pointer(pointer), Some(&expected), "{path} {body}: {answer} {:#?}", self.calls);
        }
        if let Some(place) = kept {
            let call = &mut self.calls[place];
            if let Some(session) = answer["session_id"].as_str() {
                session.clone_into(&mut call.session);
            }
            call.heard = Some((path, body, status, answer));
        }
    }

    /// Amount, reserved, charged and lost.
    fn sums(&self) -> [i64; 4] {
        let sum = |what: fn(&Call) -> i64| self.calls.iter().map(what).sum::<i64>();
        let (charged, lost) = self.alone;
        [self.money, sum(|call| call.held), charged + sum(|call| call.taken), lost + sum(|call| call.lost)]
    }
}

async fn models(db: &TestApp) -> Vec<Model> {
    Caller::first(db).await;
    let mut models = Vec::new();
    for number in 0..CUSTOMERS {
        let caller =
            Caller::of(db, &format!("P-{number}"), "Prepaid", &format!("+49302314{number:04}")).await;
        let customer = caller.path.rsplit('/').next().unwrap().parse().unwrap();
        let (caller, chance) = ((caller.path, caller.line), Chance(number.into()));
        let (calls, top_ups) = (vec![], vec![]);
        models.push(Model { caller, customer, chance, calls, top_ups, money: 0, alone: (0, 0), made: 0 });
    }
    models
}

/// Sends each customer's request, all at once.
async fn send_all(router: &Router, sent: &[Sent]) -> Vec<(u16, Value)> {
    let mut under_way = JoinSet::new();
    for (place, one) in sent.iter().enumerate() {
        let (router, request) = (router.clone(), json_request(&one.path, &one.body));
        under_way.spawn(async move {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (place, (status, serde_json::from_slice(&body).unwrap_or_default()))
        });
    }
    let mut answers = under_way.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Everybody's sums as they are stored.
async fn stored(db: &TestApp) -> BTreeMap<i64, [i64; 4]> {
    let mut tx = db.app.db.read().await.unwrap();
    let mut found: BTreeMap<i64, [i64; 4]> = BTreeMap::new();
    let balances = "select customer_id, amount as a, reserved as b from balances";
    let sessions = "select customer_id, cast(sum(charged) as bigint) as a, cast(sum(loss) as bigint) as b
                    from charging_sessions group by customer_id";
    for (sql, place) in [(balances, 0), (sessions, 2)] {
        for row in tx.rows(sql, &[]).await.unwrap() {
            let sums = found.entry(row.get("customer_id").unwrap()).or_default();
            (sums[place], sums[place + 1]) = (row.get("a").unwrap(), row.get("b").unwrap());
        }
    }
    found
}

async fn compare(db: &TestApp, models: &[Model]) {
    let stored = stored(db).await;
    for model in models {
        let found = stored.get(&model.customer.0).copied().unwrap_or_default();
        assert_eq!(found, model.sums(), "{} {:#?}", model.customer, model.calls);
        assert!(found[0] >= found[1] && found[1] >= 0, "{} {found:?}", model.customer);
    }
}

on_both_databases! {
    async fn balances_are_what_a_simple_model_says(db: TestApp) {
        let mut models = models(&db).await;
        let router = tollbook::http::router(db.app.clone());
        let mut chance = Chance(20_261_105);
        for round in 0..TIMES * STEPS {
            // No two rounds fall into the same part of a second, so that no two calls end at the same instant.
            let ends = round % STEPS == STEPS - 1;
            let seconds = if ends { 1_000_000 } else { chance.up_to(120) + 1 };
            let later = SignedDuration::from_micros(seconds * 1_000_000 + 1);
            let now = db.app.clock.now().checked_add(later).unwrap();
            db.app.clock.set(now);
            if ends || chance.below(3) == 0 {
                for model in &mut models {
                    model.expire(now);
                }
                sessions::expire(&db.app).await.unwrap();
            }
            let sent: Vec<_> = models.iter_mut().map(|model| model.step(now)).collect();
            let answers = send_all(&router, &sent).await;
            for ((model, sent), (status, answer)) in models.iter_mut().zip(sent).zip(answers) {
                model.judge(sent, status, answer);
            }
            compare(&db, &models).await;
        }
        let met = models.iter().map(Model::sums).fold([0; 4], |all, one| std::array::from_fn(|n| all[n] + one[n]));
        assert!(met.iter().all(|sum| *sum > 0), "money, calls under way, charges and losses were met: {met:?}");
        assert_adds_up(&db).await;
    }
}
