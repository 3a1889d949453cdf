//! Who has paid what? Receivables, the payments and credit that settle them, and what is done about the rest.
//!
//! What a customer gave and no invoice took is their credit. Credit and an open invoice never stand side by
//! side: whichever comes second takes the other at once. So what a customer owes, which the ledger knows, is
//! what is open of their invoices less their credit.
//!
//! Whoever changes what is open or credit holds the customer: `customers::hold`.

mod allocate;
mod open;
mod settle;
mod store;

use calculation::money::{Amount, Currency};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

pub use open::open_receivables;
pub use settle::settle_by_credit;

use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};

/// An invoice that is to be paid from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewReceivable {
    pub customer: CustomerId,
    pub invoice: InvoiceId,
    pub currency: Currency,
    /// The end of the day on which it is due: [`due_at`].
    pub due_at: Timestamp,
    /// At zero or below there is nothing to pay; what is below zero is the customer's credit.
    pub gross: Amount,
}

/// The instant from which what is due on a day is overdue: the end of that day in the customer's zone.
pub fn due_at(due_on: Date, zone: &TimeZone) -> Result<Timestamp> {
    let next = due_on.saturating_add(1.day());
    calculation::period::first_instant(next, zone).map_err(|error| Error::Inconsistent(error.to_string()))
}

/// What settles an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    Payment,
    CreditNote,
    /// Another invoice, which came to less than nothing.
    Invoice,
    WriteOff,
}

impl Source {
    fn code(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::CreditNote => "credit_note",
            Self::Invoice => "invoice",
            Self::WriteOff => "write_off",
        }
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let all = [Self::Payment, Self::CreditNote, Self::Invoice, Self::WriteOff];
        let known = all.into_iter().find(|source| source.code() == text);
        known.ok_or_else(|| format!("`{text}` settles no invoice"))
    }
}
