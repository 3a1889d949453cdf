//! Does the document say what the invoice says, whatever the invoice says?

use calculation::invoice::{
    DocumentKind, Invoice, InvoiceLine, InvoicePeriod, Itemisation, Language, LineKind, Party, TaxLine,
};
use calculation::money::Amount;
use calculation::tax::{TaxCategory, TaxRate};
use jiff::civil::date;

use super::{Brand, Colour, pdf};

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

/// The text of each page, with its line ends taken out.
fn pages(invoice: &Invoice) -> Vec<String> {
    let file = pdf(invoice, &Brand::default()).unwrap();
    let document = lopdf::Document::load_mem(&file).unwrap();
    document
        .get_pages()
        .keys()
        .map(|page| document.extract_text(&[*page]).unwrap().replace('\n', " "))
        .collect()
}

fn assert_holds(page: &str, facts: &[&str]) {
    for fact in facts {
        assert!(page.contains(fact), "`{fact}` is not in: {page}");
    }
}

#[test]
fn the_page_states_who_owes_whom_how_much_and_why() {
    let pages = pages(&a_months_invoice());
    let [page] = pages.as_slice() else { panic!("{} pages", pages.len()) };
    assert_holds(page, &["Invoice 2026-000123", "1 November 2026", "15 November 2026", "C-4711"]);
    assert_holds(page, &["1 October 2026 to 31 October 2026, counted in Europe/Berlin time"]);
    assert_holds(page, &["Nordlicht Telefon GmbH", "Speicherstraße 14", "20457 Hamburg", "DE123456789"]);
    assert_holds(page, &["Παπαδόπουλος & Жуков OÜ", "Pärnu maantee 12", "10148 Tallinn", "ESTONIA"]);
    assert_holds(page, &["Plan Office 500, October 2026", "1,234.56", "Germany, landline", "1,214"]);
    assert_holds(page, &["26:03:04", "50:00", "1:05", "Calls of earlier months", "2:00"]);
    assert_holds(page, &["1,252.45", "VAT 19% on 1,252.45 EUR", "237.97", "1,490.42 EUR"]);
    assert_holds(page, &["DE89 3704 0044 0532 0130 00", "Page 1 of 1"]);
    assert!(!page.contains("DRAFT") && !page.contains('□'), "{page}");
}

#[test]
fn a_draft_is_marked_on_every_page_and_asks_for_no_money() {
    let pages = pages(&Invoice { number: None, ..many_lines(60) });
    assert!(pages.len() > 1);
    for page in &pages {
        assert_holds(page, &["DRAFT", "Draft invoice"]);
        assert!(!page.contains("Please pay"), "{page}");
    }
}

#[test]
fn nothing_is_asked_where_nothing_is_owed() {
    let free = pages(&invoice(Vec::new()));
    assert_holds(&free[0], &["Nothing was charged in this period.", "Nothing is to be paid."]);
    let credit = pages(&invoice(vec![fee("Goodwill", "-5.00")]));
    assert_holds(&credit[0], &["-5.95 EUR", "in your favour"]);
    assert!(!credit[0].contains("Please pay"));
}

#[test]
fn lines_flow_onto_as_many_pages_as_they_need() {
    for (count, expected) in [(0, 1), (1, 1), (10, 1), (300, 9)] {
        let pages = pages(&many_lines(count));
        assert_eq!(pages.len(), expected, "{count} lines");
        for (index, page) in pages.iter().enumerate() {
            assert_holds(page, &[&format!("Page {} of {expected}", index + 1), "Description"]);
        }
        let all = pages.concat();
        assert!((0..count).all(|index| all.contains(&format!("Destination {index} "))), "{count} lines");
    }
}

#[test]
fn totals_never_stand_on_a_page_without_a_line() {
    for count in 1..80 {
        let pages = pages(&many_lines(count));
        let last = pages.last().unwrap();
        assert_holds(last, &["Total to pay", "Please pay"]);
        assert_holds(last, &[&format!("Destination {} ", count - 1)]);
    }
}

#[test]
fn a_heading_never_stands_apart_from_its_first_line() {
    for count in 1..80 {
        let mut invoice = many_lines(count);
        invoice.lines.push(InvoiceLine { kind: LineKind::LateUsage, ..usage("The late one", 1, 1, "0.00") });
        for page in pages(&invoice) {
            assert_eq!(page.contains("Calls of earlier months"), page.contains("The late one"), "{count}");
        }
    }
}

#[test]
fn the_same_invoice_gives_the_same_bytes() {
    let invoice = a_months_invoice();
    let brand = Brand { accent: Colour(200, 40, 0), footer: vec!["Directors: A, B".into()] };
    let first = pdf(&invoice, &brand).unwrap();
    let in_another_thread = std::thread::spawn(move || pdf(&invoice, &brand).unwrap()).join().unwrap();
    assert_eq!(first, in_another_thread);
    assert_ne!(first, pdf(&a_months_invoice(), &Brand::default()).unwrap());
}

#[test]
fn it_calls_itself_an_archival_document() {
    let file = pdf(&a_months_invoice(), &Brand::default()).unwrap();
    let document = lopdf::Document::load_mem(&file).unwrap();
    let metadata = document.catalog().unwrap().get(b"Metadata").unwrap().as_reference().unwrap();
    let stream = document.get_object(metadata).unwrap().as_stream().unwrap();
    let xmp = stream.get_plain_content().unwrap_or_else(|_| stream.content.clone());
    let xmp = String::from_utf8(xmp).unwrap();
    assert_holds(&xmp, &["<pdfaid:part>3<", "<pdfaid:conformance>B<", "Invoice 2026-000123", "2026-11-01"]);
}

fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0\u{1}\u{7f}\u{85}\r\n\t",
        "\u{202e}txet desrever\u{202c}",
        "שלום עולם العربية",
        "漢字カナ한국어",
        "👩‍👩‍👧‍👦🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "\u{fffe}\u{ffff}\u{feff}\u{e000}\u{10ffff}\u{ad}\u{2028}",
        "{number} {m} {date} ({[<</\\>>]})",
        "ﬁ e\u{301} A\u{30a}",
    ]
    .map(String::from)
    .into();
    texts.push("W".repeat(10_000));
    texts.push("long words ".repeat(1000));
    texts.push("\u{301}".repeat(10_000));
    texts.push("👾".repeat(10_000));
    texts
}

#[test]
fn hostile_text_neither_panics_nor_grows_the_document() {
    for text in hostile_texts() {
        let mut invoice = a_months_invoice();
        let party = Party {
            name: text.clone(),
            street: text.clone(),
            postcode: text.clone(),
            city: text.clone(),
            country: text.clone(),
            vat_id: Some(text.clone()),
            email: Some(text.clone()),
            phone: Some(text.clone()),
            iban: Some(text.clone()),
        };
        invoice.seller = party.clone();
        invoice.buyer = Party { country: format!("{text}!"), ..party };
        invoice.number = Some(text.clone());
        invoice.customer_reference.clone_from(&text);
        invoice.period.zone.clone_from(&text);
        invoice.lines.iter_mut().for_each(|line| line.description.clone_from(&text));
        let brand = Brand { footer: vec![text.clone(); 40], ..Brand::default() };
        let file = pdf(&invoice, &brand).unwrap();
        let document = lopdf::Document::load_mem(&file).unwrap();
        assert!(document.get_pages().len() <= 2, "{text:.40}");
        assert!(file.len() < 200_000, "{text:.40}: {} bytes", file.len());
    }
}

#[test]
fn the_largest_figures_are_printed_in_full() {
    let mut invoice = a_months_invoice();
    let largest = Amount::from_micros(i64::MIN);
    for line in &mut invoice.lines {
        (line.calls, line.seconds, line.included_seconds, line.net) = (u64::MAX, u64::MAX, u64::MAX, largest);
    }
    (invoice.net, invoice.tax) = (largest, largest);
    let page = pages(&invoice).concat();
    assert_holds(&page, &["-9,223,372,036,854.775808", "18,446,744,073,709,551,615"]);
}

#[test]
fn more_tax_rates_than_a_page_holds_flow_on() {
    let mut invoice = a_months_invoice();
    let line = invoice.taxes[0].clone();
    invoice.taxes =
        (0..100).map(|index| TaxLine { rate: TaxRate::from_units(index * 10_000), ..line.clone() }).collect();
    let pages = pages(&invoice);
    assert!(pages.len() <= 4, "{} pages", pages.len());
    assert!((0..100).all(|index| pages.concat().contains(&format!("VAT {index}% on"))));
}

#[test]
fn a_colour_is_six_hexadecimal_digits() {
    assert_eq!(Colour::try_from(String::from("#1f5F8b")), Ok(Colour(0x1f, 0x5f, 0x8b)));
    for text in ["", "#", "1f5f8b", "#1f5f8", "#1f5f8bb", "#+1+1+1", "#1f5f8ä", "blue"] {
        assert!(Colour::try_from(String::from(text)).is_err(), "{text}");
    }
}

#[test]
fn a_pale_accent_is_darkened_where_it_carries_text() {
    let ink = |accent| Brand { accent, ..Brand::default() }.accent_ink();
    assert!(ink(Colour(255, 235, 59)).brightness() <= 115);
    assert_eq!(ink(Colour(0x1f, 0x5f, 0x8b)), Colour(0x1f, 0x5f, 0x8b));
}
