//! Is a call's record the truth, whenever and however often it comes?

use axum::body::Body;
use axum::http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};
use tollbook::sessions;

use crate::support::charging::{
    Caller, SATELLITE, UK, ask, assert_adds_up, assert_refused, extended, pass, posted, record, release,
    released, send_record, shown, update, with,
};
use crate::support::operator::import_text;
use crate::support::{TestApp, now, on_both_databases};

/// A talk to the United Kingdom, granted for ten minutes and released after so many seconds.
async fn talked(caller: &Caller<'_>, call_id: &str, seconds: u32) -> Value {
    let session = caller.granted(call_id, UK, 600).await;
    released(caller.db, &session, 1, seconds).await;
    session
}

/// The record of a call that began at the tests' now.
fn cdr(caller: &Caller<'_>, id: &str, call_id: &str, seconds: u32) -> Value {
    record(id, call_id, &caller.line, UK, now(), seconds)
}

/// Outcome and amount.
fn outcome(answer: &Value) -> (&str, &str) {
    (answer["outcome"].as_str().unwrap(), answer["amount"]["amount"].as_str().unwrap_or_default())
}

async fn movements(caller: &Caller<'_>) -> Vec<String> {
    let body = caller.db.get(&format!("{}/movements", caller.path)).await.body;
    let amount = |one: &Value| one["amount"]["amount"].as_str().unwrap().to_owned();
    body["items"].as_array().unwrap().iter().map(amount).collect()
}

async fn batch(db: &TestApp, records: &[Value]) -> Value {
    let text = records.iter().fold(String::new(), |text, record| text + &format!("{record}\n"));
    let request = Request::post("/v1/calls:batch?source=pbx").body(Body::from(text)).unwrap();
    let answer = db.send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["control"].clone()
}

on_both_databases! {
    async fn a_record_that_says_the_same_moves_nothing(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 130);
        let session = talked(&caller, "a", 130).await;
        let charged = send_record(&db, &cdr(&caller, "r", "a", 130)).await;
        assert_eq!(outcome(&charged), ("charged", "0.06"));
        assert_eq!(send_record(&db, &cdr(&caller, "r", "a", 130)).await["outcome"], "duplicate");
        caller.has("0.94", "0.00").await;
        assert_eq!(movements(&caller).await, ["1.00", "-0.06"]);
        assert_eq!(shown(&db, &session).await["record"], "pbx/r");
        let history = db.get(&format!("{}/calls", caller.path)).await.body;
        let call = &history["items"][0];
        assert_eq!((&call["amount"]["amount"], &call["billed_seconds"]), (&json!("0.06"), &json!(180)));
        assert_adds_up(&db).await;
    }

    async fn a_call_whose_record_was_charged_is_not_granted_afterwards(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        // One names its call, the other's own id is the call's.
        for (id, call) in [("r-1", "a"), ("b", "b")] {
            assert_eq!(outcome(&send_record(&db, &cdr(&caller, id, call, 130)).await), ("charged", "0.06"));
        }
        let before = caller.balances().await;
        for (call, record, request) in
            [("a", "pbx/r-1", json!({})), ("b", "pbx/b", json!({"started_at": now().to_string()}))]
        {
            let asked = caller.call(call, UK, request);
            let refused = ask(&db, &asked).await;
            assert_refused(&refused, 409, "session-closed");
            assert!(refused.body["detail"].as_str().unwrap().contains(record), "{refused:?}");
            // Sent again it is answered alike.
            assert_eq!(ask(&db, &asked).await.body, refused.body);
        }
        assert_eq!(caller.balances().await, before);
        // Had it been charged besides, the check would say so.
        let mut tx = db.app.db.begin().await.unwrap();
        let besides = "update charging_sessions set state = 'released', prepaid = true, charged = 1 where call_id = 'b'";
        assert_eq!(tx.execute(besides, &[]).await.unwrap(), 1);
        let found = sessions::verify(&mut tx, db.app.clock.now(), 24).await.unwrap().faults;
        assert!(found.iter().any(|fault| fault.contains("was charged besides record pbx/b of the same call")), "{found:?}");
        drop(tx);
        // Another talk that the switch calls alike begins after the end of the one that was charged.
        send_record(&db, &cdr(&caller, "r-2", "c", 130)).await;
        let later = json!({"started_at": (now() + jiff::SignedDuration::from_secs(131)).to_string()});
        let session = ask(&db, &caller.call("c", UK, later)).await;
        assert_eq!(session.status, 201, "{session:?}");
        released(&db, &session.body, 1, 60).await;
        caller.has("0.80", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_record_with_other_seconds_corrects(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.10").await;
        pass(&db, 300);
        for (call, said, really) in [("more", 60, 130), ("less", 120, 60)] {
            talked(&caller, call, said).await;
            send_record(&db, &cdr(&caller, call, call, really)).await;
        }
        assert_eq!(movements(&caller).await, ["0.10", "-0.02", "-0.04", "-0.04", "0.02"]);
        caller.has("0.02", "0.00").await;
        // More than there is.
        let session = talked(&caller, "most", 60).await;
        send_record(&db, &cdr(&caller, "most", "most", 180)).await;
        let found = shown(&db, &session).await;
        assert_eq!((&found["charged"]["amount"], &found["loss"]["amount"], &found["used_seconds"]), (&json!("0.02"), &json!("0.04"), &json!(180)));
        assert_eq!((posted(&db, "bad_debt").await, posted(&db, "revenue").await), ("0.04".parse().unwrap(), "-0.14".parse().unwrap()));
        assert_adds_up(&db).await;
    }

    async fn a_record_that_is_there_first_ends_the_call(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let session = caller.granted("a", UK, 600).await;
        pass(&db, 120);
        extended(&db, &session, 1, 60, 600).await;
        assert_eq!(outcome(&send_record(&db, &cdr(&caller, "r", "a", 120)).await), ("charged", "0.04"));
        caller.has("0.96", "0.00").await;
        assert_refused(&update(&db, &session, json!({"sequence": 2, "used_seconds": 119})).await, 409, "session-closed");
        let late = released(&db, &session, 2, 119).await;
        assert_eq!((&late["used_seconds"], &late["charged"]["amount"]), (&json!(120), &json!("0.04")));
        assert_eq!(release(&db, &session, 2, 119).await.body, late);
        caller.has("0.96", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_call_has_one_record(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        talked(&caller, "a", 60).await;
        send_record(&db, &cdr(&caller, "r", "a", 60)).await;
        let second = send_record(&db, &cdr(&caller, "s", "a", 120)).await;
        let found = (second["outcome"].as_str(), second["reason"].as_str(), second["field"].as_str());
        assert_eq!(found, (Some("suspended"), Some("another_leg"), Some("call_id")));
        let other = send_record(&db, &cdr(&caller, "r", "a", 61)).await;
        assert_eq!((&other["outcome"], &other["reason"]), (&json!("suspended"), &json!("conflict")));
        caller.has("0.98", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn the_record_of_a_call_that_expired_charges_it(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let session = caller.granted("a", UK, 60).await;
        pass(&db, 86_400);
        sessions::expire(&db.app).await.unwrap();
        caller.has("1.00", "0.00").await;
        assert_eq!(outcome(&send_record(&db, &cdr(&caller, "r", "a", 61)).await), ("charged", "0.04"));
        caller.has("0.96", "0.00").await;
        assert_eq!(released(&db, &session, 1, 50).await["used_seconds"], 61);
        caller.has("0.96", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_record_of_which_nobody_had_heard_is_charged_at_once(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.03").await;
        caller.give(json!({"seconds": 30, "destinations": ["44"]})).await;
        pass(&db, 300);
        let charged = send_record(&db, &cdr(&caller, "r", "a", 180)).await;
        // 150 s that no units cover.
        assert_eq!(outcome(&charged), ("charged", "0.05"));
        let text = |parts: [(&str, &str); 2]| parts.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(caller.balances().await, text([("0.00", "0.00"), ("0", "0")]));
        assert_eq!(posted(&db, "bad_debt").await, "0.02".parse().unwrap());
        let listed = db.get(&format!("{}/sessions", caller.path)).await.body;
        let kept = &listed["items"][0];
        assert_eq!((&kept["origin"], &kept["included_seconds"], &kept["record"]), (&json!("record"), &json!(30), &json!("pbx/r")));
        assert_adds_up(&db).await;
    }

    async fn a_refused_call_that_was_made_is_charged_by_its_record(db: TestApp) {
        let caller = Caller::first(&db).await;
        // Whoever calls chooses the call's name: here that of a record which is to come.
        let named = caller.call("pbx/r", UK, json!({}));
        assert_refused(&ask(&db, &named).await, 402, "insufficient-balance");
        caller.top_up("1.00").await;
        pass(&db, 300);
        assert_eq!(outcome(&send_record(&db, &cdr(&caller, "r", "pbx/r", 60)).await), ("charged", "0.02"));
        let later = now().checked_add(jiff::SignedDuration::from_secs(120)).unwrap();
        let again = record("s", "pbx/r", &caller.line, UK, later, 60);
        assert_eq!(outcome(&send_record(&db, &again).await), ("charged", "0.02"));
        caller.has("0.96", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_record_that_names_another_number_than_was_granted_waits(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        let session = talked(&caller, "a", 60).await;
        // Ported, translated or forwarded by the switch: whichever of the two is wrong, the call is not charged twice.
        let leg = record("leg", "a", &caller.line, "+493012345678", now(), 60);
        let found = send_record(&db, &leg).await;
        assert_eq!((&found["outcome"], &found["reason"], &found["field"]), (&json!("suspended"), &json!("contradiction"), &json!("called_number")));
        caller.has("0.98", "0.00").await;
        assert_eq!(shown(&db, &session).await["record"], Value::Null);
        send_record(&db, &cdr(&caller, "r", "a", 60)).await;
        caller.has("0.98", "0.00").await;
        // Nor before the call is over.
        let open = caller.granted("b", UK, 600).await;
        let early = record("early", "b", &caller.line, "+493012345678", now(), 60);
        assert_eq!(send_record(&db, &early).await["reason"], "contradiction");
        released(&db, &open, 1, 60).await;
        caller.has("0.96", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn who_forwards_pays_for_that_leg_besides(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        let other = json!({"number": "+493023125099", "valid_from": "2025-01-01T00:00:00Z"});
        crate::support::operator::create(&db, &format!("{}/lines", caller.path), other).await;
        pass(&db, 300);
        talked(&caller, "a", 60).await;
        let forwarded = with(
            record("leg", "a", &caller.line, "+493012345678", now(), 60),
            &json!({"redirecting_number": "+493023125099", "charged_party": "redirecting"}),
        );
        assert_eq!(outcome(&send_record(&db, &forwarded).await), ("charged", "0.03"));
        send_record(&db, &cdr(&caller, "r", "a", 60)).await;
        caller.has("0.95", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_record_denies_no_talk_that_the_switch_reported(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        let session = talked(&caller, "a", 60).await;
        let unanswered = with(cdr(&caller, "r", "a", 0), &json!({"answer_time": null, "billsec": null, "disposition": "NO ANSWER"}));
        let found = send_record(&db, &unanswered).await;
        assert_eq!((&found["outcome"], &found["reason"]), (&json!("suspended"), &json!("contradiction")));
        caller.has("0.98", "0.00").await;
        assert_eq!(shown(&db, &session).await["charged"]["amount"], "0.02");
        // It was answered on another route.
        send_record(&db, &cdr(&caller, "s", "a", 60)).await;
        caller.has("0.98", "0.00").await;
        send_record(&db, &with(unanswered, &json!({"record_id": "t"}))).await;
        caller.has("0.98", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_barred_call_that_was_made_waits_in_suspense(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        let barred = record("r", "a", &caller.line, SATELLITE, now(), 60);
        let found = send_record(&db, &barred).await;
        assert_eq!((&found["outcome"], &found["reason"]), (&json!("suspended"), &json!("blocked_destination")));
        caller.has("1.00", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn a_batch_with_duplicates_and_suspense_moves_money_once(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 300);
        talked(&caller, "one", 60).await;
        let open = caller.granted("two", UK, 60).await;
        // Known already, so that a pass over the batch is repeated.
        send_record(&db, &cdr(&caller, "zero", "zero", 60)).await;
        let barred = record("barred", "barred", &caller.line, SATELLITE, now(), 60);
        let records = [
            cdr(&caller, "r1", "one", 61),
            cdr(&caller, "r2", "two", 60),
            barred,
            cdr(&caller, "zero", "zero", 60),
            cdr(&caller, "zero", "zero", 61),
            cdr(&caller, "r2", "two", 60),
            cdr(&caller, "r3", "two", 60),
            cdr(&caller, "r4", "alone", 60),
            json!({"record_id": "r5"}),
        ];
        let control = batch(&db, &records).await;
        let counted = |control: &Value| ["records", "charged", "duplicate", "suspended"].map(|name| control[name].as_u64().unwrap());
        assert_eq!(counted(&control), [9, 3, 2, 4]);
        caller.has("0.90", "0.00").await;
        assert_eq!(counted(&batch(&db, &records).await), [9, 0, 5, 4]);
        assert_eq!(shown(&db, &open).await["state"], "released");
        let line = |id: &str, call: &str| {
            let start: Timestamp = now();
            format!("{id},{call},outbound,{},{UK},{start},{start},2026-11-05T12:01:00Z,60,ANSWERED", caller.line)
        };
        let lines = [line("r1", "one"), line("f1", "solo"), line("f1", "solo"), line("f2", "fresh"), line("f2", "other")];
        let file = format!("{}\n{}\n", crate::support::operator::Record::HEADER, lines.join("\n"));
        let imported = import_text(&db, "pbx", &file).await;
        assert_eq!((imported.charged, imported.duplicate, imported.suspended), (2, 1, 2), "{imported}");
        caller.has("0.86", "0.00").await;
        assert_adds_up(&db).await;
    }

    async fn check_names_what_has_no_record_or_no_session(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("1.00").await;
        pass(&db, 60);
        let missed = talked(&caller, "missed", 60).await;
        talked(&caller, "recorded", 60).await;
        send_record(&db, &cdr(&caller, "r", "recorded", 60)).await;
        talked(&caller, "unanswered", 0).await;
        let unanswered = with(cdr(&caller, "u", "unanswered", 0), &json!({"answer_time": null, "billsec": null, "disposition": "NO ANSWER"}));
        send_record(&db, &unanswered).await;
        caller.granted("open", UK, 60).await;
        ask(&db, &caller.call("refused", SATELLITE, json!({}))).await;
        send_record(&db, &cdr(&caller, "alone", "alone", 60)).await;
        let verified = async |seconds| {
            pass(&db, seconds);
            let mut tx = db.app.db.read().await.unwrap();
            sessions::verify(&mut tx, db.app.clock.now(), 24).await.unwrap()
        };
        assert!(verified(86_399).await.without_record.is_empty());
        let found = verified(1).await;
        let id = missed["session_id"].as_str().unwrap();
        assert_eq!(found.without_record, [format!("session {id}: the record of call missed has not come")]);
        assert_eq!((found.without_session, found.sessions), (1, 6));
        assert!(found.first_without_session[0].starts_with("record pbx/alone had no session"), "{found:?}");
        assert!(found.faults.is_empty());
    }

    async fn every_damage_to_sessions_is_found(db: TestApp) {
        let caller = Caller::first(&db).await;
        caller.top_up("0.10").await;
        let session = caller.granted("beyond", UK, 600).await;
        pass(&db, 1_200);
        released(&db, &session, 1, 1_200).await;
        let hours = 24;
        let mut tx = db.app.db.begin().await.unwrap();
        assert_eq!(sessions::verify(&mut tx, db.app.clock.now(), hours).await.unwrap().faults, [""; 0]);
        for (damage, fault) in [
            ("update reservations set held = 1", "is over and still holds a part of a balance"),
            ("update reservations set taken = taken + 1", "was charged other than its reservations took"),
            ("update charging_sessions set charged = 0", "was charged other than its reservations took"),
            ("update charging_sessions set loss = 0", "lost something else than the ledger has as bad debt"),
            ("delete from postings where account = 'bad_debt'", "lost something else than the ledger has"),
        ] {
            tx.script("savepoint damage").await.unwrap();
            tx.script(damage).await.unwrap();
            let faults = sessions::verify(&mut tx, db.app.clock.now(), hours).await.unwrap().faults;
            assert!(faults.len() == 1 && faults[0].contains(fault), "{damage}: {faults:?}");
            tx.script("rollback to savepoint damage").await.unwrap();
        }
    }
}
