//! Does the sample operator's month come out as it must? The expected figures were computed by another
//! program, `samples/reference.py`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use calculation::invoice::{InvoiceLine, LineKind};
use calculation::money::Amount;
use documents::{Drawing, ItemisedCall};
use serde_json::Value;
use tollbook::calls::{self, HistoryQuery, Import, Imported};
use tollbook::{customers, demo, invoices};

use crate::support::{TestApp, on_both_databases};

fn expected(text: &str) -> Value {
    serde_json::from_str(text).expect("the expected file is JSON")
}

fn amount(value: &Value) -> Amount {
    value.as_str().expect("an amount is text").parse().expect("an amount")
}

async fn import(db: &TestApp, file: &'static str, content: &'static [u8]) -> Value {
    let source = demo::source(file).expect("the samples' source");
    let import = Import { source, file_name: file.to_owned(), input: content };
    match calls::import(&db.app, import, &|_, _| ()).await.expect("the import runs") {
        Imported::Done { import, .. } => serde_json::to_value(import.control).unwrap(),
        refused => panic!("{file}: {refused:?}"),
    }
}

async fn bill(db: &TestApp) -> (u64, u64) {
    match invoices::bill(&db.app, demo::MONTH, &|| ()).await.expect("billing runs") {
        invoices::Run::Billed(billed) => {
            assert!(billed.refused.is_empty(), "{billed:?}");
            (billed.issued, billed.already)
        }
        invoices::Run::NotAMonth(error) => panic!("{error}"),
    }
}

/// Every suspended record as `file line reason field`.
async fn suspended(db: &TestApp) -> Vec<String> {
    let mut tx = db.app.db.read().await.unwrap();
    let records = tollbook::suspense::list(&mut tx, None, 1_000).await.unwrap();
    let mut lines: Vec<_> = records
        .iter()
        .map(|record| format!("{} {} {} {}", record.source, record.line, record.reason, record.field))
        .collect();
    lines.sort();
    lines
}

/// Every charge as `source record: seconds, billed, included, amount, destination`.
async fn charges(db: &TestApp) -> Vec<String> {
    let mut tx = db.app.db.read().await.unwrap();
    let mut lines = Vec::new();
    for customer in customers::page(&mut tx, None, 1_000).await.unwrap() {
        let query = HistoryQuery { limit: 10_000, ..HistoryQuery::default() };
        for call in calls::history(&mut tx, customer.id, &query).await.unwrap() {
            let Some(amount) = call.amount else { continue };
            let count = |seconds: Option<i64>| seconds.unwrap_or_default();
            lines.push(format!(
                "{} {} {}: {} {} {} {} {}",
                customer.reference,
                call.source,
                call.record_id,
                call.talk_seconds,
                count(call.billed_seconds),
                count(call.included_seconds),
                amount,
                call.destination.unwrap_or_default(),
            ));
        }
    }
    lines.sort();
    lines
}

/// The reference program's charges, in the same form.
fn expected_charges() -> Vec<String> {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../../../samples/expected/charges.csv")[..]);
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    let mut lines: Vec<_> = rows
        .map(|row| {
            let row = row.unwrap();
            let source = row["file"].split('.').next().unwrap();
            let money = format!("{} {}", row["amount"].parse::<Amount>().unwrap(), row["currency"]);
            format!(
                "{} {source} {}: {} {} {} {money} {}",
                row["customer"],
                row["record_id"],
                row["talk_seconds"],
                row["billed_seconds"],
                row["included_seconds"],
                row["destination"],
            )
        })
        .collect();
    lines.sort();
    lines
}

async fn assert_adds_up(db: &TestApp) {
    let mut tx = db.app.db.read().await.unwrap();
    let calls = calls::verify(&mut tx, &db.app).await.unwrap();
    let invoices = invoices::verify(&mut tx).await.unwrap();
    assert!(calls.faults.is_empty() && invoices.faults.is_empty(), "{calls:?} {invoices:?}");
    assert!(calls.charges > 300 && calls.allowances > 5 && invoices.invoices == 13 && invoices.numbers == 13);
}

/// The calls behind an invoice add up to its lines.
fn assert_itemised(stored: &invoices::StoredInvoice, calls: &[ItemisedCall]) {
    let usage = |line: &&InvoiceLine| matches!(line.kind, LineKind::Usage | LineKind::LateUsage);
    let mut found = 0;
    for line in stored.invoice.lines.iter().filter(usage) {
        let late = line.kind == LineKind::LateUsage;
        let of_line = calls.iter().filter(|call| call.late == late && call.destination == line.description);
        let of_line: Vec<_> = of_line.collect();
        let sum = Amount::sum(of_line.iter().map(|call| call.amount)).unwrap();
        let seconds: u64 = of_line.iter().map(|call| call.billed_seconds).sum();
        assert_eq!((of_line.len() as u64, seconds), (line.calls, line.seconds), "{line:?}");
        assert_eq!(sum.to_minor_unit(stored.invoice.currency), Some(line.net), "{line:?}");
        found += of_line.len();
    }
    assert_eq!(found, calls.len());
    assert!(calls.is_sorted_by_key(|call| call.answered_at));
}

on_both_databases! {
    async fn the_sample_month_comes_out_as_it_must(db: TestApp) {
        demo::load(&db.app).await.unwrap();
        let control = expected(include_str!("../../../samples/expected/control.json"));
        for (file, content) in demo::RECORDS {
            assert_eq!(import(&db, file, content).await, control["files"][file], "{file}");
        }
        let source = |file: &Value| file.as_str().unwrap().split('.').next().unwrap().to_owned();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut expected_suspended: Vec<_> = control["suspended"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| {
                let (reason, field) = (text(&record["reason"]), text(&record["field"]));
                format!("{} {} {reason} {field}", source(&record["file"]), record["line"])
            })
            .collect();
        expected_suspended.sort();
        assert_eq!(suspended(&db).await, expected_suspended);
        assert_eq!(charges(&db).await, expected_charges());

        assert_eq!(bill(&db).await, (13, 0));
        let expected_invoices = expected(include_str!("../../../samples/expected/invoices.json"));
        let issued = invoices::invoices_of_month(&db.app, demo::MONTH).await.unwrap();
        assert_eq!(issued.len(), expected_invoices["invoices"].as_object().unwrap().len());
        for (position, stored) in issued.iter().enumerate() {
            assert_eq!(stored.number, Some(format!("INV-2026-{:06}", position + 1)));
            let shown = serde_json::to_value(&stored.invoice).unwrap();
            let reference = text(&shown["customer_reference"]);
            compare(&reference, &shown, &expected_invoices["invoices"][&reference]);
            let mut tx = db.app.db.read().await.unwrap();
            let calls = invoices::itemise(&mut tx, stored.customer_id, &stored.invoice).await.unwrap();
            drop(tx);
            assert_itemised(stored, &calls);
            let drawing = Drawing::from(stored.invoice.clone());
            let pdf = documents::pdf(&drawing, &calls, &db.app.config.brand).unwrap();
            assert!(pdf.starts_with(b"%PDF-"), "{reference}");
        }
        assert_adds_up(&db).await;

        // All of it again changes nothing.
        for (file, content) in demo::RECORDS {
            let (again, first) = (import(&db, file, content).await, &control["files"][file]);
            let count = |control: &Value, key: &str| control[key].as_u64().unwrap();
            assert_eq!(count(&again, "charged") + count(&again, "free"), 0, "{file}");
            assert_eq!(again["suspended"], first["suspended"], "{file}");
            assert_eq!(count(&again, "duplicate") + count(&again, "suspended"), count(first, "records"), "{file}");
        }
        assert_eq!(suspended(&db).await, expected_suspended);
        assert_eq!(bill(&db).await, (0, 13));
        let unchanged = invoices::invoices_of_month(&db.app, demo::MONTH).await.unwrap();
        assert_eq!(format!("{unchanged:?}"), format!("{issued:?}"));
        assert_adds_up(&db).await;
    }

    async fn the_sample_month_reads_well_over_the_api(db: TestApp) {
        demo::load(&db.app).await.unwrap();
        for (file, content) in demo::RECORDS {
            import(&db, file, content).await;
        }
        bill(&db).await;
        let customer = db.get("/v1/customers?limit=1").await.body["items"][0].clone();
        assert_eq!(customer["reference"], "C-1001");
        let path = format!("/v1/customers/{}", text(&customer["id"]));
        let mut seen = Vec::new();
        let mut next = format!("{path}/calls?limit=7");
        loop {
            let page = db.get(&next).await;
            assert_eq!(page.status, StatusCode::OK, "{page:?}");
            seen.extend(page.body["items"].as_array().unwrap().clone());
            let Some(cursor) = page.body["next"].as_str() else { break };
            next = format!("{path}/calls?limit=7&cursor={cursor}");
        }
        let whole = db.get(&format!("{path}/calls?limit=500")).await.body["items"].as_array().unwrap().clone();
        assert!(seen.len() > 21, "{}", seen.len());
        assert_eq!(seen, whole);
        let newest_first = whole.windows(2).all(|pair| text(&pair[0]["started_at"]) >= text(&pair[1]["started_at"]));
        assert!(newest_first);
        let between = "from=2026-10-25T00:00:00Z&to=2026-10-26T00:00:00Z&limit=500";
        for call in db.get(&format!("{path}/calls?{between}")).await.body["items"].as_array().unwrap() {
            assert!(text(&call["started_at"]).starts_with("2026-10-25"), "{call}");
        }
        let charged = whole.iter().find(|call| call["outcome"] == "charged").unwrap();
        let (source, record) = (text(&charged["source"]), text(&charged["record_id"]));
        let one = db.get(&format!("{path}/calls/{source}/{record}")).await;
        let why = &one.body["why"];
        assert_eq!(why["amount"], charged["amount"], "{one:?}");
        assert!(text(&why["sentence"]).contains(&text(&charged["destination"])), "{why}");
        let invoice = db.get(&format!("{path}/invoices")).await.body[0].clone();
        let pdf = db.get(&format!("{path}/invoices/{}/pdf", text(&invoice["id"]))).await;
        assert_eq!((pdf.status, &pdf.headers["content-type"]), (StatusCode::OK, &"application/pdf".parse().unwrap()));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn compare(reference: &str, shown: &Value, expected: &Value) {
    for key in ["starts_at", "ends_at"] {
        assert_eq!(shown["period"][key], expected["period"][key], "{reference}");
    }
    assert_eq!(shown["period"]["zone"], expected["zone"], "{reference}");
    assert_eq!(shown["currency"], expected["currency"], "{reference}");
    for key in ["net", "tax", "gross"] {
        assert_eq!(amount(&shown[key]), amount(&expected[key]), "{reference} {key}");
    }
    let line = |line: &Value| {
        let counts = [&line["calls"], &line["seconds"], &line["included_seconds"]].map(Value::as_u64);
        (text(&line["kind"]), text(&line["description"]), counts, amount(&line["net"]))
    };
    let lines = |invoice: &Value| invoice["lines"].as_array().unwrap().iter().map(line).collect::<Vec<_>>();
    assert_eq!(lines(shown), lines(expected), "{reference}");
    let tax = |line: &Value| (text(&line["rate"]), amount(&line["taxable"]), amount(&line["tax"]));
    let taxes = |invoice: &Value| invoice["taxes"].as_array().unwrap().iter().map(tax).collect::<Vec<_>>();
    assert_eq!(taxes(shown), taxes(expected), "{reference}");
}
