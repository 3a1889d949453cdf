//! Who has paid what? Receivables, the payments and credit that settle them, and what is done about the rest.
//!
//! What a customer gave and no invoice took is their credit. Credit and an open invoice never stand side by
//! side: whichever comes second takes the other at once. So what a customer owes, which the ledger knows, is
//! what is open of their invoices less their credit.
//!
//! Whoever changes what is open or credit holds the customer: `customers::hold`.

mod ageing;
mod allocate;
mod announce;
pub mod cli;
pub mod http;
mod import;
mod ladder;
mod open;
mod record;
mod recover;
mod reference;
mod remind;
mod reverse;
mod save;
mod settle;
mod settlement;
mod status;
mod store;
mod take_back;
mod turn;
mod verify;
mod write_off;

use calculation::money::{Amount, Currency, Money};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use ageing::{AgedCustomer, Ages, ageing, ageing_of_customers};
pub(crate) use announce::announce_paid;
pub use import::{BankLine, ImportedPayments, Layout, RefusedLine, delimiter, record_line};
pub use open::open_receivables;
pub use record::{Recorded, record};
pub use remind::{Reminded, remind};
pub(crate) use remind::{announced, reminded_of};
pub use reverse::{Reversed, ReversedPayment, reverse};
pub(crate) use settle::restore_if_settled;
pub use settle::settle_by_credit;
pub(crate) use settlement::{Part, credit_left, given_by, settled_by};
pub use status::{Standing, Status, standing};
pub(crate) use status::{due_of, status_of};
pub use take_back::{TakenBack, take_back_credit};
pub use verify::{Verified, verify};
pub use write_off::{WriteOff, WrittenOff, write_off};

use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, InvoiceId, PaymentId, WriteOffId};

/// Money that a customer paid, or was paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    #[schema(value_type = String, example = "pay_01h2x3y4z5a6b")]
    pub id: PaymentId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    pub kind: PaymentKind,
    /// What names it: the bank's or the operator's own, once for all customers.
    #[schema(example = "2026-11-03/0042")]
    pub reference: String,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The bank's day.
    #[schema(value_type = String, format = Date)]
    pub paid_on: Date,
    #[schema(example = "bank transfer")]
    pub method: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// That it was taken back, when and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversal: Option<PaymentReversal>,
    /// What of it went to which invoice. The rest was or is the customer's credit.
    pub allocations: Vec<PaidInvoice>,
}

/// That a payment was taken back: its debit bounced, its card was charged back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentReversal {
    #[schema(value_type = String, format = DateTime)]
    pub reversed_at: Timestamp,
    #[schema(example = "MD06: refund asked for by the debtor")]
    pub reason: String,
}

/// What of a payment went to an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaidInvoice {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub invoice_id: InvoiceId,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
}

/// Which way the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    /// From the customer.
    #[default]
    Payment,
    /// Back to the customer, of their credit.
    Refund,
}

impl PaymentKind {
    fn code(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
        }
    }
}

/// A payment or refund to be recorded.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// What names it: recorded once, however often it is sent.
    #[schema(example = "2026-11-03/0042")]
    pub reference: String,
    /// Above zero, no finer than the currency's minor unit.
    #[schema(value_type = String, example = "12.04")]
    pub amount: Amount,
    /// The customer's.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The bank's day.
    #[schema(value_type = String, format = Date, example = "2026-11-03")]
    pub paid_on: Date,
    #[schema(example = "bank transfer")]
    pub method: Option<String>,
    #[serde(default)]
    pub kind: PaymentKind,
    /// The number or id of the invoice that is paid first; the oldest open one when absent.
    #[schema(example = "INV-2026-000001")]
    pub invoice: Option<String>,
}

/// The payment or refund that a reference names.
pub async fn by_reference(tx: &mut Tx, reference: &str) -> Result<Option<Payment>> {
    reference::find(tx, reference).await
}

/// A customer's payments and refunds, newest first, after a cursor.
pub async fn of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    after: Option<PaymentId>,
    limit: usize,
) -> Result<Vec<Payment>> {
    store::payments(tx, customer, after.unwrap_or(PaymentId(i64::MAX)), limit).await
}

/// What is open of a customer's invoices, and their credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub open: Amount,
    /// The part of `open` that is overdue.
    pub overdue: Amount,
    /// Below zero when money was paid back of a payment that was taken back since.
    pub credit: Amount,
}

/// What is open of a customer's invoices, and their credit.
pub async fn position(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<Position> {
    store::position(tx, customer, now).await
}

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
    calculation::period::first_instant(next, zone).map_err(|error| Error::Contradiction(error.to_string()))
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

    /// The id of what settles, as the API writes it.
    fn subject(self, id: i64) -> String {
        match self {
            Self::Payment => PaymentId(id).to_string(),
            Self::CreditNote => CreditNoteId(id).to_string(),
            Self::Invoice => InvoiceId(id).to_string(),
            Self::WriteOff => WriteOffId(id).to_string(),
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
