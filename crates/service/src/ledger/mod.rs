//! What does each customer owe, and why? Double entry: whatever happens is an entry, whose postings sum to zero.
//!
//! Entries are appended and never changed; a correction is another entry. Amounts are signed: a posting above
//! zero is a debit, below zero a credit. So the postings to a customer's `receivable` sum to what they owe.

pub mod cli;
pub mod http;
mod journal;
mod post;
mod statement;
mod store;
mod verify;

use calculation::money::{Amount, Currency};
pub use calculation::posting::Account;
use calculation::posting::Postings;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use journal::{JournalForm, JournalLine, journal};
pub use post::post;
pub use statement::{StatementEntry, balance, statement};
pub use verify::{Verified, verify};

use crate::id::{BookingId, CreditNoteId, CustomerId, EntryId, InvoiceId, PaymentId, WriteOffId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An invoice was issued.
    Issue,
    /// A credit note was issued.
    CreditNote,
    /// The customer paid.
    Payment,
    /// The customer was paid back.
    Refund,
    /// What was open of an invoice was given up.
    WriteOff,
    /// What was given up of an invoice was paid all the same.
    Recovery,
    /// A payment was taken back.
    Reversal,
    /// Prepaid money was paid in.
    TopUp,
    /// Prepaid money was given.
    Bonus,
    /// A voucher was redeemed.
    Voucher,
    /// Prepaid money was corrected by hand.
    Adjustment,
    /// The fee of a prepaid plan was paid.
    Fee,
    /// Prepaid money expired.
    Expiry,
    /// A call was paid by prepaid money, or what it cost was corrected.
    Call,
}

impl EntryKind {
    const ALL: [Self; 14] = [
        Self::Issue,
        Self::CreditNote,
        Self::Payment,
        Self::Refund,
        Self::WriteOff,
        Self::Recovery,
        Self::Reversal,
        Self::TopUp,
        Self::Bonus,
        Self::Voucher,
        Self::Adjustment,
        Self::Fee,
        Self::Expiry,
        Self::Call,
    ];
    /// Those of what the customer owes. The others are of prepaid balances.
    const OWED: [Self; 7] = [
        Self::Issue,
        Self::CreditNote,
        Self::Payment,
        Self::Refund,
        Self::WriteOff,
        Self::Recovery,
        Self::Reversal,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::CreditNote => "credit_note",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::WriteOff => "write_off",
            Self::Recovery => "recovery",
            Self::Reversal => "reversal",
            Self::TopUp => "top_up",
            Self::Bonus => "bonus",
            Self::Voucher => "voucher",
            Self::Adjustment => "adjustment",
            Self::Fee => "fee",
            Self::Expiry => "expiry",
            Self::Call => "call",
        }
    }

    /// The id of what happened, as the API writes it.
    fn subject(self, id: i64) -> String {
        match self {
            Self::Issue => InvoiceId(id).to_string(),
            Self::CreditNote => CreditNoteId(id).to_string(),
            Self::Payment | Self::Refund | Self::Reversal => PaymentId(id).to_string(),
            Self::WriteOff | Self::Recovery => WriteOffId(id).to_string(),
            Self::Call => EntryId(id).to_string(),
            _ => BookingId(id).to_string(),
        }
    }
}

impl std::str::FromStr for EntryKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.code() == text);
        known.ok_or_else(|| format!("`{text}` is no kind of entry"))
    }
}

/// Something that happened, to be posted. There is one entry of a kind for each subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    customer: CustomerId,
    kind: EntryKind,
    subject: i64,
    currency: Currency,
    at: Timestamp,
    /// Absent when they would not sum to zero: posting it is a fault.
    postings: Option<Postings>,
}

impl Entry {
    /// An invoice: the customer owes what was sold and its tax.
    pub fn issue(
        customer: CustomerId,
        invoice: InvoiceId,
        currency: Currency,
        net: Amount,
        tax: Amount,
        gross: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::issue(net, tax, gross);
        Self { customer, kind: EntryKind::Issue, subject: invoice.0, currency, at, postings }
    }

    /// A credit note, whose amounts are positive: an invoice reversed.
    pub fn credit_note(
        customer: CustomerId,
        credit_note: CreditNoteId,
        currency: Currency,
        net: Amount,
        tax: Amount,
        gross: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::credit_note(net, tax, gross);
        Self { customer, kind: EntryKind::CreditNote, subject: credit_note.0, currency, at, postings }
    }

    /// A payment: the money is at the bank, and the customer owes less.
    pub fn payment(
        customer: CustomerId,
        payment: PaymentId,
        currency: Currency,
        amount: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::payment(amount);
        Self { customer, kind: EntryKind::Payment, subject: payment.0, currency, at, postings }
    }

    /// A refund: the money has left the bank, and the customer has less credit.
    pub fn refund(
        customer: CustomerId,
        refund: PaymentId,
        currency: Currency,
        amount: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::refund(amount);
        Self { customer, kind: EntryKind::Refund, subject: refund.0, currency, at, postings }
    }

    /// A write-off: nobody will pay it.
    pub fn write_off(
        customer: CustomerId,
        write_off: WriteOffId,
        currency: Currency,
        amount: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::write_off(amount);
        Self { customer, kind: EntryKind::WriteOff, subject: write_off.0, currency, at, postings }
    }

    /// What was written off was paid all the same: it is owed again, and no bad debt.
    pub fn recovery(
        customer: CustomerId,
        recovery: WriteOffId,
        currency: Currency,
        amount: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::recovery(amount);
        Self { customer, kind: EntryKind::Recovery, subject: recovery.0, currency, at, postings }
    }

    /// A payment is taken back: the money has left the bank, and the customer owes it again.
    pub fn reversal(
        customer: CustomerId,
        payment: PaymentId,
        currency: Currency,
        amount: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::refund(amount);
        Self { customer, kind: EntryKind::Reversal, subject: payment.0, currency, at, postings }
    }

    /// A deed on prepaid balances: what came to them came from another account, or went there when below zero.
    pub fn booking(
        customer: CustomerId,
        kind: EntryKind,
        booking: BookingId,
        (from, amount): (Account, Amount),
        currency: Currency,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::booking(from, amount);
        Self { customer, kind, subject: booking.0, currency, at, postings }
    }

    /// A call, or a correction of one: what was taken from prepaid balances, and what nobody paid.
    pub fn call(
        customer: CustomerId,
        entry: EntryId,
        currency: Currency,
        paid: Amount,
        loss: Amount,
        at: Timestamp,
    ) -> Self {
        let postings = Postings::call(paid, loss);
        Self { customer, kind: EntryKind::Call, subject: entry.0, currency, at, postings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in EntryKind::ALL {
            assert_eq!(kind.code().parse(), Ok(kind));
        }
        assert!("gift".parse::<EntryKind>().is_err());
    }
}
