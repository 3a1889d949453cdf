//! Is each month invoiced once, with a number that leaves no gap, and refused when it must be?

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollbook::id::{CustomerId, InvoiceId};
use tollbook::invoices;
use tollbook::jobs::{self, Job, State};

use crate::support::mailing::execute;
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::{TestApp, on_both_databases};

/// The path of the customer with a reference.
async fn customer(db: &TestApp, reference: &str) -> String {
    let page = db.get("/v1/customers?limit=500").await.body;
    let found = page["items"].as_array().unwrap().iter().find(|customer| customer["reference"] == reference);
    format!("/v1/customers/{}", found.unwrap()["id"].as_str().unwrap())
}

async fn issue(db: &TestApp, reference: &str, month: &str) -> (u16, Value) {
    let path = customer(db, reference).await;
    let answer = db.post_json(&format!("{path}/invoices"), &json!({"month": month})).await;
    (answer.status.as_u16(), answer.body)
}

async fn bill(db: &TestApp, month: &str) -> invoices::Billed {
    match invoices::bill(&db.app, month, &|| ()).await.unwrap() {
        invoices::Run::Billed(billed) => billed,
        invoices::Run::NotAMonth(error) => panic!("{error}"),
    }
}

on_both_databases! {
    async fn an_invoice_is_issued_once_and_reads_as_json_and_pdf(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1"), Record::new("r2")])).await;
        let (status, issued) = issue(&db, "C-1", "2026-10").await;
        assert_eq!((status, &issued["number"]), (201, &json!("INV-2026-000001")), "{issued}");
        // 2 × 0.04, and 19 % of 0.08 are 0.0152.
        assert_eq!(issued["gross"], json!({"amount": "0.10", "currency": "EUR"}));
        assert_eq!(issue(&db, "C-1", "2026-10").await, (200, issued.clone()));
        let path = format!("{}/invoices/{}", customer(&db, "C-1").await, issued["id"].as_str().unwrap());
        assert_eq!(db.get(&path).await.body, issued);
        let pdf = db.get(&format!("{path}/pdf")).await;
        assert_eq!(pdf.headers["content-type"], "application/pdf");
        assert_eq!(pdf.headers["content-disposition"], "inline; filename=\"INV-2026-000001.pdf\"");
        let other = format!("{}/invoices/{}", customer(&db, "C-2").await, issued["id"].as_str().unwrap());
        assert_eq!(db.get(&other).await.status, 404);
        assert_eq!(db.get(&format!("{other}/pdf")).await.status, 404);
    }

    async fn a_draft_shows_the_month_so_far_and_issues_nothing(db: TestApp) {
        operator(&db).await;
        let november = Record { start: "2026-11-02T10:00:00Z", ..Record::new("r1") };
        import_text(&db, "switch", &Record::file(&[november])).await;
        let path = format!("{}/invoices", customer(&db, "C-1").await);
        let draft = db.get(&format!("{path}/draft")).await;
        assert_eq!((draft.status.as_u16(), &draft.body["net"]), (200, &json!("0.04")), "{draft:?}");
        assert_eq!((&draft.body["number"], &draft.body["period"]["first_day"]), (&Value::Null, &json!("2026-11-01")));
        assert_eq!(db.get(&format!("{path}/draft?month=2026-09")).await.status, 404);
        assert_eq!(db.get(&format!("{path}/draft?month=soon")).await.status, 400);
        assert_eq!(db.get(&path).await.body, json!([]));
    }

    async fn what_cannot_be_invoiced_is_refused_and_leaves_nothing(db: TestApp) {
        operator(&db).await;
        assert_eq!(issue(&db, "C-1", "2026-11").await.0, 409); // not over
        assert_eq!(issue(&db, "C-1", "2026-10").await.0, 409); // nothing to invoice
        assert_eq!(issue(&db, "C-4", "2026-10").await.0, 409); // prepaid
        assert_eq!(issue(&db, "C-1", "2026-13").await.0, 422);
        assert_eq!(issue(&db, "C-1", "").await.0, 422);
        let nobody = db.post_json("/v1/customers/cus_0000000000011/invoices", &json!({"month": "2026-10"})).await;
        assert_eq!(nobody.status, 404);
        // The months stay open: calls that come now are on time.
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let (status, issued) = issue(&db, "C-1", "2026-10").await;
        assert_eq!((status, &issued["invoice"]["lines"][0]["kind"]), (201, &json!("usage")), "{issued}");
    }

    async fn without_the_operators_name_no_invoice_is_issued(db: TestApp) {
        operator(&db).await;
        let mut unnamed = db.app.clone();
        unnamed.config = std::sync::Arc::new(tollbook::config::Config::from_toml("").unwrap());
        let invoices::Run::Billed(billed) = invoices::bill(&unnamed, "2026-10", &|| ()).await.unwrap() else {
            panic!("a month");
        };
        assert_eq!((billed.issued, billed.refused.len()), (0, 1));
        assert!(billed.refused[0].reason.contains("[operator]"), "{billed:?}");
        assert_eq!(bill(&db, "2026-10").await.issued, 1);
    }

    async fn one_customers_fault_is_that_customers_alone(db: TestApp) {
        operator(&db).await;
        let huge = json!({"name": "Huge", "currency": "EUR", "payment": "postpaid", "tariff": "standard",
                          "monthly_fee": "1.00"});
        create(&db, "/v1/plans", huge).await;
        // The limit came later than the plan.
        execute(&db, "update plans set monthly_fee = $1 where name = 'Huge'", &[&i64::MAX]).await;
        let subscription = json!({"plan": "Huge", "valid_from": "2026-01-01T00:00:00Z"});
        create(&db, "/v1/customers", json!({"reference": "H", "currency": "EUR", "zone": "Europe/Berlin",
            "party": {"name": "Huge", "country": "DE"}, "subscription": subscription})).await;
        let billed = bill(&db, "2026-10").await;
        assert_eq!((billed.issued, billed.refused.len(), billed.refused[0].reference.as_str()), (1, 1, "H"));
        assert_eq!(issue(&db, "H", "2026-10").await.0, 409);
        let path = customer(&db, "H").await;
        assert_eq!(db.get(&format!("{path}/invoices/draft?month=2026-10")).await.status, 409);
    }

    async fn an_invoice_without_a_number_does_not_leave_the_house(db: TestApp) {
        operator(&db).await;
        let path = customer(&db, "C-2").await;
        let mut page = db.get("/v1/customers?limit=500").await.body;
        let id = page["items"][1]["id"].take().as_str().unwrap().parse().unwrap();
        // A program that is killed between issuing and numbering leaves this behind.
        let mut tx = db.app.db.begin().await.unwrap();
        let issued = invoices::issue(&mut tx, &db.app.config, id, "2026-10", &db.app.clock).await.unwrap();
        let invoices::Issued::New(stored) = issued else { panic!("{issued:?}") };
        tx.commit().await.unwrap();
        assert_eq!(db.get(&format!("{path}/invoices/{stored}/pdf")).await.status, 409);
        let mut tx = db.app.db.read().await.unwrap();
        let faults = invoices::verify(&mut tx).await.unwrap().faults;
        assert!(faults.len() == 1 && faults[0].contains("no number"), "{faults:?}");
        drop(tx);
        let (status, again) = issue(&db, "C-2", "2026-10").await;
        assert_eq!((status, &again["number"]), (200, &json!("INV-2026-000001")));
        assert_eq!(db.get(&format!("{path}/invoices/{stored}/pdf")).await.status, 200);
    }

    async fn without_a_tax_rate_no_invoice_is_guessed(db: TestApp) {
        operator(&db).await;
        let party = json!({"name": "Sofía", "country": "ES"});
        let subscription = json!({"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"});
        create(&db, "/v1/customers", json!({"reference": "C-5", "currency": "EUR", "zone": "Europe/Madrid",
            "party": party, "subscription": subscription})).await;
        let (status, problem) = issue(&db, "C-5", "2026-10").await;
        assert!(status == 409 && problem["detail"].as_str().unwrap().contains("/v1/tax-rates"), "{problem}");
        let billed = bill(&db, "2026-10").await;
        assert_eq!((billed.issued, billed.refused.len(), billed.refused[0].reference.as_str()), (1, 1, "C-5"));
        create(&db, "/v1/tax-rates", json!({"country": "ES", "valid_from": "2012-09-01", "rate": "21"})).await;
        // A rate from a later day changes nothing yet.
        create(&db, "/v1/tax-rates", json!({"country": "ES", "valid_from": "2026-11-01", "rate": "22"})).await;
        let (status, issued) = issue(&db, "C-5", "2026-10").await;
        assert_eq!((status, &issued["invoice"]["tax"]), (201, &json!("2.08")), "{issued}"); // 9.90 × 21 %
    }

    async fn eight_that_bill_at_once_give_each_customer_one_invoice_and_no_gap(db: TestApp) {
        operator(&db).await;
        for count in 0..40 {
            let subscription = json!({"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"});
            create(&db, "/v1/customers", json!({"reference": format!("M-{count}"), "currency": "EUR",
                "zone": "Europe/Berlin", "party": {"name": "Many", "country": "DE"}, "subscription": subscription})).await;
        }
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let app = db.app.clone();
            runs.spawn(async move { invoices::bill(&app, "2026-10", &|| ()).await.unwrap() });
        }
        let mut issued = 0;
        while let Some(run) = runs.join_next().await {
            let invoices::Run::Billed(billed) = run.unwrap() else { panic!("a month") };
            issued += billed.issued;
        }
        assert_eq!(issued, 41);
        let all = invoices::invoices_of_month(&db.app, "2026-10").await.unwrap();
        let numbers: BTreeSet<_> = all.iter().map(|stored| stored.number.clone().unwrap()).collect();
        let expected: BTreeSet<_> = (1..=41).map(|count| format!("INV-2026-{count:06}")).collect();
        assert_eq!((all.len(), numbers), (41, expected));
    }

    async fn what_is_due_is_billed_month_after_month_however_many_customers_and_zones(db: TestApp) {
        operator(&db).await;
        for count in 0..70 {
            let zone = if count % 3 == 0 { "America/New_York" } else { "Europe/Berlin" };
            let subscription = json!({"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"});
            create(&db, "/v1/customers", json!({"reference": format!("D-{count}"), "currency": "EUR", "zone": zone,
                "bill_from": "2026-10-10T00:00:00Z", "party": {"name": "Due", "country": "DE"},
                "subscription": subscription})).await;
        }
        let due = || async { invoices::bill_due(&db.app).await.unwrap().issued };
        // C-2 is billed from November on, when it was created.
        assert_eq!((due().await, due().await), (70, 0));
        db.app.clock.set("2026-12-01T10:00:00Z".parse().unwrap()); // in New York the grace has not passed
        assert_eq!((due().await, due().await), (47, 0));
        db.app.clock.set("2026-12-01T11:00:00Z".parse().unwrap());
        assert_eq!((due().await, due().await), (24, 0));
        let mut tx = db.app.db.read().await.unwrap();
        assert_eq!(jobs::list(&mut tx, None, 500).await.unwrap().len(), 141, "each invoice is to be sent");
    }

    async fn jobs_that_were_asked_for_before_are_left_as_they_are(db: TestApp) {
        let send = |id: i64| Job::SendInvoice { customer_id: CustomerId(1), invoice_id: InvoiceId(id), again: None };
        for wanted in [vec![send(1), send(2)], vec![], vec![send(2)], vec![send(3), send(2), send(4)]] {
            let mut tx = db.app.db.begin().await.unwrap();
            jobs::enqueue(&mut tx, &wanted, &db.app.clock).await.unwrap();
            tx.commit().await.unwrap();
        }
        let mut tx = db.app.db.read().await.unwrap();
        let mut all = jobs::list(&mut tx, Some(State::Ready), 10).await.unwrap();
        all.sort_by_key(|stored| stored.id);
        let asked: Vec<_> = all.iter().map(|stored| stored.job.clone()).collect();
        assert_eq!(asked, [send(1), send(2), send(3), send(4)]);
        assert!(all.iter().all(|stored| stored.attempts == 0 && stored.run_at == db.app.clock.now()), "{all:?}");
    }

    async fn customers_of_every_zone_are_billed_when_their_own_month_is_over(db: TestApp) {
        operator(&db).await;
        for (reference, zone) in [("W", "Pacific/Pago_Pago"), ("E", "Pacific/Kiritimati")] {
            let subscription = json!({"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"});
            create(&db, "/v1/customers", json!({"reference": reference, "currency": "EUR", "zone": zone,
                "party": {"name": "Far", "country": "DE"}, "subscription": subscription})).await;
        }
        db.app.clock.set("2026-10-31T12:00:00Z".parse().unwrap());
        let billed = bill(&db, "2026-10").await;
        let refused: Vec<_> = billed.refused.iter().map(|refused| refused.reference.as_str()).collect();
        assert_eq!((billed.issued, refused), (1, vec!["C-1", "C-2", "C-3", "C-4", "W"]));
        db.app.clock.set("2026-11-01T11:00:00Z".parse().unwrap());
        let billed = bill(&db, "2026-10").await;
        assert_eq!((billed.issued, billed.already, billed.refused.len()), (2, 1, 0)); // C-2 and W
        assert!(matches!(invoices::bill(&db.app, "October", &|| ()).await.unwrap(), invoices::Run::NotAMonth(_)));
    }
}
