//! Is a number that cannot exist never charged, and an emergency call always free?

use axum::body::Body;
use axum::http::Request;
use calculation::phone_number::BareDigits;
use serde_json::{Value, json};
use tollbook::calls::Source;

use crate::support::charging::{Caller, ask};
use crate::support::operator::{Record, operator};
use crate::support::reading::{history, import, source, suspended};
use crate::support::{TestApp, on_both_databases};

/// Calls of C-1, each 60 seconds long, to these numbers; the id of each is the number.
fn file(called: &[&'static str]) -> String {
    let records: Vec<_> = called.iter().map(|to| Record { to, seconds: 60, ..Record::new(to) }).collect();
    Record::file(&records)
}

fn german(change: impl FnOnce(&mut Source)) -> Source {
    source(|source| {
        source.region = "DE".parse().ok();
        change(source);
    })
}

on_both_databases! {
    async fn a_number_that_cannot_exist_waits_and_one_with_a_trunk_prefix_is_mended(db: TestApp) {
        operator(&db).await;
        let mended = ["+4901711234567", "+49 0171 1234567", "004901711234567", "+49(0)1711234567"];
        let impossible = ["001711234567", "+101141446681800", "+490900123456", "+9991234567", "+12120550123", "+44207946"];
        let text = file(&[&mended[..], &impossible[..], &["+446012345678"]].concat());
        let read = import(&db, german(|_| ()), text.as_bytes()).await.unwrap();
        assert_eq!((read.control.charged, read.control.suspended), (5, 6));
        assert_eq!(read.warnings, [("trunk_prefix_dropped", 2), ("unassigned_number", 1)].into());
        let (calls, waiting) = (history(&db, "C-1").await, suspended(&db).await);
        for called in mended {
            let found = (&calls[called]["number"], &calls[called]["amount"]["amount"]);
            assert_eq!(found, (&json!("+491711234567"), &json!("0.03")), "{called}");
        }
        for called in impossible {
            let (reason, field, message) = &waiting[called];
            assert_eq!((reason.as_str(), field.as_str()), ("not_a_number", "called_number"), "{called}");
            assert!(message.contains(called), "{message}");
        }
        assert!(waiting["001711234567"].2.contains("outside line"), "{waiting:?}");
        // The same file of a feed that says so: the call with the digit is charged now.
        let outside = german(|source| source.form.outside_digit = "0".parse().ok());
        import(&db, outside, file(&["001711234567"]).as_bytes()).await.unwrap();
        assert_eq!(history(&db, "C-1").await["001711234567"]["number"], "+491711234567");
    }

    async fn an_emergency_call_behind_an_outside_digit_is_free(db: TestApp) {
        operator(&db).await;
        for (digit, called) in [("0", ["112", "0112", "00112", "0110"]), ("9", ["9112", "9110", "9911", "99112"])] {
            let outside = german(|source| source.form.outside_digit = digit.parse().ok());
            let control = import(&db, outside, file(&called).as_bytes()).await.unwrap().control;
            assert_eq!(control.free, 4, "{control}");
        }
        assert!(history(&db, "C-1").await.values().all(|call| call["outcome"] == "emergency"));
        // Who decides whether a call is made needs no setting for it.
        let caller = Caller { db: &db, path: String::new(), line: "+493023125001".to_owned() };
        for called in ["0112", "00112", "0110", "9911", "8112"] {
            let granted = ask(&db, &caller.call("e", called, json!({}))).await;
            assert_eq!((granted.status.as_u16(), &granted.body["emergency"]), (201, &json!(true)), "{called}");
            let unreadable = ask(&db, &json!({"calling_number": "+493023125001", "called_number": called})).await;
            assert_eq!(unreadable.body["emergency"], true, "{called}: {unreadable:?}");
            let quote = db.get(&format!("/v1/quote?from=%2B493023125001&to={called}")).await;
            assert!(quote.body["detail"].as_str().unwrap().contains("an emergency number"), "{called}: {quote:?}");
        }
        // The others are judged as in records.
        let refused = ask(&db, &caller.call("n", "001711234567", json!({}))).await;
        assert_eq!(refused.body["errors"][0]["pointer"], "/called_number", "{refused:?}");
    }

    async fn a_switch_that_posts_records_says_how_it_writes_numbers(db: TestApp) {
        operator(&db).await;
        let record = |id: &str, to: &'static str| Record { to, ..Record::new(id) }.json();
        let outside = db.post_json("/v1/calls?source=switch&outside_digit=0", &record("o-1", "0112")).await;
        assert_eq!((outside.status.as_u16(), &outside.body["reason"]), (201, &json!("emergency")), "{outside:?}");
        let bare = db.post_json("/v1/calls?source=switch&bare_digits=international", &record("o-2", "442079460123")).await;
        assert_eq!(bare.body["outcome"], "charged", "{bare:?}");
        let neither = db.post_json("/v1/calls?source=switch", &record("o-3", "442079460123")).await;
        assert_eq!(neither.body["reason"], "not_a_number", "{neither:?}");
        let wrong = db.post_json("/v1/calls?source=switch&outside_digit=x", &record("o-4", "0112")).await;
        assert_eq!(wrong.status.as_u16(), 400, "{wrong:?}");
    }

    async fn whole_numbers_without_a_plus_are_read_when_the_feed_says_so(db: TestApp) {
        operator(&db).await;
        let mut records: Vec<_> = ["442079460123", "12125550109", "491711234567"]
            .into_iter()
            .map(|to| Record { to, seconds: 60, ..Record::new(to) })
            .collect();
        records.push(Record { from: "493023125001", to: "33142685300", ..Record::new("both") });
        let text = Record::file(&records);
        let upload = |query: &str| Request::post(format!("/v1/imports?source=switch&region=DE{query}")).body(Body::from(text.clone())).unwrap();
        let without = db.send(upload("")).await;
        assert_eq!(without.body["import"]["control"]["suspended"], 4, "{without:?}");
        assert!(suspended(&db).await["442079460123"].2.contains("bare_digits international"));
        let with = db.send(upload("&bare_digits=international")).await;
        // France and the United States have no price here.
        assert_eq!(with.body["suspended"], json!({"no_rate": 2}), "{with:?}");
        let calls = history(&db, "C-1").await;
        assert_eq!([&calls["442079460123"]["number"], &calls["491711234567"]["number"]], ["+442079460123", "+491711234567"]);
        for bad in ["&bare_digits=yes", "&outside_digit=10"] {
            assert_eq!(db.send(upload(bad)).await.status.as_u16(), 400, "{bad}");
        }
        let form = german(|source| source.form.bare_digits = BareDigits::International);
        assert_eq!(import(&db, form, text.as_bytes()).await.unwrap().control.duplicate, 2);
    }

    async fn what_is_unusual_is_told_to_the_one_who_sends_it_and_counted(db: TestApp) {
        operator(&db).await;
        let record = |id: &str, to: &'static str| Record { to, ..Record::new(id) }.json();
        let answer = db.post_json("/v1/calls?source=switch", &record("u-1", "+446012345678")).await;
        assert_eq!(answer.body["warnings"], json!(["unassigned_number"]), "{answer:?}");
        let usual = db.post_json("/v1/calls?source=switch", &record("u-2", "+442079460123")).await;
        assert_eq!(usual.body["warnings"], Value::Null, "{usual:?}");
        let lines = format!("{}\n{}", record("u-3", "+446012345678"), record("u-4", "+4404420794601"));
        let batch = db.send(Request::post("/v1/calls:batch?source=switch").body(Body::from(lines)).unwrap()).await;
        assert_eq!(batch.body["records"][0]["warnings"], json!(["unassigned_number"]), "{batch:?}");
        assert_eq!(batch.body["records"][1]["reason"], "not_a_number", "{batch:?}");
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(tollbook::http::router(db.app.clone()), request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains("tollbook_record_warnings_total{warning=\"unassigned_number\"} 2"), "{text}");
    }
}
