//! Which days of a month is a fee for, and how much of it is due?
//!
//! A local day counts for the span of time that holds its last instant. So each day of a month counts for
//! exactly one of the spans that follow each other in it: who changes plan on the 15th pays the 15th by the
//! new plan, and who leaves on the 15th does not pay it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::invoice::Days;
use crate::money::{self, Amount, Currency, RoundingMode};
use crate::period::{Period, first_instant};

/// Whether a monthly fee is invoiced with the month it is for or with the month before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeTiming {
    /// When the month is over, with its calls.
    #[default]
    Arrears,
    /// Before it begins, with the calls of the month before.
    Advance,
}

/// So many days of a month that has so many.
///
/// ```
/// use calculation::fee::DaysOfMonth;
/// assert_eq!(DaysOfMonth::new(14, 28).map(DaysOfMonth::held), Some(14));
/// assert_eq!(DaysOfMonth::new(29, 28), None);
/// assert_eq!(DaysOfMonth::new(0, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DaysOfMonth {
    held: u32,
    of: u32,
}

impl DaysOfMonth {
    /// `held` days of a month of `of`; nothing if it has no days or fewer than those.
    pub fn new(held: u32, of: u32) -> Option<Self> {
        (of > 0 && held <= of).then_some(Self { held, of })
    }

    /// Days of one month, as the part of it that they are; nothing if they are not of one month.
    ///
    /// ```
    /// use calculation::{fee::DaysOfMonth, invoice::Days};
    /// use jiff::civil::date;
    /// let days = Days { first: date(2028, 2, 15), last: date(2028, 2, 29) };
    /// assert_eq!(DaysOfMonth::of(days), DaysOfMonth::new(15, 29));
    /// let days = Days { first: date(2028, 2, 15), last: date(2028, 3, 1) };
    /// assert_eq!(DaysOfMonth::of(days), None);
    /// ```
    pub fn of(days: Days) -> Option<Self> {
        let one_month = days.first.first_of_month() == days.last.first_of_month();
        let of = u32::try_from(days.first.days_in_month()).ok().filter(|_| one_month)?;
        Self::new(days.count(), of)
    }

    /// How many days.
    pub const fn held(self) -> u32 {
        self.held
    }

    /// How many days the month has.
    pub const fn days_in_month(self) -> u32 {
        self.of
    }
}

/// A fee's part for some days of a month: fee × days / days in the month, rounded once, half-up, to the
/// currency's minor unit; nothing when it does not fit.
///
/// ```
/// use calculation::fee::{DaysOfMonth, prorated};
/// let from_february_15th = DaysOfMonth::new(15, 29).unwrap();
/// let part = prorated("30.00".parse()?, from_february_15th, "EUR".parse()?);
/// assert_eq!(part, Some("15.52".parse()?)); // 15.5172…
/// # Ok::<(), calculation::money::MoneyError>(())
/// ```
pub fn prorated(fee: Amount, part: DaysOfMonth, currency: Currency) -> Option<Amount> {
    fee.part(part.held.into(), part.of.into(), currency)
}

/// An allowance's part for some days of a month, rounded half-up to a second.
///
/// ```
/// use calculation::fee::{DaysOfMonth, prorated_seconds};
/// let from_may_15th = DaysOfMonth::new(17, 31).unwrap();
/// assert_eq!(prorated_seconds(6_000, from_may_15th), 3_290); // 3290.3…
/// ```
pub fn prorated_seconds(seconds: u32, part: DaysOfMonth) -> u32 {
    let product = u64::from(seconds).saturating_mul(part.held.into());
    let rounded = money::divide(product.into(), part.of.into(), RoundingMode::HalfUp);
    // A part of a month is never more than all of it.
    rounded.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(seconds)
}

/// The local days of a month that count for a span of time: those whose last instant it holds.
///
/// The zone is the month's own. The days follow each other, so the first and the last say which. Nothing for a span that holds the end of
/// no day of the month.
///
/// ```
/// use calculation::{fee::days_held, period::Period};
/// use jiff::tz::TimeZone;
/// let berlin = TimeZone::get("Europe/Berlin").unwrap();
/// let october = Period::of_month("2026-10", &berlin)?;
/// let changes_at = "2026-10-15T08:00:00Z".parse().unwrap();
/// let old = days_held(october.starts_at, Some(changes_at), october, &berlin).unwrap();
/// let new = days_held(changes_at, None, october, &berlin).unwrap();
/// assert_eq!((old.first.day(), old.last.day()), (1, 14));
/// assert_eq!((new.first.day(), new.last.day()), (15, 31));
/// # Ok::<(), calculation::period::PeriodError>(())
/// ```
pub fn days_held(
    span_from: Timestamp,
    span_to: Option<Timestamp>,
    period: Period,
    zone: &TimeZone,
) -> Option<Days> {
    let holds = |day: &Date| {
        let at = last_instant(*day, period, zone);
        span_from <= at && span_to.is_none_or(|span_to| at < span_to)
    };
    let last_day = period.last_day();
    let days = period.first_day.series(1.day()).take_while(|day| *day <= last_day);
    let mut held = days.filter(holds);
    let first = held.next()?;
    Some(Days { first, last: held.last().unwrap_or(first) })
}

/// The last instant of a local day that belongs to the month. A day that was over before the month began,
/// as after a move over the date line, is that of the month's first instant.
fn last_instant(day: Date, period: Period, zone: &TimeZone) -> Timestamp {
    let next = day.tomorrow().ok().and_then(|next| first_instant(next, zone).ok());
    let ends_at = next.unwrap_or(period.ends_at);
    let last = ends_at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(ends_at);
    last.max(period.starts_at)
}
