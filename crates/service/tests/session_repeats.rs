//! Does a request that comes again, late or together with others move no money twice?

use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::config::Config;

use crate::support::charging::{
    Caller, GERMANY, UK, ask, assert_adds_up, assert_refused, at_once, extended, pass, path, release,
    released, second_clock, update,
};
use crate::support::{Answer, TestApp, now, on_both_databases};

const SESSIONS: &str = "/v1/charging/sessions";

/// Sends the same ten times at once: all get one answer.
async fn ten_times(db: &TestApp, path: &str, body: &Value) -> (u16, Value) {
    let answers = at_once(&[&db.app], &vec![(path.to_owned(), body.clone()); 10]).await;
    let first = &answers[0];
    assert!(answers.iter().all(|one| (one.status, &one.body) == (first.status, &first.body)), "{answers:#?}");
    (first.status.as_u16(), first.body.clone())
}

fn of_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// A second program on the same database.
async fn second_program(db: &TestApp) -> App {
    let app = App::open(&db.url, second_clock(now()), Config::from_toml("").unwrap()).await.unwrap();
    App { access: app.access.clone().without_authentication(), ..app }
}

on_both_databases! {
    async fn what_is_sent_again_gets_the_same_answer_and_moves_nothing(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("5.00").await;
        let body = caller.call("a", UK, json!({"requested_seconds": 120}));
        let (status, session) = ten_times(&db, SESSIONS, &body).await;
        assert_eq!(status, 201);
        caller.has("5.00", "0.04").await;
        pass(&db, 100);
        let more = json!({"sequence": 1, "used_seconds": 100, "requested_seconds": 200});
        let (status, first) = ten_times(&db, &path(&session, "update"), &more).await;
        assert_eq!((status, &first["granted_seconds"]), (200, &json!(300)));
        pass(&db, 100);
        assert_eq!(update(&db, &session, more.clone()).await.body, first);
        caller.has("5.00", "0.10").await;
        let over = json!({"sequence": 2, "used_seconds": 130});
        let (status, settled) = ten_times(&db, &path(&session, "release"), &over).await;
        assert_eq!((status, &settled["charged"]["amount"]), (200, &json!("0.06")));
        pass(&db, 1_000_000);
        assert_eq!(release(&db, &session, 2, 130).await.body, settled);
        caller.has("4.94", "0.00").await;
        let movements = db.get(&format!("{}/movements", caller.path)).await.body;
        assert_eq!(movements["items"].as_array().unwrap().len(), 2);
        let listed = db.get(&format!("{}/sessions", caller.path)).await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_adds_up(&db).await;
    }

    async fn a_refusal_that_is_asked_for_ten_times_is_one(db: TestApp) {
        let caller = Caller::first(&db).await;
        let (status, _) = ten_times(&db, SESSIONS, &caller.call("a", UK, json!({}))).await;
        assert_eq!(status, 402);
        let listed = db.get(&format!("{}/sessions", caller.path)).await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    }

    async fn a_request_that_is_late_or_another_is_refused(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("5.00").await;
        let session = caller.granted("a", UK, 120).await;
        let other = caller.call("a", GERMANY, json!({"requested_seconds": 120}));
        assert_refused(&ask(&db, &other).await, 409, "sequence-reused");
        // A gap is no fault: a request between may have been lost.
        extended(&db, &session, 5, 0, 60).await;
        let late = caller.call("a", UK, json!({"requested_seconds": 120}));
        assert_refused(&ask(&db, &late).await, 409, "sequence-out-of-order");
        let body = |sequence, used| json!({"sequence": sequence, "used_seconds": used, "requested_seconds": 60});
        assert_refused(&update(&db, &session, body(4, 0)).await, 409, "sequence-out-of-order");
        assert_refused(&update(&db, &session, body(5, 1)).await, 409, "sequence-reused");
        assert_refused(&release(&db, &session, 5, 0).await, 409, "sequence-reused");
        assert_refused(&release(&db, &session, 0, 0).await, 409, "sequence-out-of-order");
        caller.has("5.00", "0.02").await;
        pass(&db, 60);
        released(&db, &session, 6, 60).await;
        assert_refused(&update(&db, &session, body(5, 0)).await, 409, "sequence-out-of-order");
        assert_refused(&release(&db, &session, 6, 61).await, 409, "sequence-reused");
        assert_refused(&release(&db, &session, 7, 60).await, 409, "session-closed");
        assert_refused(&ask(&db, &late).await, 409, "sequence-out-of-order");
        caller.has("4.98", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn the_last_euro_is_granted_once(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let second = second_program(&db).await;
        let asked = |n| (SESSIONS.to_owned(), caller.call(&format!("c{n}"), UK, json!({"requested_seconds": 3_000})));
        let requests: Vec<_> = (0..30).map(asked).collect();
        let answers = at_once(&[&db.app, &second], &requests).await;
        assert_eq!((of_status(&answers, 201), of_status(&answers, 402)), (1, 29), "{answers:#?}");
        caller.has("1.00", "1.00").await;
        assert_adds_up(&db).await;
    }

    async fn thirty_calls_of_ten_customers_in_two_programs(db: TestApp) {
        Caller::first(&db).await;
        let mut callers = Vec::new();
        for place in 0..10 {
            let caller = Caller::of(&db, &format!("P-{place}"), "Prepaid", &format!("+4930231270{place:02}")).await;
            caller.top_up("0.05").await;
            callers.push(caller);
        }
        let second = second_program(&db).await;
        let asked = |n: usize| (SESSIONS.to_owned(), callers[n % 10].call(&format!("c{n}"), UK, json!({"requested_seconds": 60})));
        let requests: Vec<_> = (0..30).map(asked).collect();
        let answers = at_once(&[&db.app, &second], &requests).await;
        assert_eq!((of_status(&answers, 201), of_status(&answers, 402)), (20, 10), "{answers:#?}");
        pass(&db, 60);
        second.clock.set(db.app.clock.now());
        let over = |answer: &Answer| (path(&answer.body, "release"), json!({"sequence": 1, "used_seconds": 60}));
        let granted = answers.iter().filter(|answer| answer.status == 201);
        let ends: Vec<_> = granted.map(over).collect();
        // Each end twice: in either program the other finds it done.
        let settled = at_once(&[&second, &db.app], &[ends.clone(), ends].concat()).await;
        assert_eq!(of_status(&settled, 200), 40, "{settled:#?}");
        for caller in &callers {
            caller.has("0.01", "0.00").await;
        }
        assert_adds_up(&db).await;
    }

    async fn calls_are_granted_while_money_comes_in(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.20").await;
        let second = second_program(&db).await;
        let mut requests = Vec::new();
        for n in 0..20 {
            requests.push((SESSIONS.to_owned(), caller.call(&format!("c{n}"), UK, json!({"requested_seconds": 60}))));
            let money = json!({"reference": format!("m{n}"), "amount": "0.02", "currency": "EUR"});
            requests.push((format!("{}/top-ups", caller.path), money));
        }
        let answers = at_once(&[&db.app, &db.app, &second, &second], &requests).await;
        let (created, refused) = (of_status(&answers, 201), of_status(&answers, 402));
        assert_eq!((created + refused, refused <= 10), (40, true), "{answers:#?}");
        let held: calculation::money::Amount = caller.balances().await[0].1.parse().unwrap();
        assert_eq!(i64::try_from(40 - refused - 20).unwrap() * 20_000, held.micros());
        assert_eq!(caller.balances().await[0].0, "0.60");
        assert_adds_up(&db).await;
    }
}
