//! Do charging and billing meet without losing or doubling a call, whoever comes first?

use serde_json::json;
use tollbook::calls::{self, Import, Imported, Source};
use tollbook::invoices;

use crate::calls::{assert_adds_up, first_customer};
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn a_call_that_comes_after_its_month_was_invoiced_goes_to_the_open_month(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let bill = || async {
            match invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap() {
                invoices::Run::Billed(billed) => billed.issued,
                invoices::Run::NotAMonth(error) => panic!("{error}"),
            }
        };
        assert_eq!(bill().await, 2);
        assert_eq!(import_text(&db, "switch", &Record::file(&[Record::new("late")])).await.charged, 1);
        assert_eq!(bill().await, 0);
        let mut tx = db.app.db.read().await.unwrap();
        let customer = tollbook::customers::by_reference(&mut tx, "C-1").await.unwrap().unwrap();
        drop(tx);
        let call = db.get(&format!("/v1/customers/{}/calls/switch/late", customer.id)).await.body;
        assert_eq!(call["late_for"], "2026-09-30T22:00:00Z", "{call}");
        assert_eq!(call["period_start"], "2026-10-31T23:00:00Z", "{call}");
        db.app.clock.set("2026-12-02T00:00:00Z".parse().unwrap());
        let path = format!("/v1/customers/{}/invoices", customer.id);
        let invoice = db.post_json(&path, &json!({"month": "2026-11"})).await;
        assert_eq!(invoice.status, 201, "{invoice:?}");
        let line = &invoice.body["invoice"]["lines"][0];
        assert_eq!((&line["kind"], &line["net"]), (&json!("late_usage"), &json!("0.04")), "{line}");
        assert_adds_up(&db).await;
    }

    async fn no_call_slips_between_charging_and_issuing(db: TestApp) {
        operator(&db).await;
        let importing = async {
            for part in 0..20 {
                let records: Vec<_> = (0..50).map(|count| Record::new(&format!("r{part}-{count}"))).collect();
                assert_eq!(import_text(&db, "switch", &Record::file(&records)).await.charged, 50);
            }
        };
        let billing = async {
            for _ in 0..20 {
                invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap();
            }
        };
        tokio::join!(importing, billing);
        let mut tx = db.app.db.read().await.unwrap();
        let customer = tollbook::customers::by_reference(&mut tx, "C-1").await.unwrap().unwrap();
        let query = calls::HistoryQuery { limit: 10_000, ..Default::default() };
        let calls = calls::history(&mut tx, customer.id, &query).await.unwrap();
        assert_eq!(calls.len(), 1_000);
        let on_time = calls.iter().filter(|call| call.late_for.is_none()).count() as u64;
        let issued = invoices::of_customer(&mut tx, customer.id).await.unwrap();
        let invoiced = issued.first().map_or(0, |stored| stored.invoice.lines.iter().map(|line| line.calls).sum());
        // Whatever was charged before the month was closed is on its invoice, the rest is late.
        assert!(issued.is_empty() || on_time == invoiced, "{on_time} {invoiced}");
        drop(tx);
        assert_adds_up(&db).await;
    }

    async fn calls_of_a_postpaid_and_a_prepaid_part_of_a_month_are_told_apart(db: TestApp) {
        operator(&db).await;
        let path = format!("{}/subscriptions", first_customer(&db).await);
        create(&db, &path, json!({"plan": "Prepaid", "valid_from": "2026-10-20T00:00:00Z"})).await;
        let late = Record { start: "2026-10-25T10:00:00Z", seconds: 600, ..Record::new("r2") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[Record::new("r1"), late])).await.charged, 2);
        let issue = json!({"month": "2026-10"});
        let invoice = db.post_json(&format!("{}/invoices", first_customer(&db).await), &issue).await;
        assert_eq!((invoice.status.as_u16(), &invoice.body["invoice"]["net"]), (201, &json!("0.04")), "{invoice:?}");
        assert_adds_up(&db).await;
    }

    async fn imports_that_share_customers_in_another_order_do_not_stop_each_other(db: TestApp) {
        operator(&db).await;
        // C-2 counts an allowance until it changes to a plan without one.
        let path = "/v1/customers?limit=500";
        let customers = db.get(path).await.body["items"].as_array().unwrap().clone();
        let second = customers[1]["id"].as_str().unwrap();
        let plan = json!({"plan": "Per call", "valid_from": "2026-10-15T00:00:00Z"});
        create(&db, &format!("/v1/customers/{second}/subscriptions"), plan).await;
        invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap();
        // Each source brings other calls.
        let called = ["+49301234567", "+49301234568", "+49301234569", "+49301234571", "+49301234572", "+49301234573"];
        let record = |id: String, to: &'static str, second: bool, late: bool| Record {
            from: if second { "+493023125002" } else { "+493023125001" },
            to,
            start: if late { "2026-10-20T10:00:00Z" } else { "2026-10-05T10:00:00Z" },
            ..Record::new(&id)
        };
        let mut imports = tokio::task::JoinSet::new();
        for (run, called) in called.into_iter().enumerate() {
            let records: Vec<_> = (0..40)
                .map(|count| record(format!("{run}-{count}"), called, (count + run) % 2 == 0, count % 3 == 0))
                .collect();
            let (app, source) = (db.app.clone(), format!("s{run}"));
            imports.spawn(async move {
                for part in records.chunks(5) {
                    let input = std::io::Cursor::new(Record::file(part).into_bytes());
                    let import = Import { source: Source::new(&source), file_name: "f".into(), input };
                    let Imported::Done { import, .. } = calls::import(&app, import, &|_, _| ()).await.unwrap() else {
                        panic!("the header is right");
                    };
                    assert_eq!(import.control.charged, part.len() as u64);
                }
            });
        }
        while let Some(done) = imports.join_next().await {
            done.unwrap();
        }
        assert_adds_up(&db).await;
    }

    async fn a_month_with_nothing_is_closed_and_a_skipped_one_is_found(db: TestApp) {
        operator(&db).await;
        let at = |id: &str, start: &'static str| Record { start, ..Record::new(id) };
        db.app.clock.set("2026-12-05T00:00:00Z".parse().unwrap());
        invoices::bill(&db.app, "2026-09", &|| ()).await.unwrap(); // nothing for C-1
        import_text(&db, "switch", &Record::file(&[at("r1", "2026-10-05T10:00:00Z")])).await;
        invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap();
        // A straggler of September goes to November, the first month that is open.
        import_text(&db, "switch", &Record::file(&[at("r2", "2026-09-05T10:00:00Z")])).await;
        let call = db.get(&format!("{}/calls/switch/r2", first_customer(&db).await)).await.body;
        assert_eq!(call["period_start"], "2026-10-31T23:00:00Z", "{call}");
        assert_adds_up(&db).await;
        // August was never billed: its calls are found.
        import_text(&db, "switch", &Record::file(&[at("r3", "2026-08-05T10:00:00Z")])).await;
        let mut tx = db.app.db.read().await.unwrap();
        let verified = calls::verify(&mut tx, &db.app).await.unwrap();
        assert!(verified.unbilled.len() == 1 && verified.unbilled[0].contains("2026-07-31T22:00:00Z"), "{verified:?}");
        drop(tx);
        invoices::bill(&db.app, "2026-08", &|| ()).await.unwrap();
        assert_adds_up(&db).await;
    }
}
