//! Which billing month does an instant belong to?
//!
//! A month runs from the first valid instant of the local 1st to the first valid instant of the next:
//! midnight may not exist (Asuncion, 2023-10-01) and may happen twice (Havana, 2026-11-01).

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// One calendar month in one zone, as a half-open range of instants.
///
/// ```
/// use calculation::period::Period;
/// use jiff::tz::TimeZone;
/// let berlin = TimeZone::get("Europe/Berlin").unwrap();
/// let october = Period::of_month("2026-10", &berlin)?;
/// assert_eq!(october.starts_at.to_string(), "2026-09-30T22:00:00Z");
/// assert_eq!(october.ends_at.to_string(), "2026-10-31T23:00:00Z");
/// assert!(october.contains(october.starts_at) && !october.contains(october.ends_at));
/// # Ok::<(), calculation::period::PeriodError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The first instant that belongs to it.
    pub starts_at: Timestamp,
    /// The first instant that no longer does.
    pub ends_at: Timestamp,
    /// The local 1st.
    pub first_day: Date,
}

/// Why there is no such month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The text is no month.
    #[error("`{0}` is no month: write year and month, such as 2026-10")]
    NotAMonth(String),
    /// The month lies outside the years the calendar covers.
    #[error("the calendar ends before {0}")]
    OutOfCalendar(Date),
}

impl Period {
    /// The month written as `2026-10`.
    pub fn of_month(text: &str, zone: &TimeZone) -> Result<Self, PeriodError> {
        let not_a_month = || PeriodError::NotAMonth(text.into());
        if text.len() != "2026-10".len() {
            return Err(not_a_month());
        }
        let first_day = format!("{text}-01").parse().map_err(|_| not_a_month())?;
        Self::starting(first_day, zone)
    }

    /// The month that holds an instant.
    ///
    /// ```
    /// use calculation::period::Period;
    /// use jiff::tz::TimeZone;
    /// let kiritimati = TimeZone::get("Pacific/Kiritimati").unwrap(); // UTC+14
    /// let period = Period::holding("2026-09-30T10:00:00Z".parse().unwrap(), &kiritimati)?;
    /// assert_eq!(period.month(), "2026-10");
    /// # Ok::<(), calculation::period::PeriodError>(())
    /// ```
    pub fn holding(at: Timestamp, zone: &TimeZone) -> Result<Self, PeriodError> {
        let local_day = zone.to_datetime(at).date();
        let period = Self::starting(local_day.first_of_month(), zone)?;
        // Where midnight happens twice, the day before comes back after the month began.
        if at >= period.ends_at {
            return period.next(zone);
        }
        Ok(period)
    }

    /// The month after this one.
    pub fn next(self, zone: &TimeZone) -> Result<Self, PeriodError> {
        Self::starting(month_after(self.first_day)?, zone)
    }

    /// Whether an instant belongs to it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.starts_at <= at && at < self.ends_at
    }

    /// The local last day of the month.
    pub fn last_day(self) -> Date {
        self.first_day.last_of_month()
    }

    /// The month as `2026-10`.
    pub fn month(self) -> String {
        self.first_day.strftime("%Y-%m").to_string()
    }

    fn starting(first_day: Date, zone: &TimeZone) -> Result<Self, PeriodError> {
        let starts_at = first_instant(first_day, zone)?;
        let ends_at = first_instant(month_after(first_day)?, zone)?;
        Ok(Self { starts_at, ends_at, first_day })
    }
}

/// The first valid instant of a local day.
pub fn first_instant(day: Date, zone: &TimeZone) -> Result<Timestamp, PeriodError> {
    let midnight = DateTime::from_parts(day, jiff::civil::Time::midnight());
    let ambiguous = zone.to_ambiguous_timestamp(midnight);
    let gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    // "Compatible" takes the earlier of two midnights, and a time after the gap for a missing one.
    let instant = ambiguous.compatible().map_err(|_| PeriodError::OutOfCalendar(day))?;
    if !gap {
        return Ok(instant);
    }
    let after = instant.checked_add(1.second()).map_err(|_| PeriodError::OutOfCalendar(day))?;
    Ok(zone.preceding(after).next().map_or(instant, |transition| transition.timestamp()))
}

fn month_after(day: Date) -> Result<Date, PeriodError> {
    day.first_of_month().checked_add(1.month()).map_err(|_| PeriodError::OutOfCalendar(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(zone: &str, day: &str) -> String {
        first_instant(day.parse().unwrap(), &TimeZone::get(zone).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_missing_midnight_gives_the_first_valid_instant() {
        assert_eq!(start("America/Asuncion", "2023-10-01"), "2023-10-01T04:00:00Z");
        assert_eq!(start("Africa/Cairo", "2014-08-01"), "2014-07-31T22:00:00Z");
    }

    #[test]
    fn a_midnight_that_happens_twice_gives_the_earlier() {
        assert_eq!(start("America/Havana", "2026-11-01"), "2026-11-01T04:00:00Z");
    }

    #[test]
    fn every_instant_around_every_month_start_has_one_month_in_every_zone() {
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            let mut period = Period::of_month("2024-01", &zone).unwrap();
            for _ in 0..60 {
                let next = period.next(&zone).unwrap();
                assert_eq!(period.ends_at, next.starts_at, "{name}");
                let just_before = next.starts_at.checked_sub(1.microsecond()).unwrap();
                assert_eq!(Period::holding(just_before, &zone).unwrap(), period, "{name}");
                assert_eq!(Period::holding(next.starts_at, &zone).unwrap(), next, "{name}");
                period = next;
            }
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in ["", "2026", "2026-13", "2026-1", "10-2026", "2026-10-01", "９０２６-1"] {
            assert!(Period::of_month(text, &TimeZone::UTC).is_err(), "{text}");
        }
        assert!(Period::of_month("9999-12", &TimeZone::UTC).is_err());
    }
}
