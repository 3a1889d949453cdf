//! Which accounts does an event move, and by how much? The postings of an event sum to zero.
//!
//! Amounts are signed: a posting above zero is a debit, below zero a credit. So the postings to a customer's
//! [`Account::Receivable`] sum to what they owe.

use crate::money::Amount;

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
    /// The word that is stored for it.
    pub const fn code(self) -> &'static str {
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

/// What an event posts. It sums to zero: postings that do not, or that fit no amount, cannot be made.
///
/// ```
/// use calculation::{money::Amount, posting::{Account, Postings}};
/// let amount = Amount::from_micros;
/// let issued = Postings::issue(amount(100), amount(19), amount(119)).unwrap();
/// assert_eq!(issued.of(Account::Receivable), amount(119));
/// assert_eq!(Postings::issue(amount(100), amount(19), amount(118)), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postings([(Account, Amount); 3]);

impl Postings {
    /// An invoice: the customer owes what was sold and its tax.
    pub fn issue(net: Amount, tax: Amount, gross: Amount) -> Option<Self> {
        Self::new([(Account::Receivable, gross), (Account::Revenue, less(net)?), (Account::Tax, less(tax)?)])
    }

    /// A credit note, whose amounts are positive: an invoice reversed.
    pub fn credit_note(net: Amount, tax: Amount, gross: Amount) -> Option<Self> {
        Self::new([(Account::Receivable, less(gross)?), (Account::Revenue, net), (Account::Tax, tax)])
    }

    /// A payment: the money is at the bank, and the customer owes less.
    pub fn payment(amount: Amount) -> Option<Self> {
        Self::moved(Account::Bank, Account::Receivable, amount)
    }

    /// A refund: the money has left the bank, and the customer has less credit.
    pub fn refund(amount: Amount) -> Option<Self> {
        Self::moved(Account::Receivable, Account::Bank, amount)
    }

    /// A write-off: nobody will pay it.
    pub fn write_off(amount: Amount) -> Option<Self> {
        Self::moved(Account::BadDebt, Account::Receivable, amount)
    }

    /// A recovery: what was written off is owed again, since it is paid.
    pub fn recovery(amount: Amount) -> Option<Self> {
        Self::moved(Account::Receivable, Account::BadDebt, amount)
    }

    /// A deed on prepaid balances: what came to them came from another account, or went there when below zero.
    pub fn booking(from: Account, amount: Amount) -> Option<Self> {
        Self::moved(from, Account::Prepaid, amount)
    }

    /// A call, or a correction of one: what was taken from prepaid balances, and what nobody paid.
    pub fn call(paid: Amount, loss: Amount) -> Option<Self> {
        let revenue = less(paid.checked_add(loss)?)?;
        Self::new([(Account::Prepaid, paid), (Account::BadDebt, loss), (Account::Revenue, revenue)])
    }

    /// What is debited to one account and credited to another. An event has room for three postings.
    fn moved(to: Account, from: Account, amount: Amount) -> Option<Self> {
        Self::new([(to, amount), (from, less(amount)?), (Account::Revenue, Amount::ZERO)])
    }

    fn new(postings: [(Account, Amount); 3]) -> Option<Self> {
        let sum = Amount::sum(postings.iter().map(|(_, amount)| *amount));
        (sum == Some(Amount::ZERO)).then_some(Self(postings))
    }

    /// Each posting that moves something.
    pub fn iter(&self) -> impl Iterator<Item = (Account, Amount)> {
        self.0.iter().copied().filter(|(_, amount)| *amount != Amount::ZERO)
    }

    /// What is posted to an account.
    pub fn of(&self, account: Account) -> Amount {
        self.iter().find(|(posted, _)| *posted == account).map_or(Amount::ZERO, |(_, amount)| amount)
    }
}

/// The amount with the other sign. The least amount has none.
fn less(amount: Amount) -> Option<Amount> {
    amount.micros().checked_neg().map(Amount::from_micros)
}
