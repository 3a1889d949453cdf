//! Is a voucher worth what was agreed, once, and does everything prepaid add up?

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tollbook::id::BalanceId;

use crate::support::account::{assert_sound, faults};
use crate::support::operator::create;
use crate::support::prepaid::{LINE, Prepaid, assert_wrong, at, euros, seconds, with};
use crate::support::{Engine, TestApp, on_both_databases};

/// A batch of vouchers of ten euros.
fn tens(batch: &str, count: u32) -> Value {
    json!({"batch": batch, "count": count, "amount": "10.00", "currency": "EUR"})
}

/// Makes vouchers, and answers their codes.
async fn made(db: &TestApp, body: &Value) -> Vec<String> {
    let answer = db.post_json("/v1/vouchers", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let codes = answer.body["codes"].as_array().unwrap();
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

fn code(code: &str) -> Value {
    json!({"code": code})
}

/// Something that is done to balances, in cents or seconds; places choose among them.
#[derive(Debug, Clone)]
enum Step {
    TopUp { cents: i64, to: To },
    Seconds { seconds: i64 },
    Again { place: usize },
    Adjust { place: usize, count: i64 },
    Transfer { from: usize, to: usize, count: i64 },
    Voucher { place: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Main,
    Line,
    Own,
}

fn step() -> impl Strategy<Value = Step> {
    let to = proptest::prop_oneof![
        proptest::strategy::Just(To::Main),
        proptest::strategy::Just(To::Line),
        proptest::strategy::Just(To::Own)
    ];
    proptest::prop_oneof![
        3 => (1..5_000_i64, to).prop_map(|(cents, to)| Step::TopUp { cents, to }),
        1 => (1..600_i64).prop_map(|seconds| Step::Seconds { seconds }),
        1 => (0..9_usize).prop_map(|place| Step::Again { place }),
        3 => (0..9_usize, -3_000..3_000_i64).prop_map(|(place, count)| Step::Adjust { place, count }),
        4 => (0..9_usize, 0..9_usize, 1..3_000_i64).prop_map(|(from, to, count)| Step::Transfer { from, to, count }),
        2 => (0..6_usize).prop_map(|place| Step::Voucher { place }),
    ]
}

/// What the balances must be like: whether each is of money, where it came from and what is on it.
#[derive(Debug, Default)]
struct Model {
    balances: Vec<(BalanceId, To, bool, i64)>,
    top_ups: Vec<Value>,
    redeemed: BTreeSet<usize>,
}

impl Model {
    fn at(&self, place: usize) -> Option<usize> {
        (!self.balances.is_empty()).then(|| place % self.balances.len())
    }

    fn put(&mut self, id: BalanceId, to: To, money: bool, count: i64) {
        let known = self.balances.iter_mut().find(|(_, known, _, _)| *known == to && to != To::Own);
        match known {
            Some((known, _, _, amount)) => {
                assert_eq!(*known, id, "there is one main balance of each kind");
                *amount += count;
            }
            None => self.balances.push((id, to, money, count)),
        }
    }
}

fn of_count(reference: &str, money: bool, count: i64) -> Value {
    let sign = if count < 0 { "-" } else { "" };
    let cents = count.abs();
    if money {
        euros(reference, &format!("{sign}{}.{:02}", cents / 100, cents % 100))
    } else {
        json!({"reference": reference, "seconds": count})
    }
}

/// Does a step to the balances and the model.
async fn take(step: Step, reference: &str, customer: &Prepaid<'_>, codes: &[String], model: &mut Model) {
    match step {
        Step::TopUp { cents, to } => {
            let fields = match to {
                To::Main => json!({}),
                To::Line => json!({"line": LINE}),
                To::Own => json!({"expires_at": "2027-01-01T00:00:00Z", "kind": "bonus"}),
            };
            let body = with(of_count(reference, true, cents), fields);
            model.put(customer.top_up(&body).await, to, true, cents);
            model.top_ups.push(body);
        }
        Step::Seconds { seconds: count } => {
            let body = seconds(reference, count);
            model.put(customer.top_up(&body).await, To::Own, false, count);
            model.top_ups.push(body);
        }
        Step::Again { place } => {
            let count = model.top_ups.len().max(1);
            let Some(body) = model.top_ups.get(place % count) else { return };
            assert_eq!(customer.post("top-ups", body).await.status, 200);
        }
        Step::Adjust { place, count } => {
            let Some(place) = model.at(place) else { return };
            let (id, _, money, amount) = &mut model.balances[place];
            let body = with(of_count(reference, *money, count), json!({"reason": "any"}));
            let answer = customer.post(&format!("balances/{id}/adjustments"), &body).await;
            let expected = if count == 0 {
                422
            } else if *amount + count < 0 {
                409
            } else {
                201
            };
            assert_eq!(answer.status, expected, "{answer:?}");
            *amount += if expected == 201 { count } else { 0 };
        }
        Step::Transfer { from, to, count } => {
            let Some((from, to)) = model.at(from).zip(model.at(to)) else { return };
            let ((one, _, money, amount), (two, _, other, _)) = (model.balances[from], model.balances[to]);
            let body = with(of_count(reference, money, count), json!({"from": one, "to": two}));
            let answer = customer.post("transfers", &body).await;
            let expected = if from == to {
                422
            } else if money != other || count > amount {
                409
            } else {
                201
            };
            assert_eq!(answer.status, expected, "{answer:?}");
            let moved = if expected == 201 { count } else { 0 };
            model.balances[from].3 -= moved;
            model.balances[to].3 += moved;
        }
        Step::Voucher { place } => {
            let answer = customer.post("vouchers", &code(&codes[place])).await;
            let new = model.redeemed.insert(place);
            assert_eq!(answer.status, if new { 201 } else { 200 }, "{answer:?}");
            let id = answer.body["movements"][0]["balance_id"].as_str().unwrap().parse().unwrap();
            if new {
                model.put(id, To::Main, true, 1_000);
            }
        }
    }
}

on_both_databases! {
    async fn a_voucher_is_redeemed_once(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let other = Prepaid::of(&db, "C-1").await;
        let codes = made(&db, &tens("kiosk", 3)).await;
        assert_eq!(codes.len(), 3);
        let first = customer.done("vouchers", &code(&codes[0])).await;
        assert_eq!((&first["kind"], &first["reason"]), (&json!("voucher"), &json!("kiosk")));
        let again = customer.post("vouchers", &code(&codes[0].replace('-', " "))).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first));
        assert!(other.refused("vouchers", &code(&codes[0]), 409).await.contains("another customer"));
        customer.done("vouchers", &with(code(&codes[1].replace('-', "")), json!({"line": LINE}))).await;
        let balances = customer.balances().await;
        let amounts: Vec<_> = balances.iter().map(|(name, amount, _)| (name.as_str(), amount.as_str())).collect();
        assert_eq!(amounts, [("Main balance", "10.00"), ("Main balance", "10.00")]);
        // Mistyped, unknown and no code at all are told apart.
        let mut digits: Vec<_> = codes[2].chars().collect();
        digits[18] = if digits[18] == '0' { '1' } else { '0' };
        let mistyped: String = digits.iter().collect();
        let answer = customer.post("vouchers", &code(&mistyped)).await;
        assert_wrong(&answer, "/code");
        assert!(answer.body["detail"].as_str().unwrap().contains("mistyped"));
        assert!(customer.refused("vouchers", &code("4111-1111-1111-1111"), 404).await.contains("no voucher"));
        customer.wrong("vouchers", &code("4111"), "/code").await;
        let theirs = with(code(&codes[2]), json!({"line": "+493023125001"}));
        customer.wrong("vouchers", &theirs, "/line").await;
        assert_eq!(db.post_json("/v1/customers/cus_0000000000011/vouchers", &code(&codes[2])).await.status, 404);
        // What was refused left it as it was.
        other.done("vouchers", &code(&codes[2])).await;
        assert_sound(&db).await;
    }

    async fn of_two_who_redeem_a_voucher_at_once_one_wins(db: TestApp) {
        let (one, two) = (Prepaid::new(&db).await, Prepaid::of(&db, "C-1").await);
        for voucher in made(&db, &tens("kiosk", 8)).await {
            let body = code(&voucher);
            let (first, second) = tokio::join!(one.post("vouchers", &body), two.post("vouchers", &body));
            let mut found = [first.status.as_u16(), second.status.as_u16()];
            found.sort_unstable();
            assert_eq!(found, [201, 409], "{first:?} {second:?}");
        }
        let voucher = code(&made(&db, &tens("market", 1)).await[0]);
        let answers = futures_util::future::join_all((0..8).map(|_| one.post("vouchers", &voucher))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_sound(&db).await;
    }

    async fn what_a_voucher_is_worth_and_until_when_is_agreed_with_its_batch(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let talk = json!({"batch": "talk", "count": 1, "seconds": 600, "destinations": ["49"], "name": "Talk", "priority": -1, "balance_days": 30});
        customer.done("vouchers", &code(&made(&db, &talk).await[0])).await;
        let month = with(tens("month", 1), json!({"balance_days": 1, "name": "Day"}));
        customer.done("vouchers", &code(&made(&db, &month).await[0])).await;
        let balances = customer.get("balances").await;
        // The end of the day in Berlin.
        let told = |place: usize| ["name", "priority", "expires_at", "main"].map(|name| balances[place][name].clone());
        assert_eq!(told(0), [json!("Talk"), json!(-1), json!("2026-12-05T23:00:00Z"), json!(false)]);
        assert_eq!(told(1), [json!("Day"), json!(0), json!("2026-11-06T23:00:00Z"), json!(false)]);
        // Vouchers expire too, and are in a currency.
        let codes = made(&db, &with(tens("short", 2), json!({"expires_at": "2026-11-06T00:00:00Z"}))).await;
        customer.done("vouchers", &code(&codes[0])).await;
        let dollars = made(&db, &with(tens("dollars", 1), json!({"currency": "USD"}))).await;
        assert!(customer.refused("vouchers", &code(&dollars[0]), 409).await.contains("USD"));
        db.app.clock.set(at("2026-11-06T00:00:00Z"));
        assert!(customer.refused("vouchers", &code(&codes[1]), 409).await.contains("expired"));
        assert_eq!(customer.post("vouchers", &code(&codes[0])).await.status, 200);
        let more = made(&db, &tens("more", 1)).await;
        assert_eq!(customer.post("close", &json!({"closed_at": "2026-11-06T00:00:00Z"})).await.status, 200);
        assert!(customer.refused("vouchers", &code(&more[0]), 409).await.contains("closed"));
        assert_sound(&db).await;
    }

    async fn a_batch_that_makes_no_sense_is_refused(db: TestApp) {
        made(&db, &tens("kiosk", 1)).await;
        assert_eq!(db.post_json("/v1/vouchers", &tens("kiosk", 1)).await.status, 409);
        for (fields, pointer) in [
            (json!({"batch": ""}), "/batch"),
            (json!({"batch": "x".repeat(101)}), "/batch"),
            (json!({"count": 0}), "/count"),
            (json!({"count": 10_001}), "/count"),
            (json!({"amount": "0.00"}), "/amount"),
            (json!({"amount": null, "currency": null}), "/amount"),
            (json!({"seconds": 60}), "/seconds"),
            (json!({"name": "Gift"}), "/name"),
            (json!({"name": " ", "priority": 0}), "/name"),
            (json!({"balance_days": 0}), "/balance_days"),
            (json!({"balance_days": 36_526}), "/balance_days"),
            (json!({"expires_at": "2026-11-05T12:00:00Z"}), "/expires_at"),
            (json!({"expires_at": "3000-01-01T00:00:00Z"}), "/expires_at"),
        ] {
            assert_wrong(&db.post_json("/v1/vouchers", &with(tens("other", 1), fields)).await, pointer);
        }
    }

    async fn codes_are_answered_once_and_not_kept(db: TestApp) {
        let answer = db.post_json_once("/v1/vouchers", "key-1", &tens("kiosk", 2)).await;
        assert_eq!((answer.status, &answer.headers["cache-control"].to_str().unwrap()), (StatusCode::CREATED, &"no-store"));
        let code = answer.body["codes"][0].as_str().unwrap().to_owned();
        let again = db.post_json_once("/v1/vouchers", "key-1", &tens("kiosk", 2)).await;
        assert_eq!((again.status, &again.body["codes"], &again.body["batch"]), (StatusCode::CREATED, &Value::Null, &json!("kiosk")));
        let mut tx = db.app.db.read().await.unwrap();
        let digits = code.replace('-', "");
        for sql in ["select body from idempotency_keys", "select batch as body from vouchers"] {
            for row in tx.rows(sql, &[]).await.unwrap() {
                let body: String = row.get("body").unwrap();
                assert!(!body.contains(&code) && !body.contains(&digits), "{body}");
            }
        }
        let row = tx.row("select count(*) as vouchers from vouchers", &[]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("vouchers").unwrap(), 2);
        drop(tx);
        // As a file for whoever prints them.
        let body = with(tens("printed", 2), json!({"expires_at": "2027-12-31T23:00:00Z"}));
        let request = Request::post("/v1/vouchers").header("accept", "application/xml, text/csv;q=0.9");
        let router = tollbook::http::router(db.app.clone());
        let response = tower::ServiceExt::oneshot(router, request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "code,batch,amount,currency,seconds,expires_at"));
        assert!(lines[1].ends_with(",printed,10.00,EUR,,2027-12-31T23:00:00Z"), "{text}");
        let customer = Prepaid::new(&db).await;
        customer.done("vouchers", &json!({"code": lines[1].split(',').next().unwrap()})).await;
        assert_sound(&db).await;
    }

    async fn whatever_is_done_balances_agree_with_a_simple_model(db: TestApp) {
        Prepaid::new(&db).await;
        let mut runner = TestRunner::deterministic();
        for case in 0..6 {
            let reference = format!("P-{case}");
            create(&db, "/v1/customers", json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
                "party": {"name": "Any", "country": "DE"}})).await;
            let customer = Prepaid::of(&db, &reference).await;
            // The line moves from customer to customer.
            let lines = db.get("/v1/customers?limit=500").await;
            assert_eq!(lines.status, 200);
            let now = at(&format!("2026-11-{:02}T00:00:00Z", case + 6));
            db.app.clock.set(now);
            let holder = if case == 0 { "C-4".to_owned() } else { format!("P-{}", case - 1) };
            let holder = Prepaid::of(&db, &holder).await;
            let held = holder.get("lines").await;
            let end = format!("lines/{}/end", held[0]["id"].as_str().unwrap());
            assert_eq!(holder.post(&end, &json!({"valid_to": now})).await.status, 200);
            customer.done("lines", &json!({"number": LINE, "valid_from": now})).await;
            let codes = made(&db, &tens(&reference, 6)).await;
            let mut model = Model::default();
            let sequence = proptest::collection::vec(step(), 10..40).new_tree(&mut runner).unwrap().current();
            for (place, step) in sequence.iter().enumerate() {
                take(step.clone(), &format!("{case}-{place}"), &customer, &codes, &mut model).await;
                let balances = customer.get("balances").await;
                let mut found: Vec<(BalanceId, String)> = balances.as_array().unwrap().iter()
                    .map(|balance| (balance["id"].as_str().unwrap().parse().unwrap(), balance["amount"].to_string())).collect();
                found.sort();
                let mut expected: Vec<_> = model.balances.iter().map(|(id, _, money, count)| {
                    let body = of_count("", *money, *count);
                    let amount = if *money { json!({"amount": body["amount"], "currency": "EUR"}) } else { body["seconds"].clone() };
                    (*id, amount.to_string())
                }).collect();
                expected.sort();
                assert_eq!(found, expected, "{case}: {:?}", &sequence[..=place]);
            }
        }
        assert_sound(&db).await;
    }

    async fn every_damage_to_balances_is_found(db: TestApp) {
        let customer = Prepaid::new(&db).await;
        let main = customer.top_up(&euros("t1", "5.00")).await;
        let bonus = customer.top_up(&with(euros("t2", "1.00"), json!({"kind": "bonus", "priority": 1}))).await;
        customer.top_up(&seconds("t3", 600)).await;
        customer.done(&format!("balances/{main}/adjustments"), &with(euros("a1", "-1.00"), json!({"reason": "any"}))).await;
        customer.done("transfers", &with(euros("x1", "0.50"), json!({"from": main, "to": bonus}))).await;
        let codes = made(&db, &tens("kiosk", 2)).await;
        customer.done("vouchers", &code(&codes[0])).await;
        customer.reserve(71, main, 1_000_000).await;
        customer.take(72, bonus, 250_000).await;
        assert_sound(&db).await;
        for (damage, fault) in [
            ("update balances set amount = amount + 1 where unit = 'seconds'", "is not the sum of its movements"),
            ("delete from movements where kind = 'bonus'", "is not the sum of its movements"),
            ("update movements set balance_after = 1 where kind = 'transfer'", "does not say what its balance was"),
            ("update movements set movement_id = -movement_id where kind = 'adjustment'", "does not say what its balance was"),
            ("update balances set balance_id = 1 where unit = 'seconds'", "moved a balance that is not there"),
            ("update balances set reserved = reserved + 1 where main", "what is reserved is not what open calls hold"),
            ("update charging_sessions set state = 'released'", "what is reserved is not what open calls hold"),
            ("update reservations set taken = taken + 1 where session_id = 72", "what the call took is not what moved"),
            ("delete from reservations where session_id = 72", "what the call took is not what moved"),
            ("update movements set amount = amount - 1, balance_after = balance_after - 1 where kind = 'call'", "what the call took is not"),
            ("delete from postings where account = 'prepaid'", "not what the ledger says is prepaid"),
            ("delete from movements where kind = 'top_up'", "did not move what it is to move"),
            ("delete from movements where kind = 'transfer' and amount > 0", "did not move what it is to move"),
            ("update movements set amount = 1 where kind = 'transfer' and amount > 0", "did not move what it is to move"),
            ("update movements set subject_id = (select min(booking_id) from bookings) where kind = 'adjustment'", "did not move what it is to move"),
            ("delete from bookings where kind = 'adjustment'", "has no booking or call that moved it"),
            ("update bookings set kind = 'adjustment' where kind = 'bonus'", "has no booking or call that moved it"),
            ("delete from charging_sessions where session_id = 72", "has no booking or call that moved it"),
            ("update postings set amount = 2 * amount", "what moved is not what was posted"),
            ("delete from ledger_entries where kind = 'adjustment'", "what moved is not what was posted"),
            ("update bookings set reference = 't9' where reference = 't1'", "its reference does not lead to it"),
            ("update booking_directory set booking_id = 1 where reference = 'x1'", "its reference does not lead to it"),
            ("update vouchers set booking_id = 1 where booking_id is not null", "redeemed has no booking"),
            ("update vouchers set customer_id = 1 where customer_id is null", "redeemed has no booking"),
            ("update vouchers set customer_id = null, booking_id = null, redeemed_at = null", "is not what one voucher is worth"),
            ("update voucher_batches set amount = 1", "is not what one voucher is worth"),
            ("update vouchers set customer_id = (select max(customer_id) from vouchers), booking_id = (select max(booking_id) from vouchers)", "is not what one voucher is worth"),
            ("delete from vouchers where customer_id is null", "has not as many vouchers as were made"),
        ] {
            // Not committed: the next damage begins from sound balances.
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(damage, &[]).await.unwrap() > 0, "{damage}");
            let found = faults(&mut tx).await;
            assert!(found.iter().any(|found| found.contains(fault)), "{damage}: {found:#?}");
        }
        // What the database itself refuses.
        let below = "update balances set floor = 0, amount = -1 where main";
        let mut tx = db.app.db.begin().await.unwrap();
        assert!(tx.execute(below, &[]).await.is_err());
        drop(tx);
        let mut tx = db.app.db.begin().await.unwrap();
        let unguarded = match db.engine {
            Engine::Sqlite => "pragma ignore_check_constraints = on",
            Engine::Postgres => "alter table balances drop constraint balances_check",
        };
        tx.script(unguarded).await.unwrap();
        tx.execute(below, &[]).await.unwrap();
        let found = faults(&mut tx).await;
        assert!(found.iter().any(|found| found.contains(&format!("{main} of {} is below its floor", customer.account.id))), "{found:#?}");
        if db.engine == Engine::Sqlite {
            tx.script("pragma ignore_check_constraints = off").await.unwrap();
        }
        drop(tx);
        assert_sound(&db).await;
    }
}
