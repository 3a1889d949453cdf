//! Do documents show the calls that are charged, and only those?

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollbook::calls;
use tollbook::invoices::{self, StoredInvoice, cli::write_pdfs};
use tower::ServiceExt;

use crate::support::operator::{Record, create, import_text, operator};
use crate::support::program::tollbook;
use crate::support::python::python;
use crate::support::{TestApp, on_both_databases, sample};

/// Issues the invoice of C-1 for a month.
async fn issued(db: &TestApp, month: &str) -> StoredInvoice {
    let mut tx = db.app.db.read().await.unwrap();
    let customer = tollbook::customers::by_reference(&mut tx, "C-1").await.unwrap().unwrap();
    drop(tx);
    create(db, &format!("/v1/customers/{}/invoices", customer.id), json!({"month": month})).await;
    let mut tx = db.app.db.read().await.unwrap();
    let found = invoices::of_customer(&mut tx, customer.id).await.unwrap();
    found.into_iter().next().unwrap()
}

fn text(file: &[u8]) -> String {
    let document = lopdf::Document::load_mem(file).unwrap();
    let pages: Vec<u32> = document.get_pages().keys().copied().collect();
    document.extract_text(&pages).unwrap()
}

/// What two readers that share nothing find on the first page.
fn read_codes(files: &[std::path::PathBuf]) -> Vec<Value> {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/read_code.py");
    let output = std::process::Command::new(python()).arg("-B").arg(script).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn two_readers_read_the_payees_name_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "Harbour Telecom GmbH",
        "Müller Telefon GmbH",
        "Grünwald Öffentliche Fernsprecher GmbH",
        "Téléphone Élysée SA",
        "Łódź Telefon",
        "Telefonía Española",
        "Ελληνική Τηλεφωνία",
        "Телефон ООД",
    ];
    let draw = |(number, name): (usize, &&str)| {
        let mut invoice = sample::standard();
        invoice.seller.name = (*name).to_owned();
        let path = folder.path().join(format!("{number}.pdf"));
        std::fs::write(&path, sample::draw(&invoice).unwrap()).unwrap();
        path
    };
    let files: Vec<_> = names.iter().enumerate().map(draw).collect();
    let read = read_codes(&files);
    assert_eq!(read.len(), names.len());
    for (name, read) in names.iter().zip(read) {
        let whole = [
            "BCD",
            "002",
            "1",
            "SCT",
            "",
            name,
            "DE02120300000000202051",
            "EUR12.05",
            "",
            "",
            "INV-2026-000123",
        ];
        assert_eq!(read, json!({"zbar": whole.join("\n"), "zxing": whole.join("\n")}), "{name}");
    }
}

on_both_databases! {
    async fn the_calls_of_a_month_are_those_that_are_charged(db: TestApp) {
        operator(&db).await;
        let of = |id: &str, start: &'static str| Record { start, ..Record::new(id) };
        let records = [
            of("third", "2026-10-31T22:59:59Z"),
            of("next month's", "2026-10-31T23:00:00Z"),
            of("b second", "2026-10-05T10:00:00Z"),
            of("a second", "2026-10-05T10:00:00Z"),
            of("first", "2026-09-30T22:00:00Z"),
            Record { seconds: 0, ..of("free", "2026-10-06T10:00:00Z") },
            Record { to: "112", ..of("emergency", "2026-10-06T10:00:00Z") },
            Record { from: "+493023125002", ..of("another's", "2026-10-06T10:00:00Z") },
        ];
        import_text(&db, "switch", &Record::file(&records)).await;
        // It rang in one month and was answered in the next, which alone counts.
        let rang = "2026-09-30T21:59:50Z";
        let answered = "2026-09-30T22:00:10Z";
        let line = format!("rang,rang,outbound,+493023125001,+442079460999,{rang},{answered},2026-09-30T22:01:10Z,60,ANSWERED");
        import_text(&db, "switch", &format!("{}\n{line}\n", Record::HEADER)).await;
        let stored = issued(&db, "2026-10").await;
        import_text(&db, "switch", &Record::file(&[of("too late", "2026-10-07T10:00:00Z")])).await;
        let mut tx = db.app.db.read().await.unwrap();
        let october = invoices::itemise(&mut tx, stored.customer_id, &stored.invoice).await.unwrap();
        let times: Vec<_> = october.iter().map(|call| call.answered_at.to_string()).collect();
        let second = "2026-10-05T10:00:00Z";
        let expected = ["2026-09-30T22:00:00Z", answered, second, second, "2026-10-31T22:59:59Z"];
        assert_eq!(times, expected);
        let first = &october[0];
        assert_eq!((first.caller.as_str(), first.number.as_str()), ("+493023125001", "+442079460123"));
        assert_eq!((first.destination.as_str(), first.billed_seconds), ("United Kingdom", 120));
        assert_eq!((first.amount, first.late), ("0.04".parse().unwrap(), false));
        let (from, to) = ("2026-10-31T23:00:00Z".parse().unwrap(), "2026-11-30T23:00:00Z".parse().unwrap());
        let november = calls::itemised(&mut tx, stored.customer_id, from, to).await.unwrap();
        let late: Vec<_> = november.iter().map(|call| (call.answered_at.to_string(), call.late)).collect();
        assert_eq!(late, [("2026-10-07T10:00:00Z".into(), true), ("2026-10-31T23:00:00Z".into(), false)]);
    }

    async fn calls_on_a_prepaid_plan_are_not_listed(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let stored = issued(&db, "2026-10").await;
        let path = format!("/v1/customers/{}/subscriptions", stored.customer_id);
        create(&db, &path, json!({"plan": "Prepaid", "valid_from": "2026-11-01T12:00:00Z"})).await;
        let record = |id, start| Record { start, ..Record::new(id) };
        let records = [record("r2", "2026-11-01T11:00:00Z"), record("r3", "2026-11-02T10:00:00Z")];
        import_text(&db, "switch", &Record::file(&records)).await;
        let mut tx = db.app.db.read().await.unwrap();
        let (from, to) = ("2026-10-31T23:00:00Z".parse().unwrap(), "2026-11-30T23:00:00Z".parse().unwrap());
        let november = calls::itemised(&mut tx, stored.customer_id, from, to).await.unwrap();
        assert_eq!(november.len(), 1, "{november:?}");
        assert_eq!(november[0].answered_at, "2026-11-01T11:00:00Z".parse().unwrap());
    }

    async fn both_doors_draw_the_same_document_with_its_calls(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let mut stored = issued(&db, "2026-10").await;
        let folder = tempfile::tempdir().unwrap();
        let written = write_pdfs(&db.app, std::slice::from_ref(&stored), folder.path()).await.unwrap();
        let file = std::fs::read(&written.files[0]).unwrap();
        assert!(text(&file).contains("Minutes a day"), "{}", text(&file));
        let path = format!("/v1/customers/{}/invoices/{}/pdf", stored.customer_id, stored.id);
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = tollbook::http::router(db.app.clone()).oneshot(request).await.unwrap();
        let sent = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(sent == file, "the API and the command draw differently");
        // What corrects an invoice charges no calls.
        stored.invoice.kind = calculation::invoice::DocumentKind::CreditNote;
        let mut tx = db.app.db.read().await.unwrap();
        assert_eq!(invoices::itemise(&mut tx, stored.customer_id, &stored.invoice).await.unwrap(), []);
    }

    async fn why_files_have_no_xml_is_said_once(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("r1")])).await;
        let run = invoices::bill(&db.app, "2026-10", &|| ()).await.unwrap();
        assert!(matches!(run, invoices::Run::Billed(invoices::Billed { issued: 2, .. })), "{run:?}");
        let mut tx = db.app.db.begin().await.unwrap();
        let sql = "update invoices set content = replace(content, '\"vat_id\":\"DE123456788\"', '\"vat_id\":null')";
        assert_eq!(tx.execute(sql, &[]).await.unwrap(), 2);
        tx.commit().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["bill", "--month", "2026-10", "--pdf", folder.path().to_str().unwrap(), "--set", "operator.name=Harbour"];
        let output = tollbook(&db.url, &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.lines().count() == 1, "{said}");
        assert!(said.contains("2 PDF files without XML") && said.contains("seller.vat_id (BT-31)"), "{said}");
    }
}
