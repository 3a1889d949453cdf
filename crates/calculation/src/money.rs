//! What is an amount of money, and how is it rounded?
//!
//! Two units, both integers: an [`Amount`] counts millionths of a currency unit and is what is
//! charged; a [`Price`] counts billionths and is what a tariff says per minute or per call. Between
//! them stands [`Exact`], a charge before rounding. The rules are in `docs/money.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of money: a count of millionths of one currency unit.
///
/// ```
/// use calculation::money::Amount;
/// let fee: Amount = "12.34".parse()?;
/// assert_eq!(fee.micros(), 12_340_000);
/// assert_eq!(fee.to_string(), "12.34");
/// assert!("12,34".parse::<Amount>().is_err());
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

/// A price per minute or per call: a count of billionths of one currency unit.
///
/// ```
/// use calculation::money::Price;
/// let per_minute: Price = "0.00137".parse()?;
/// assert_eq!(per_minute.nanos(), 1_370_000);
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price(i64);

/// A charge before rounding: a count of sixtieths of a billionth of one currency unit.
///
/// A price per minute times a number of seconds is always a whole number of these, so nothing is
/// lost before the one rounding at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Exact(i128);

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// An amount with its currency; in JSON `{"amount": "12.34", "currency": "EUR"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Which way an amount that falls between two digits goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundingMode {
    /// To the nearest; a half goes away from zero.
    HalfUp,
    /// Away from zero.
    Up,
    /// Toward zero.
    Down,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
}

/// How a charge is rounded, once a call: to 0–6 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RoundingText")]
pub struct Rounding {
    digits: u8,
    mode: RoundingMode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoundingText {
    digits: u8,
    mode: RoundingMode,
}

/// Why a text is no amount, price or currency, or a sum does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not plain decimal digits with an optional sign and point.
    #[error("`{0}` is not a decimal number: write digits with a point, such as 12.34")]
    NotDecimal(String),
    /// The text has a comma where a point belongs.
    #[error("`{0}` has a decimal comma: write a point, such as 12.34")]
    DecimalComma(String),
    /// More decimal digits than the unit holds.
    #[error("`{text}` has more than {digits} digits after the point")]
    TooFine {
        /// The text as given.
        text: String,
        /// How many digits the unit holds.
        digits: u32,
    },
    /// The number does not fit the unit.
    #[error("`{0}` is too large an amount")]
    TooLarge(String),
    /// No currency of ISO 4217 has this code.
    #[error("`{0}` is no currency code of ISO 4217, such as EUR")]
    UnknownCurrency(String),
    /// A charge is rounded to 0–6 digits.
    #[error("rounding to {0} digits is not possible: choose 0 to 6")]
    RoundingDigits(u8),
}

const AMOUNT_DIGITS: u32 = 6;
const PRICE_DIGITS: u32 = 9;
/// Sixtieths of a billionth in a millionth of a unit of currency.
const EXACT_PER_MICRO: i64 = 60 * 1_000;
/// Millionths in the last digit kept, for rounding to 0–6 digits.
const MICROS_A_STEP: [i64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a count of millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The count of millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The sum, or nothing when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum of many amounts, or nothing when the total does not fit.
    ///
    /// ```
    /// use calculation::money::Amount;
    /// let cent = Amount::from_micros(10_000);
    /// assert_eq!(Amount::sum([cent; 3]), Some(Amount::from_micros(30_000)));
    /// ```
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let total = amounts.into_iter().try_fold(0_i128, |sum, amount| sum.checked_add(amount.0.into()))?;
        i64::try_from(total).ok().map(Self)
    }

    /// The amount rounded to the currency's minor unit, half-up, as an invoice line is.
    ///
    /// ```
    /// use calculation::money::{Amount, Currency};
    /// let euro: Currency = "EUR".parse()?;
    /// let line: Amount = "0.125".parse()?;
    /// assert_eq!(line.to_minor_unit(euro), Some("0.13".parse()?));
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn to_minor_unit(self, currency: Currency) -> Option<Self> {
        let rounding = Rounding::new(currency.minor_digits(), RoundingMode::HalfUp).ok()?;
        Exact::from(self).round(rounding)
    }

    /// The amount as decimal text with at least `digits` digits after the point.
    pub fn to_text(self, digits: u8) -> String {
        decimal_text(self.0.into(), AMOUNT_DIGITS, digits.into())
    }
}

impl Price {
    /// From a count of billionths.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The count of billionths.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// What `seconds` cost at this price per minute.
    ///
    /// ```
    /// use calculation::money::{Price, Rounding, RoundingMode};
    /// let per_minute: Price = "0.00137".parse()?;
    /// let cent_hundredths = Rounding::new(6, RoundingMode::HalfUp)?;
    /// // 210 seconds: 0.00137 × 210 / 60 = 0.004795
    /// let cost = per_minute.for_seconds(210).round(cent_hundredths);
    /// assert_eq!(cost, Some("0.004795".parse()?));
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn for_seconds(self, seconds: u32) -> Exact {
        // Both factors fit 64 bits, so the product fits 128 and nothing wraps.
        Exact(i128::from(self.0).wrapping_mul(seconds.into()))
    }

    /// What one call costs at this price per call.
    pub fn per_call(self) -> Exact {
        Exact(i128::from(self.0).wrapping_mul(60))
    }
}

impl Exact {
    /// From a count of sixtieths of a billionth.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The count of sixtieths of a billionth.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum, or nothing when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Rounded by the rule, or nothing when the result does not fit an [`Amount`].
    pub fn round(self, rounding: Rounding) -> Option<Amount> {
        let micros_a_step = MICROS_A_STEP.get(usize::from(rounding.digits))?;
        let step = micros_a_step.checked_mul(EXACT_PER_MICRO)?;
        let whole = divide(self.0, step.into(), rounding.mode)?;
        i64::try_from(whole).ok()?.checked_mul(*micros_a_step).map(Amount)
    }
}

impl From<Amount> for Exact {
    fn from(amount: Amount) -> Self {
        Self(i128::from(amount.0).saturating_mul(60_000))
    }
}

impl fmt::Display for Exact {
    /// Decimal text; a fraction without end (a third of a billionth) is cut and marked with `…`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sixtieth of a billionth is 0.0000000000166…: two more digits reach all but the thirds.
        let hundredths = self.0.checked_mul(100).ok_or(fmt::Error)?;
        let text =
            decimal_text(hundredths.checked_div(60).ok_or(fmt::Error)?, PRICE_DIGITS.saturating_add(2), 2);
        let exact = hundredths.checked_rem(60) == Some(0);
        write!(out, "{text}{}", if exact { "" } else { "…" })
    }
}

/// The quotient of two integers as a whole number, rounded by `mode`; nothing for a zero divisor.
pub(crate) fn divide(dividend: i128, divisor: i128, mode: RoundingMode) -> Option<i128> {
    let (quotient, rest) = match (i64::try_from(dividend), i64::try_from(divisor)) {
        // Nearly all amounts fit 64 bits, where a division costs a tenth.
        (Ok(dividend), Ok(divisor)) => {
            (dividend.checked_div(divisor)?.into(), dividend.checked_rem(divisor)?.into())
        }
        _ => (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?),
    };
    if rest == 0 {
        return Some(quotient);
    }
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    let twice = rest.checked_abs()?.checked_mul(2)?.cmp(&divisor.checked_abs()?);
    let goes_away = match mode {
        RoundingMode::Up => true,
        RoundingMode::Down => false,
        RoundingMode::HalfUp => twice.is_ge(),
        RoundingMode::HalfEven => twice.is_gt() || (twice.is_eq() && quotient.checked_rem(2)? != 0),
    };
    if goes_away { quotient.checked_add(away) } else { Some(quotient) }
}

impl Rounding {
    /// Rounding to `digits` (0–6) decimal digits by `mode`.
    pub fn new(digits: u8, mode: RoundingMode) -> Result<Self, MoneyError> {
        if u32::from(digits) > AMOUNT_DIGITS {
            return Err(MoneyError::RoundingDigits(digits));
        }
        Ok(Self { digits, mode })
    }

    /// How many digits stay after the point.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// Which way halves and rests go.
    pub const fn mode(self) -> RoundingMode {
        self.mode
    }
}

impl TryFrom<RoundingText> for Rounding {
    type Error = MoneyError;

    fn try_from(text: RoundingText) -> Result<Self, MoneyError> {
        Self::new(text.digits, text.mode)
    }
}

impl fmt::Display for RoundingMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::HalfUp => "half-up",
            Self::Up => "up",
            Self::Down => "down",
            Self::HalfEven => "half-even",
        })
    }
}

impl FromStr for RoundingMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "half-up" => Ok(Self::HalfUp),
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "half-even" => Ok(Self::HalfEven),
            _ => Err(format!("`{text}` is no rounding mode: half-up, up, down or half-even")),
        }
    }
}

impl Currency {
    /// The code of ISO 4217, such as `EUR`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits of the minor unit: 2 for the euro, 0 for the yen, 3 for the Kuwaiti dinar.
    pub fn minor_digits(self) -> u8 {
        self.0.exponent().and_then(|digits| u8::try_from(digits).ok()).unwrap_or(2)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(text)
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(text.into()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        write!(out, "{} {}", self.amount.to_text(digits), self.currency)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text(2))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&decimal_text(self.0.into(), PRICE_DIGITS, 2))
    }
}

impl FromStr for Amount {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        parse_decimal(text, AMOUNT_DIGITS).map(Self)
    }
}

impl FromStr for Price {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        parse_decimal(text, PRICE_DIGITS).map(Self)
    }
}

/// Reads `-12.34` as a count of 10^-`digits`, refusing what it would have to guess or cut.
pub(crate) fn parse_decimal(text: &str, digits: u32) -> Result<i64, MoneyError> {
    let not_decimal = || {
        if text.contains(',') {
            MoneyError::DecimalComma(text.into())
        } else {
            MoneyError::NotDecimal(text.into())
        }
    };
    let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_point_without_fraction = fraction.is_empty() && plain.contains('.');
    if whole.is_empty() || has_point_without_fraction || !all_digits(whole) || !all_digits(fraction) {
        return Err(not_decimal());
    }
    let zeros_cut = fraction.trim_end_matches('0');
    let missing = u32::try_from(zeros_cut.len())
        .ok()
        .and_then(|length| digits.checked_sub(length))
        .ok_or_else(|| MoneyError::TooFine { text: text.into(), digits })?;
    let too_large = || MoneyError::TooLarge(text.into());
    let count = whole
        .bytes()
        .chain(zeros_cut.bytes())
        .map(|byte| i128::from(byte.saturating_sub(b'0')))
        .try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
        .and_then(|sum| sum.checked_mul(10_i128.checked_pow(missing)?))
        .ok_or_else(too_large)?;
    let signed = if negative { count.checked_neg() } else { Some(count) };
    signed.and_then(|sum| i64::try_from(sum).ok()).ok_or_else(too_large)
}

/// Prints a count of 10^-`digits` with at least `least` and at most `digits` digits after the point.
pub(crate) fn decimal_text(count: i128, digits: u32, least: u32) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let unit = 10_u128.saturating_pow(digits);
    let magnitude = count.unsigned_abs();
    let whole = magnitude.checked_div(unit).unwrap_or_default();
    let rest = magnitude.checked_rem(unit).unwrap_or_default();
    let width = usize::try_from(digits).unwrap_or_default();
    let mut fraction = format!("{rest:0width$}");
    let least = usize::try_from(least).unwrap_or_default();
    while fraction.len() > least && fraction.ends_with('0') {
        fraction.pop();
    }
    if fraction.is_empty() || digits == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{fraction}")
}

/// Serialises a type as its text and reads it back, as money and dates go in JSON.
macro_rules! serde_as_text {
    ($($kind:ty),+) => {$(
        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
serde_as_text!(Amount, Price, Currency);
pub(crate) use serde_as_text;
mod most;
mod part;
#[cfg(test)]
mod tests;
