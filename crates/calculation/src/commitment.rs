//! What is missing to the least that a plan costs a month?

use crate::fee::{self, DaysOfMonth};
use crate::money::{Amount, Currency};

/// What is to be added so that a month comes to the commitment's part for the days it was agreed for; zero
/// if it does already, nothing when it does not fit.
///
/// ```
/// use calculation::{commitment::shortfall, fee::DaysOfMonth};
/// let (commitment, counted) = ("20.00".parse()?, "12.34".parse()?);
/// let missing = |days| shortfall(commitment, DaysOfMonth::new(days, 30)?, counted, "EUR".parse().ok()?);
/// assert_eq!(missing(30), Some("7.66".parse()?));
/// assert_eq!(missing(15), Some("0.00".parse()?)); // 10.00 are reached
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn shortfall(
    commitment: Amount,
    part: DaysOfMonth,
    counted: Amount,
    currency: Currency,
) -> Option<Amount> {
    let least = fee::prorated(commitment, part, currency)?;
    let missing = least.micros().checked_sub(counted.micros())?;
    Amount::from_micros(missing.max(0)).to_minor_unit(currency)
}
