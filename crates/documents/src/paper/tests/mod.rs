//! Does the document say what the invoice says, whatever the invoice says?

mod brand;
mod calls;
mod language;
mod lines;
mod payment;
mod scripts;
mod settled;

use calculation::invoice::{
    DocumentKind, Invoice, InvoiceLine, InvoicePeriod, Itemisation, Language, LineKind, Party, TaxLine,
};
use calculation::money::Amount;
use calculation::tax::{TaxCategory, TaxRate};

use jiff::civil::date;

use super::{Brand, DocumentError, ItemisedCall};
use crate::Drawing;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn rate(text: &str) -> TaxRate {
    text.parse().unwrap()
}

fn usage(description: &str, calls: u64, seconds: u64, net: &str) -> InvoiceLine {
    InvoiceLine {
        kind: LineKind::Usage,
        description: description.into(),
        calls,
        seconds,
        included_seconds: 0,
        net: amount(net),
        tax_category: TaxCategory::Standard,
        tax_rate: rate("19"),
        days: None,
    }
}

fn fee(description: &str, net: &str) -> InvoiceLine {
    InvoiceLine { kind: LineKind::Fee, ..usage(description, 0, 0, net) }
}

/// An invoice whose sums are right, with the lines given.
fn invoice(lines: Vec<InvoiceLine>) -> Invoice {
    let net = Amount::sum(lines.iter().map(|line| line.net)).unwrap();
    let currency = "EUR".parse().unwrap();
    let tax = rate("19").tax_on(net, currency).unwrap();
    Invoice {
        kind: DocumentKind::Invoice,
        corrects: None,
        language: Language::En,
        itemisation: Itemisation::None,
        tax_note: None,
        number: Some("2026-000123".into()),
        issued_on: date(2026, 11, 1),
        due_on: date(2026, 11, 15),
        period: InvoicePeriod {
            first_day: date(2026, 10, 1),
            last_day: date(2026, 10, 31),
            starts_at: "2026-09-30T22:00:00Z".parse().unwrap(),
            ends_at: "2026-10-31T23:00:00Z".parse().unwrap(),
            zone: "Europe/Berlin".into(),
        },
        seller: Party {
            name: "Nordlicht Telefon GmbH".into(),
            street: "Speicherstraße 14".into(),
            postcode: "20457".into(),
            city: "Hamburg".into(),
            country: "DE".into(),
            vat_id: Some("DE123456789".into()),
            email: Some("billing@nordlicht.example".into()),
            phone: Some("+49 40 1234567".into()),
            iban: Some("DE89370400440532013000".into()),
            ..Party::default()
        },
        buyer: Party {
            name: "Παπαδόπουλος & Жуков OÜ".into(),
            street: "Pärnu maantee 12".into(),
            postcode: "10148".into(),
            city: "Tallinn".into(),
            country: "EE".into(),
            ..Party::default()
        },
        customer_reference: "C-4711".into(),
        currency,
        lines,
        taxes: vec![TaxLine { category: TaxCategory::Standard, rate: rate("19"), taxable: net, tax }],
        net,
        tax,
        gross: net.checked_add(tax).unwrap(),
    }
}

fn a_months_invoice() -> Invoice {
    let mut lines = vec![fee("Plan Office 500, October 2026", "1234.56"), fee("Second line", "4.90")];
    lines.push(InvoiceLine { included_seconds: 3000, ..usage("Germany, landline", 1214, 93_784, "12.34") });
    lines.push(usage("Estonia, mobile", 3, 65, "0.45"));
    lines.push(InvoiceLine { kind: LineKind::LateUsage, ..usage("France", 2, 120, "0.20") });
    invoice(lines)
}

fn many_lines(count: usize) -> Invoice {
    invoice((0..count).map(|index| usage(&format!("Destination {index}"), 1, 60, "0.01")).collect())
}

/// The document of an invoice of which nothing was settled yet.
fn pdf(invoice: &Invoice, calls: &[ItemisedCall], brand: &Brand) -> Result<Vec<u8>, DocumentError> {
    super::pdf(&Drawing::from(invoice.clone()), calls, brand)
}

/// The text of each page, with its line ends taken out.
fn pages(invoice: &Invoice) -> Vec<String> {
    shown(invoice, &[], &Brand::default())
}

fn shown(invoice: &Invoice, calls: &[ItemisedCall], brand: &Brand) -> Vec<String> {
    words_of(&pdf(invoice, calls, brand).unwrap())
}

/// The text of each page of a document as it stands.
fn drawn(drawing: &Drawing) -> Vec<String> {
    words_of(&super::pdf(drawing, &[], &Brand::default()).unwrap())
}

fn words_of(file: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(file).unwrap();
    document.get_pages().keys().map(|page| words(&document.extract_text(&[*page]).unwrap())).collect()
}

/// The words with one space between them, and one at the end.
fn words(text: &str) -> String {
    let words: Vec<&str> = text.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
    words.join(" ") + " "
}

fn assert_holds(page: &str, facts: &[&str]) {
    for fact in facts {
        assert!(page.contains(fact), "`{fact}` is not in: {page}");
    }
}
