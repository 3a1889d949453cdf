//! What does a customer owe for a month?

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::money::{Amount, Currency};
use crate::tax::{TaxCategory, TaxRate};

/// An invoice as it is frozen when issued: all that the document shows, and nothing it must look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Whether it asks for money or gives some back.
    #[serde(default)]
    pub kind: DocumentKind,
    /// The legal number; absent while it is a draft or waits for its number.
    pub number: Option<String>,
    /// What a credit note corrects, and why.
    #[serde(default)]
    pub corrects: Option<Correction>,
    /// The language it is written in.
    #[serde(default)]
    pub language: Language,
    /// Whether its calls are listed one by one.
    #[serde(default)]
    pub itemisation: Itemisation,
    /// The day it was issued, where the seller is.
    pub issued_on: Date,
    /// The day payment is due.
    pub due_on: Date,
    /// The month it covers.
    pub period: InvoicePeriod,
    /// Who sells: the operator.
    pub seller: Party,
    /// Who pays: the customer.
    pub buyer: Party,
    /// The customer's reference with the operator.
    pub customer_reference: String,
    /// The currency of every amount.
    pub currency: Currency,
    /// What is charged, in the order shown.
    pub lines: Vec<InvoiceLine>,
    /// Tax, one line for each rate.
    pub taxes: Vec<TaxLine>,
    /// The sum of the lines.
    pub net: Amount,
    /// The sum of the tax lines.
    pub tax: Amount,
    /// What is to be paid.
    pub gross: Amount,
    /// Why no tax is due, where none is (2006/112/EC, article 226 (11)).
    #[serde(default)]
    pub tax_note: Option<String>,
}

/// Whether a document asks for money or gives some back. A credit note's amounts are positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// An invoice (UNTDID 1001: 380).
    #[default]
    Invoice,
    /// A credit note (UNTDID 1001: 381).
    CreditNote,
}

/// The invoice that a credit note corrects (2006/112/EC, article 219).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The invoice's legal number.
    pub number: String,
    /// The day it was issued.
    pub issued_on: Date,
    /// Why it is corrected, in the operator's words.
    pub reason: String,
}

/// A language that invoices and mails are written in (ISO 639-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

/// Whether the calls of an invoice are listed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Itemisation {
    /// Not at all.
    #[default]
    None,
    /// With the last three digits of each number hidden.
    Masked,
    /// With whole numbers.
    Full,
}

/// The month an invoice covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoicePeriod {
    /// The first local day.
    pub first_day: Date,
    /// The last local day.
    pub last_day: Date,
    /// The first instant that belongs to it.
    pub starts_at: Timestamp,
    /// The first instant that no longer does.
    pub ends_at: Timestamp,
    /// The IANA zone the days are counted in.
    pub zone: String,
}

/// A name and address on an invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Party {
    /// The full legal name.
    pub name: String,
    /// Street and house number.
    pub street: String,
    /// The postal code.
    pub postcode: String,
    /// The town.
    pub city: String,
    /// The country, ISO 3166-1 alpha-2.
    pub country: String,
    /// The VAT identifier with its country prefix.
    pub vat_id: Option<String>,
    /// The number of the local tax office, for a seller without a VAT identifier (BT-32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<String>,
    /// Where programs send electronic invoices to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peppol: Option<PeppolAddress>,
    /// Where to write to.
    pub email: Option<String>,
    /// Where to call.
    pub phone: Option<String>,
    /// The bank account to pay into (seller only).
    pub iban: Option<String>,
    /// The bank of that account (seller only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
}

/// An address in Peppol's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeppolAddress {
    /// The scheme of the Electronic Address Scheme list, such as `0208`.
    pub scheme: String,
    /// The identifier in it.
    pub id: String,
}

impl Party {
    /// Somebody of a country of whom nothing else is known any more.
    pub fn nobody(country: String) -> Self {
        Self { country, ..Self::default() }
    }
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// What kind of thing is charged.
    pub kind: LineKind,
    /// What is charged, in words.
    pub description: String,
    /// How many calls; zero for a fee.
    pub calls: u64,
    /// Billed seconds of those calls, included ones too.
    pub seconds: u64,
    /// How many of the seconds were included in the plan.
    pub included_seconds: u64,
    /// The net amount, rounded to the currency's minor unit.
    pub net: Amount,
    /// Why tax is due on it, or why not.
    #[serde(default)]
    pub tax_category: TaxCategory,
    /// The tax rate that applies.
    pub tax_rate: TaxRate,
    /// The local days it is for, where they are not those of the invoice: a fee in advance or for a part
    /// of the month, calls of an earlier month.
    #[serde(default)]
    pub days: Option<Days>,
}

impl InvoiceLine {
    /// Under which category, and at which rate, it is taxed.
    pub fn tax(&self) -> (TaxCategory, TaxRate) {
        (self.tax_category, self.tax_rate)
    }
}

/// Local days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl Days {
    /// How many they are.
    pub fn count(self) -> u32 {
        let after_first = self.first.until(self.last).map_or(-1, |span| span.get_days());
        u32::try_from(after_first.saturating_add(1)).unwrap_or_default()
    }
}

/// What kind of thing an invoice line charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A monthly fee, or what is given back of one.
    Fee,
    /// Something charged once.
    OneOff,
    /// Calls of this period to one destination.
    Usage,
    /// Calls of an earlier, already invoiced period.
    LateUsage,
    /// What is missing to the least that a plan costs.
    MinimumCommitment,
    /// Something taken off; its amount is below zero.
    Discount,
}

/// Tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Why tax is due, or why not.
    #[serde(default)]
    pub category: TaxCategory,
    /// The rate.
    pub rate: TaxRate,
    /// The sum of the lines at that rate.
    pub taxable: Amount,
    /// The tax on it, rounded half-up to the minor unit.
    pub tax: Amount,
}

/// What an invoice comes to: tax by rate and the three totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Tax, one line for each rate, lowest first.
    pub taxes: Vec<TaxLine>,
    /// The sum of the lines.
    pub net: Amount,
    /// The sum of the tax lines.
    pub tax: Amount,
    /// What is to be paid.
    pub gross: Amount,
}

/// Adds up lines and computes the tax once for each rate, on the sum of that rate's lines (EN 16931,
/// BR-CO-10 to BR-CO-17); nothing when a sum does not fit.
///
/// ```
/// # use calculation::invoice::{InvoiceLine, LineKind, totals};
/// let line = |net: &str| InvoiceLine {
///     kind: LineKind::Usage, description: String::new(), calls: 1, seconds: 60, included_seconds: 0,
///     net: net.parse().unwrap(), tax_category: Default::default(), tax_rate: "19".parse().unwrap(), days: None,
/// };
/// // Three lines of 0.03: taxed each 0.01, but taxed together 0.09 × 19 % = 0.0171.
/// let sum = totals(&[line("0.03"), line("0.03"), line("0.03")], "EUR".parse()?).unwrap();
/// assert_eq!((sum.net, sum.tax, sum.gross), ("0.09".parse()?, "0.02".parse()?, "0.11".parse()?));
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn totals(lines: &[InvoiceLine], currency: Currency) -> Option<Totals> {
    let mut by_rate: BTreeMap<(TaxCategory, TaxRate), Amount> = BTreeMap::new();
    for line in lines {
        let taxable = by_rate.entry((line.tax_category, line.tax_rate)).or_default();
        *taxable = taxable.checked_add(line.net)?;
    }
    let taxes = by_rate
        .into_iter()
        .map(|((category, rate), taxable)| {
            Some(TaxLine { category, rate, taxable, tax: rate.tax_on(taxable, currency)? })
        })
        .collect::<Option<Vec<_>>>()?;
    let net = Amount::sum(lines.iter().map(|line| line.net))?;
    let tax = Amount::sum(taxes.iter().map(|line| line.tax))?;
    Some(Totals { taxes, net, tax, gross: net.checked_add(tax)? })
}
