//! Is a call granted what there is money for, and charged what it cost?

use serde_json::{Value, json};
use tollbook::{calls, sessions};

use crate::support::charging::{
    Caller, GERMANY, ITALY, SATELLITE, UK, ask, assert_adds_up, assert_refused, extended, pass, posted,
    record, release, released, send_record, shown, update, with,
};
use crate::support::operator::create;
use crate::support::{TestApp, on_both_databases};

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// To whom, with how much money and for how long; seconds granted, what is held and whether it is final; the
/// talk, what is billed and charged.
type Case = (&'static str, &'static str, u32, (u32, &'static str, bool), (u32, u32, &'static str));

const CASES: [Case; 8] = [
    (UK, "20.00", 600, (600, "0.20", false), (130, 180, "0.06")),
    (UK, "20.00", 600, (600, "0.20", false), (0, 0, "0.00")),
    (UK, "0.21", 3_600, (600, "0.20", true), (600, 600, "0.20")),
    (UK, "0.20", 600, (600, "0.20", true), (1, 60, "0.02")),
    (GERMANY, "0.01", 300, (20, "0.01", true), (20, 20, "0.01")),
    (ITALY, "5.00", 600, (600, "0.82", false), (301, 301, "0.5708")),
    (ITALY, "0.20", 600, (78, "0.20", true), (59, 60, "0.17")),
    (ITALY, "5.00", 1, (1, "0.17", false), (1, 60, "0.17")),
];

on_both_databases! {
    async fn a_call_is_held_and_then_costs_what_it_cost(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("20.00").await;
        let session = caller.granted("a@b", UK, 600).await;
        let expected = json!({
            "session_id": session["session_id"], "call_id": "a@b", "sequence": 0, "granted_seconds": 600, "final": false,
            "valid_until": "2026-11-05T12:15:00Z", "number": UK, "destination": "United Kingdom",
            "price_per_minute": "0.02", "connection_fee": "0.00", "increments": "60/60", "reserved": euros("0.20"),
            "emergency": false,
        });
        assert_eq!(session, expected);
        caller.has("20.00", "0.20").await;
        pass(&db, 130);
        let settled = released(&db, &session, 1, 130).await;
        let expected = json!({
            "session_id": session["session_id"], "call_id": "a@b", "sequence": 1, "state": "released", "used_seconds": 130,
            "billed_seconds": 180, "included_seconds": 0, "charged": euros("0.06"), "loss": euros("0.00"),
        });
        assert_eq!(settled, expected);
        caller.has("19.94", "0.00").await;
        let kept = shown(&db, &session).await;
        assert_eq!((&kept["prepaid"], &kept["closed_at"]), (&json!(true), &json!("2026-11-05T12:02:10Z")));
        let listed = db.get(&format!("{}/sessions", caller.path)).await.body;
        assert_eq!(listed["items"], json!([kept]));
        assert_adds_up(&db).await;
    }

    async fn the_first_call_waits_for_no_price_list(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("20.00").await;
        calls::read_ahead(&db.app.db, &db.app.tariffs).await.unwrap();
        // Whoever looked for a price now would find none.
        let mut tx = db.app.db.begin().await.unwrap();
        assert_ne!(tx.execute("delete from rates", &[]).await.unwrap(), 0);
        tx.commit().await.unwrap();
        caller.granted("one", UK, 600).await;
    }

    async fn every_grant_and_charge_is_exact(db: TestApp) {
        Caller::first(&db).await;
        for (place, case) in CASES.into_iter().enumerate() {
            let (to, money, requested, (granted, held, is_final), (used, billed, charged)) = case;
            let caller = Caller::of(&db, &format!("P-{place}"), "Prepaid", &format!("+4930231260{place:02}")).await;
            caller.top_up(money).await;
            let session = caller.granted("one", to, requested).await;
            let found = (&session["granted_seconds"], &session["reserved"]["amount"], &session["final"]);
            assert_eq!(found, (&json!(granted), &json!(held), &json!(is_final)), "{case:?}");
            pass(&db, used.into());
            let settled = released(&db, &session, 1, used).await;
            let found = (&settled["billed_seconds"], &settled["charged"]["amount"], &settled["loss"]["amount"]);
            assert_eq!(found, (&json!(billed), &json!(charged), &json!("0.00")), "{case:?}");
            assert_eq!(caller.balances().await[0].1, "0.00");
        }
        assert_adds_up(&db).await;
    }

    async fn a_call_that_goes_on_is_held_at_the_prices_of_its_steps(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.75").await;
        let session = caller.granted("a", ITALY, 240).await;
        caller.has("0.75", "0.47").await;
        pass(&db, 200);
        let more = extended(&db, &session, 1, 200, 300).await;
        assert_eq!((&more["granted_seconds"], &more["final"], &more["sequence"]), (&json!(500), &json!(false), &json!(1)));
        caller.has("0.75", "0.7367").await;
        pass(&db, 290);
        // 0.75 pays 516 s.
        let last = extended(&db, &session, 2, 490, 300).await;
        assert_eq!((&last["granted_seconds"], &last["final"]), (&json!(516), &json!(true)));
        let settled = released(&db, &session, 3, 490).await;
        assert_eq!(settled["charged"], euros("0.7283"));
        caller.has("0.0217", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn seconds_pay_before_money_and_run_out_in_the_call(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.05").await;
        caller.give(json!({"seconds": 90, "destinations": ["44"]})).await;
        let session = caller.granted("a", UK, 60).await;
        let text = |parts: [(&str, &str); 2]| parts.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(caller.balances().await, text([("0.05", "0.00"), ("90", "60")]));
        pass(&db, 50);
        let more = extended(&db, &session, 1, 50, 600).await;
        assert_eq!((&more["granted_seconds"], &more["final"]), (&json!(240), &json!(true)));
        assert_eq!(caller.balances().await, text([("0.05", "0.05"), ("90", "90")]));
        pass(&db, 50);
        let settled = released(&db, &session, 2, 100).await;
        let found = (&settled["billed_seconds"], &settled["included_seconds"], &settled["charged"]["amount"]);
        assert_eq!(found, (&json!(120), &json!(90), &json!("0.01")));
        assert_eq!(caller.balances().await, text([("0.04", "0.00"), ("0", "0")]));
        assert_adds_up(&db).await;
    }

    async fn what_is_not_asked_for_is_the_settings(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("100.00").await;
        let session = ask(&db, &caller.call("a", UK, json!({}))).await.body;
        assert_eq!((&session["granted_seconds"], &session["final"]), (&json!(300), &json!(false)));
        let more = update(&db, &session, json!({"sequence": 1, "used_seconds": 10})).await.body;
        assert_eq!(more["granted_seconds"], 310);
        let longest = caller.granted("b", UK, 20_000).await;
        assert_eq!((&longest["granted_seconds"], &longest["final"]), (&json!(14_400), &json!(true)));
    }

    async fn a_postpaid_line_is_granted_and_its_record_charged(db: TestApp) {
        let prepaid = Caller::first(&db).await;
        let line = "+493023125001".to_owned();
        let caller = Caller { line, ..prepaid };
        let session = caller.granted("a", UK, 600).await;
        assert_eq!((&session["granted_seconds"], &session["reserved"]["amount"]), (&json!(600), &json!("0.00")));
        pass(&db, 61);
        let settled = released(&db, &session, 1, 61).await;
        assert_eq!((&settled["charged"]["amount"], &settled["used_seconds"]), (&json!("0.00"), &json!(61)));
        let charged = send_record(&db, &record("r", "a", &caller.line, UK, "2026-11-05T12:00:00Z".parse().unwrap(), 61)).await;
        assert_eq!((&charged["outcome"], &charged["amount"]["amount"]), (&json!("charged"), &json!("0.04")));
        assert!(caller.balances().await.is_empty());
        assert_adds_up(&db).await;
    }

    async fn a_refused_call_is_kept_and_refused_again(db: TestApp) {
        let caller = Caller::first(&db).await;
        let body = caller.call("a", UK, json!({}));
        assert_refused(&ask(&db, &body).await, 402, "insufficient-balance");
        caller.top_up("5.00").await;
        assert_refused(&ask(&db, &body).await, 402, "insufficient-balance");
        let listed = db.get(&format!("{}/sessions", caller.path)).await.body;
        let kept = &listed["items"][0];
        assert_eq!((&kept["state"], listed["items"].as_array().unwrap().len()), (&json!("refused"), 1));
        assert_eq!(kept["refused"], "not a second can be paid: top up first");
        let over = json!({"sequence": 1, "used_seconds": 0});
        assert_refused(&update(&db, kept, over).await, 409, "session-closed");
        assert_refused(&release(&db, kept, 1, 0).await, 409, "session-closed");
        assert_eq!(ask(&db, &caller.call("b", UK, json!({}))).await.status, 201);
    }

    async fn each_refusal_says_which_it_is(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("5.00").await;
        let nobody = with(caller.call("a", UK, json!({})), &json!({"calling_number": "+493023129999"}));
        assert_refused(&ask(&db, &nobody).await, 404, "not-found");
        assert_refused(&ask(&db, &caller.call("a", UK, json!({"account_ref": "C-none"}))).await, 404, "not-found");
        assert_refused(&ask(&db, &caller.call("b", SATELLITE, json!({}))).await, 403, "call-barred");
        assert_refused(&ask(&db, &caller.call("c", "+8150123456789", json!({}))).await, 403, "no-rate");
        let other = Caller::of(&db, "P-1", "Prepaid", "+493023126001").await;
        other.top_up("5.00").await;
        let suspend = db.post_json(&format!("{}/suspend", other.path), &json!({"reason": "fraud"})).await;
        assert_eq!(suspend.status, 200);
        assert_refused(&ask(&db, &other.call("a", UK, json!({}))).await, 403, "service-suspended");
        let closed = Caller::of(&db, "P-2", "Prepaid", "+493023126002").await;
        let at = json!({"closed_at": "2026-11-05T12:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", closed.path), &at).await.status, 200);
        assert_refused(&ask(&db, &closed.call("a", UK, json!({}))).await, 404, "not-found");
        assert_refused(&ask(&db, &closed.call("b", UK, json!({"account_ref": "P-2"}))).await, 403, "no-plan");
        assert_adds_up(&db).await;
    }

    async fn the_named_account_pays_for_a_line_that_is_not_its_own(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let exchange = Caller { line: "+493023129999".to_owned(), ..caller.clone() };
        let body = exchange.call("a", UK, json!({"account_ref": "C-4", "requested_seconds": 60}));
        let session = ask(&db, &body).await.body;
        caller.has("1.00", "0.02").await;
        released(&db, &session, 1, 0).await;
        // A line of somebody else: who is named pays.
        let other = exchange.call("b", UK, json!({"account_ref": "C-4", "calling_number": "+493023125001"}));
        assert_eq!(ask(&db, &other).await.body["reserved"], euros("0.10"));
    }

    async fn a_balance_of_a_line_pays_for_that_line_alone(db: TestApp) {
        let first = Caller::first(&db).await;
        let line = json!({"number": "+493023125014", "valid_from": "2025-01-01T00:00:00Z"});
        create(&db, &format!("{}/lines", first.path), line).await;
        let second = Caller { line: "+493023125014".to_owned(), ..first.clone() };
        first.give(json!({"amount": "0.04", "currency": "EUR", "line": second.line})).await;
        assert_refused(&ask(&db, &first.call("a", UK, json!({}))).await, 402, "insufficient-balance");
        let session = second.granted("b", UK, 600).await;
        assert_eq!((&session["granted_seconds"], &session["final"]), (&json!(120), &json!(true)));
        first.top_up("0.02").await;
        let more = extended(&db, &session, 1, 0, 600).await;
        assert_eq!(more["granted_seconds"], 180);
        pass(&db, 180);
        released(&db, &session, 2, 121).await;
        assert_eq!(first.balances().await.iter().map(|(amount, _)| amount.as_str()).collect::<Vec<_>>(), ["0.00", "0.00"]);
        assert_adds_up(&db).await;
    }

    async fn an_agreed_credit_is_granted_and_no_more(db: TestApp) {
        let caller = Caller::first(&db).await;
        let agreed = axum::http::Request::put(format!("{}/prepaid", caller.path))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(json!({"credit_limit": "0.04"}).to_string())).unwrap();
        assert_eq!(db.send(agreed).await.status, 200);
        let session = caller.granted("a", UK, 600).await;
        assert_eq!((&session["granted_seconds"], &session["final"]), (&json!(120), &json!(true)));
        caller.has("0.00", "0.04").await;
        pass(&db, 300);
        let settled = released(&db, &session, 1, 300).await;
        assert_eq!((&settled["charged"], &settled["loss"]), (&euros("0.04"), &euros("0.06")));
        caller.has("-0.04", "0.00").await;
        assert_eq!(posted(&db, "bad_debt").await, "0.06".parse().unwrap());
        assert_refused(&ask(&db, &caller.call("b", UK, json!({}))).await, 402, "insufficient-balance");
        assert_adds_up(&db).await;
    }

    async fn a_call_of_which_nothing_is_heard_is_over_and_costs_what_was_reported(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let silent = caller.granted("a", UK, 600).await;
        let heard = caller.granted("b", UK, 600).await;
        pass(&db, 100);
        extended(&db, &heard, 1, 90, 600).await;
        // 600 s and 5 minutes more after the first, later after the second.
        pass(&db, 799);
        assert_eq!(sessions::expire(&db.app).await.unwrap(), 0);
        pass(&db, 1);
        assert_eq!(sessions::expire(&db.app).await.unwrap(), 1);
        assert_eq!(shown(&db, &silent).await["state"], "expired");
        caller.has("1.00", "0.24").await;
        pass(&db, 3 * 86_400);
        assert_eq!(sessions::expire(&db.app).await.unwrap(), 1);
        caller.has("0.96", "0.00").await;
        assert_refused(&update(&db, &heard, json!({"sequence": 2, "used_seconds": 100})).await, 409, "session-closed");
        // The truth comes late.
        let settled = released(&db, &heard, 2, 130).await;
        assert_eq!(settled["charged"], euros("0.06"));
        assert_eq!(release(&db, &heard, 2, 130).await.body, settled);
        let settled = released(&db, &silent, 1, 1).await;
        assert_eq!(settled["charged"], euros("0.02"));
        caller.has("0.92", "0.00").await;
        assert_adds_up(&db).await;
    }
}
