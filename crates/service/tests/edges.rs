//! Does billing hold where months, customers and other programs meet?

use std::time::Duration;

use serde_json::{Value, json};
use tollbook::calls::{self, Import, Imported, Source};
use tollbook::customers::{self, NewLine};
use tollbook::id::CustomerId;
use tollbook::invoices;

use crate::support::operator::{create, operator};
use crate::support::{Engine, TestApp, on_both_databases};

fn set(db: &TestApp, now: &str) {
    db.app.clock.set(now.parse().unwrap());
}

/// Bills what is due; a run that goes on for ever fails.
async fn bill_due(db: &TestApp) -> invoices::Billed {
    let app = db.app.clone();
    let due = tokio::spawn(async move { invoices::bill_due(&app).await });
    tokio::time::timeout(Duration::from_secs(20), due).await.expect("billing ends").unwrap().unwrap()
}

async fn new_customer(db: &TestApp, change: Value) -> (CustomerId, String) {
    let mut body = json!({"reference": "E-1", "currency": "EUR", "zone": "Europe/Berlin",
        "party": {"name": "Edge", "country": "DE", "email": "edge@example.org"}});
    body.as_object_mut().unwrap().append(&mut change.as_object().unwrap().clone());
    let id = create(db, "/v1/customers", body).await["id"].as_str().unwrap().to_owned();
    (id.parse().unwrap(), format!("/v1/customers/{id}"))
}

/// Whether some session waits for another's row.
async fn somebody_waits(db: &TestApp) -> bool {
    if db.engine == Engine::Sqlite {
        return true;
    }
    let mut tx = db.app.db.read().await.unwrap();
    let sql = "select count(*) as waiting from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    tx.row(sql, &[]).await.unwrap().unwrap().get::<i64>("waiting").unwrap() > 0
}

on_both_databases! {
    async fn who_came_shortly_before_a_month_ended_is_billed_once_the_grace_has_passed(db: TestApp) {
        set(&db, "2026-10-31T20:00:00Z");
        operator(&db).await;
        let plan = json!({"subscription": {"plan": "Hundred", "valid_from": "2026-10-31T20:00:00Z"}});
        let (_, path) = new_customer(&db, plan).await;
        // Six hours after they came the month is over, and its grace is not.
        set(&db, "2026-11-01T02:00:00Z");
        assert_eq!(bill_due(&db).await.issued, 0);
        set(&db, "2026-11-01T04:59:59Z");
        assert_eq!(bill_due(&db).await.issued, 0);
        set(&db, "2026-11-01T05:00:00Z");
        bill_due(&db).await;
        let issued = db.get(&format!("{path}/invoices")).await.body;
        // 9.90 for one day of 31.
        assert_eq!((issued.as_array().unwrap().len(), &issued[0]["invoice"]["net"]), (1, &json!("0.32")), "{issued}");
    }

    async fn a_charge_that_missed_its_month_has_the_tax_rate_of_its_day(db: TestApp) {
        operator(&db).await;
        create(&db, "/v1/tax-rates", json!({"country": "DE", "valid_from": "2026-11-01", "rate": "16"})).await;
        let (_, path) = new_customer(&db, json!({})).await;
        let charge = |at: &str| json!({"description": at, "amount": {"amount": "10.00", "currency": "EUR"}, "charged_at": at});
        create(&db, &format!("{path}/charges"), charge("2026-11-01T00:00:00Z")).await;
        // Still October in Berlin.
        create(&db, &format!("{path}/charges"), charge("2026-10-31T22:59:59Z")).await;
        create(&db, &format!("{path}/charges"), charge("2026-12-01T00:00:00Z")).await;
        set(&db, "2026-12-05T00:00:00Z");
        let invoice = create(&db, &format!("{path}/invoices"), json!({"month": "2026-11"})).await;
        let lines = invoice["invoice"]["lines"].as_array().unwrap();
        let said: Vec<_> = lines.iter().map(|line| (&line["tax_rate"], &line["days"]["last"])).collect();
        assert_eq!(said, [(&json!("19"), &json!("2026-10-31")), (&json!("16"), &Value::Null)], "{invoice}");
    }

    async fn amounts_that_no_invoice_could_hold_or_show_are_refused(db: TestApp) {
        operator(&db).await;
        let (_, path) = new_customer(&db, json!({})).await;
        let charge = |amount: &str| json!({"description": "Router", "amount": {"amount": amount, "currency": "EUR"}});
        create(&db, &format!("{path}/charges"), charge("100000000000.00")).await;
        for amount in ["100000000000.01", "9000000000000", "0.001", "0", "-1"] {
            let answer = db.post_json(&format!("{path}/charges"), &charge(amount)).await;
            assert_eq!((answer.status.as_u16(), &answer.body["errors"][0]["pointer"]), (422, &json!("/amount/amount")), "{amount}");
        }
        let discount = |amount: &str| json!({"description": "Off", "terms": {"amount": amount, "duration": "once"}});
        create(&db, &format!("{path}/discounts"), discount("1.01")).await;
        let answer = db.post_json(&format!("{path}/discounts"), &discount("1.001")).await;
        assert_eq!((answer.status.as_u16(), &answer.body["errors"][0]["pointer"]), (422, &json!("/terms/amount")));
    }

    async fn series_that_differ_in_great_and_small_letters_are_counted_apart(db: TestApp) {
        operator(&db).await;
        let (_, path) = new_customer(&db, json!({"subscription": {"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"}})).await;
        create(&db, &format!("{path}/invoices"), json!({"month": "2026-09"})).await;
        let small = db.configured("[invoices]\nseries = \"inv\"\n").unwrap();
        let mut tx = small.db.begin().await.unwrap();
        let customer = customers::by_reference(&mut tx, "E-1").await.unwrap().unwrap();
        invoices::issue(&mut tx, &small.config, customer.id, "2026-10", &small.clock).await.unwrap();
        tx.commit().await.unwrap();
        invoices::number_all(&small).await.unwrap();
        let mut tx = db.app.db.read().await.unwrap();
        let verified = invoices::verify(&mut tx).await.unwrap();
        assert_eq!((verified.numbers, verified.faults), (2, vec![]));
    }

    async fn a_line_waits_for_who_closes_the_customer_and_is_refused(db: TestApp) {
        operator(&db).await;
        let (id, path) = new_customer(&db, json!({})).await;
        let mut closing = db.app.db.begin().await.unwrap();
        customers::close(&mut closing, id, "2026-11-05T00:00:00Z".parse().unwrap()).await.unwrap();
        let line = json!({"number": "+493023125099", "valid_from": "2026-01-01T00:00:00Z"});
        let path = format!("{path}/lines");
        let assigning = db.post_json(&path, &line);
        let commit = async {
            while !somebody_waits(&db).await {
                tokio::task::yield_now().await;
            }
            closing.commit().await.unwrap();
        };
        let (answer, ()) = tokio::time::timeout(Duration::from_secs(20), Box::pin(async { tokio::join!(assigning, commit) }))
            .await
            .expect("the line waits for the customer");
        assert_eq!(answer.status, 409, "{answer:?}");
    }

    async fn calls_are_not_put_into_months_of_a_zone_that_was_settled_meanwhile(db: TestApp) {
        operator(&db).await;
        let plan = json!({"plan": "Per call", "valid_from": "2026-01-01T00:00:00Z"});
        let (id, path) = new_customer(&db, json!({"zone": null, "subscription": plan})).await;
        // The first hour of November in Berlin is still October in Los Angeles.
        let head = "record_id,call_id,account_ref,calling_number,called_number,start_time,answer_time,end_time,billsec,disposition,direction\n";
        let record = "r1,r1,E-1,+14155550123,+442079460123,2026-10-31T23:30:00Z,2026-10-31T23:30:00Z,2026-10-31T23:31:00Z,60,ANSWERED,outbound\n";
        let file = |input| Import { source: Source::new("switch"), file_name: "late.csv".to_owned(), input };
        let (app, runtime) = (db.app.clone(), tokio::runtime::Handle::current());
        let settle = move || {
            let line = NewLine {
                number: "+14155550123".parse().unwrap(),
                valid_from: "2026-01-01T00:00:00Z".parse().unwrap(),
                valid_to: None,
            };
            runtime.block_on(async {
                let mut tx = app.db.begin().await.unwrap();
                customers::assign_line(&mut tx, id, line, &app.clock).await.unwrap();
                tx.commit().await.unwrap();
            });
        };
        let input = Interrupted { parts: vec![record.into(), head.into()], between: Some(Box::new(settle)) };
        let refused = calls::import(&db.app, file(input), &|_, _| ()).await.unwrap_err().to_string();
        assert!(refused.contains("another time zone meanwhile: import the file again"), "{refused}");
        let input = Interrupted { parts: vec![record.into(), head.into()], between: None };
        let imported = calls::import(&db.app, file(input), &|_, _| ()).await.unwrap();
        assert!(matches!(imported, Imported::Done { import, .. } if import.control.charged == 1));
        let call = db.get(&format!("{path}/calls/switch/r1")).await.body;
        assert_eq!(call["period_start"], "2026-10-01T07:00:00Z", "{call}");
    }
}

/// A file whose second part comes after something else happened.
struct Interrupted {
    parts: Vec<Vec<u8>>,
    between: Option<Box<dyn FnOnce() + Send>>,
}

impl std::io::Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.parts.len() == 1
            && let Some(between) = self.between.take()
        {
            between();
        }
        let Some(part) = self.parts.pop() else { return Ok(0) };
        buffer[..part.len()].copy_from_slice(&part);
        Ok(part.len())
    }
}
