//! How much is a part of an amount, and how much is left of it?

use super::{Amount, Currency, RoundingMode, divide};

impl Amount {
    /// So much less, or nothing when that does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `numerator / denominator` of it, rounded once, half-up, to the currency's minor unit; nothing when
    /// that does not fit or the denominator is zero.
    ///
    /// ```
    /// use calculation::money::{Amount, Currency};
    /// let (fee, euro): (Amount, Currency) = ("30.00".parse()?, "EUR".parse()?);
    /// assert_eq!(fee.part(17, 31, euro), Some("16.45".parse()?)); // 16.4516…
    /// assert_eq!(fee.part(1, 0, euro), None);
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn part(self, numerator: i64, denominator: i64, currency: Currency) -> Option<Self> {
        let micros_a_minor_unit = currency.micros_a_minor_unit()?;
        let divisor = i128::from(denominator).checked_mul(micros_a_minor_unit)?;
        let product = i128::from(self.0).checked_mul(numerator.into())?;
        let minor_units = divide(product, divisor, RoundingMode::HalfUp)?;
        i64::try_from(minor_units.checked_mul(micros_a_minor_unit)?).ok().map(Self)
    }
}

impl Currency {
    /// How many millionths of the unit the smallest part that is paid has.
    pub(crate) fn micros_a_minor_unit(self) -> Option<i128> {
        10_i128.checked_pow(6_u32.checked_sub(self.minor_digits().into())?)
    }
}
