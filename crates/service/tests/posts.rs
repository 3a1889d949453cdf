//! Are records that are handed in at once each charged once, and answered each by itself?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tollbook::tariffs::{self, TariffBook};

use crate::calls::assert_adds_up;
use crate::support::operator::{Record, operator};
use crate::support::{Answer, TestApp, json_request, on_both_databases, send};

/// Posts records all at once, each to its source; the answers come in their order.
async fn post_all(db: &TestApp, records: &[(&str, Value)]) -> Vec<Answer> {
    let posted = records.iter().map(|(source, record)| {
        let (app, request) = (db.app.clone(), json_request(&format!("/v1/calls?source={source}"), record));
        tokio::spawn(send(app, request))
    });
    let posted: Vec<_> = posted.collect();
    let mut answers = Vec::new();
    for answer in posted {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn outcomes(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let outcome = answer.body["outcome"].as_str().unwrap_or_default().to_owned();
        *counts.entry((answer.status.as_u16(), outcome)).or_default() += 1;
    }
    counts
}

fn counts<const KINDS: usize>(kinds: [(u16, &str, usize); KINDS]) -> BTreeMap<(u16, String), usize> {
    kinds.into_iter().map(|(status, outcome, count)| ((status, outcome.to_owned()), count)).collect()
}

on_both_databases! {
    async fn many_at_once_are_each_charged_once(db: TestApp) {
        operator(&db).await;
        let record = |number: usize| Record::new(&format!("r{number}")).json();
        let mut records: Vec<_> = (0..100).map(|number| ("one", record(number))).collect();
        // The same ids at another source, of calls of another day, each of them twice at once.
        let other = |number: usize| {
            Record { start: "2026-10-06T10:00:00Z", ..Record::new(&format!("r{number}")) }.json()
        };
        records.extend((0..50).chain(0..50).map(|number| ("two", other(number))));
        let answers = post_all(&db, &records).await;
        assert_eq!(outcomes(&answers), counts([(200, "duplicate", 50), (201, "charged", 150)]));
        for ((_, record), answer) in records.iter().zip(&answers) {
            assert_eq!(answer.body["record_id"], record["record_id"], "each has its own answer");
        }
        let again = post_all(&db, &records).await;
        assert_eq!(outcomes(&again), counts([(200, "duplicate", 200)]));
        assert_adds_up(&db).await;
    }

    async fn one_of_them_that_is_flawed_is_its_own_matter(db: TestApp) {
        operator(&db).await;
        let mut records: Vec<_> = (0..20).map(|number| ("one", Record::new(&format!("r{number}")).json())).collect();
        // No number, no caller of ours, the same id with another content, and a text that no database holds.
        records.push(("one", Record { to: "*98", ..Record::new("flawed") }.json()));
        records.push(("one", Record { to: "*98", ..Record::new("flawed") }.json()));
        records.push(("one", Record { from: "+493099999999", ..Record::new("foreign") }.json()));
        records.push(("one", Record { seconds: 30, ..Record::new("r7") }.json()));
        records.push(("one", Record::new("nul\0").json()));
        records.push(("one", json!({"record_id": "empty"})));
        let answers = post_all(&db, &records).await;
        let told = outcomes(&answers);
        assert_eq!(told[&(201, "charged".to_owned())], 20, "{answers:?}");
        assert_eq!(told[&(202, "suspended".to_owned())], 6, "{answers:?}");
        // Sent again one by one they wait in the same place, not in another.
        let waiting = db.get("/v1/suspense").await.body["items"].as_array().unwrap().len();
        for (source, record) in &records {
            db.post_json(&format!("/v1/calls?source={source}"), record).await;
        }
        assert_eq!(db.get("/v1/suspense").await.body["items"].as_array().unwrap().len(), waiting);
        assert_adds_up(&db).await;
    }

    async fn what_is_no_record_is_refused_before(db: TestApp) {
        operator(&db).await;
        for body in ["", "[]", "1", "{", "{\"record_id\": \"r\"} {}"] {
            let request = axum::http::Request::post("/v1/calls?source=one").body(body.to_owned().into()).unwrap();
            assert_eq!(db.send(request).await.status, 400, "{body}");
        }
    }

    async fn who_asks_together_shares_one_price_list(db: TestApp) {
        operator(&db).await;
        let (mut one, mut other) = (db.app.db.read().await.unwrap(), db.app.db.read().await.unwrap());
        let standard = tariffs::by_name(&mut one, "standard").await.unwrap().unwrap();
        let book = TariffBook::default();
        let (one, other) =
            tokio::join!(book.version(&mut one, standard.id, 1), book.version(&mut other, standard.id, 1));
        assert!(Arc::ptr_eq(&one.unwrap().unwrap(), &other.unwrap().unwrap()), "it was read twice");
    }

    async fn a_mended_record_that_comes_alone_takes_the_broken_one_out_of_suspense(db: TestApp) {
        operator(&db).await;
        let broken = Record { to: "*98", ..Record::new("r1") };
        let post = async |record: &Record| db.post_json("/v1/calls?source=switch", &record.json()).await.body["outcome"].clone();
        let waiting = async || db.get("/v1/suspense").await.body["items"].as_array().unwrap().len();
        assert_eq!((post(&broken).await, waiting().await), (json!("suspended"), 1));
        assert_eq!((post(&Record::new("r1")).await, waiting().await), (json!("charged"), 0));
        // One that contradicts what was charged stays.
        assert_eq!(post(&Record { seconds: 9, ..Record::new("r1") }).await, json!("suspended"));
        assert_eq!((post(&Record::new("r1")).await, waiting().await), (json!("duplicate"), 1));
    }
}
