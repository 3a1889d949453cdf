//! Does a document ask for what is open, and say what became of the rest?

use super::super::Words;
use super::payment::scanned;
use super::*;
use crate::{By, Given, Settled, Settlement};

fn settled(by: By, micros: &str) -> Settled {
    Settled { by, amount: amount(micros) }
}

fn paid(text: &str) -> Settled {
    settled(By::Payment { reference: "b1".into(), paid_on: date(2026, 11, 2) }, text)
}

/// The invoice over 1,490.42 EUR, of which something was settled.
fn with(parts: Vec<Settled>) -> Drawing {
    let invoice = a_months_invoice();
    let sum = Amount::sum(parts.iter().map(|part| part.amount)).unwrap();
    let open = invoice.gross.checked_sub(sum).unwrap();
    Drawing { invoice, settlement: Settlement { settled: parts, open, ..Settlement::default() } }
}

#[test]
fn a_part_payment_is_on_the_page_and_the_rest_is_asked_for() {
    let note = settled(By::CreditNote { number: "CN-2026-000001".into() }, "90.42");
    let other = settled(By::Invoice { number: "2026-000100".into() }, "100");
    let drawing = with(vec![paid("300"), note, other]);
    let page = drawn(&drawing).concat();
    assert_holds(&page, &["Total 1,490.42 EUR", "Paid on 2 November 2026 -300.00 EUR"]);
    assert_holds(
        &page,
        &["Credit note CN-2026-000001 -90.42 EUR", "Credit of invoice 2026-000100 -100.00 EUR"],
    );
    assert_holds(&page, &["Still to pay 1,000.00 EUR", "Amount due 1,000.00 EUR"]);
    assert_holds(&page, &["Please pay 1,000.00 EUR by 15 November 2026", "Due date", "Scan to pay"]);
    assert!(!page.contains("Total to pay"), "{page}");
    assert!(scanned(&drawing).unwrap().contains("\nEUR1000.00\n"));
}

#[test]
fn what_is_overdue_is_asked_for_at_once() {
    let mut drawing = with(vec![paid("300")]);
    drawing.settlement.overdue = true;
    let page = drawn(&drawing).concat();
    assert_holds(&page, &["Please pay 1,190.42 EUR at once (it was due on 15 November 2026)."]);
}

#[test]
fn what_is_paid_in_full_asks_for_nothing() {
    for drawing in [with(vec![paid("1490.42")]), with(vec![settled(By::WriteOff, "1490.42")])] {
        let page = drawn(&drawing).concat();
        assert_holds(&page, &["Still to pay 0.00 EUR", "Amount due 0.00 EUR", "Nothing is to be paid."]);
        for word in ["Due date", "Please pay", "DE89", "Scan"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
        assert_eq!(scanned(&drawing), None);
    }
}

#[test]
fn what_gives_money_back_says_where_it_goes() {
    let given = |number: &str, part: &str, open: &str, corrected| Given {
        number: number.into(),
        amount: amount(part),
        open: amount(open),
        corrected,
    };
    let below = Drawing::from(invoice(vec![fee("Goodwill", "-5.00")]));
    let with = |given: Vec<Given>, paid_out: &str, kept: &str| {
        let (paid_out, kept) = (amount(paid_out), amount(kept));
        Drawing { settlement: Settlement { given, paid_out, kept, ..Settlement::default() }, ..below.clone() }
    };
    let cases = [
        (below.clone(), "5.95 EUR is in your favour. 5.95 EUR stays as credit for your next invoices."),
        (
            with(vec![given("I-1", "2.00", "3.00", false)], "0", "3.95"),
            "5.95 EUR is in your favour. 2.00 EUR goes to invoice I-1. 3.00 EUR of that invoice is still to be \
             paid. 3.95 EUR stays as credit for your next invoices.",
        ),
        (
            with(vec![given("I-1", "2.00", "0", true)], "3.95", "0"),
            "5.95 EUR is in your favour. 2.00 EUR lowers what is owed of invoice I-1. Nothing of that invoice is \
             to be paid any more. 3.95 EUR was paid out to you.",
        ),
    ];
    for (drawing, said) in cases {
        assert_eq!(Words::of(Language::En).standing(&drawing).join(" "), said);
        let page = drawn(&drawing).concat();
        assert_holds(&page, &[said, "In your favour 5.95 EUR"]);
        assert!(!page.contains("Due date") && !page.contains("Please pay"), "{page}");
        assert_eq!(scanned(&drawing), None);
    }
}

#[test]
fn the_tax_of_another_country_has_its_own_name() {
    let mut invoice = a_months_invoice();
    invoice.buyer.country = "US".into();
    invoice.buyer.vat_id = Some("12-3456789".into());
    let page = drawn(&Drawing::from(invoice)).concat();
    assert_holds(&page, &["Sales tax 19% on", "Your Tax ID 12-3456789", "VAT ID DE123456789"]);
    assert!(!page.contains("VAT 19"), "{page}");
}
