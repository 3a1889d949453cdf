//! Is a document dated by the seller's calendar, so that numbers and days go up together?

use serde_json::{Value, json};
use tollbook::app::App;

use crate::support::operator::{create, operator};
use crate::support::{TestApp, json_request, on_both_databases, send};

/// A customer with a monthly fee from a day on, in a zone.
async fn customer(db: &TestApp, reference: &str, zone: &str, country: &str) -> String {
    let new = json!({"reference": reference, "currency": "EUR", "zone": zone, "party": {"name": reference, "country": country},
        "subscription": {"plan": "Hundred", "valid_from": "2026-11-01T08:00:00Z"}});
    format!("/v1/customers/{}", create(db, "/v1/customers", new).await["id"].as_str().unwrap())
}

async fn post(app: &App, path: &str, body: Value) -> Value {
    let answer = send(app.clone(), json_request(path, &body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

async fn issue(app: &App, path: &str, month: &str) -> Value {
    post(app, &format!("{path}/invoices"), json!({"month": month})).await
}

on_both_databases! {
    async fn an_invoice_is_dated_where_the_seller_is(db: TestApp) {
        operator(&db).await;
        create(&db, "/v1/tax-rates", json!({"country": "US", "valid_from": "2026-01-01", "rate": "0"})).await;
        let berlin = customer(&db, "BER", "Europe/Berlin", "DE").await;
        let angeles = customer(&db, "LA", "America/Los_Angeles", "US").await;
        let auckland = customer(&db, "AKL", "Pacific/Auckland", "US").await;
        // It is seven in the morning of the new year in Hamburg, and still the old year in Los Angeles.
        db.app.clock.set("2027-01-01T06:00:00Z".parse().unwrap());
        let first = issue(&db.app, &berlin, "2026-12").await;
        let second = issue(&db.app, &angeles, "2026-11").await;
        for (invoice, number) in [(&first, "INV-2027-000001"), (&second, "INV-2027-000002")] {
            assert_eq!((&invoice["number"], &invoice["invoice"]["issued_on"]), (&json!(number), &json!("2027-01-01")));
            assert_eq!(invoice["invoice"]["due_on"], "2027-01-15");
        }
        // The last evening of January in Hamburg is February already in Auckland.
        db.app.clock.set("2027-01-31T22:59:59Z".parse().unwrap());
        assert_eq!(issue(&db.app, &auckland, "2026-12").await["invoice"]["issued_on"], "2027-01-31");
        // A country has several zones, or the operator another one than its country's.
        let app = db.configured("[operator]\nzone = \"Pacific/Auckland\"\n").unwrap();
        assert_eq!(issue(&app, &berlin, "2026-11").await["invoice"]["issued_on"], "2027-02-01");
        let app = db.configured("[operator]\ncountry = \"US\"\n[customers]\nzone = \"America/New_York\"\n").unwrap();
        assert_eq!(issue(&app, &auckland, "2026-11").await["invoice"]["issued_on"], "2027-01-31");
    }
}
