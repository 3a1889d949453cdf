//! What does the standard require that an invoice does not say?
//!
//! The rules themselves are those of `en16931`. Here are the ones that an operator meets, with the field
//! that is empty and what to do about it.

use calculation::invoice::{DocumentKind, Invoice, Party};
use calculation::tax::TaxCategory;

use super::party::{peppol_address, vat_id};

/// A business term that an electronic invoice needs and the invoice has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// The business term of EN 16931.
    pub term: &'static str,
    /// Where the invoice would say it.
    pub field: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// All of them in a sentence.
pub(super) fn in_words(lacks: &[Lack]) -> String {
    let lacks = lacks.iter().map(|Lack { term, field, remedy }| format!("{field} ({term}): {remedy}"));
    lacks.collect::<Vec<_>>().join("; ")
}

const fn lack(term: &'static str, field: &'static str, remedy: &'static str) -> Lack {
    Lack { term, field, remedy }
}

const ISSUE: &str = "issue the invoice; a draft is none";
const OPERATOR: &str = "set it in [operator], for invoices issued from then on";
const REGISTERED: &str = "set it, or tax_number (BT-32), in [operator], for invoices issued from then on";
const CUSTOMER: &str = "set it in the customer's party, for invoices issued from then on";

/// What is missing in either syntax.
pub(super) fn in_any(invoice: &Invoice) -> Vec<Lack> {
    let has = |category| invoice.lines.iter().any(|line| line.tax_category == category);
    let buyer_owes_tax = has(TaxCategory::ReverseCharge);
    let exempt = has(TaxCategory::Exempt);
    let corrects = invoice.kind == DocumentKind::CreditNote && invoice.corrects.is_none();
    let Invoice { seller, buyer, .. } = invoice;
    let note = invoice.tax_note.as_deref().unwrap_or_default();
    only(&[
        (blank(invoice.number.as_deref()), lack("BT-1", "number", ISSUE)),
        (corrects, lack("BT-25", "corrects", "name the invoice that the credit note corrects")),
        (blank(Some(&seller.name)), lack("BT-27", "seller.name", OPERATOR)),
        (
            vat_id(seller).is_none() && blank(seller.tax_number.as_deref()),
            lack("BT-31", "seller.vat_id", REGISTERED),
        ),
        (blank(Some(&seller.country)), lack("BT-40", "seller.country", OPERATOR)),
        (blank(Some(&buyer.name)), lack("BT-44", "buyer.name", CUSTOMER)),
        (buyer_owes_tax && vat_id(buyer).is_none(), lack("BT-48", "buyer.vat_id", CUSTOMER)),
        (blank(Some(&buyer.country)), lack("BT-55", "buyer.country", CUSTOMER)),
        (exempt && blank(Some(note)), lack("BT-120", "tax_note", "say why no tax is due")),
        (invoice.lines.is_empty(), lack("BG-25", "lines", "charge something: an invoice has a line")),
    ])
}

/// What is missing in Peppol's: an address in its network, a reference, and between Germans whom to ask.
pub(super) fn in_peppol(invoice: &Invoice) -> Vec<Lack> {
    let Invoice { seller, buyer, .. } = invoice;
    let among_germans = [seller, buyer].iter().all(|party| party.country == "DE");
    let german = |blank: bool| among_germans && blank;
    let address = |party: &Party| peppol_address(party).is_none();
    let seller_id = "set peppol in [operator]: it does not follow from the vat_id";
    let buyer_id = "set peppol in the customer's party: it does not follow from a vat_id";
    let mut lacks = in_any(invoice);
    lacks.extend(only(&[
        (blank(Some(&invoice.customer_reference)), lack("BT-10", "customer_reference", CUSTOMER)),
        (address(seller), lack("BT-34", "seller.peppol", seller_id)),
        (german(blank(Some(&seller.city))), lack("BT-37", "seller.city", OPERATOR)),
        (german(blank(Some(&seller.postcode))), lack("BT-38", "seller.postcode", OPERATOR)),
        (german(blank(seller.phone.as_deref())), lack("BT-42", "seller.phone", OPERATOR)),
        (german(blank(seller.email.as_deref())), lack("BT-43", "seller.email", OPERATOR)),
        (address(buyer), lack("BT-49", "buyer.peppol", buyer_id)),
        (german(blank(Some(&buyer.city))), lack("BT-52", "buyer.city", CUSTOMER)),
        (german(blank(Some(&buyer.postcode))), lack("BT-53", "buyer.postcode", CUSTOMER)),
    ]));
    lacks
}

fn only(lacks: &[(bool, Lack)]) -> Vec<Lack> {
    lacks.iter().filter(|(missing, _)| *missing).map(|(_, lack)| *lack).collect()
}

fn blank(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}
