//! When does a month begin in a zone? By the zone's own arithmetic and nothing else.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Where the customers are: with and without summer time, half and quarter hours beside UTC, on both sides of the day's
/// border.
pub(crate) const ZONES: [&str; 20] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Helsinki",
    "Africa/Cairo",
    "Africa/Lagos",
    "America/New_York",
    "America/St_Johns",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Tehran",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
];

pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the zone is known")
}

/// The first instant of a day in a zone.
pub(crate) fn begins(day: Date, zone: &TimeZone) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0).to_zoned(zone.clone());
    midnight.expect("the day is one of this century").timestamp()
}

/// The day in a zone.
pub(crate) fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

/// The first day of the month in a zone.
pub(crate) fn month_of(at: Timestamp, zone: &TimeZone) -> Date {
    day_of(at, zone).first_of_month()
}

pub(crate) fn next_month(month: Date) -> Date {
    month.checked_add(1.month()).expect("the month is one of this century")
}

pub(crate) fn next_day(day: Date) -> Date {
    day.checked_add(1.day()).expect("the day is one of this century")
}

pub(crate) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).expect("the instant is one of this century")
}
