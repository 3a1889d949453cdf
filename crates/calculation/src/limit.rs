//! How much may one thing come to, and many of a customer's together, so that every sum fits an amount?
//!
//! An amount holds 9,223,372,036,854 units of its currency. The limits leave room for ninety of the largest things,
//! and are still more than a telephone customer owes in any currency: `docs/money.md` has the reasons.

use crate::money::{Amount, Price};

/// The most that one thing may come to: a payment, a charge, a fee, a top-up, a limit. A hundred billion.
pub const ONE: Amount = Amount::from_micros(100_000_000_000_000_000);
/// The most that things of one kind of a customer may come to together: an invoice, credit, charges that wait for an
/// invoice, prepaid money. A million million.
pub const TOGETHER: Amount = Amount::from_micros(1_000_000_000_000_000_000);
/// The most that a minute or the connection of a call may cost: a minute with both can still be charged. Fifty million.
pub const PRICE: Price = Price::from_nanos(50_000_000_000_000_000);
/// The most seconds that one thing may give: more than thirty years.
pub const SECONDS: i64 = 1_000_000_000;

/// Why a value is refused, to be read after the name of its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// One thing.
    #[error("is more than {ONE}, the most that one amount may be: check it, or split it")]
    One,
    /// Together with what is there.
    #[error(
        "would come to more than {TOGETHER} together with what is there: settle or use up some of that first"
    )]
    Together,
    /// A price.
    #[error("is more than {PRICE}, the most that a minute or a connection may cost: check the price")]
    Price,
    /// A count of seconds.
    #[error("is more than {SECONDS} seconds, the most at once: check it, or split it")]
    Seconds,
}

/// Refuses an amount that is too large for one thing, above or below zero.
///
/// ```
/// use calculation::limit;
/// assert_eq!(limit::one(limit::ONE), Ok(()));
/// assert!(limit::one("100000000000.01".parse()?).unwrap_err().to_string().contains("100000000000.00"));
/// assert!(limit::one("-100000000000.01".parse()?).is_err());
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn one(amount: Amount) -> Result<(), OverLimit> {
    within(amount.micros(), ONE.micros(), OverLimit::One)
}

/// Refuses what is too much together, above or below zero.
///
/// ```
/// use calculation::limit::{ONE, together};
/// assert!(together([ONE; 10]).is_ok() && together([ONE; 11]).is_err());
/// ```
pub fn together(amounts: impl IntoIterator<Item = Amount>) -> Result<(), OverLimit> {
    let sum = Amount::sum(amounts).ok_or(OverLimit::Together)?;
    within(sum.micros(), TOGETHER.micros(), OverLimit::Together)
}

/// Refuses a price that is too high.
///
/// ```
/// use calculation::limit;
/// assert!(limit::price(limit::PRICE).is_ok() && limit::price("50000000.000000001".parse()?).is_err());
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn price(price: Price) -> Result<(), OverLimit> {
    within(price.nanos(), PRICE.nanos(), OverLimit::Price)
}

/// Refuses an amount that one call costs at the least and that is too high.
///
/// ```
/// use calculation::limit;
/// assert!(limit::call("50000000".parse()?).is_ok() && limit::call("50000000.01".parse()?).is_err());
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn call(least: Amount) -> Result<(), OverLimit> {
    let nanos = i128::from(least.micros()).saturating_mul(1_000);
    if nanos.unsigned_abs() <= u128::from(PRICE.nanos().unsigned_abs()) {
        Ok(())
    } else {
        Err(OverLimit::Price)
    }
}

/// Refuses too many seconds.
pub fn seconds(count: i64) -> Result<(), OverLimit> {
    within(count, SECONDS, OverLimit::Seconds)
}

fn within(count: i64, most: i64, over: OverLimit) -> Result<(), OverLimit> {
    if count.unsigned_abs() <= most.unsigned_abs() { Ok(()) } else { Err(over) }
}
