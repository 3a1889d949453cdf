//! Is an emergency call always granted, whoever makes it and whatever else fails?

use serde_json::{Value, json};

use crate::support::charging::{Caller, UK, ask, assert_refused, pass, with};
use crate::support::{TestApp, on_both_databases};

async fn assert_granted(db: &TestApp, body: &Value) {
    let answer = ask(db, body).await;
    let found = (
        answer.status.as_u16(),
        &answer.body["session_id"],
        &answer.body["emergency"],
        &answer.body["final"],
    );
    assert_eq!(found, (201, &json!("emergency"), &json!(true), &json!(false)), "{body}: {answer:?}");
    assert_eq!((&answer.body["granted_seconds"], &answer.body["reserved"]), (&json!(86_400), &Value::Null));
}

async fn sessions(db: &TestApp) -> usize {
    let mut tx = db.app.db.read().await.unwrap();
    tx.rows("select session_id from charging_sessions", &[]).await.unwrap().len()
}

on_both_databases! {
    async fn an_emergency_call_is_granted_whoever_makes_it(db: TestApp) {
        let caller = Caller::first(&db).await; // without money
        for called in ["112", "110", "911", "+49112", "tel:112"] {
            assert_granted(&db, &caller.call("a", called, json!({}))).await;
        }
        let mut bodies = Vec::new();
        for calling in ["+493023129999", "anonymous", "", "\u{0}", "+12125550123", "+4479460000000000000"] {
            bodies.push(json!({"calling_number": calling}));
        }
        bodies.push(json!({"calling_number": null}));
        bodies.push(json!({"call_id": "c".repeat(300), "account_ref": "nobody"}));
        bodies.push(json!({"call_id": "a\u{0}", "account_ref": "C\u{0}"}));
        bodies.push(json!({"started_at": "2026-01-01T00:00:00Z"}));
        bodies.push(json!({"started_at": "yesterday", "requested_seconds": -1, "what": "ever"}));
        bodies.push(json!({"calling_number": "+12125550123", "account_ref": "C-4", "started_at": "2026-01-01T00:00:00Z"}));
        for more in bodies {
            assert_granted(&db, &with(caller.call("b", "112", json!({})), &more)).await;
            assert_granted(&db, &with(caller.call("b", "110", json!({})), &more)).await;
        }
        assert_granted(&db, &json!({"called_number": "112"})).await;
        // What is none in the caller's country is an ordinary call.
        let british = json!({"calling_number": "+442079460000"});
        assert_granted(&db, &with(caller.call("d", "999", json!({})), &british)).await;
        assert_refused(&ask(&db, &caller.call("d", "999", json!({}))).await, 403, "no-rate");
        assert_eq!(db.post_json(&format!("{}/suspend", caller.path), &json!({"reason": "fraud"})).await.status, 200);
        assert_granted(&db, &caller.call("c", "112", json!({}))).await;
        // None of them is counted, or in the way of another call.
        assert_eq!(sessions(&db).await, 1);
    }

    async fn an_emergency_number_of_the_payers_country_is_granted_under_a_foreign_number(db: TestApp) {
        let caller = Caller::first(&db).await;
        let customer = json!({
            "reference": "AT-1", "currency": "EUR", "zone": "Europe/Vienna",
            "lines": [{"number": "+4312345678", "valid_from": "2025-01-01T00:00:00Z"}],
            "party": {"name": "Wien", "country": "AT"},
            "subscription": {"plan": "Prepaid", "valid_from": "2026-01-01T00:00:00Z"},
        });
        crate::support::operator::create(&db, "/v1/customers", customer).await;
        let foreign = json!({"calling_number": "+12125550123", "account_ref": "AT-1"});
        assert_granted(&db, &with(caller.call("a", "144", json!({})), &foreign)).await;
        // The call's name and the switch's clock do not matter.
        let known = with(caller.call("b", UK, json!({})), &foreign);
        assert_eq!(ask(&db, &known).await.status, 402);
        assert_granted(&db, &with(caller.call("b", "144", json!({})), &foreign)).await;
        pass(&db, 1_000);
        let skewed = json!({"started_at": "2026-11-05T12:00:00Z"});
        assert_granted(&db, &with(with(caller.call("c", "144", json!({})), &foreign), &skewed)).await;
    }

    async fn an_emergency_call_goes_on_and_ends_without_a_session(db: TestApp) {
        let path = |verb| format!("/v1/charging/sessions/emergency/{verb}");
        let more = db.post_json(&path("update"), &json!({"sequence": 1, "used_seconds": 90_000})).await;
        assert_eq!((more.status.as_u16(), &more.body["emergency"], &more.body["sequence"]), (200, &json!(true), &json!(1)));
        let over = db.post_json(&path("release"), &json!({"sequence": 2, "used_seconds": 100_000})).await;
        let found = (over.status.as_u16(), &over.body["state"], &over.body["billed_seconds"], &over.body["charged"]);
        assert_eq!(found, (200, &json!("released"), &json!(0), &Value::Null));
    }

    async fn an_emergency_call_needs_no_database(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("alter table customers rename to gone; alter table charging_sessions rename to gone_too").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ask(&db, &caller.call("a", UK, json!({}))).await.status, 500);
        // Whoever else waits for the database.
        let _held = db.app.db.begin().await.unwrap();
        let at_once = async {
            assert_granted(&db, &caller.call("a", "112", json!({}))).await;
            assert_granted(&db, &caller.call("a", "112", json!({"calling_number": "anonymous"}))).await;
            let path = |verb| format!("/v1/charging/sessions/emergency/{verb}");
            for verb in ["update", "release"] {
                let answer = db.post_json(&path(verb), &json!({"sequence": 1, "used_seconds": 5})).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), at_once).await.expect("without waiting");
    }
}
