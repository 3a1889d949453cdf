//! What is answered when a switch says what cannot be, or things change while it talks?

use serde_json::{Value, json};

use crate::support::charging::{
    Caller, UK, ask, assert_adds_up, assert_refused, assert_wrong, extended, pass, path, posted, record,
    release, released, send_record, shown, update, with,
};
use crate::support::operator::create;
use crate::support::{TestApp, now, on_both_databases};

/// Puts a customer on another plan from an instant on.
async fn change_plan(caller: &Caller<'_>, plan: &str, from: &str) {
    let subscription = json!({"plan": plan, "valid_from": from});
    create(caller.db, &format!("{}/subscriptions", caller.path), subscription).await;
}

on_both_databases! {
    async fn a_session_that_is_not_there_is_unknown(db: TestApp) {
        let (first, other) = (Caller::first(&db).await, Caller::of(&db, "P-1", "Prepaid", "+493023126001").await);
        first.top_up("1.00").await;
        other.top_up("1.00").await;
        let (own, others) = (first.granted("a", UK, 60).await, other.granted("a", UK, 60).await);
        let (own, others) = (own["session_id"].as_str().unwrap(), others["session_id"].as_str().unwrap());
        // One customer's call under another's number is nobody's.
        let mixed = format!("{}{}", &own[..own.len() - 13], &others[others.len() - 13..]);
        let long = "x".repeat(5_000);
        for id in [&*mixed, "ses_00000000000110000000000022", "ses_7zzzzzzzzzzzz7zzzzzzzzzzzz", "ses_", "0", "%00", "%ff", "ses_%F0%9F%93%9E", &long] {
            for verb in ["update", "release"] {
                let answer = db.post_json(&format!("/v1/charging/sessions/{id}/{verb}"), &json!({"sequence": 1, "used_seconds": 0})).await;
                assert!([404, 400].contains(&answer.status.as_u16()), "{id} {verb}: {answer:?}");
            }
            let answer = db.get(&format!("/v1/charging/sessions/{id}")).await;
            assert!([404, 400].contains(&answer.status.as_u16()), "{id}: {answer:?}");
        }
        let mixed = json!({"session_id": mixed});
        assert_refused(&release(&db, &mixed, 1, 0).await, 404, "not-found");
        first.has("1.00", "0.02").await;
        other.has("1.00", "0.02").await;
    }

    async fn a_field_that_is_wrong_is_named(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let long = "c".repeat(300);
        for (more, pointer) in [
            (json!({"call_id": ""}), "/call_id"),
            (json!({"call_id": long}), "/call_id"),
            (json!({"call_id": "a\u{0}b"}), "/call_id"),
            (json!({"call_id": "a\nb"}), "/call_id"),
            (json!({"calling_number": "493023125004"}), "/calling_number"),
            (json!({"calling_number": "+49302312500\u{0}"}), "/calling_number"),
            (json!({"called_number": ""}), "/called_number"),
            (json!({"called_number": "nobody"}), "/called_number"),
            (json!({"called_number": "+44207946\u{0}0123"}), "/called_number"),
            (json!({"called_number": "4".repeat(65)}), "/called_number"),
            (json!({"account_ref": "C\u{0}4"}), "/account_ref"),
            (json!({"started_at": "2026-11-05T11:54:59Z"}), "/started_at"),
            (json!({"started_at": "2026-11-05T12:05:01Z"}), "/started_at"),
            (json!({"started_at": "9999-01-01T00:00:00Z"}), "/started_at"),
            (json!({"started_at": "yesterday"}), "/started_at"),
            (json!({"requested_seconds": 0}), "/requested_seconds"),
            (json!({"requested_seconds": -1}), "/requested_seconds"),
            (json!({"requested_seconds": 4_294_967_296_u64}), "/requested_seconds"),
            (json!({"sequence": -1}), "/sequence"),
            (json!({"sequnce": 1}), "/sequnce"),
        ] {
            let answer = ask(&db, &caller.call("a", UK, more.clone())).await;
            assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{more}: {answer:?}");
            assert_eq!(answer.status, 422, "{more}: {answer:?}");
        }
        caller.has("1.00", "0.00").await;
        for at in ["2026-11-05T11:55:00Z", "2026-11-05T12:05:00Z"] {
            let answer = ask(&db, &caller.call(at, UK, json!({"started_at": at, "requested_seconds": 1}))).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        let session = caller.granted(&"c".repeat(200), UK, 60).await;
        pass(&db, 100);
        extended(&db, &session, 1, 50, 60).await;
        for (more, pointer) in [
            (json!({"used_seconds": -1}), "/used_seconds"),
            (json!({"used_seconds": 4_294_967_296_u64}), "/used_seconds"),
            (json!({"used_seconds": 4_294_967_295_u32}), "/used_seconds"),
            (json!({"used_seconds": 401}), "/used_seconds"),
            (json!({"used_seconds": 49}), "/used_seconds"),
            (json!({"answered_at": "2026-11-05T11:54:59Z"}), "/answered_at"),
            (json!({"answered_at": "2026-11-05T12:06:41Z"}), "/answered_at"),
            (json!({"answered_at": "1969-12-31T23:59:59Z"}), "/answered_at"),
        ] {
            let body = with(json!({"sequence": 2, "used_seconds": 50}), &more);
            assert_wrong(&update(&db, &session, body).await, pointer);
        }
        // The end of a call is heard whatever clocks say.
        for (more, pointer) in [
            (json!({"used_seconds": -1}), "/used_seconds"),
            (json!({"used_seconds": 4_294_967_296_u64}), "/used_seconds"),
            (json!({"used_seconds": 49}), "/used_seconds"),
            (json!({"answered_at": "1969-12-31T23:59:59Z"}), "/answered_at"),
        ] {
            let body = with(json!({"sequence": 2, "used_seconds": 50}), &more);
            assert_wrong(&db.post_json(&path(&session, "release"), &body).await, pointer);
        }
        assert_eq!(shown(&db, &session).await["used_seconds"], 50);
        assert_eq!(update(&db, &session, json!({"sequence": 2, "used_seconds": 400})).await.status, 200);
        assert_adds_up(&db).await;
    }

    async fn what_was_talked_beyond_the_money_is_a_loss(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.05").await;
        let session = caller.granted("a", UK, 60).await;
        pass(&db, 300);
        // More than was granted, and there is money for some of it.
        let more = extended(&db, &session, 1, 250, 60).await;
        assert_eq!((&more["granted_seconds"], &more["final"]), (&json!(120), &json!(true)));
        let settled = released(&db, &session, 2, 300).await;
        assert_eq!((&settled["charged"]["amount"], &settled["loss"]["amount"]), (&json!("0.05"), &json!("0.05")));
        caller.has("0.00", "0.00").await;
        assert_eq!(posted(&db, "bad_debt").await, "0.05".parse().unwrap());
        assert_eq!(posted(&db, "revenue").await, "-0.10".parse().unwrap());
        assert_adds_up(&db).await;
    }

    async fn a_call_stays_on_the_plan_it_was_answered_on(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let (before, on_time) = (caller.granted("before", UK, 600).await, caller.granted("on_time", UK, 600).await);
        change_plan(&caller, "Per call", "2026-11-05T12:00:30Z").await;
        pass(&db, 120);
        // The one was answered on the prepaid plan, the other after it.
        let settled = released(&db, &before, 1, 120).await;
        assert_eq!(settled["charged"]["amount"], "0.04");
        let answered = json!({"sequence": 1, "used_seconds": 60, "answered_at": "2026-11-05T12:00:45Z"});
        let settled = db.post_json(&path(&on_time, "release"), &answered).await.body;
        assert_eq!((&settled["charged"]["amount"], &settled["state"]), (&json!("0.00"), &json!("released")));
        caller.has("0.96", "0.00").await;
        for (call, answered) in [("before", "2026-11-05T12:00:00Z"), ("on_time", "2026-11-05T12:00:45Z")] {
            let sent = record(call, call, &caller.line, UK, answered.parse().unwrap(), 60);
            assert_eq!(send_record(&db, &sent).await["outcome"], "charged");
        }
        caller.has("0.98", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_call_that_was_charged_on_a_plan_that_had_ended_is_given_back_by_its_record(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let session = caller.granted("a", UK, 600).await;
        pass(&db, 120);
        released(&db, &session, 1, 120).await;
        caller.has("0.96", "0.00").await;
        // Somebody finds out that they had been postpaid since the morning.
        change_plan(&caller, "Per call", "2026-11-05T08:00:00Z").await;
        let charged = send_record(&db, &record("r", "a", &caller.line, UK, now(), 120)).await;
        assert_eq!(charged["amount"]["amount"], "0.04");
        caller.has("1.00", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_call_that_began_postpaid_and_was_answered_prepaid_is_charged_by_its_record(db: TestApp) {
        Caller::first(&db).await;
        let caller = Caller::of(&db, "P-1", "Per call", "+493023126001").await;
        caller.top_up("1.00").await;
        let session = caller.granted("a", UK, 600).await;
        change_plan(&caller, "Prepaid", "2026-11-05T12:00:10Z").await;
        pass(&db, 120);
        let over = json!({"sequence": 1, "used_seconds": 60, "answered_at": "2026-11-05T12:00:20Z"});
        assert_eq!(db.post_json(&path(&session, "release"), &over).await.status, 200);
        let sent = record("r", "a", &caller.line, UK, "2026-11-05T12:00:20Z".parse().unwrap(), 60);
        assert_eq!(send_record(&db, &sent).await["outcome"], "charged");
        caller.has("0.98", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn suspending_or_closing_ends_no_call_under_way(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let (one, two) = (caller.granted("a", UK, 60).await, caller.granted("b", UK, 60).await);
        assert_eq!(db.post_json(&format!("{}/suspend", caller.path), &json!({"reason": "fraud"})).await.status, 200);
        pass(&db, 60);
        assert_eq!(extended(&db, &one, 1, 60, 60).await["granted_seconds"], 120);
        let at = json!({"closed_at": "2026-11-05T12:00:30Z"});
        assert_eq!(db.post_json(&format!("{}/close", caller.path), &at).await.status, 200);
        pass(&db, 60);
        assert_eq!(extended(&db, &one, 2, 120, 60).await["granted_seconds"], 180);
        assert_eq!(released(&db, &one, 3, 120).await["charged"]["amount"], "0.04");
        pass(&db, 100_000);
        tollbook::sessions::expire(&db.app).await.unwrap();
        assert_eq!(released(&db, &two, 1, 60).await["charged"]["amount"], "0.02");
        caller.has("0.94", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_balance_that_expires_in_the_call_pays_it(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.give(json!({"amount": "0.50", "currency": "EUR", "expires_at": "2026-11-05T12:01:00Z"})).await;
        let session = caller.granted("a", UK, 60).await;
        pass(&db, 120);
        assert_eq!(extended(&db, &session, 1, 120, 60).await["granted_seconds"], 180);
        assert_eq!(released(&db, &session, 2, 120).await["charged"]["amount"], "0.04");
        assert_refused(&ask(&db, &caller.call("b", UK, json!({}))).await, 402, "insufficient-balance");
        // One that had expired before the answer pays nothing.
        caller.give(json!({"amount": "0.50", "currency": "EUR", "expires_at": "2026-11-05T12:02:30Z"})).await;
        let session = caller.granted("c", UK, 60).await;
        pass(&db, 120);
        let over = json!({"sequence": 1, "used_seconds": 60, "answered_at": "2026-11-05T12:03:00Z"});
        let settled = db.post_json(&path(&session, "release"), &over).await.body;
        assert_eq!((&settled["charged"]["amount"], &settled["loss"]["amount"]), (&json!("0.00"), &json!("0.02")));
        assert_adds_up(&db).await;
    }

    async fn a_price_list_in_force_at_the_answer_holds_for_the_call(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let (one, two) = (caller.granted("a", UK, 60).await, caller.granted("b", UK, 60).await);
        let deck = "prefix,destination,rate_per_min,connection_charge,increments\n44,United Kingdom,0.05,0,60/60\n";
        let terms = json!({"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}});
        let dearer = json!({"name": "standard", "deck": deck, "valid_from": "2026-11-05T12:00:30Z", "terms": terms,
            "mode": "amend"});
        create(&db, "/v1/tariffs", dearer).await;
        pass(&db, 120);
        let more = extended(&db, &one, 1, 60, 60).await;
        assert_eq!(more["reserved"]["amount"], "0.04");
        assert_eq!(released(&db, &one, 2, 120).await["charged"]["amount"], "0.04");
        let answered = json!({"sequence": 1, "used_seconds": 30, "answered_at": "2026-11-05T12:00:40Z", "requested_seconds": 90});
        let more = update(&db, &two, answered).await.body;
        let prices: [&Value; 2] = [&more["price_per_minute"], &more["reserved"]["amount"]];
        assert_eq!(prices, ["0.05", "0.10"]);
        assert_eq!(released(&db, &two, 2, 61).await["charged"]["amount"], "0.10");
        caller.has("0.86", "0.00").await;
        for (call, answered, seconds) in [("a", "2026-11-05T12:00:00Z", 120), ("b", "2026-11-05T12:00:40Z", 61)] {
            send_record(&db, &record(call, call, &caller.line, UK, answered.parse().unwrap(), seconds)).await;
        }
        caller.has("0.86", "0.00").await;
        assert_adds_up(&db).await;
    }
}
