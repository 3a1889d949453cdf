//! What does a customer owe for a month?

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::money::{Amount, Currency};
use crate::tax::TaxRate;

/// An invoice as it is frozen when issued: all that the document shows, and nothing it must look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// The legal number; absent while it is a draft or waits for its number.
    pub number: Option<String>,
    /// The day it was issued, in the customer's zone.
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
    /// Where to write to.
    pub email: Option<String>,
    /// Where to call.
    pub phone: Option<String>,
    /// The bank account to pay into (seller only).
    pub iban: Option<String>,
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
    /// The tax rate that applies.
    pub tax_rate: TaxRate,
}

/// What kind of thing an invoice line charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A monthly fee.
    Fee,
    /// Calls of this period to one destination.
    Usage,
    /// Calls of an earlier, already invoiced period.
    LateUsage,
}

/// Tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The rate.
    pub rate: TaxRate,
    /// The sum of the lines at that rate.
    pub taxable: Amount,
    /// The tax on it, rounded half-up to the minor unit.
    pub tax: Amount,
}
