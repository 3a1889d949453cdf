//! What becomes of values that no program should send? They are refused, by the name of their field.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;

use crate::support::operator::operator;
use crate::support::program::failed;
use crate::support::{TestApp, on_both_databases};

/// What is sent in place of a value, and never means one.
const NO_AMOUNT: [&str; 26] = [
    "\"NaN\"",
    "\"nan\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "\"inf\"",
    "\"1e400\"",
    "\"1e2\"",
    "\"0x10\"",
    "\"1,50\"",
    "\"1 000\"",
    "\"\"",
    "\" 1\"",
    "\"--1\"",
    "\"1.2.3\"",
    "\"٣\"",
    "\"9223372036854775808\"",
    "\"99999999999999999999999999999999999999\"",
    "\"0.0000001\"",
    "1e400",
    "99999999999999999999999999999999999999",
    "1.5",
    "true",
    "[]",
    "{}",
    "null",
    "\"1\\u0000\"",
];

const NO_COUNT: [&str; 12] = [
    "-1",
    "1.5",
    "1e400",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "\"NaN\"",
    "\"60\"",
    "true",
    "[60]",
    "{}",
    "null",
];

async fn post(db: &TestApp, path: &str, body: String) -> (StatusCode, Value) {
    let request =
        Request::post(path).header("content-type", "application/json").body(Body::from(body)).unwrap();
    let answer = db.send(request).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
    (answer.status, answer.body)
}

/// Sends each value in the place of `@`; all are refused, those that are JSON by the field's name.
async fn refuses(db: &TestApp, path: &str, body: &str, pointer: &str, values: &[&str]) {
    for value in values {
        let (status, problem) = post(db, path, body.replace('@', value)).await;
        // Greater than any number that JSON readers hold: no JSON to them.
        let readable = !value.starts_with("1e400");
        let wanted = if readable { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        assert_eq!(status, wanted, "{path} {value}: {problem}");
        let named = problem["errors"][0]["pointer"].as_str().unwrap_or(pointer);
        assert!(named.starts_with(pointer), "{path} {value}: {problem}");
    }
}

on_both_databases! {
    async fn what_is_no_number_is_refused(db: TestApp) {
        operator(&db).await;
        let before = db.get("/v1/plans").await.body;
        let plan = r#"{"name": "Odd", "currency": "EUR", "payment": "postpaid", "tariff": "standard", "monthly_fee": @}"#;
        refuses(&db, "/v1/plans", plan, "/monthly_fee", &NO_AMOUNT).await;
        let minutes = r#"{"name": "Odd", "currency": "EUR", "payment": "postpaid", "tariff": "standard",
            "allowances": [{"name": "a", "seconds": @, "destinations": ["49"]}]}"#;
        refuses(&db, "/v1/plans", minutes, "/allowances", &NO_COUNT).await;
        let call = r#"{"call_id": "c", "calling_number": "+493023125004", "called_number": "+442079460123",
            "sequence": @}"#;
        refuses(&db, "/v1/charging/sessions", call, "/sequence", &NO_COUNT).await;
        let customer = db.get("/v1/customers").await.body["items"][3]["id"].as_str().unwrap().to_owned();
        let top_up = r#"{"reference": "r", "currency": "EUR", "amount": @}"#;
        // Null is as if it were absent: seconds may be meant.
        let amounts: Vec<_> = NO_AMOUNT.into_iter().filter(|value| *value != "null").collect();
        refuses(&db, &format!("/v1/customers/{customer}/top-ups"), top_up, "/amount", &amounts).await;
        assert_eq!(db.get("/v1/plans").await.body, before);
    }

    async fn what_is_of_another_type_is_refused(db: TestApp) {
        for (body, pointer) in [
            (r#"{"reference": 1}"#, "/reference"),
            (r#"{"reference": "C-9", "party": "Anna"}"#, "/party"),
            (r#"{"reference": "C-9", "party": {"name": {}, "country": "DE"}}"#, "/party/name"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE"}, "currency": "EURO"}"#, "/currency"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE"}, "currency": "EUR", "lines": {}}"#, "/lines"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE"}, "currency": "EUR",
                "lines": [{"number": 493023125009, "valid_from": "2026-01-01T00:00:00Z"}]}"#, "/lines/0/number"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE"}, "currency": "EUR",
                "lines": [{"number": "+493023125009", "valid_from": "yesterday"}]}"#, "/lines/0/valid_from"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE"}, "currency": "EUR", "vip": true}"#, "/vip"),
            (r#"{"reference": "C-9", "party": {"name": "A", "country": "DE", "vip": 1}, "currency": "EUR"}"#, "/party/vip"),
        ] {
            let (status, problem) = post(&db, "/v1/customers", body.to_owned()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {problem}");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
        }
        for body in ["null", "true", "1", "\"text\"", "[]", "{]", "{\"reference\": }", "{}{}", "\u{feff}{}", "{'reference': 1}"] {
            let (status, problem) = post(&db, "/v1/customers", body.to_owned()).await;
            assert!(matches!(status.as_u16(), 400 | 422), "{body}: {problem}");
        }
        let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert!(post(&db, "/v1/customers", deep).await.0.is_client_error());
        let large = format!("{{\"reference\": \"{}\"}}", "a".repeat(50_000_000));
        assert_eq!(post(&db, "/v1/customers", large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(db.get("/v1/customers").await.body["items"], serde_json::json!([]));
    }

    async fn an_array_is_never_taken_for_an_object(db: TestApp) {
        operator(&db).await;
        let customer = r#"{"reference": "N", "currency": "EUR", "party": ["Anna", "", "", "", "DE"]}"#;
        let id = db.get("/v1/customers").await.body["items"][0]["id"].as_str().unwrap().to_owned();
        let charge = r#"{"description": "Setup", "amount": ["5.00", "EUR"]}"#;
        let plan = r#"{"name": "N", "currency": "EUR", "payment": "postpaid", "tariff": "standard", "monthly_fee": "0",
            "allowances": [["100 minutes", 6000, ["49"]]]}"#;
        let dispute = r#"{"about": {"call": ["switch", "r1"]}, "reason": "no"}"#;
        for (path, body, pointer) in [
            ("/v1/customers".to_owned(), customer, "/party"),
            (format!("/v1/customers/{id}/charges"), charge, "/amount"),
            ("/v1/plans".to_owned(), plan, "/allowances/0"),
            (format!("/v1/customers/{id}/disputes"), dispute, "/about/call"),
        ] {
            let (status, problem) = post(&db, &path, body.to_owned()).await;
            assert_eq!((status.as_u16(), &problem["errors"][0]["pointer"]), (422, &Value::from(pointer)), "{path}: {problem}");
            assert!(problem["detail"].as_str().unwrap().starts_with("invalid type: sequence, expected struct"), "{problem}");
        }
        let patch = db.patch_json(&format!("/v1/customers/{id}"), &serde_json::json!({"party": []})).await;
        assert_eq!((patch.status.as_u16(), &patch.body["errors"][0]["pointer"]), (422, &Value::from("/party")), "{patch:?}");
    }

    async fn a_month_of_no_year_is_refused_at_every_door(db: TestApp) {
        operator(&db).await;
        let customers = db.get("/v1/customers?limit=1").await.body;
        let customer = format!("/v1/customers/{}", customers["items"][0]["id"].as_str().unwrap());
        for month in ["0000-01", "1969-12", "3000-01"] {
            let body = format!("{{\"month\": \"{month}\"}}");
            let refused = [
                post(&db, "/v1/billing/approvals", body.clone()).await,
                post(&db, &format!("{customer}/invoices"), body).await,
            ];
            assert!(refused.iter().all(|(status, _)| status.as_u16() == 422), "{refused:?}");
            let mut told: Vec<_> = refused.into_iter().map(|(_, body)| body.to_string()).collect();
            for path in [
                "/v1/invoices?", "/v1/reports/revenue?by=tax&", "/v1/billing/preview?",
                &format!("{customer}/invoices/draft?"), &format!("{customer}/spending?"),
            ] {
                let answer = db.get(&format!("{path}month={month}")).await;
                assert_eq!(answer.status, 400, "{path}{month}: {answer:?}");
                told.push(answer.body.to_string());
            }
            for command in ["bill", "bill --preview", "bill approve", "invoices", "report"] {
                let arguments: Vec<_> = command.split(' ').chain(["--month", month]).collect();
                told.push(failed(&db.url, &arguments));
            }
            for told in told {
                assert!(told.contains("lies outside the years 1970 to 2999"), "{month}: {told}");
            }
        }
        let spent = db.get(&format!("{customer}/spending?month=1970-01")).await;
        assert_eq!(spent.status, 200, "{spent:?}");
    }
}
