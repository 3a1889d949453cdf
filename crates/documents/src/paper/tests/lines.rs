//! Does every line, total and party of an invoice stand on its page, and only once?

use calculation::invoice::{Correction, Days};
use unicode_normalization::UnicodeNormalization;

use super::super::{Colour, Texts};
use super::*;

#[test]
fn the_page_states_who_owes_whom_how_much_and_why() {
    let pages = pages(&a_months_invoice());
    let [page] = pages.as_slice() else { panic!("{} pages", pages.len()) };
    assert_holds(page, &["Invoice 2026-000123", "1 November 2026", "15 November 2026", "C-4711"]);
    assert_holds(page, &["1 to 31 October 2026, Europe/Berlin time"]);
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
    assert_holds(&credit[0], &["-5.95 EUR", "5.95 EUR is in your favour."]);
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
    let brand =
        Brand { accent: Colour(200, 40, 0), footer: vec!["Directors: A, B".into()], ..Brand::default() };
    let first = pdf(&invoice, &[], &brand).unwrap();
    let in_another_thread = std::thread::spawn(move || pdf(&invoice, &[], &brand).unwrap()).join().unwrap();
    assert_eq!(first, in_another_thread);
    assert_ne!(first, pdf(&a_months_invoice(), &[], &Brand::default()).unwrap());
}

#[test]
fn it_calls_itself_an_archival_document() {
    let file = pdf(&a_months_invoice(), &[], &Brand::default()).unwrap();
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
    let mut refused = 0;
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
            tax_number: Some(text.clone()),
            bic: Some(text.clone()),
            peppol: None,
        };
        invoice.seller = party.clone();
        invoice.buyer = Party { country: format!("{text}!"), ..party };
        invoice.number = Some(text.clone());
        invoice.customer_reference.clone_from(&text);
        invoice.period.zone.clone_from(&text);
        invoice.tax_note = Some(text.clone());
        let (issued_on, reason) = (invoice.issued_on, text.clone());
        invoice.corrects = Some(Correction { number: text.clone(), issued_on, reason });
        invoice.lines.iter_mut().for_each(|line| line.description.clone_from(&text));
        let texts = Texts { greeting: Some(text.clone()), closing: Some(text.clone()) };
        let brand = Brand { footer: vec![text.clone(); 40], en: texts, ..Brand::default() };
        let file = match pdf(&invoice, &[], &brand) {
            Ok(file) => file,
            Err(DocumentError::Letters(letters)) => {
                assert!(letters.iter().all(|letter| text.nfc().any(|one| one == *letter)), "{letters:?}");
                refused += 1;
                continue;
            }
            Err(error) => panic!("{text:.40}: {error}"),
        };
        let document = lopdf::Document::load_mem(&file).unwrap();
        assert!(document.get_pages().len() <= 5, "{text:.40}");
        assert!(file.len() < 200_000, "{text:.40}: {} bytes", file.len());
    }
    assert_eq!(refused, 5, "those with letters that the built-in font lacks");
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
fn every_kind_of_line_has_its_section() {
    let kinds = [
        (LineKind::Discount, "Discounts"),
        (LineKind::MinimumCommitment, "Minimum commitment"),
        (LineKind::LateUsage, "Calls of earlier months"),
        (LineKind::Usage, "Calls by destination"),
        (LineKind::OneOff, "One-off charges"),
        (LineKind::Fee, "Fees"),
    ];
    let line =
        |(kind, heading): &(LineKind, &str)| InvoiceLine { kind: *kind, ..fee(&heading.to_uppercase(), "1") };
    let page = pages(&invoice(kinds.iter().map(line).collect())).concat();
    let mut last = usize::MAX;
    for (_, heading) in kinds {
        let place = page.find(heading).unwrap();
        assert!(place < last && page.find(&heading.to_uppercase()).unwrap() > place, "{heading}: {page}");
        last = place;
    }
}

#[test]
fn a_line_names_its_days_and_never_loses_them() {
    let days = Some(Days { first: date(2026, 10, 15), last: date(2026, 10, 31) });
    let mut lines = vec![InvoiceLine { days, ..fee("Basic, monthly fee", "12.34") }];
    lines.push(InvoiceLine {
        kind: LineKind::LateUsage,
        days,
        ..usage("France, mobile, Corsica", 2, 120, "1")
    });
    lines.push(InvoiceLine { days, ..fee(&"long ".repeat(300), "1") });
    lines.push(InvoiceLine { days, ..fee("", "1") });
    let page = pages(&invoice(lines)).concat();
    assert_holds(&page, &["Basic, monthly fee, 15 to 31 October 2026", "Corsica, 15 to 31 October 2026"]);
    assert_eq!(page.matches("15 to 31 October 2026").count(), 4, "{page}");
}

#[test]
fn a_discount_takes_off() {
    let discount = InvoiceLine { kind: LineKind::Discount, ..fee("Loyalty", "-9.99") };
    assert_holds(&pages(&invoice(vec![fee("Basic", "20"), discount]))[0], &["-9.99", "10.01 EUR"]);
}

/// The invoice with one tax line of a category.
fn of_category(category: TaxCategory, note: Option<&str>) -> Invoice {
    let mut invoice = a_months_invoice();
    invoice.lines.iter_mut().for_each(|line| {
        (line.tax_category, line.tax_rate) = (category, TaxRate::ZERO);
    });
    (invoice.tax, invoice.gross) = (Amount::ZERO, invoice.net);
    invoice.taxes = vec![TaxLine { category, rate: TaxRate::ZERO, taxable: invoice.net, tax: Amount::ZERO }];
    invoice.tax_note = note.map(String::from);
    invoice
}

#[test]
fn where_no_tax_is_due_it_says_why() {
    let exempt = pages(&of_category(TaxCategory::Exempt, Some("Exempt: article 132 (1) (x)"))).concat();
    assert_holds(&exempt, &["Exempt from VAT: 1,252.45 EUR", "Exempt: article 132 (1) (x)"]);
    assert!(!exempt.contains("0%") && !exempt.contains("Reverse charge"), "{exempt}");
    let zero = pages(&of_category(TaxCategory::Zero, None)).concat();
    assert_holds(&zero, &["VAT 0% on 1,252.45 EUR"]);
    let law = "Reverse charge: the recipient of the supply accounts for the tax.";
    for note in [None, Some(law), Some("By article 196.")] {
        let reverse = pages(&of_category(TaxCategory::ReverseCharge, note)).concat();
        assert_holds(&reverse, &["Reverse charge: 1,252.45 EUR"]);
        assert_eq!(reverse.matches(law).count(), 1, "{reverse}");
        assert_eq!(reverse.contains("By article 196."), note == Some("By article 196."));
    }
}

fn credit_note() -> Invoice {
    let reason = "Charged at the price of another country".into();
    let corrects = Correction { number: "2026-000007".into(), issued_on: date(2026, 10, 2), reason };
    let kind = DocumentKind::CreditNote;
    Invoice { kind, corrects: Some(corrects), number: Some("CN-2026-1".into()), ..a_months_invoice() }
}

#[test]
fn a_credit_note_says_what_it_corrects_and_asks_for_nothing() {
    let page = pages(&credit_note()).concat();
    assert_holds(&page, &["Credit note CN-2026-1", "Corrects invoice 2026-000007 of 2 October 2026"]);
    assert_holds(&page, &["Reason: Charged at the price of another country", "Total credited 1,490.42 EUR"]);
    assert_holds(&page, &["We credit you 1,490.42 EUR."]);
    for word in ["Invoice number", "Due date", "Please pay", "DE89", "Amount due", "Scan"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    let draft = pages(&Invoice { number: None, ..credit_note() }).concat();
    assert_holds(&draft, &["Draft credit note", "DRAFT"]);
}
