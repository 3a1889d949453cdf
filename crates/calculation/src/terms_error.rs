//! Why are terms of a plan or of a discount refused, and where?

use crate::limit;
use crate::money::{Amount, Price};

/// Why terms are refused: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct TermsError {
    /// Where in the terms, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong there, to be read after its name.
    pub message: String,
}

impl TermsError {
    pub(crate) fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }

    /// The same, seen from what holds it.
    pub(crate) fn within(self, outer: &str) -> Self {
        Self { pointer: format!("{outer}{}", self.pointer), ..self }
    }

    /// Refuses an amount below zero or beyond the limit.
    pub(crate) fn sound_amount(pointer: &str, amount: Amount) -> Result<(), Self> {
        Self::not_negative(pointer, amount.micros())?;
        limit::one(amount).map_err(|over| Self::new(pointer, over.to_string()))
    }

    pub(crate) fn sound_price(pointer: &str, price: Price) -> Result<(), Self> {
        Self::not_negative(pointer, price.nanos())?;
        limit::price(price).map_err(|over| Self::new(pointer, over.to_string()))
    }

    fn not_negative(pointer: &str, count: i64) -> Result<(), Self> {
        if count < 0 { Err(Self::new(pointer, "is below zero")) } else { Ok(()) }
    }
}
