//! Which invoices must become electronic ones? One for each thing that invoices differ in.

use calculation::invoice::{
    Correction, Days, DocumentKind, Invoice, InvoiceLine, InvoicePeriod, Itemisation, Language, LineKind,
    Party, PeppolAddress, totals,
};
use calculation::money::Amount;
use calculation::tax::{TaxCategory, TaxRate};
use documents::einvoice::{self, EInvoiceError};
use documents::{Brand, By, Drawing, Given, Settled, Settlement};
use jiff::civil::date;
use tollbook::invoices::file;

/// A line of October.
pub(crate) fn line(kind: LineKind, description: &str, net: &str, rate: &str) -> InvoiceLine {
    InvoiceLine {
        kind,
        description: description.into(),
        calls: 0,
        seconds: 0,
        included_seconds: 0,
        net: net.parse().expect("an amount"),
        tax_category: TaxCategory::Standard,
        tax_rate: rate.parse().expect("a rate"),
        days: None,
    }
}

fn calls(kind: LineKind, description: &str, net: &str, rate: &str) -> InvoiceLine {
    InvoiceLine { calls: 12, seconds: 3_725, included_seconds: 600, ..line(kind, description, net, rate) }
}

fn untaxed(category: TaxCategory, line: InvoiceLine) -> InvoiceLine {
    InvoiceLine { tax_category: category, tax_rate: TaxRate::ZERO, ..line }
}

pub(crate) fn seller() -> Party {
    Party {
        name: "Nordlicht Telefon GmbH".into(),
        street: "Speicherstraße 14".into(),
        postcode: "20457".into(),
        city: "Hamburg".into(),
        country: "DE".into(),
        vat_id: Some("DE 123 456 789".into()),
        email: Some("billing@nordlicht.example".into()),
        phone: Some("+49 40 1234567".into()),
        iban: Some("DE02 1203 0000 0000 2020 51".into()),
        ..Party::default()
    }
}

pub(crate) fn buyer() -> Party {
    Party {
        name: "Bäckerei Krüger & Söhne <Hamburg>".into(),
        street: "Große Straße 1".into(),
        postcode: "22767".into(),
        city: "Hamburg".into(),
        country: "DE".into(),
        vat_id: Some("DE987654321".into()),
        ..Party::default()
    }
}

/// An invoice for October with these lines and the sums that follow.
pub(crate) fn invoice(currency: &str, lines: Vec<InvoiceLine>) -> Invoice {
    let currency = currency.parse().expect("a currency");
    let sums = totals(&lines, currency).expect("the sums fit");
    Invoice {
        kind: DocumentKind::Invoice,
        number: Some("INV-2026-000123".into()),
        corrects: None,
        language: Language::En,
        itemisation: Itemisation::None,
        issued_on: date(2026, 11, 2),
        due_on: date(2026, 11, 16),
        period: InvoicePeriod {
            first_day: date(2026, 10, 1),
            last_day: date(2026, 10, 31),
            starts_at: "2026-09-30T22:00:00Z".parse().expect("an instant"),
            ends_at: "2026-10-31T23:00:00Z".parse().expect("an instant"),
            zone: "Europe/Berlin".into(),
        },
        seller: seller(),
        buyer: buyer(),
        customer_reference: "C-4711".into(),
        currency,
        lines,
        taxes: sums.taxes,
        net: sums.net,
        tax: sums.tax,
        gross: sums.gross,
        tax_note: None,
    }
}

/// The standard case.
pub(crate) fn standard() -> Invoice {
    let fee = line(LineKind::Fee, "Office 500, monthly fee", "9.90", "19");
    let included = InvoiceLine { included_seconds: 3_725, ..calls(LineKind::Usage, "Italy", "0.00", "19") };
    invoice("EUR", vec![fee, calls(LineKind::Usage, "Germany, mobile", "0.23", "19"), included])
}

/// An invoice by its name.
pub(crate) type Sample = (&'static str, Invoice);

/// All of them.
pub(crate) fn all() -> Vec<Sample> {
    [taxes(), without_tax(), days_and_discounts(), countries()].concat()
}

fn usage(net: &str, rate: &str) -> InvoiceLine {
    calls(LineKind::Usage, "Germany, mobile", net, rate)
}

fn fee(net: &str, rate: &str) -> InvoiceLine {
    line(LineKind::Fee, "Office 500, monthly fee", net, rate)
}

fn german(invoice: Invoice) -> Invoice {
    Invoice { language: Language::De, ..invoice }
}

fn taxes() -> Vec<Sample> {
    let one_call = InvoiceLine { calls: 1, seconds: 61, included_seconds: 0, ..usage("0.04", "7") };
    let three_rates = vec![usage("0.13", "19"), fee("5.55", "7"), fee("2.00", "8.1")];
    let corrects = Correction {
        number: "INV-2026-000101".into(),
        issued_on: date(2026, 10, 2),
        reason: "The line was ended in August".into(),
    };
    vec![
        ("standard", standard()),
        ("reduced", invoice("EUR", vec![usage("10.05", "7"), one_call])),
        ("two_rates", invoice("EUR", vec![usage("10.05", "19"), fee("5.55", "7")])),
        ("three_rates", german(invoice("EUR", three_rates))),
        ("credit_note", Invoice { kind: DocumentKind::CreditNote, corrects: Some(corrects), ..standard() }),
        ("minimum", invoice("EUR", vec![line(LineKind::MinimumCommitment, "To 10.00 EUR", "9.80", "19")])),
        ("nothing_to_pay", invoice("EUR", vec![usage("0.00", "19")])),
    ]
}

fn without_tax() -> Vec<Sample> {
    let peppol = Some(PeppolAddress { scheme: "0106".into(), id: "12345678".into() });
    let dutch = Party { country: "NL".into(), vat_id: Some("NL123456782B01".into()), peppol, ..buyer() };
    let of = |category, note: Option<&str>, line| Invoice {
        tax_note: note.map(str::to_owned),
        ..invoice("EUR", vec![untaxed(category, line)])
    };
    let reverse =
        |note| Invoice { buyer: dutch.clone(), ..of(TaxCategory::ReverseCharge, note, usage("44.10", "19")) };
    let zero = vec![untaxed(TaxCategory::Zero, usage("3.00", "0")), fee("1.00", "19")];
    let act = Some("Zero-rated under the act of 1 January".into());
    vec![
        ("exempt", of(TaxCategory::Exempt, Some("Diplomatic mission, article 151"), fee("9.90", "19"))),
        ("reverse_charge", german(reverse(None))),
        ("reverse_charge_in_own_words", reverse(Some("Article 196 of 2006/112/EC"))),
        ("zero_rated", Invoice { tax_note: act, ..invoice("EUR", zero) }),
        ("zero_rated_before_categories", invoice("EUR", vec![usage("3.00", "0")])),
    ]
}

fn days_and_discounts() -> Vec<Sample> {
    let days = |first, last| Some(Days { first, last });
    let september = days(date(2026, 9, 3), date(2026, 9, 28));
    let late = |days| InvoiceLine { days, ..calls(LineKind::LateUsage, "France", "1.21", "19") };
    let november = days(date(2026, 11, 1), date(2026, 11, 30));
    let in_advance = InvoiceLine { days: november, ..fee("9.90", "19") };
    let given_back = InvoiceLine {
        days: days(date(2026, 10, 20), date(2026, 10, 31)),
        ..line(LineKind::Fee, "Office 500, given back", "-3.83", "19")
    };
    let discount = line(LineKind::Discount, "Loyalty, 10 %", "-1.01", "19");
    vec![
        ("late_usage", invoice("EUR", vec![usage("0.20", "19"), late(september)])),
        ("late_usage_of_unknown_days", german(invoice("EUR", vec![usage("0.20", "19"), late(None)]))),
        (
            "fee_in_advance",
            invoice("EUR", vec![in_advance, given_back, usage("0.20", "19"), late(september)]),
        ),
        ("discount", invoice("EUR", vec![fee("9.90", "19"), usage("0.20", "19"), discount.clone()])),
        ("in_favour_of_the_customer", invoice("EUR", vec![usage("0.20", "19"), discount])),
    ]
}

fn countries() -> Vec<Sample> {
    let party = |country: &str, vat_id: &str, party| Party {
        country: country.into(),
        vat_id: Some(vat_id.into()),
        ..party
    };
    let between = |seller, buyer, invoice| Invoice { seller, buyer, ..invoice };
    let crowns = invoice("DKK", vec![untaxed(TaxCategory::ReverseCharge, usage("10.00", "25"))]);
    let hostile = "]]>\u{0}\u{7}&\u{fffe}\u{202e}<a b='c'>\r\n\"ŋ\"";
    vec![
        ("yen", invoice("JPY", vec![usage("105", "10"), fee("1000", "8")])),
        (
            "swiss",
            between(
                Party { iban: None, ..party("CH", "CHE123456789MWST", seller()) },
                party("CH", "CHE987654321MWST", buyer()),
                invoice("CHF", vec![usage("10.00", "8.1")]),
            ),
        ),
        (
            "swedish_to_danish",
            between(party("SE", "SE555555555501", seller()), party("DK", "DK12345674", buyer()), crowns),
        ),
        (
            "finnish_to_greek",
            between(
                party("FI", "FI12345671", seller()),
                party("GR", "el123456789", buyer()),
                invoice("EUR", vec![usage("10.00", "24")]),
            ),
        ),
        (
            "hostile",
            Invoice {
                buyer: Party { name: hostile.into(), ..buyer() },
                ..invoice("EUR", vec![line(LineKind::OneOff, "<!-- \u{1b} -->", "25.00", "19")])
            },
        ),
    ]
}

/// The file of an invoice, without calls and in no brand.
pub(crate) fn draw(invoice: &Invoice) -> tollbook::error::Result<Vec<u8>> {
    file::pdf(&Drawing::from(invoice.clone()), &[], &Brand::default()).map(|drawn| drawn.file.into())
}

/// As Cross Industry Invoice, nothing of it being settled yet.
pub(crate) fn cii(invoice: &Invoice) -> Result<String, EInvoiceError> {
    einvoice::cii(&Drawing::from(invoice.clone()))
}

/// As UBL, nothing of it being settled yet.
pub(crate) fn ubl(invoice: &Invoice) -> Result<String, EInvoiceError> {
    einvoice::ubl(&Drawing::from(invoice.clone()))
}

/// Documents of which something was settled, or that went to other invoices.
pub(crate) fn settled() -> Vec<(&'static str, Drawing)> {
    let amount = |text: &str| text.parse::<Amount>().expect("an amount");
    let by = By::Payment { reference: "b1".into(), paid_on: date(2026, 11, 3) };
    let of = |name, part: &str, open: &str| {
        let settled = vec![Settled { by: by.clone(), amount: amount(part) }];
        let settlement = Settlement { settled, open: amount(open), ..Settlement::default() };
        (name, Drawing { invoice: standard(), settlement })
    };
    let credit_note = all().into_iter().find(|(name, _)| *name == "credit_note").expect("a credit note").1;
    let given = vec![Given {
        number: "INV-2026-000101".into(),
        amount: amount("12.05"),
        open: amount("3.00"),
        corrected: true,
    }];
    let settlement = Settlement { given, ..Settlement::default() };
    vec![
        of("paid_in_part", "5.00", "7.05"),
        of("paid", "12.05", "0"),
        ("credit_note_of_an_open_invoice", Drawing { invoice: credit_note, settlement }),
    ]
}
