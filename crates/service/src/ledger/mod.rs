//! What does each customer owe, and why? Double entry: whatever happens is an entry, whose postings sum to zero.
//!
//! Entries are appended and never changed; a correction is another entry. Amounts are signed: a posting above
//! zero is a debit, below zero a credit. So the postings to a customer's `receivable` sum to what they owe.

pub mod http;
mod post;
mod statement;
mod store;
mod verify;

use calculation::money::{Amount, Currency};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use post::post;
pub use statement::{StatementEntry, balance, statement};
pub use verify::{Verified, verify};

use crate::id::{BookingId, CreditNoteId, CustomerId, EntryId, InvoiceId, PaymentId, WriteOffId};

/// Where amounts are posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What the customer owes.
    Receivable,
    /// What was sold, without tax.
    Revenue,
    /// What is due to the tax office.
    Tax,
    /// What the bank received.
    Bank,
    /// What nobody will pay.
    BadDebt,
    /// What is owed to the customer: prepaid money that is not used yet.
    Prepaid,
    /// Vouchers that were sold and are not redeemed yet.
    Vouchers,
    /// Prepaid money that was given away.
    Bonus,
    /// Prepaid money that was corrected by hand.
    Adjustment,
    /// Prepaid money that expired unused.
    Breakage,
}

impl Account {
    fn code(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::Revenue => "revenue",
            Self::Tax => "tax",
            Self::Bank => "bank",
            Self::BadDebt => "bad_debt",
            Self::Prepaid => "prepaid",
            Self::Vouchers => "vouchers",
            Self::Bonus => "bonus",
            Self::Adjustment => "adjustment",
            Self::Breakage => "breakage",
        }
    }
}

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
    const ALL: [Self; 12] = [
        Self::Issue,
        Self::CreditNote,
        Self::Payment,
        Self::Refund,
        Self::WriteOff,
        Self::TopUp,
        Self::Bonus,
        Self::Voucher,
        Self::Adjustment,
        Self::Fee,
        Self::Expiry,
        Self::Call,
    ];
    /// Those of what the customer owes. The others are of prepaid balances.
    const OWED: [Self; 5] = [Self::Issue, Self::CreditNote, Self::Payment, Self::Refund, Self::WriteOff];

    fn code(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::CreditNote => "credit_note",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::WriteOff => "write_off",
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
            Self::Payment | Self::Refund => PaymentId(id).to_string(),
            Self::WriteOff => WriteOffId(id).to_string(),
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
    postings: [(Account, Amount); 3],
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
        let postings =
            [(Account::Receivable, gross), (Account::Revenue, less(net)), (Account::Tax, less(tax))];
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
        let postings = [(Account::Receivable, less(gross)), (Account::Revenue, net), (Account::Tax, tax)];
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
        let postings = moved(Account::Bank, Account::Receivable, amount);
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
        let postings = moved(Account::Receivable, Account::Bank, amount);
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
        let postings = moved(Account::BadDebt, Account::Receivable, amount);
        Self { customer, kind: EntryKind::WriteOff, subject: write_off.0, currency, at, postings }
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
        let postings = moved(from, Account::Prepaid, amount);
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
        let revenue = paid.checked_add(loss).map_or(paid, less);
        let postings = [(Account::Prepaid, paid), (Account::BadDebt, loss), (Account::Revenue, revenue)];
        Self { customer, kind: EntryKind::Call, subject: entry.0, currency, at, postings }
    }

    /// Whether the postings sum to zero.
    fn balances(&self) -> bool {
        Amount::sum(self.postings.iter().map(|(_, amount)| *amount)) == Some(Amount::ZERO)
    }
}

/// The amount with the other sign. The least amount has none: its entry will not balance, and is refused.
fn less(amount: Amount) -> Amount {
    Amount::from_micros(amount.micros().saturating_neg())
}

fn moved(to: Account, from: Account, amount: Amount) -> [(Account, Amount); 3] {
    // An entry has room for three postings; those of zero are not stored.
    [(to, amount), (from, less(amount)), (Account::Revenue, Amount::ZERO)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_balances_or_is_known_not_to() {
        let [customer, at] = [CustomerId(1).0, 0];
        let (customer, at) = (CustomerId(customer), Timestamp::from_second(at).unwrap());
        let issue = |net: i64, tax: i64, gross: i64| {
            let [net, tax, gross] = [net, tax, gross].map(Amount::from_micros);
            Entry::issue(customer, InvoiceId(2), "EUR".parse().unwrap(), net, tax, gross, at)
        };
        assert!(issue(100, 19, 119).balances() && issue(-100, -19, -119).balances());
        assert!(!issue(100, 19, 118).balances());
        assert!(!issue(i64::MIN, 0, i64::MIN).balances());
        assert!(!issue(i64::MAX, i64::MAX, -2).balances());
    }

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in EntryKind::ALL {
            assert_eq!(kind.code().parse(), Ok(kind));
        }
        assert!("gift".parse::<EntryKind>().is_err());
    }
}
