//! Which billing month does an instant belong to?
//!
//! A month runs from the first valid instant of the local 1st to the first valid instant of the next:
//! midnight may not exist (Asuncion, 2023-10-01) and may happen twice (Havana, 2020-11-01). A customer who
//! moves has the months of a [`Calendar`], which leave no instant out and count none twice.

use std::ops::RangeInclusive;

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

/// The years in which something may be: databases differ in how far they reach beyond.
pub const YEARS: RangeInclusive<i16> = 1970..=2999;

/// Why there is no such month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The text is no month.
    #[error("`{0}` is no month: write year and month, such as 2026-10")]
    NotAMonth(String),
    /// The month lies in no year that may be asked for.
    #[error("`{0}` lies outside the years {first} to {last}", first = YEARS.start(), last = YEARS.end())]
    OutOfYears(String),
    /// The month lies outside the years the calendar covers.
    #[error("the calendar ends before {0}")]
    OutOfCalendar(Date),
}

impl Period {
    /// The month written as `2026-10`.
    pub fn of_month(text: &str, zone: &TimeZone) -> Result<Self, PeriodError> {
        Self::starting(first_day_of(text)?, zone)
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

    /// The local day of an instant, kept within the month.
    ///
    /// A day runs from its first valid instant to that of the next, so one that comes back after midnight
    /// is over. After a move the clock on the wall may show a day of another month: such an instant
    /// counts as the first or last day of this one.
    ///
    /// ```
    /// use calculation::period::Period;
    /// use jiff::tz::TimeZone;
    /// let st_johns = TimeZone::get("America/St_Johns").unwrap();
    /// let november = Period::of_month("2009-11", &st_johns)?;
    /// // At 00:01 on the 1st the clock went back to 23:01 on October 31st.
    /// let again = "2009-11-01T03:00:00Z".parse().unwrap();
    /// assert_eq!(st_johns.to_datetime(again).to_string(), "2009-10-31T23:30:00");
    /// assert_eq!(november.local_day(again, &st_johns), november.first_day);
    /// # Ok::<(), calculation::period::PeriodError>(())
    /// ```
    pub fn local_day(self, at: Timestamp, zone: &TimeZone) -> Date {
        let shown = zone.to_datetime(at).date();
        let is_over = |next: &Date| first_instant(*next, zone).is_ok_and(|begins_at| begins_at <= at);
        let day = shown.tomorrow().ok().filter(is_over).unwrap_or(shown);
        day.clamp(self.first_day, self.last_day())
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

/// The months of one customer, who may have moved from zone to zone.
///
/// A month ends at the first instant of the next 1st in its own zone, and begins where the month before
/// it ends. So the first month after a move is some hours longer or shorter, and no instant is lost or
/// counted twice.
///
/// ```
/// use calculation::period::{Calendar, Period};
/// use jiff::civil::date;
/// use jiff::tz::TimeZone;
/// let (berlin, new_york) = ("Europe/Berlin", "America/New_York");
/// let [berlin, new_york] = [berlin, new_york].map(|name| TimeZone::get(name).unwrap());
/// let calendar = Calendar::with_former(vec![(date(2026, 7, 1), berlin.clone())], new_york);
/// let (june, july) = (calendar.month("2026-06")?, calendar.month("2026-07")?);
/// assert_eq!(june, Period::of_month("2026-06", &berlin)?);
/// assert_eq!(july.starts_at.to_string(), "2026-06-30T22:00:00Z"); // midnight in Berlin
/// assert_eq!(july.ends_at.to_string(), "2026-08-01T04:00:00Z"); // midnight in New York
/// # Ok::<(), calculation::period::PeriodError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Each with the 1st of the first month for which it no longer holds, earliest first.
    former: Vec<(Date, TimeZone)>,
    zone: TimeZone,
}

impl Calendar {
    /// The months of a customer who has always been in one zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { former: Vec::new(), zone }
    }

    /// The months of a customer who was in other zones, each until the local 1st given, and is in `zone`
    /// since the last of them.
    pub fn with_former(mut former: Vec<(Date, TimeZone)>, zone: TimeZone) -> Self {
        former.sort_by_key(|(until, _)| *until);
        Self { former, zone }
    }

    /// The month written as `2026-10`.
    pub fn month(&self, text: &str) -> Result<Period, PeriodError> {
        self.starting(first_day_of(text)?)
    }

    /// The month that has a local day.
    pub fn month_of(&self, day: Date) -> Result<Period, PeriodError> {
        self.starting(day.first_of_month())
    }

    /// The month that holds an instant.
    pub fn holding(&self, at: Timestamp) -> Result<Period, PeriodError> {
        let local_day = self.zone.to_datetime(at).date();
        let mut period = self.starting(local_day.first_of_month())?;
        // Two zones are at most two days apart, so it is this month or the one beside it.
        while at < period.starts_at {
            period = self.starting(month_before(period.first_day)?)?;
        }
        while at >= period.ends_at {
            period = self.next(period)?;
        }
        Ok(period)
    }

    /// The month after one.
    pub fn next(&self, period: Period) -> Result<Period, PeriodError> {
        self.starting(month_after(period.first_day)?)
    }

    /// The zone of the local month that begins on a day.
    pub fn zone_of(&self, first_day: Date) -> &TimeZone {
        let held = self.former.iter().find(|(until, _)| first_day < *until);
        held.map_or(&self.zone, |(_, zone)| zone)
    }

    /// The zone of the month that holds an instant.
    pub fn zone_at(&self, at: Timestamp) -> Result<&TimeZone, PeriodError> {
        // Hardly anybody moves, and this is asked for each call.
        if self.former.is_empty() {
            return Ok(&self.zone);
        }
        Ok(self.zone_of(self.holding(at)?.first_day))
    }

    fn starting(&self, first_day: Date) -> Result<Period, PeriodError> {
        let starts_at = first_instant(first_day, self.zone_of(month_before(first_day)?))?;
        let ends_at = first_instant(month_after(first_day)?, self.zone_of(first_day))?;
        Ok(Period { starts_at, ends_at, first_day })
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

fn first_day_of(month: &str) -> Result<Date, PeriodError> {
    let not_a_month = || PeriodError::NotAMonth(month.into());
    if month.len() != "2026-10".len() {
        return Err(not_a_month());
    }
    let day: Date = format!("{month}-01").parse().map_err(|_| not_a_month())?;
    if !YEARS.contains(&day.year()) {
        return Err(PeriodError::OutOfYears(month.into()));
    }
    Ok(day)
}

fn month_before(day: Date) -> Result<Date, PeriodError> {
    day.first_of_month().checked_sub(1.month()).map_err(|_| PeriodError::OutOfCalendar(day))
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
        let havana = TimeZone::get("America/Havana").unwrap();
        let midnights = ["2020-11-01T04:00:00Z", "2020-11-01T05:00:00Z"];
        for midnight in midnights {
            let shown = havana.to_datetime(midnight.parse().unwrap());
            assert_eq!(shown.to_string(), "2020-11-01T00:00:00");
        }
        assert_eq!(start("America/Havana", "2020-11-01"), midnights[0]);
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
    fn a_day_that_comes_back_after_midnight_is_over() {
        let st_johns = TimeZone::get("America/St_Johns").unwrap();
        let november = Period::of_month("2010-11", &st_johns).unwrap();
        let day = |at: &str| november.local_day(at.parse().unwrap(), &st_johns).day();
        assert_eq!(st_johns.to_datetime("2010-11-07T02:45:00Z".parse().unwrap()).day(), 6);
        assert_eq!(day("2010-11-07T02:29:59Z"), 6);
        assert_eq!(day("2010-11-07T02:30:00Z"), 7);
        assert_eq!(day("2010-11-07T02:45:00Z"), 7);
        assert_eq!(day("2010-11-07T03:30:00Z"), 7);
    }

    #[test]
    fn a_day_that_the_clock_shows_of_another_month_is_the_first_or_last() {
        let [kiritimati, pago_pago] =
            ["Pacific/Kiritimati", "Pacific/Pago_Pago"].map(|name| TimeZone::get(name).unwrap());
        let july = "2026-07-01".parse().unwrap();
        let calendar = Calendar::with_former(vec![(july, kiritimati.clone())], pago_pago.clone());
        let period = calendar.month("2026-07").unwrap();
        assert_eq!(pago_pago.to_datetime(period.starts_at).date(), "2026-06-29".parse().unwrap());
        assert_eq!(period.local_day(period.starts_at, &pago_pago), july);
        let before = calendar.month("2026-06").unwrap();
        assert_eq!(before.local_day(period.starts_at, &kiritimati), before.last_day());
    }

    #[test]
    fn a_calendar_of_one_zone_has_the_months_of_that_zone() {
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            let calendar = Calendar::new(zone.clone());
            let mut period = Period::of_month("2009-01", &zone).unwrap();
            for _ in 0..60 {
                let next = period.next(&zone).unwrap();
                assert_eq!(calendar.month(&period.month()), Ok(period), "{name}");
                assert_eq!(calendar.next(period), Ok(next), "{name}");
                for at in [period.starts_at, next.starts_at.checked_sub(1.microsecond()).unwrap()] {
                    assert_eq!(calendar.holding(at), Ok(period), "{name}");
                    assert_eq!(calendar.zone_at(at), Ok(&zone), "{name}");
                }
                period = next;
            }
        }
    }

    #[test]
    fn the_order_in_which_former_zones_are_given_is_all_the_same() {
        let [one, two] = ["Asia/Tokyo", "America/Lima"].map(|name| TimeZone::get(name).unwrap());
        let [june, july] = ["2026-06-01", "2026-07-01"].map(|day| day.parse::<Date>().unwrap());
        let former = vec![(june, one.clone()), (july, two.clone())];
        let turned = former.iter().rev().cloned().collect();
        let calendar = Calendar::with_former(turned, TimeZone::UTC);
        assert_eq!(calendar, Calendar::with_former(former, TimeZone::UTC));
        let may = "2026-05-01".parse().unwrap();
        let zones = [may, june, july].map(|first_day| calendar.zone_of(first_day).clone());
        assert_eq!(zones, [one, two, TimeZone::UTC]);
    }

    #[test]
    fn the_calendar_ends_where_time_does() {
        let calendar = Calendar::new(TimeZone::UTC);
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert!(matches!(calendar.holding(at), Err(PeriodError::OutOfCalendar(_))));
        }
        let last = calendar.month_of("9999-11-01".parse().unwrap()).unwrap();
        assert!(calendar.next(last).is_err());
    }

    #[test]
    fn what_is_no_month_is_refused() {
        let calendar = Calendar::new(TimeZone::UTC);
        for text in
            ["", "2026", "2026-13", "2026-1", "10-2026", "12-2026", "2026-10-01", "９０２６-1", "-001-01"]
        {
            assert_eq!(Period::of_month(text, &TimeZone::UTC), Err(PeriodError::NotAMonth(text.into())));
            assert_eq!(calendar.month(text), Period::of_month(text, &TimeZone::UTC));
        }
        for text in ["0000-01", "0001-01", "1969-12", "3000-01", "9999-12"] {
            assert_eq!(calendar.month(text), Err(PeriodError::OutOfYears(text.into())));
            assert_eq!(calendar.month(text), Period::of_month(text, &TimeZone::UTC));
        }
        for text in ["1970-01", "2999-12"] {
            assert!(calendar.month(text).is_ok(), "{text}");
        }
        let refused = calendar.month("0000-01").unwrap_err().to_string();
        assert_eq!(refused, "`0000-01` lies outside the years 1970 to 2999");
    }
}
