//! Is a German document German throughout?

use calculation::invoice::{Correction, Days};

use super::*;

fn german(mut invoice: Invoice) -> String {
    invoice.language = Language::De;
    pages(&invoice).concat()
}

#[test]
fn an_invoice_in_german() {
    let page = german(a_months_invoice());
    assert_holds(
        &page,
        &["Rechnung 2026-000123", "1. November 2026", "Fällig am", "Kundennummer", "ESTLAND"],
    );
    assert_holds(&page, &["Leistungszeitraum: 1. bis 31. Oktober 2026, Zeitzone Europe/Berlin"]);
    assert_holds(&page, &["USt-IdNr. DE123456789", "1.234,56", "1.214", "Anrufe aus früheren Monaten"]);
    assert_holds(&page, &["USt. 19\u{a0}% auf 1.252,45 EUR", "Zu zahlen 1.490,42 EUR", "Seite 1 von 1"]);
    assert_holds(&page, &["Bitte zahlen Sie 1.490,42 EUR bis zum 15. November 2026."]);
    for word in ["Invoice", "VAT", "November 1", "Germany", "Total", "Page", "Due"] {
        // The line of the fixture that names a country is the operator's own text.
        assert!(!page.replace("Germany, landline", "").contains(word), "{word}: {page}");
    }
}

#[test]
fn a_correction_is_called_by_its_name_in_law() {
    let reason = "Falscher Preis".into();
    let corrects = Some(Correction { number: "2026-7".into(), issued_on: date(2026, 3, 1), reason });
    let note = Invoice { kind: DocumentKind::CreditNote, corrects, ..a_months_invoice() };
    let page = german(note);
    assert_holds(
        &page,
        &["Rechnungskorrektur 2026-000123", "Korrigiert die Rechnung 2026-7 vom 1. März 2026"],
    );
    assert_holds(&page, &["Grund: Falscher Preis", "Gutgeschrieben", "Wir schreiben Ihnen"]);
    assert!(!page.contains("Gutschrift") && !page.contains("Bitte zahlen"), "{page}");
}

#[test]
fn the_buyers_tax_is_announced_in_the_words_of_the_law() {
    let mut invoice = a_months_invoice();
    invoice.taxes[0].category = TaxCategory::ReverseCharge;
    assert_holds(&german(invoice), &["Steuerschuldnerschaft des Leistungsempfängers"]);
}

#[test]
fn days_and_negative_sums_in_german() {
    let days = Some(Days { first: date(2026, 10, 15), last: date(2026, 10, 31) });
    let discount = InvoiceLine { kind: LineKind::Discount, ..fee("Treue", "-2345.67") };
    let page = german(invoice(vec![InvoiceLine { days, ..fee("Basis", "1") }, discount]));
    assert_holds(&page, &["Basis, 15. bis 31. Oktober 2026", "Rabatte", "-2.345,67", "zu Ihren Gunsten"]);
    let draft = german(Invoice { number: None, ..a_months_invoice() });
    assert_holds(&draft, &["Rechnungsentwurf", "ENTWURF", "nicht zahlbar"]);
}
