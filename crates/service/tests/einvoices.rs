//! Does an electronic invoice say exactly what the invoice says, or else say what lacks?

use calculation::invoice::{DocumentKind, Invoice, InvoiceLine, LineKind};
use calculation::tax::TaxCategory;
use documents::Drawing;
use documents::einvoice::{self, EInvoiceError};
use en16931_formats::zugferd::{Limits, extract};
use roxmltree::{Document, Node};
use serde_json::json;
use tower::ServiceExt;

use crate::support::operator::{Record, import_text, operator};
use crate::support::sample::{cii, ubl};
use crate::support::{TestApp, arithmetic, on_both_databases, sample};

type Made = Result<String, EInvoiceError>;

#[test]
fn every_sum_of_every_sample_is_exact() {
    for (name, invoice) in sample::all() {
        for xml in [cii(&invoice), ubl(&invoice)] {
            let faults = arithmetic::faults(&xml.unwrap(), invoice.currency.minor_digits().into());
            assert!(faults.is_empty(), "{name}: {faults:?}");
        }
    }
    for (name, drawing) in sample::settled() {
        for xml in [einvoice::cii(&drawing), einvoice::ubl(&drawing)] {
            assert_eq!(arithmetic::faults(&xml.unwrap(), 2), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn every_kind_of_wrong_sum_is_found() {
    let xml = ubl(&sample::standard()).unwrap();

    let changes = [
        ("LineExtensionAmount", "10.13", "10.14", "BR-CO-10"),
        ("TaxExclusiveAmount", "10.13", "10.14", "BR-CO-13"),
        ("TaxAmount", "1.92", "1.93", "BR-CO-14"),
        ("TaxInclusiveAmount", "12.05", "12.06", "BR-CO-15"),
        ("PayableAmount", "12.05", "12.06", "BR-CO-16"),
        ("TaxableAmount", "10.13", "10.12", "taxable"),
        ("PriceAmount", "9.9", "9.8", "quantity"),
        ("Percent", "19", "7", "categories"),
    ];
    for (element, right, wrong, rule) in changes {
        let start = xml.find(&format!("<cbc:{element}")).unwrap();
        let (before, after) = xml.split_at(start);
        let wrong = format!("{before}{}", after.replacen(&format!(">{right}<"), &format!(">{wrong}<"), 1));
        assert_ne!(wrong, xml, "{element}");
        let faults = arithmetic::faults(&wrong, 2);
        assert!(faults.iter().any(|fault| fault.starts_with(rule)), "{rule}: {faults:?}");
    }
}

/// All that a document says, without its elements.
fn said(xml: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap();
    document.descendants().filter_map(|node| node.text()).map(str::to_owned).collect()
}

#[test]
fn nothing_of_the_invoice_is_lost() {
    for (name, invoice) in sample::all().into_iter().filter(|(name, _)| *name != "hostile") {
        for xml in [cii(&invoice).unwrap(), ubl(&invoice).unwrap()] {
            let said = said(&xml);
            let says = |text: &str| {
                let compact = text.replace(['-', ' '], "");
                assert!(
                    said.iter()
                        .any(|one| one.replace(['-', ' '], "").to_uppercase() == compact.to_uppercase()),
                    "{name}: `{text}` is not in {xml}"
                );
            };
            let Invoice { seller, buyer, .. } = &invoice;
            for party in [seller, buyer] {
                for text in [&party.name, &party.street, &party.postcode, &party.city, &party.country] {
                    says(text);
                }
                says(party.vat_id.as_deref().unwrap());
            }
            says(invoice.number.as_deref().unwrap());
            says(&invoice.issued_on.to_string());
            says(&invoice.customer_reference);
            says(invoice.currency.code());
            for amount in [invoice.net, invoice.tax, invoice.gross] {
                says(&amount.to_string());
            }
            for line in &invoice.lines {
                says(&line.description);
                says(&line.net.to_string());
            }
            if let Some(corrected) = &invoice.corrects {
                says(&corrected.number);
                says(&corrected.issued_on.to_string());
                says(&corrected.reason);
            } else if invoice.gross > "0".parse().unwrap() {
                says(&invoice.due_on.to_string());
                invoice.seller.iban.iter().for_each(|iban| says(iban));
            }
            invoice.tax_note.iter().for_each(|note| says(note));
        }
    }
}

fn below<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Vec<Node<'a, 'input>> {
    node.descendants().filter(|node| node.tag_name().name() == name).collect()
}

fn first<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    below(node, name).first().and_then(Node::text).unwrap_or_default()
}

/// Amounts as text of hundredths.
fn hundredths(text: &str) -> i64 {
    let amount: calculation::money::Amount = text.parse().unwrap();
    amount.micros() / 10_000
}

#[test]
fn peppols_own_rules_that_bite_are_kept() {
    for (name, invoice) in sample::all() {
        let xml = ubl(&invoice).unwrap();
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert!(!first(root, "BuyerReference").is_empty(), "{name}: R003");
        for party in below(root, "Party") {
            let [address] = below(party, "EndpointID")[..] else { panic!("{name}: R010, R020") };
            assert!(address.attribute("schemeID").is_some() && address.text().is_some(), "{name}: CL008");
        }
        assert_eq!(below(root, "Party").len(), 2, "{name}");
        let contact = below(root, "Contact")[0];
        for part in ["Name", "Telephone", "ElectronicMail"] {
            assert!(!first(contact, part).is_empty(), "{name}: DE-R-002, {part}");
        }
        let periods = below(root, "InvoicePeriod");
        let days =
            |period: &Node| (first(*period, "StartDate").to_owned(), first(*period, "EndDate").to_owned());
        let (whole, of_lines) = periods.split_first().unwrap();
        for period in of_lines {
            let (all, line) = (days(whole), days(period));
            assert!(all.0 <= line.0 && line.1 <= all.1, "{name}: R110, R111: {line:?} in {all:?}");
        }
        let lines = [below(root, "InvoiceLine"), below(root, "CreditNoteLine")].concat();
        assert_eq!(lines.len(), invoice.lines.len(), "{name}");
        for line in lines {
            let quantity = [first(line, "InvoicedQuantity"), first(line, "CreditedQuantity")].concat();
            let (price, net) = (first(line, "PriceAmount"), first(line, "LineExtensionAmount"));
            assert_eq!(hundredths(&quantity) / 100 * hundredths(price), hundredths(net), "{name}: R120");
            assert!(hundredths(price) >= 0, "{name}: BR-27");
        }
        let empty = root.descendants().filter(|node| node.is_element() && node.first_child().is_none());
        assert_eq!(empty.count(), 0, "{name}: R008");
    }
}

#[test]
fn the_days_of_the_invoice_hold_those_of_its_lines() {
    let all = sample::all();
    let of = |name: &str| ubl(&all.iter().find(|(one, _)| *one == name).unwrap().1).unwrap();
    let days = |xml: &str| {
        let document = Document::parse(xml).unwrap();
        let periods = below(document.root_element(), "InvoicePeriod");
        periods
            .iter()
            .map(|period| format!("{} {}", first(*period, "StartDate"), first(*period, "EndDate")))
            .collect::<Vec<_>>()
    };
    let (october, november) = ("2026-10-01 2026-10-31", "2026-11-01 2026-11-30");
    assert_eq!(days(&of("standard")), [october; 4]);
    assert_eq!(
        days(&of("fee_in_advance")),
        ["2026-09-03 2026-11-30", november, "2026-10-20 2026-10-31", october, "2026-09-03 2026-09-28"]
    );
    assert_eq!(days(&of("late_usage_of_unknown_days")), [october; 2]); // of the invoice and the other line
    assert!(of("late_usage_of_unknown_days").contains("Anrufe eines früheren Monats"));
}

#[test]
fn what_is_asked_for_differs_with_what_is_owed() {
    let all = sample::all();
    for (name, code, terms) in [
        ("standard", "58", "Payable by 16 November 2026"),
        ("yen", "30", "Payable by 16 November 2026"),
        ("reverse_charge", "58", "Zahlbar bis zum 16.11.2026"),
        ("swiss", "1", "Payable by 16 November 2026"),
        (
            "in_favour_of_the_customer",
            "1",
            "0.96 EUR is in your favour. 0.96 EUR stays as credit for your next invoices.",
        ),
        ("nothing_to_pay", "1", "Nothing is to be paid."),
        ("credit_note", "1", "We credit you 12.05 EUR. 12.05 EUR stays as credit for your next invoices."),
    ] {
        let xml = ubl(&all.iter().find(|(one, _)| *one == name).unwrap().1).unwrap();
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert_eq!(first(root, "PaymentMeansCode"), code, "{name}");
        assert_eq!(first(below(root, "PaymentTerms")[0], "Note"), terms, "{name}");
        assert_eq!(below(root, "PayeeFinancialAccount").is_empty(), code == "1", "{name}");
        assert_eq!(below(root, "DueDate").is_empty(), !terms.contains("16"), "{name}");
    }
}

#[test]
fn what_is_settled_is_taken_off_what_is_asked_for() {
    let all = sample::settled();
    for (name, paid, due, code) in [
        ("paid_in_part", "5.00", "7.05", "58"),
        ("paid", "12.05", "0.00", "1"),
        ("credit_note_of_an_open_invoice", "", "12.05", "1"),
    ] {
        let drawing = &all.iter().find(|(one, _)| *one == name).unwrap().1;
        let xml = einvoice::ubl(drawing).unwrap();
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        let said = ["PrepaidAmount", "PayableAmount", "PaymentMeansCode"].map(|element| first(root, element));
        assert_eq!(said, [paid, due, code], "{name}");
        assert_eq!(below(root, "DueDate").is_empty(), code == "1", "{name}");
        let cii = einvoice::cii(drawing).unwrap();
        let document = Document::parse(&cii).unwrap();
        let root = document.root_element();
        assert_eq!(
            ["TotalPrepaidAmount", "DuePayableAmount"].map(|element| first(root, element)),
            [paid, due]
        );
    }
    let terms = |name: &str| {
        let xml = einvoice::ubl(&all.iter().find(|(one, _)| *one == name).unwrap().1).unwrap();
        let document = Document::parse(&xml).unwrap();
        first(below(document.root_element(), "PaymentTerms")[0], "Note").to_owned()
    };
    assert_eq!(terms("paid"), "Nothing is to be paid.");
    let said = terms("credit_note_of_an_open_invoice");
    assert!(
        said.contains("lowers what is owed of invoice INV-2026-000101. 3.00 EUR of that invoice is still"),
        "{said}"
    );
}

/// The term that is missing, where the invoice would say it, and what to take from the standard sample.
type Case = (&'static str, &'static str, fn(&mut Invoice));

fn untaxed(invoice: &mut Invoice, category: TaxCategory) {
    let line = sample::line(LineKind::Fee, "Fee", "1.00", "0");
    *invoice = sample::invoice("EUR", vec![InvoiceLine { tax_category: category, ..line }]);
}

const IN_BOTH: [Case; 10] = [
    ("BT-1", "number", |invoice| invoice.number = None),
    ("BT-25", "corrects", |invoice| invoice.kind = DocumentKind::CreditNote),
    ("BT-27", "seller.name", |invoice| invoice.seller.name = " ".into()),
    ("BT-31", "seller.vat_id", |invoice| invoice.seller.vat_id = None),
    ("BT-40", "seller.country", |invoice| invoice.seller.country.clear()),
    ("BT-44", "buyer.name", |invoice| invoice.buyer.name.clear()),
    ("BT-48", "buyer.vat_id", |invoice| {
        untaxed(invoice, TaxCategory::ReverseCharge);
        invoice.buyer.vat_id = Some("  ".into());
    }),
    ("BT-55", "buyer.country", |invoice| invoice.buyer.country.clear()),
    ("BT-120", "tax_note", |invoice| untaxed(invoice, TaxCategory::Exempt)),
    ("BG-25", "lines", |invoice| *invoice = sample::invoice("EUR", Vec::new())),
];

const IN_PEPPOL: [Case; 3] = [
    ("BT-10", "customer_reference", |invoice| invoice.customer_reference.clear()),
    ("BT-34", "seller.peppol", |invoice| invoice.seller.vat_id = Some("US1".into())),
    ("BT-49", "buyer.peppol", |invoice| invoice.buyer.vat_id = None),
];

const AMONG_GERMANS: [Case; 6] = [
    ("BT-37", "seller.city", |invoice| invoice.seller.city.clear()),
    ("BT-38", "seller.postcode", |invoice| invoice.seller.postcode.clear()),
    ("BT-42", "seller.phone", |invoice| invoice.seller.phone = None),
    ("BT-43", "seller.email", |invoice| invoice.seller.email = None),
    ("BT-52", "buyer.city", |invoice| invoice.buyer.city.clear()),
    ("BT-53", "buyer.postcode", |invoice| invoice.buyer.postcode.clear()),
];

fn without((.., take): &Case) -> Invoice {
    let mut invoice = sample::standard();
    take(&mut invoice);
    invoice
}

fn assert_lacks(made: Made, (term, field, _): &Case) {
    let error = made.unwrap_err();
    let EInvoiceError::Lacks(lacks) = &error else { panic!("{term}: {error}") };
    assert!(lacks.iter().any(|lack| lack.term == *term && lack.field == *field), "{term}: {lacks:?}");
    assert!(lacks.iter().all(|lack| !lack.remedy.is_empty()), "{lacks:?}");
    assert!(error.to_string().contains(&format!("{field} ({term}): ")), "{error}");
}

#[test]
fn what_lacks_is_named_with_its_field_and_what_to_do() {
    for case in &IN_BOTH {
        let invoice = without(case);
        assert_lacks(cii(&invoice), case);
        assert_lacks(ubl(&invoice), case);
        // The customer gets the PDF nevertheless.
        assert!(extract(&sample::draw(&invoice).unwrap(), &Limits::default()).is_err(), "{}", case.0);
    }
    for case in &IN_PEPPOL {
        assert_lacks(ubl(&without(case)), case);
        cii(&without(case)).map(drop).expect(case.0);
    }
    for case in &AMONG_GERMANS {
        let mut invoice = without(case);
        assert_lacks(ubl(&invoice), case);
        cii(&invoice).map(drop).expect(case.0);
        invoice.buyer.country = "AT".into();
        ubl(&invoice).map(drop).expect(case.0);
    }
}

#[test]
fn what_breaks_a_rule_is_refused_with_the_rule() {
    let line = sample::line(LineKind::Fee, "Fee", "1.00", "19");
    let nameless = sample::invoice("EUR", vec![InvoiceLine { description: "\u{7}".into(), ..line.clone() }]);
    let mut nowhere = sample::standard();
    nowhere.buyer.country = "Germany".into();
    let mut without_country = sample::standard();
    without_country.seller.vat_id = Some("123456789".into());
    for (invoice, rule) in [(nameless, "BR-25"), (nowhere, "BR-CL-14"), (without_country, "BR-CO-09")] {
        let Err(EInvoiceError::Rules(broken)) = cii(&invoice) else { panic!("{rule} is kept") };
        assert!(broken.contains(rule), "{broken}");
    }
    let dinars = sample::invoice("KWD", vec![InvoiceLine { net: "1.234".parse().unwrap(), ..line }]);
    assert_eq!(cii(&dinars), Err(EInvoiceError::Decimals("KWD".parse().unwrap())));
}

#[test]
fn sums_that_are_a_cent_wrong_are_refused() {
    let cent = "0.01".parse().unwrap();
    let mut invoice = sample::standard();
    invoice.taxes[0].tax = invoice.taxes[0].tax.checked_add(cent).unwrap();
    invoice.tax = invoice.tax.checked_add(cent).unwrap();
    invoice.gross = invoice.gross.checked_add(cent).unwrap();
    assert_eq!(cii(&invoice), Err(EInvoiceError::Inexact));
    assert_eq!(ubl(&invoice), Err(EInvoiceError::Inexact));
    let huge = sample::line(LineKind::Fee, "Fee", "9223372036854.77", "19");
    let too_large = Invoice { lines: vec![huge.clone(), huge], ..sample::standard() };
    assert_eq!(cii(&too_large), Err(EInvoiceError::Inexact));
}

#[test]
fn the_pdf_holds_the_very_document_and_is_always_the_same() {
    for (name, invoice) in sample::all() {
        let pdf = sample::draw(&invoice).unwrap();
        let inside = extract(&pdf, &Limits::default()).expect(name);
        assert_eq!(inside.filename, "factur-x.xml");
        assert_eq!(String::from_utf8(inside.xml).unwrap(), cii(&invoice).unwrap(), "{name}");
        assert_eq!(sample::draw(&invoice).unwrap(), pdf, "{name}");
        lopdf::Document::load_mem(&pdf).expect(name);
    }
}

#[test]
fn what_is_no_archival_pdf_takes_no_attachment() {
    let invoice = sample::standard();
    let whole = sample::draw(&invoice).unwrap();
    for pdf in [b"%PDF-1.7".as_slice(), b"", &whole] {
        let embedded = einvoice::embed(pdf, &Drawing::from(invoice.clone()));
        assert!(matches!(embedded, Err(EInvoiceError::Embed(_))));
    }
}

/// What a path answers: status, headers and text.
pub(crate) async fn answer(db: &TestApp, path: &str) -> (u16, axum::http::HeaderMap, Vec<u8>) {
    let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = tollbook::http::router(db.app.clone()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (head.status.as_u16(), head.headers, bytes.to_vec())
}

/// Issues October of C-1, which made a call in it.
pub(crate) async fn issue(db: &TestApp) -> String {
    operator(db).await;
    import_text(db, "switch", &Record::file(&[Record::new("r1")])).await;
    let customers = db.get("/v1/customers?limit=1").await.body;
    let path = format!("/v1/customers/{}/invoices", customers["items"][0]["id"].as_str().unwrap());
    let issued = db.post_json(&path, &json!({"month": "2026-10"})).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    format!("{path}/{}", issued.body["id"].as_str().unwrap())
}

on_both_databases! {
    async fn an_issued_invoice_is_read_as_xml_and_as_pdf_with_it_inside(db: TestApp) {
        let path = issue(&db).await;
        let (status, headers, xml) = answer(&db, &format!("{path}/xml")).await;
        assert_eq!((status, headers["content-type"].as_bytes()), (200, b"application/xml".as_slice()));
        assert_eq!(headers["content-disposition"], "attachment; filename=\"INV-2026-000001.xml\"");
        let text = String::from_utf8(xml.clone()).unwrap();
        assert!(text.contains("<ram:ID>INV-2026-000001</ram:ID>"), "{text}");
        assert_eq!(arithmetic::faults(&text, 2), Vec::<String>::new());
        assert_eq!(answer(&db, &format!("{path}/xml?syntax=cii")).await.2, xml);
        let (status, _, pdf) = answer(&db, &format!("{path}/pdf")).await;
        assert_eq!((status, extract(&pdf, &Limits::default()).unwrap().xml), (200, xml));
        // Peppol needs more than these customers say.
        let refused = db.get(&format!("{path}/xml?syntax=ubl")).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("INV-2026-000001") && detail.contains("buyer.peppol (BT-49)"), "{detail}");
        assert_eq!(db.get(&format!("{path}/xml?syntax=edifact")).await.status, 400);
        assert_eq!(db.get(&path.replace("inv_", "inv_1")).await.status, 404);
    }

    async fn an_operator_without_vat_identifier_sends_the_pdf_alone(db: TestApp) {
        let mut db = db;
        let settings = "[operator]\nname = \"Harbour\"\ncountry = \"DE\"";
        db.app.config = std::sync::Arc::new(tollbook::config::Config::from_toml(settings).unwrap());
        let path = issue(&db).await;
        let refused = db.get(&format!("{path}/xml")).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("seller.vat_id (BT-31): set it, or tax_number (BT-32), in [operator]"), "{detail}");
        let (status, _, pdf) = answer(&db, &format!("{path}/pdf")).await;
        assert_eq!(status, 200);
        assert!(pdf.starts_with(b"%PDF") && extract(&pdf, &Limits::default()).is_err());
    }
}
