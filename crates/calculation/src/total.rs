//! What do amounts of many customers add up to? More than an amount holds, if need be.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::money::{Amount, Currency, Money, decimal_text};

/// A sum over many customers: a count of millionths in 128 bits, which as many amounts as can be stored never fill.
///
/// ```
/// use calculation::{money::Amount, total::Total};
/// let most = Amount::from_micros(i64::MAX);
/// let mut total = Total::default();
/// total.add(most);
/// total.add(most);
/// assert_eq!(total.to_string(), "18446744073709.551614");
/// assert_eq!(total.amount(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Total(i128);

/// A [`Total`] with its currency; in JSON as [`Money`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TotalMoney {
    /// How much.
    pub amount: Total,
    /// Of what.
    pub currency: Currency,
}

impl Total {
    /// From a count of millionths.
    pub const fn from_micros(micros: i128) -> Self {
        Self(micros)
    }

    /// Adds an amount.
    pub fn add(&mut self, amount: Amount) {
        self.0 = self.0.saturating_add(amount.micros().into());
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// The same as an amount, if it fits one.
    pub fn amount(self) -> Option<Amount> {
        i64::try_from(self.0).ok().map(Amount::from_micros)
    }

    /// As decimal text with at least `digits` digits after the point.
    pub fn to_text(self, digits: u8) -> String {
        decimal_text(self.0, 6, digits.into())
    }
}

impl FromIterator<Amount> for Total {
    fn from_iter<I: IntoIterator<Item = Amount>>(amounts: I) -> Self {
        amounts.into_iter().fold(Self::default(), |mut total, amount| {
            total.add(amount);
            total
        })
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        Self(amount.micros().into())
    }
}

impl From<Money> for TotalMoney {
    fn from(money: Money) -> Self {
        Self { amount: money.amount.into(), currency: money.currency }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text(2))
    }
}

impl fmt::Display for TotalMoney {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.amount.to_text(self.currency.minor_digits()), self.currency)
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}
