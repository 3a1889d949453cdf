//! How do the parts of an invoice stand in the standard's terms (EN 16931-1)?
//!
//! Amounts go over as integers and are written as decimal text. Sums are those of the frozen invoice;
//! nothing is computed anew.

use calculation::invoice::{Days, DocumentKind, Invoice, InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;
use calculation::tax::{TaxCategory, TaxRate};
use en16931::invoice::{
    Code, CreditTransfer, DocumentKind as ModelKind, DocumentTotals, Invoice as Model, InvoiceLine as Line,
    InvoiceNote, LineVat, PaymentInstructions, PaymentMeans, Period, PrecedingInvoice, VatBreakdown,
};
use en16931::{Date, DocumentReference, InvoiceAmount, Percentage, Quantity};

use super::party;
use super::text::{clean, given};
use super::words::{self, Words};
use crate::Drawing;

/// "One": the unit of a line whose quantity is not counted (UN/ECE recommendation 20).
const ONE: &str = "C62";

/// The invoice as the standard models it, of no profile yet; nothing if an amount has more than two decimals.
pub(super) fn of(drawing: &Drawing) -> Option<Model> {
    let Drawing { invoice, settlement } = drawing;
    let words = words::of(invoice.language);
    let due_on = (settlement.open > Amount::ZERO).then_some(invoice.due_on);
    let mut model = Model::default();
    (model.kind, model.type_code) = match invoice.kind {
        DocumentKind::Invoice => (ModelKind::Invoice, Some(Code::new("380"))),
        DocumentKind::CreditNote => (ModelKind::CreditNote, Some(Code::new("381"))),
    };
    model.number = invoice.number.as_deref().and_then(given);
    model.issue_date = date(invoice.issued_on);
    model.currency = Some(Code::new(invoice.currency.code()));
    model.due_date = due_on.and_then(date);
    model.buyer_reference = given(&invoice.customer_reference);
    model.payment_terms = Some(words.terms(drawing, due_on));
    model.notes = notes(invoice);
    model.preceding_invoices = invoice
        .corrects
        .iter()
        .map(|corrected| PrecedingInvoice {
            reference: DocumentReference::new(clean(&corrected.number)),
            issue_date: date(corrected.issued_on),
        })
        .collect();
    model.seller = party::seller(&invoice.seller);
    model.buyer = party::buyer(&invoice.buyer);
    model.invoicing_period = Some(period(span(invoice)));
    model.payment = Some(payment(invoice, due_on.is_some()));
    model.vat_breakdown =
        invoice.taxes.iter().map(|tax| breakdown(tax, invoice, words)).collect::<Option<_>>()?;
    let lines = (1..).zip(&invoice.lines);
    model.lines = lines.map(|(number, one)| line(number, one, invoice, words)).collect::<Option<_>>()?;
    let (net, tax, gross) = (amount(invoice.net)?, amount(invoice.tax)?, amount(invoice.gross)?);
    // What gives money back is stated whole: whoever books it sets it off against what it was given to.
    let (paid, due) = match drawing.gives() {
        Some(_) => (None, gross),
        None => (Some(amount(drawing.paid()?)?), amount(settlement.open)?),
    };
    model.totals = DocumentTotals {
        line_total: net,
        taxable_total: net,
        vat_total: Some(tax),
        gross_total: gross,
        paid: paid.filter(|paid| *paid != InvoiceAmount::ZERO),
        due,
        ..DocumentTotals::default()
    };
    Some(model)
}

fn date(day: jiff::civil::Date) -> Option<Date> {
    Date::new(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs()).ok()
}

/// Exactly, in hundredths.
fn amount(amount: Amount) -> Option<InvoiceAmount> {
    let micros = amount.micros();
    (micros % 10_000 == 0).then(|| InvoiceAmount::from_minor_units(micros / 10_000))
}

/// Why it is corrected; and what is to be said of the tax, where no category has a field for it.
fn notes(invoice: &Invoice) -> Vec<InvoiceNote> {
    let explained = |tax: &TaxLine| matches!(tax.category, TaxCategory::Exempt | TaxCategory::ReverseCharge);
    let reason = invoice.corrects.as_ref().map(|corrected| &corrected.reason);
    let tax = invoice.tax_note.as_ref().filter(|_| !invoice.taxes.iter().any(explained));
    reason.into_iter().chain(tax).filter_map(|text| given(text)).map(InvoiceNote::new).collect()
}

/// The days of the invoice with those of all its lines: a fee in advance lies in the next month, a late
/// call in an earlier one, and no line may lie outside (PEPPOL-EN16931-R110 and -R111).
fn span(invoice: &Invoice) -> Days {
    let lines = invoice.lines.iter().filter_map(|line| line.days);
    lines.fold(month(invoice), |all, days| Days {
        first: all.first.min(days.first),
        last: all.last.max(days.last),
    })
}

fn month(invoice: &Invoice) -> Days {
    Days { first: invoice.period.first_day, last: invoice.period.last_day }
}

fn period(days: Days) -> Period {
    Period { start: date(days.first), end: date(days.last) }
}

/// A transfer to the operator's account, where money is asked for; else "not defined".
fn payment(invoice: &Invoice, asks: bool) -> PaymentInstructions {
    let iban = invoice.seller.iban.as_deref().map(party::compact).filter(|iban| asks && !iban.is_empty());
    let code = match &iban {
        None => "1",
        Some(_) if invoice.currency.code() == "EUR" => "58",
        Some(_) => "30",
    };
    let transfer = |iban| {
        PaymentMeans::CreditTransfer(vec![CreditTransfer {
            account_identifier: Some(iban),
            account_name: given(&invoice.seller.name),
            provider_identifier: invoice
                .seller
                .bic
                .as_deref()
                .map(party::compact)
                .filter(|bic| !bic.is_empty()),
        }])
    };
    PaymentInstructions {
        means_code: Some(Code::new(code)),
        remittance_information: invoice.number.as_deref().filter(|_| asks).and_then(given),
        means: iban.map(transfer),
        ..PaymentInstructions::default()
    }
}

/// The category's code. Invoices from before there were categories call everything standard.
fn category(category: TaxCategory, rate: TaxRate) -> Code {
    let zero = category == TaxCategory::Standard && rate == TaxRate::ZERO;
    Code::new(if zero { TaxCategory::Zero.code() } else { category.code() })
}

fn percentage(rate: TaxRate) -> Option<Percentage> {
    rate.to_string().parse().ok()
}

fn breakdown(tax: &TaxLine, invoice: &Invoice, words: &Words) -> Option<VatBreakdown> {
    let note = invoice.tax_note.as_deref().and_then(given);
    let (reason, code) = match tax.category {
        TaxCategory::Standard | TaxCategory::Zero => (None, None),
        TaxCategory::Exempt => (note, None),
        TaxCategory::ReverseCharge => {
            (note.or_else(|| Some(words.reverse_charge.to_owned())), Some("VATEX-EU-AE"))
        }
    };
    Some(VatBreakdown {
        taxable_amount: amount(tax.taxable)?,
        tax_amount: amount(tax.tax)?,
        category: category(tax.category, tax.rate),
        rate: percentage(tax.rate),
        exemption_reason: reason,
        exemption_reason_code: code.map(Code::new),
    })
}

/// A line, as one of something at its amount. What is taken off is minus one of it at a price above zero,
/// for a price below zero is no price (BR-27).
fn line(number: u32, line: &InvoiceLine, invoice: &Invoice, words: &Words) -> Option<Line> {
    let net = amount(line.net)?;
    let quantity = if net.is_negative() { Quantity::ONE.checked_neg()? } else { Quantity::ONE };
    let name = clean(&line.description);
    let mut made = Line::new(number.to_string(), name, quantity, ONE, net, "", None);
    made.vat =
        LineVat { category: category(line.tax_category, line.tax_rate), rate: percentage(line.tax_rate) };
    made.item.description = words.usage(line);
    // Late calls that do not tell their days have none: those of the invoice would be wrong.
    let late = line.kind == LineKind::LateUsage;
    made.period = line.days.or_else(|| (!late).then(|| month(invoice))).map(period);
    Some(made)
}
