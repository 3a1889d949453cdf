//! Do the plan's limits hold while calls are made?

use serde_json::{Value, json};

use crate::support::charging::{
    Caller, GERMANY, ITALY, UK, ask, assert_adds_up, assert_refused, extended, pass, plan, record, released,
    send_record,
};
use crate::support::operator::{create, operator};
use crate::support::{TestApp, on_both_databases};

/// A prepaid customer with money, on a plan with such limits.
async fn limited(db: &TestApp, limits: Value) -> Caller<'_> {
    operator(db).await;
    plan(db, "Limited", limits).await;
    let caller = Caller::of(db, "P-1", "Limited", "+493023126001").await;
    caller.top_up("100.00").await;
    caller
}

fn seconds(grant: &Value) -> (u64, bool) {
    (grant["granted_seconds"].as_u64().unwrap(), grant["final"].as_bool().unwrap())
}

on_both_databases! {
    async fn a_barred_prefix_is_refused_and_its_record_charged(db: TestApp) {
        let caller = limited(&db, json!({"barred": ["44", "DE:118"]})).await;
        assert_refused(&ask(&db, &caller.call("a", UK, json!({}))).await, 403, "call-barred");
        assert_refused(&ask(&db, &caller.call("b", "118", json!({}))).await, 403, "call-barred");
        caller.granted("c", GERMANY, 60).await;
        // It happened nevertheless: what the plan bars has a price.
        let charged = send_record(&db, &record("r", "a", &caller.line, UK, crate::support::now(), 0)).await;
        assert_eq!(charged["outcome"], "free");
        pass(&db, 100);
        let charged = send_record(&db, &record("s", "a", &caller.line, UK, crate::support::now(), 61)).await;
        assert_eq!(charged["amount"]["amount"], "0.04");
        assert_adds_up(&db).await;
    }

    async fn a_call_ends_at_the_longest_or_dearest(db: TestApp) {
        let caller = limited(&db, json!({"call_seconds": 700, "call_amount": "0.40"})).await;
        let session = caller.granted("a", UK, 600).await;
        assert_eq!(seconds(&session), (600, false));
        pass(&db, 600);
        assert_eq!(seconds(&extended(&db, &session, 1, 600, 600).await), (700, true));
        assert_eq!(released(&db, &session, 2, 700).await["charged"]["amount"], "0.24");
        // 0.07 and 0.33 for 198 s.
        let session = caller.granted("b", ITALY, 100).await;
        assert_eq!(seconds(&session), (100, false));
        pass(&db, 100);
        let more = extended(&db, &session, 1, 100, 600).await;
        assert_eq!((seconds(&more), &more["reserved"]["amount"]), ((198, true), &json!("0.40")));
        assert_eq!(seconds(&caller.granted("c", UK, 701).await), (700, true));
        assert_adds_up(&db).await;
    }

    async fn a_line_has_so_many_calls_at_once(db: TestApp) {
        let first = limited(&db, json!({"calls_at_once": 2})).await;
        let line = json!({"number": "+493023126002", "valid_from": "2025-01-01T00:00:00Z"});
        create(&db, &format!("{}/lines", first.path), line).await;
        let second = Caller { line: "+493023126002".to_owned(), ..first.clone() };
        let one = first.granted("a", UK, 60).await;
        first.granted("b", UK, 60).await;
        assert_refused(&ask(&db, &first.call("c", UK, json!({}))).await, 403, "too-many-calls");
        second.granted("d", UK, 60).await;
        released(&db, &one, 1, 0).await;
        first.granted("e", UK, 60).await;
        assert_refused(&ask(&db, &first.call("f", UK, json!({}))).await, 403, "too-many-calls");
        // Of which nothing is heard is over.
        pass(&db, 1_000);
        tollbook::sessions::expire(&db.app).await.unwrap();
        first.granted("g", UK, 60).await;
        assert_adds_up(&db).await;
    }

    async fn a_day_has_so_much_and_the_next_as_much_again(db: TestApp) {
        let caller = limited(&db, json!({"day_amount": "0.10"})).await;
        let session = caller.granted("a", UK, 180).await;
        // 0.06 is held: 0.04 is left.
        let other = caller.granted("b", UK, 600).await;
        assert_eq!(seconds(&other), (120, true));
        assert_refused(&ask(&db, &caller.call("c", UK, json!({}))).await, 403, "day-amount-reached");
        pass(&db, 60);
        released(&db, &session, 1, 60).await;
        assert_eq!(seconds(&extended(&db, &other, 1, 60, 600).await), (240, true));
        pass(&db, 180);
        released(&db, &other, 2, 240).await;
        assert_refused(&ask(&db, &caller.call("d", UK, json!({}))).await, 403, "day-amount-reached");
        // The record corrects the day as well.
        send_record(&db, &record("r", "b", &caller.line, UK, "2026-11-05T12:00:00Z".parse().unwrap(), 180)).await;
        assert_eq!(seconds(&caller.granted("e", UK, 600).await), (60, true));
        // Midnight in Berlin.
        db.app.clock.set("2026-11-05T22:59:59Z".parse().unwrap());
        tollbook::sessions::expire(&db.app).await.unwrap();
        assert_eq!(seconds(&caller.granted("f", UK, 600).await), (60, true));
        pass(&db, 1);
        let today = caller.granted("g", UK, 600).await;
        // What is held for yesterday's call counts until it is over.
        assert_eq!(seconds(&today), (240, true));
        assert_adds_up(&db).await;
    }

    async fn caps_hold_for_postpaid_calls_too(db: TestApp) {
        operator(&db).await;
        let limits = json!({"day_amount": "0.10", "calls_at_once": 2, "barred": ["39"]});
        let plan = json!({"name": "Capped", "currency": "EUR", "payment": "postpaid", "monthly_fee": "0",
                          "tariff": "standard", "terms": {"limits": limits}});
        create(&db, "/v1/plans", plan).await;
        let caller = Caller::of(&db, "P-1", "Capped", "+493023126001").await;
        assert_refused(&ask(&db, &caller.call("a", ITALY, json!({}))).await, 403, "call-barred");
        let session = caller.granted("b", UK, 180).await;
        assert_eq!(seconds(&session), (180, false));
        let other = caller.granted("c", UK, 600).await;
        assert_eq!(seconds(&other), (120, true));
        assert_refused(&ask(&db, &caller.call("d", UK, json!({}))).await, 403, "too-many-calls");
        pass(&db, 180);
        released(&db, &session, 1, 60).await;
        released(&db, &other, 1, 120).await;
        assert_eq!(seconds(&caller.granted("e", UK, 600).await), (120, true));
    }

    async fn a_quote_tells_the_longest_call(db: TestApp) {
        let caller = limited(&db, json!({"call_seconds": 7_200, "call_amount": "1.00", "barred": ["3901"]})).await;
        let longest = async |line: &str, to: &str| {
            let (line, to) = (line.replace('+', "%2B"), to.replace('+', "%2B"));
            let quote = db.get(&format!("/v1/quote?from={line}&to={to}&seconds=60")).await;
            assert_eq!(quote.status, 200, "{quote:?}");
            quote.body["longest_seconds"].clone()
        };
        // A euro at 0.02 a minute, and at 0.03.
        assert_eq!(longest(&caller.line, UK).await, 3_000);
        assert_eq!(longest(&caller.line, GERMANY).await, 2_000);
        // 0.57 for the connection and five minutes, 0.43 for 516 s at 0.05.
        assert_eq!(longest(&caller.line, ITALY).await, 816);
        let barred = "+39012345678";
        assert_eq!(longest(&caller.line, barred).await, 0);
        // What a call holds is not there for another.
        let poor = Caller::of(&db, "P-2", "Limited", "+493023126009").await;
        assert_eq!(longest(&poor.line, UK).await, 0);
        poor.top_up("0.10").await;
        assert_eq!(longest(&poor.line, UK).await, 300);
        poor.granted("held", UK, 120).await;
        assert_eq!(longest(&poor.line, UK).await, 180);
        assert_eq!(longest("+493023125001", UK).await, Value::Null);
        let suspended = db.post_json(&format!("{}/suspend", poor.path), &json!({"reason": "fraud"})).await;
        assert_eq!(suspended.status, 200, "{suspended:?}");
        assert_eq!(longest(&poor.line, UK).await, 0);
    }
}
