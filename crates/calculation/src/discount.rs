//! How much does a discount take off an invoice, and for how long?

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::invoice::{InvoiceLine, LineKind};
use crate::money::{self, Amount, Currency, MoneyError};
use crate::tax::{TaxCategory, TaxRate};
use crate::terms_error::TermsError;

/// What a discount takes off, of what, and for how long.
///
/// ```
/// use calculation::discount::{DiscountScope, DiscountTerms, Duration, Reduction};
/// let terms: DiscountTerms =
///     serde_json::from_str(r#"{"percent": "10", "applies_to": "usage", "duration": {"months": 3}}"#)?;
/// assert_eq!(terms.reduces, Reduction::Percent("10".parse()?));
/// assert_eq!((terms.applies_to, terms.duration), (DiscountScope::Usage, Duration::Months(3)));
/// let terms: DiscountTerms = serde_json::from_str(r#"{"amount": "5.00", "duration": "once"}"#)?;
/// assert_eq!((terms.reduces, terms.applies_to), (Reduction::Amount("5.00".parse()?), DiscountScope::All));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DiscountText", into = "DiscountText")]
pub struct DiscountTerms {
    /// How much it takes off.
    pub reduces: Reduction,
    /// Which lines it takes it off.
    pub applies_to: DiscountScope,
    /// For how long.
    pub duration: Duration,
}

/// How much a discount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// So much, or what there is if that is less.
    Amount(Amount),
    /// So many hundredths.
    Percent(Percent),
}

/// Hundredths: a count of ten-thousandths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(i64);

/// Which lines of an invoice a discount reduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountScope {
    /// Monthly fees.
    Fees,
    /// Calls, late ones too.
    Usage,
    /// All lines, less what discounts before it took off.
    #[default]
    All,
}

/// For how long a discount is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// On one invoice.
    Once,
    /// In so many months, the one in which it begins included.
    Months(u32),
    /// In every month from the one in which it begins.
    Forever,
}

/// [`DiscountTerms`] as they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscountText {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<Percent>,
    #[serde(default)]
    applies_to: DiscountScope,
    duration: Duration,
}

/// Ten-thousandths of a percent in the whole.
const WHOLE: i64 = 1_000_000;
const PERCENT_DIGITS: u32 = 4;

impl DiscountTerms {
    /// Whether it takes something off, at most all, in at least one month.
    pub fn check(&self) -> Result<(), TermsError> {
        match self.reduces {
            Reduction::Amount(amount) if amount <= Amount::ZERO => {
                return Err(TermsError::new("/amount", "is not above zero"));
            }
            Reduction::Amount(amount) => TermsError::sound_amount("/amount", amount)?,
            Reduction::Percent(Percent(units)) if !(1..=WHOLE).contains(&units) => {
                return Err(TermsError::new("/percent", "is not above 0 and at most 100"));
            }
            Reduction::Percent(_) => {}
        }
        match self.duration {
            Duration::Months(0) => Err(TermsError::new("/duration/months", "is 0: it would never be given")),
            Duration::Once | Duration::Months(_) | Duration::Forever => Ok(()),
        }
    }
}

impl DiscountScope {
    pub(crate) fn holds(self, kind: LineKind) -> bool {
        match self {
            Self::Fees => kind == LineKind::Fee,
            Self::Usage => matches!(kind, LineKind::Usage | LineKind::LateUsage),
            Self::All => true,
        }
    }
}

impl Duration {
    /// Whether a discount that begins in one month is given in another, both by their 1st, once it was
    /// given so many times.
    ///
    /// ```
    /// use calculation::discount::Duration;
    /// use jiff::civil::date;
    /// let (october, december, january) = (date(2026, 10, 1), date(2026, 12, 1), date(2027, 1, 1));
    /// assert!(Duration::Months(3).in_force(october, december, 2));
    /// assert!(!Duration::Months(3).in_force(october, january, 2));
    /// assert!(Duration::Once.in_force(october, january, 0) && !Duration::Once.in_force(october, january, 1));
    /// ```
    pub fn in_force(self, begins_in: Date, month: Date, uses_so_far: u32) -> bool {
        let months_later = month_number(month).saturating_sub(month_number(begins_in));
        let Ok(months_later) = u32::try_from(months_later) else { return false };
        match self {
            Self::Once => uses_so_far == 0,
            Self::Months(months) => months_later < months,
            Self::Forever => true,
        }
    }
}

/// The months of a calendar in one row of numbers.
fn month_number(day: Date) -> i32 {
    i32::from(day.year()).saturating_mul(12).saturating_add(day.month().into())
}

/// What the lines of one tax category and rate come to.
#[derive(Default)]
struct Group {
    in_scope: Amount,
    all: Amount,
}

impl Group {
    /// The most that can be taken off: what is in scope, and no more than earlier discounts left.
    fn there(&self) -> Amount {
        self.in_scope.min(self.all).max(Amount::ZERO)
    }
}

/// What a discount takes off the lines of an invoice, by tax category and rate: amounts above zero, none for
/// a group that it does not reduce. Nothing at all when a sum does not fit.
///
/// A percentage is taken of the sum of each group's lines in scope, and rounded once a group. An amount is
/// spread over the groups in proportion to those sums and comes to exactly that amount: each group first
/// gets the whole minor units of its part, and the rest goes, a unit each, to the groups with the largest
/// fractions, of equal ones to the first by category and rate. No group goes below zero.
///
/// Lines that earlier discounts brought are given too: they lower what is left to be taken off. Other lines below zero give back
/// what was charged before, less what discounts took off then: they neither are reduced nor lower what is left.
///
/// ```
/// # use calculation::{discount::{DiscountTerms, reduction}, invoice::{InvoiceLine, LineKind}};
/// let line = |net: &str, rate: &str| InvoiceLine {
///     kind: LineKind::Usage, description: String::new(), calls: 1, seconds: 60, included_seconds: 0,
///     net: net.parse().unwrap(), tax_category: Default::default(), tax_rate: rate.parse().unwrap(), days: None,
/// };
/// let five: DiscountTerms = serde_json::from_str(r#"{"amount": "5.00", "duration": "once"}"#)?;
/// let parts = reduction(&five, &[line("20.00", "19"), line("10.00", "7")], "EUR".parse()?).unwrap();
/// let parts: Vec<_> = parts.iter().map(|(_, rate, off)| format!("{off} at {rate} %")).collect();
/// assert_eq!(parts, ["1.67 at 7 %", "3.33 at 19 %"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn reduction(
    terms: &DiscountTerms,
    lines: &[InvoiceLine],
    currency: Currency,
) -> Option<Vec<(TaxCategory, TaxRate, Amount)>> {
    let mut groups: BTreeMap<(TaxCategory, TaxRate), Group> = BTreeMap::new();
    // What is given back of earlier charges was reduced with them.
    let reduced = |line: &&InvoiceLine| line.net > Amount::ZERO || line.kind == LineKind::Discount;
    for line in lines.iter().filter(reduced) {
        let group = groups.entry((line.tax_category, line.tax_rate)).or_default();
        group.all = group.all.checked_add(line.net)?;
        if terms.applies_to.holds(line.kind) {
            group.in_scope = group.in_scope.checked_add(line.net)?;
        }
    }
    let parts = match terms.reduces {
        Reduction::Amount(amount) => {
            let there: Vec<_> = groups.values().map(Group::there).collect();
            spread(amount, &there, currency)?
        }
        Reduction::Percent(Percent(units)) => groups
            .values()
            .map(|group| Some(group.in_scope.part(units, WHOLE, currency)?.min(group.there())))
            .collect::<Option<_>>()?,
    };
    let reduced = groups.into_keys().zip(parts).filter(|(_, part)| *part > Amount::ZERO);
    Some(reduced.map(|((category, rate), part)| (category, rate, part)).collect())
}

/// An amount as parts in proportion to what is there, by largest remainder, in whole minor units.
pub(crate) fn spread(amount: Amount, there: &[Amount], currency: Currency) -> Option<Vec<Amount>> {
    let unit = currency.micros_a_minor_unit()?;
    let units_of = |amount: Amount| i128::from(amount.micros()).checked_div(unit);
    let there = there.iter().map(|part| units_of(*part)).collect::<Option<Vec<_>>>()?;
    let total = there.iter().try_fold(0_i128, |sum, part| sum.checked_add(*part))?;
    let amount = units_of(amount.to_minor_unit(currency)?)?.min(total);
    let mut parts = Vec::new();
    let mut left = amount;
    for (place, part) in there.iter().enumerate() {
        let product = amount.checked_mul(*part)?;
        // Where nothing is there, nothing can be taken off.
        let (whole, fraction) = match total {
            0 => (0, 0),
            _ => (product.checked_div(total)?, product.checked_rem(total)?),
        };
        left = left.checked_sub(whole)?;
        parts.push((place, whole, fraction));
    }
    parts.sort_by_key(|(_, _, fraction)| std::cmp::Reverse(*fraction));
    for (_, units, _) in parts.iter_mut().take(usize::try_from(left).ok()?) {
        *units = units.checked_add(1)?;
    }
    parts.sort_by_key(|(place, ..)| *place);
    let amount_of = |units: i128| i64::try_from(units.checked_mul(unit)?).ok().map(Amount::from_micros);
    parts.into_iter().map(|(_, units, _)| amount_of(units)).collect()
}

impl TryFrom<DiscountText> for DiscountTerms {
    type Error = &'static str;

    fn try_from(text: DiscountText) -> Result<Self, Self::Error> {
        let DiscountText { amount, percent, applies_to, duration } = text;
        let reduces = match (amount, percent) {
            (Some(amount), None) => Reduction::Amount(amount),
            (None, Some(percent)) => Reduction::Percent(percent),
            _ => return Err("a discount has either an `amount` or a `percent`"),
        };
        Ok(Self { reduces, applies_to, duration })
    }
}

impl From<DiscountTerms> for DiscountText {
    fn from(terms: DiscountTerms) -> Self {
        let DiscountTerms { reduces, applies_to, duration } = terms;
        let (amount, percent) = match reduces {
            Reduction::Amount(amount) => (Some(amount), None),
            Reduction::Percent(percent) => (None, Some(percent)),
        };
        Self { amount, percent, applies_to, duration }
    }
}

impl FromStr for Percent {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        money::parse_decimal(text, PERCENT_DIGITS).map(Self)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&money::decimal_text(self.0.into(), PERCENT_DIGITS, 0))
    }
}

money::serde_as_text!(Percent);
