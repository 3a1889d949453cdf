//! What is a receiver told? The data of each event: enough to know whose it is and to ask for the rest.
//!
//! Nobody's numbers are in it: who called whom is read by the API, by those who may.

use calculation::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Event, Kind};
use crate::calls::{Control, MoneySchema};
use crate::id::{CustomerId, ImportId, InvoiceId, PaymentId};
use crate::payments::PaidInvoice;

/// What is sent: the body of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payload<T> {
    /// The event.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub(super) event: &'static str,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(super) timestamp: Timestamp,
    pub(super) data: T,
}

/// Calls were charged, up to 500 of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallsCharged {
    pub calls: Vec<ChargedCall>,
}

/// A call that was charged. Its customer, source and record id name it in the API.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargedCall {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "switch-a")]
    pub source: String,
    #[schema(example = "A000123")]
    pub record_id: String,
    pub call_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    pub talk_seconds: u32,
    #[schema(example = "United Kingdom")]
    pub destination: String,
    pub billed_seconds: u32,
    pub included_seconds: u32,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The beginning of the month it is invoiced with.
    #[schema(value_type = String, format = DateTime)]
    pub period_start: Timestamp,
    /// The beginning of the month it belongs to, when that was invoiced already.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub late_for: Option<Timestamp>,
}

/// An invoice was issued and has its number.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceIssued {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub invoice_id: InvoiceId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "INV-2026-000001")]
    pub number: String,
    /// The beginning of its month.
    #[schema(value_type = String, format = DateTime)]
    pub period_start: Timestamp,
    #[schema(value_type = String, format = Date)]
    pub issued_on: Date,
    #[schema(value_type = String, format = Date)]
    pub due_on: Date,
    #[schema(value_type = MoneySchema)]
    pub net: Money,
    #[schema(value_type = MoneySchema)]
    pub tax: Money,
    #[schema(value_type = MoneySchema)]
    pub gross: Money,
}

/// Nothing is open of an invoice any more: it was paid, some of it perhaps credited.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoicePaid {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub invoice_id: InvoiceId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "INV-2026-000001")]
    pub number: String,
    #[schema(value_type = MoneySchema)]
    pub gross: Money,
}

/// A payment was taken back: its debit bounced, its card was charged back.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentReversed {
    #[schema(value_type = String, example = "pay_01h2x3y4z5a6b")]
    pub payment_id: PaymentId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "2026-11-03/0042")]
    pub reference: String,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    #[schema(example = "MD06: refund asked for by the debtor")]
    pub reason: String,
    /// The invoices that are open again, and by how much.
    pub reopened: Vec<PaidInvoice>,
}

/// A customer's prepaid money is low.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceLow {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    #[schema(value_type = MoneySchema)]
    pub available: Money,
    /// It should not be below this.
    #[schema(value_type = MoneySchema)]
    pub below: Money,
    /// The top-up that is asked for, if one is.
    #[schema(value_type = Option<MoneySchema>)]
    pub top_up: Option<Money>,
}

/// So much of a customer's spending cap is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpendingThreshold {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    /// The beginning of the month.
    #[schema(value_type = String, format = DateTime)]
    pub period_start: Timestamp,
    /// 60, 80 or 100.
    pub percent: u32,
    #[schema(value_type = MoneySchema)]
    pub used: Money,
    #[schema(value_type = MoneySchema)]
    pub cap: Money,
}

/// A file of records was imported.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportFinished {
    #[schema(value_type = String, example = "imp_01h2x3y4z5a6b")]
    pub import_id: ImportId,
    #[schema(example = "switch-a")]
    pub source: String,
    pub file_name: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    pub control: Control,
}

/// Records could not be charged and wait in suspense, up to 500 of them. One that waited already is not told again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordsSuspended {
    #[schema(example = "switch-a")]
    pub source: String,
    #[schema(value_type = Option<String>, example = "imp_01h2x3y4z5a6b")]
    pub import_id: Option<ImportId>,
    pub records: Vec<SuspendedRecord>,
}

/// A record that waits in suspense.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspendedRecord {
    /// The line of the file, from 1.
    pub line: u64,
    pub record_id: Option<String>,
    #[schema(example = "no_rate")]
    pub reason: &'static str,
    #[schema(example = "called_number")]
    pub field: &'static str,
}

/// Somebody asked for a message, to see whether it arrives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Test {
    #[schema(example = "Does this arrive?")]
    pub message: &'static str,
}

macro_rules! events {
    ($($data:ty: $code:expr;)+) => {$(
        impl Event for $data {
            const CODE: &'static str = $code;
        }
    )+};
}

events! {
    CallsCharged: Kind::CallCharged.code();
    InvoiceIssued: Kind::InvoiceIssued.code();
    InvoicePaid: Kind::InvoicePaid.code();
    PaymentReversed: Kind::PaymentReversed.code();
    BalanceLow: Kind::BalanceLow.code();
    SpendingThreshold: Kind::SpendingThreshold.code();
    ImportFinished: Kind::ImportFinished.code();
    RecordsSuspended: Kind::RecordSuspended.code();
    Test: "webhook.test";
}

/// A message about many things holds so many at most.
pub(crate) const TOGETHER: usize = 500;
