//! Which instant, and how many milliseconds, does a text of a record mean?

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::line::shown;
use super::{Flaw, Reason};

/// The instants that one text can mean: two when the clock showed it twice, else one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) earlier: Timestamp,
    pub(super) later: Option<Timestamp>,
    /// The zone's offset at the earlier one, when the text has none of its own.
    pub(super) shown_offset: Option<Offset>,
}

impl Moments {
    pub(super) fn each(self) -> impl Iterator<Item = Timestamp> {
        [Some(self.earlier), self.later].into_iter().flatten()
    }
}

/// Reads `2026-03-01T12:00:00.5+01:00`; without an offset, the clock of `zone` shows it.
pub(super) fn moments(field: &'static str, text: &str, zone: &TimeZone) -> Result<Moments, Flaw> {
    let one = |earlier| Moments { earlier, later: None, shown_offset: None };
    match common_shape(text.as_bytes()) {
        Some((local, Some(offset))) => offset.to_timestamp(local).map(one).map_err(|_| no_time(field, text)),
        Some((local, None)) => in_zone(field, text, local, zone),
        // Rarer shapes of RFC 3339, all of them with an offset; a leap second counts as the one before.
        None => text.parse().map(one).map_err(|_| no_time(field, text)),
    }
}

fn in_zone(field: &'static str, text: &str, local: DateTime, zone: &TimeZone) -> Result<Moments, Flaw> {
    if zone.is_unknown() {
        let message =
            format!("`{}` has no offset, and the zone of its feed is not named: name it", shown(text));
        return Err(Flaw::new(Reason::InvalidField, field, message));
    }
    let at = |offset: Offset| offset.to_timestamp(local).map_err(|_| no_time(field, text));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => {
            Ok(Moments { earlier: at(offset)?, later: None, shown_offset: Some(offset) })
        }
        AmbiguousOffset::Fold { before, after } => {
            Ok(Moments { earlier: at(before)?, later: Some(at(after)?), shown_offset: Some(before) })
        }
        AmbiguousOffset::Gap { .. } => {
            let zone = zone.iana_name().unwrap_or("the feed's zone");
            let message = format!(
                "`{}` does not exist in {zone}, whose clocks skip it: set the feed's zone right or send times with an offset",
                shown(text)
            );
            Err(Flaw::new(Reason::InvalidField, field, message))
        }
    }
}

fn no_time(field: &'static str, text: &str) -> Flaw {
    let looks_like = form_of(text).map_or_else(String::new, |form| format!(" (it looks like {form})"));
    let message = format!(
        "`{}` is not a valid time{looks_like}: write it as 2026-03-01T12:00:00+01:00, or as 2026-03-01 12:00:00 with the zone named",
        shown(text)
    );
    Flaw::new(Reason::InvalidField, field, message)
}

/// What a text that is not read as a time looks like, so that somebody sees what to convert.
fn form_of(text: &str) -> Option<&'static str> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let begins_with_year = matches!(text.as_bytes(), [b'1' | b'2', _, _, _, b'-', ..]);
    Some(match text.len() {
        _ if text.eq_ignore_ascii_case("null") => "an absent value in quotes",
        9 | 10 if is_digits => "seconds since 1970",
        13 if is_digits => "milliseconds since 1970",
        16 if is_digits => "microseconds since 1970",
        14 if is_digits => "YYYYMMDDhhmmss",
        _ if begins_with_year && text.ends_with(|last: char| last.is_ascii_alphabetic()) => {
            "a time with the name of a zone"
        }
        _ if begins_with_year && text.contains([' ', 'T']) && text.contains(':') => {
            "a time whose offset has a space before it or no colon in it"
        }
        _ if text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.contains(':') => {
            "a time of e-mail, with the names of day and month"
        }
        _ if text.contains('/') && text.contains(':') => {
            "a date with slashes, whose day and month may stand in either order"
        }
        _ if text.contains('.') && text.contains(':') => "day.month.year",
        _ => return None,
    })
}

/// `YYYY-MM-DDTHH:MM:SS[.fff][Z|±hh:mm]`, which is nearly every time there is, without the cost of a parser for all shapes.
fn common_shape(text: &[u8]) -> Option<(DateTime, Option<Offset>)> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', rest @ ..] = text else {
        return None;
    };
    let [h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..] = rest else {
        return None;
    };
    let year = i16::from(two(*y1, *y2)?).checked_mul(100)?.checked_add(i16::from(two(*y3, *y4)?))?;
    let (nanoseconds, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let offset = match rest {
        [] => None,
        [b'Z' | b'z'] => Some(Offset::UTC),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let minutes =
                i32::from(two(*h1, *h2)?).checked_mul(60)?.checked_add(i32::from(minute(*m1, *m2)?))?;
            let seconds = minutes.checked_mul(if *sign == b'-' { -60 } else { 60 })?;
            Some(Offset::from_seconds(seconds).ok()?)
        }
        _ => return None,
    };
    let local = DateTime::new(
        year,
        two(*m1, *m2)?,
        two(*d1, *d2)?,
        two(*h1, *h2)?,
        two(*i1, *i2)?,
        two(*s1, *s2)?,
        nanoseconds,
    );
    Some((local.ok()?, offset))
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?)
}

fn minute(tens: u8, ones: u8) -> Option<i8> {
    two(tens, ones).filter(|minute| *minute < 60)
}

fn digit(byte: u8) -> Option<i8> {
    let value = byte.wrapping_sub(b'0');
    if value < 10 { i8::try_from(value).ok() } else { None }
}

/// Up to nine digits as nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let mut nanoseconds = 0_i32;
    let mut unit = 100_000_000_i32;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let Some(digit) = digit(*byte) else { break };
        if unit == 0 {
            return None;
        }
        nanoseconds = nanoseconds.checked_add(i32::from(digit).checked_mul(unit)?)?;
        unit = unit.checked_div(10)?;
        rest = after;
    }
    (rest.len() < text.len()).then_some((nanoseconds, rest))
}

/// Reads decimal seconds with up to six digits after the point as milliseconds; nothing from an empty text.
///
/// A started millisecond counts whole, as a started second does when it is billed: what is cut here is never free.
pub(super) fn milliseconds(field: &'static str, text: &str) -> Result<Option<i64>, Flaw> {
    if text.is_empty() {
        return Ok(None);
    }
    decimal_milliseconds(text).map(Some).ok_or_else(|| {
        let advice = if text.contains(':') { ", not as minutes and seconds" } else { "" };
        let message =
            format!("`{}` is not a number of seconds: write it such as 61 or 61.25{advice}", shown(text));
        Flaw::new(Reason::InvalidField, field, message)
    })
}

fn decimal_milliseconds(text: &str) -> Option<i64> {
    let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = plain.split_once('.').map_or((plain, None), |(whole, rest)| (whole, Some(rest)));
    if whole.is_empty() || fraction == Some("") {
        return None;
    }
    // MySQL prints as many digits as the column has: zeros after the sixth lose nothing.
    let fraction = fraction.map_or("", |digits| digits.trim_end_matches('0'));
    let missing = 6_usize.checked_sub(fraction.len())?;
    let zeros = std::iter::repeat_n(b'0', missing);
    let mut digits = whole.bytes().chain(fraction.bytes()).chain(zeros);
    let count =
        digits.try_fold(0_i64, |sum, byte| sum.checked_mul(10)?.checked_add(i64::from(digit(byte)?)))?;
    let started = count.checked_add(999)?.checked_div(1_000)?;
    if negative { started.checked_neg() } else { Some(started) }
}

/// Milliseconds from one instant to another.
pub(super) fn milliseconds_between(from: Timestamp, to: Timestamp) -> i64 {
    // The whole range of instants is 20,000 years, far inside an i64 of milliseconds.
    i64::try_from(from.duration_until(to).as_millis()).unwrap_or(i64::MAX)
}

/// The instant so many milliseconds later, if there is one.
pub(super) fn later(moment: Timestamp, milliseconds: i64) -> Option<Timestamp> {
    moment.checked_add(SignedDuration::from_millis(milliseconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(text: &str) -> Result<String, String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        moments("start_time", text, &zone)
            .map(|moments| moments.each().map(|moment| moment.to_string()).collect::<Vec<_>>().join(" or "))
            .map_err(|flaw| {
                assert_eq!((flaw.reason, flaw.field), (Reason::InvalidField, "start_time"));
                flaw.message
            })
    }

    #[test]
    fn a_time_with_an_offset_is_one_instant() {
        for (text, instant) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01t12:00:00z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00+01:00", "2026-03-01T11:00:00Z"),
            ("2026-03-01T12:00:00.25-05:30", "2026-03-01T17:30:00.25Z"),
            ("2026-03-01 12:00:00.123456789Z", "2026-03-01T12:00:00.123456789Z"),
            ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z"),
            ("2018-11-29 20:19:34+00", "2018-11-29T20:19:34Z"),
            ("20260301T120000Z", "2026-03-01T12:00:00Z"),
        ] {
            assert_eq!(berlin(text).as_deref(), Ok(instant), "{text}");
        }
    }

    #[test]
    fn the_fast_reader_and_the_general_one_agree() {
        for text in [
            "0000-01-01T00:00:00Z",
            "2024-02-29T23:59:59.999+14:00",
            "2023-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+26:00",
            "2026-01-01T00:00:00+01:60",
            "9999-12-31T23:59:59-23:00",
        ] {
            let general = text.parse::<Timestamp>().ok().map(|instant| instant.to_string());
            assert_eq!(berlin(text).ok(), general, "{text}");
        }
    }

    #[test]
    fn a_time_without_offset_is_refused_while_the_zone_is_unknown() {
        let flaw = moments("start_time", "2026-03-01 12:00:00", &TimeZone::unknown()).unwrap_err();
        assert!(flaw.message.contains("zone of its feed"), "{flaw}");
    }

    #[test]
    fn a_time_without_offset_is_what_the_clock_of_the_zone_showed() {
        assert_eq!(berlin("2026-07-01 12:00:00").as_deref(), Ok("2026-07-01T10:00:00Z"));
        assert_eq!(
            berlin("2026-10-25T02:30:00").as_deref(),
            Ok("2026-10-25T00:30:00Z or 2026-10-25T01:30:00Z")
        );
        let skipped = berlin("2026-03-29 02:30:00").unwrap_err();
        assert!(skipped.contains("does not exist in Europe/Berlin"), "{skipped}");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-03-01",
            "2026-03-01T12:00",
            "1543540774",
            "2026-3-1 12:00:00",
            "01.03.2026 12:00:00",
        ] {
            let message = berlin(text).unwrap_err();
            assert!(message.contains("is not a valid time"), "{text}: {message}");
        }
        assert!(berlin(&"9".repeat(10_000)).unwrap_err().len() < 200);
    }

    #[test]
    fn decimal_seconds_become_milliseconds() {
        for (text, count) in [
            ("61", 61_000),
            ("0", 0),
            ("61.5", 61_500),
            ("0.001", 1),
            ("-3", -3_000),
            ("2.0060000", 2_006),
            ("599.874913", 599_875),
            ("0.000001", 1),
        ] {
            assert_eq!(milliseconds("billsec", text), Ok(Some(count)), "{text}");
        }
        assert_eq!(milliseconds("billsec", ""), Ok(None));
        let huge = "9".repeat(10_000);
        for text in ["1,5", "1e3", ".5", "5.", "-", "+1", "0.0000001", "1 ", "0x1", "NaN", "٣", &huge] {
            let flaw = milliseconds("billsec", text).unwrap_err();
            assert_eq!((flaw.reason, flaw.field), (Reason::InvalidField, "billsec"));
            assert!(flaw.message.contains("is not a number of seconds") && flaw.message.len() < 200);
        }
    }
}
