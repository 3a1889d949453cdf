//! How much tax is due at a rate?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::money::{self, Amount, Currency, MoneyError};

/// A tax rate: a count of ten-thousandths of a percent, so that 8.1 % and 5.5 % are exact.
///
/// ```
/// use calculation::tax::TaxRate;
/// let swiss: TaxRate = "8.1".parse()?;
/// let tax = swiss.tax_on("10.00".parse()?, "CHF".parse()?);
/// assert_eq!(tax, Some("0.81".parse()?));
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TaxRate(i64);

const PERCENT_DIGITS: u32 = 4;

impl TaxRate {
    /// No tax.
    pub const ZERO: Self = Self(0);

    /// From a count of ten-thousandths of a percent.
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// The count of ten-thousandths of a percent.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// The tax on the sum of all lines at this rate, rounded once, half-up, to the currency's minor
    /// unit (EN 16931 BR-CO-17); nothing when it does not fit.
    pub fn tax_on(self, taxable: Amount, currency: Currency) -> Option<Amount> {
        // A percent is a hundredth, a unit of the rate a ten-thousandth of that.
        taxable.part(self.0, 1_000_000, currency)
    }
}

/// Why tax is due, or why not (EN 16931, BT-151; the code is UNTDID 5305).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxCategory {
    /// A rate above zero: `S`.
    #[default]
    Standard,
    /// Taxable at zero percent: `Z`.
    Zero,
    /// Exempt, for a reason that the invoice names: `E`.
    Exempt,
    /// The buyer owes the tax: `AE` (2006/112/EC, article 196).
    ReverseCharge,
}

impl TaxCategory {
    /// The code of UNTDID 5305.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Standard => "S",
            Self::Zero => "Z",
            Self::Exempt => "E",
            Self::ReverseCharge => "AE",
        }
    }
}

/// Which of a country's rates applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    /// The usual rate.
    #[default]
    Standard,
    /// The reduced rate.
    Reduced,
}

impl TaxClass {
    /// The class as it is stored and written.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Reduced => "reduced",
        }
    }
}

impl fmt::Display for TaxClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// What a customer is for the tax office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxTreatment {
    /// Taxed at the rates of their country.
    #[default]
    Standard,
    /// Exempt, such as an embassy.
    Exempt,
    /// A business in another country, which owes the tax itself.
    ReverseCharge,
}

impl TaxTreatment {
    /// Under which category, and at which rate, something is invoiced whose rate would be this.
    ///
    /// ```
    /// use calculation::tax::{TaxCategory, TaxRate, TaxTreatment};
    /// let rate: TaxRate = "19".parse()?;
    /// assert_eq!(TaxTreatment::Standard.apply(rate), (TaxCategory::Standard, rate));
    /// assert_eq!(TaxTreatment::Standard.apply(TaxRate::ZERO).0, TaxCategory::Zero);
    /// assert_eq!(TaxTreatment::ReverseCharge.apply(rate), (TaxCategory::ReverseCharge, TaxRate::ZERO));
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn apply(self, rate: TaxRate) -> (TaxCategory, TaxRate) {
        match self {
            Self::Standard if rate == TaxRate::ZERO => (TaxCategory::Zero, rate),
            Self::Standard => (TaxCategory::Standard, rate),
            Self::Exempt => (TaxCategory::Exempt, TaxRate::ZERO),
            Self::ReverseCharge => (TaxCategory::ReverseCharge, TaxRate::ZERO),
        }
    }
}

impl FromStr for TaxRate {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        money::parse_decimal(text, PERCENT_DIGITS).map(Self)
    }
}

impl fmt::Display for TaxRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&money::decimal_text(self.0.into(), PERCENT_DIGITS, 0))
    }
}

money::serde_as_text!(TaxRate);

#[cfg(test)]
mod tests {
    use super::*;

    fn tax(rate: &str, taxable: &str, currency: &str) -> String {
        let rate: TaxRate = rate.parse().unwrap();
        rate.tax_on(taxable.parse().unwrap(), currency.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn tax_is_rounded_once_half_up() {
        assert_eq!(tax("19", "100.00", "EUR"), "19.00");
        assert_eq!(tax("19", "0.13", "EUR"), "0.02"); // 0.0247
        assert_eq!(tax("5.5", "1.00", "EUR"), "0.06"); // 0.055
        assert_eq!(tax("5.5", "-1.00", "EUR"), "-0.06");
        assert_eq!(tax("10", "105", "JPY"), "11.00"); // 10.5 yen
        assert_eq!(tax("0", "105", "EUR"), "0.00");
    }
}
