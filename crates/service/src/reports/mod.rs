//! What does a clerk ask about all customers? Which invoices of a month stand how, and what was sold by tax rate, plan and
//! destination. Here it is looked at what other features store, since comparing them is the point.

pub mod cli;
pub mod http;
mod invoices;
mod revenue;
mod store;

use calculation::money::Money;
use calculation::total::Total as Sum;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use invoices::{Asked, Cursor, Totals, invoices};
pub use revenue::{By, Revenue, RevenueRow, revenue};

use crate::calls::MoneySchema;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::Status;

/// An invoice on the list of all customers' invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListedInvoice {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub id: InvoiceId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    #[schema(example = "Anna Brandt")]
    pub customer_name: String,
    /// Absent for the moment between issuing and numbering.
    #[schema(example = "INV-2026-000001")]
    pub number: Option<String>,
    #[schema(example = "2026-10")]
    pub month: String,
    #[schema(value_type = Option<String>, format = Date)]
    pub issued_on: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<Date>,
    #[schema(value_type = MoneySchema)]
    pub net: Money,
    #[schema(value_type = MoneySchema)]
    pub tax: Money,
    #[schema(value_type = MoneySchema)]
    pub gross: Money,
    /// What is still to be paid.
    #[schema(value_type = MoneySchema)]
    pub open: Money,
    pub status: Status,
    #[serde(skip)]
    starts_at: Timestamp,
}

/// A month in every zone: its months begin in it, wherever the customers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// Elsewhere a month begins up to 14 hours earlier or 12 later than in UTC: so much later all have begun, and none of the
/// next has.
const EARLIEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(15);

impl Month {
    /// Of a text such as `2026-10`.
    pub fn of(text: &str) -> Result<Self, String> {
        let utc = calculation::period::Period::of_month(text, &jiff::tz::TimeZone::UTC);
        let utc = utc.map_err(|error| error.to_string())?;
        let edge = |at: Timestamp| at.checked_sub(EARLIEST).map_err(|error| error.to_string());
        Ok(Self { from: edge(utc.starts_at)?, to: edge(utc.ends_at)? })
    }
}

/// The month that begins at an instant, somewhere.
fn month_of(starts_at: Timestamp) -> String {
    let inside = starts_at.checked_add(EARLIEST).unwrap_or(starts_at);
    jiff::tz::TimeZone::UTC.to_datetime(inside).date().strftime("%Y-%m").to_string()
}

/// In which form a whole list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A page.
    #[default]
    Json,
    /// All of it, a row for each, for spreadsheets.
    Csv,
}

/// An amount as a cell of a table.
fn cell(amount: impl Into<Sum>, currency: calculation::money::Currency) -> String {
    amount.into().to_text(currency.minor_digits())
}

/// A row of a CSV file (RFC 4180). What a spreadsheet would compute is text to it.
pub(crate) fn csv_row<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> Vec<u8> {
    let quoted = |text: S| {
        let text = text.as_ref();
        let is_formula =
            text.starts_with(['=', '+', '@', '\t']) || (text.starts_with('-') && !is_number(text));
        let text = if is_formula { format!("'{text}") } else { text.to_owned() };
        if text.contains([',', '"', '\n', '\r', ';']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let cells: Vec<_> = cells.into_iter().map(quoted).collect();
    format!("{}\r\n", cells.join(",")).into_bytes()
}

/// Whether a text is digits with a point, below zero or not, however many.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches('-').split('.');
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.clone().count() <= 2 && digits.clone().all(is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_told_by_when_it_begins_anywhere() {
        for (starts_at, expected) in [
            ("2026-09-30T10:00:00Z", "2026-10"), // Kiritimati
            ("2026-09-30T22:00:00Z", "2026-10"),
            ("2026-10-01T00:00:00Z", "2026-10"),
            ("2026-10-01T12:00:00Z", "2026-10"), // Baker Island
            ("2026-12-31T10:00:00Z", "2027-01"),
        ] {
            let starts_at: Timestamp = starts_at.parse().unwrap();
            assert_eq!(month_of(starts_at), expected);
            let month = Month::of(expected).unwrap();
            assert!(month.from <= starts_at && starts_at < month.to, "{expected}");
        }
        assert!(Month::of("October").is_err());
    }

    #[test]
    fn cells_are_quoted_and_compute_nothing() {
        let row = csv_row(["a", "b,c", "say \"x\"", "=1+1", "-5.00", "-cmd", "", "@x", "d;e"]);
        assert_eq!(
            String::from_utf8(row).unwrap(),
            "a,\"b,c\",\"say \"\"x\"\"\",'=1+1,-5.00,'-cmd,,'@x,\"d;e\"\r\n"
        );
    }
}
