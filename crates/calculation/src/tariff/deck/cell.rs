//! What does one cell of a deck mean?

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::limit;
use crate::money::{Amount, Price};
use crate::period;
use crate::tariff::Prefix;

/// No deck spells out longer prefixes; what is longer was damaged on its way.
const LONGEST_PREFIX: usize = 12;
const PREFIXES_A_RANGE: u64 = 1_000;

/// The prefixes of a cell, part by part.
pub(super) fn parse_list(text: &str) -> Vec<Result<Vec<Prefix>, String>> {
    if let Some(number) = text.split(';').find(|number| has_thousands_separator(number)) {
        return vec![Err(format!(
            "`{number}` looks like one number with separators between its thousands: export the column as \
             text; if these are several prefixes, write a blank after the comma or a semicolon"
        ))];
    }
    text.split([',', ';']).map(|part| parse_prefixes(part.trim())).collect()
}

/// Whether a comma stands, without a blank, between one to three digits and exactly three.
fn has_thousands_separator(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().trim_start_matches('+').split(',').collect();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts
        .iter()
        .zip(parts.iter().skip(1))
        .any(|(before, after)| digits(before) && before.len() <= 3 && digits(after) && after.len() == 3)
}

fn parse_prefixes(text: &str) -> Result<Vec<Prefix>, String> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    let scientific = plain.bytes().all(|byte| byte.is_ascii_digit() || b".+-eE".contains(&byte))
        && plain.contains(['e', 'E', '.']);
    if scientific {
        return Err(format!("`{text}` was damaged by a spreadsheet: export the column as text"));
    }
    if let Some((from, to)) = plain.split_once('-') {
        return parse_range(text, from.trim(), to.trim());
    }
    let damaged = plain.len() > LONGEST_PREFIX || (plain.len() > 9 && plain.ends_with("000000"));
    if damaged && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is too long for a prefix: a spreadsheet may have damaged it"));
    }
    plain.parse().map(|prefix| vec![prefix])
}

fn parse_range(text: &str, from: &str, to: &str) -> Result<Vec<Prefix>, String> {
    let refusal =
        || format!("`{text}` is no range of prefixes: write both ends in full, such as 49172-49174");
    let number = |end: &str| {
        let digits = end.bytes().all(|byte| byte.is_ascii_digit()) && !end.starts_with('0');
        if digits { end.parse::<u64>().ok() } else { None }
    };
    let (Some(first), Some(last)) = (number(from), number(to)) else { return Err(refusal()) };
    let sound = from.len() == to.len() && from.len() <= LONGEST_PREFIX && first <= last;
    if !sound || last.saturating_sub(first) >= PREFIXES_A_RANGE {
        return Err(refusal());
    }
    (first..=last).map(|prefix| prefix.to_string().parse()).collect()
}

pub(super) fn parse_price(text: &str) -> Result<Price, String> {
    let price: Price = text.parse().map_err(|error: crate::money::MoneyError| error.to_string())?;
    if price < Price::default() {
        return Err(format!("`{text}` is below zero"));
    }
    limit::price(price).map(|()| price).map_err(|over| format!("`{text}` {over}"))
}

pub(super) fn parse_amount(text: &str) -> Result<Amount, String> {
    let amount: Amount = text.parse().map_err(|error: crate::money::MoneyError| error.to_string())?;
    if amount < Amount::ZERO {
        return Err(format!("`{text}` is below zero"));
    }
    limit::call(amount).map(|()| amount).map_err(|over| format!("`{text}` {over}"))
}

pub(super) fn parse_seconds(text: &str) -> Result<u32, String> {
    let sound = text.parse().ok().filter(|seconds| *seconds <= 86_400);
    sound.ok_or_else(|| format!("`{text}` is no whole number of seconds up to 86400"))
}

/// What a row is in its deck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Status {
    #[default]
    Priced,
    Blocked,
    Deleted,
}

pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    match text.to_ascii_lowercase().as_str() {
        "blocked" | "forbidden" | "closed" => Ok(Status::Blocked),
        "new" | "added" | "change" | "changed" | "current" | "active" | "open" | "increase" | "increased"
        | "decrease" | "decreased" | "no change" | "unchanged" | "same" => Ok(Status::Priced),
        "deleted" | "delete" | "removed" | "remove" | "discontinued" => Ok(Status::Deleted),
        _ => Err(format!(
            "`{text}` is not a known status: leave it empty, or write blocked or deleted; if the column \
             says something else, ignore it"
        )),
    }
}

/// An end as written, and when the time is over if the end belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) after: Timestamp,
}

/// Reads an end. A day ends as the next begins, a time after its last digit: a minute or a second later.
pub(super) fn parse_end(text: &str, zone: &str) -> Result<End, String> {
    let at = instant(text, zone)?;
    let refusal = || format!("`{text}` is too late");
    let after = match text.parse::<Date>() {
        Ok(day) if text.len() == "2026-10-31".len() => {
            instant(&day.tomorrow().map_err(|_| refusal())?.to_string(), zone)?
        }
        _ => {
            let minutes_only = text.matches(':').count() == 1 && !text.contains('+');
            let step = SignedDuration::from_secs(if minutes_only { 60 } else { 1 });
            at.checked_add(step).map_err(|_| refusal())?
        }
    };
    Ok(End { at, after })
}

/// Reads an instant, or a day or local time in a zone.
///
/// ```
/// use calculation::tariff::deck::instant;
/// assert_eq!(instant("2026-10-01", "Europe/Berlin")?.to_string(), "2026-09-30T22:00:00Z");
/// assert!(instant("1/10/2026", "Europe/Berlin").is_err());
/// # Ok::<(), String>(())
/// ```
pub fn instant(text: &str, zone: &str) -> Result<Timestamp, String> {
    let instant = any_instant(text, zone)?;
    let sound = jiff::civil::date(1970, 1, 1)..jiff::civil::date(3000, 1, 1);
    if sound.contains(&TimeZone::UTC.to_datetime(instant).date()) {
        return Ok(instant);
    }
    Err(format!("`{text}` lies outside the years 1970 to 2999"))
}

fn any_instant(text: &str, zone: &str) -> Result<Timestamp, String> {
    let refusal = || format!("`{text}` is no date: write 2026-10-31, or a time with its offset from UTC");
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let zone = TimeZone::get(zone).map_err(|_| refusal())?;
    if let Ok(day) = text.parse::<Date>().map_err(|_| refusal())
        && text.len() == "2026-10-31".len()
    {
        return period::first_instant(day, &zone).map_err(|error| error.to_string());
    }
    let local: DateTime = text.parse().map_err(|_| refusal())?;
    zone.to_timestamp(local).map_err(|_| refusal())
}

const LONGEST_NAME: usize = 100;

/// A name as it will stand on invoices. A line break in it shows a quote that was never closed.
pub(super) fn parse_name(text: &str) -> Result<Box<str>, String> {
    if text.chars().any(char::is_control) {
        return Err("has a line break or control character: is a quote left open?".to_owned());
    }
    if text.chars().count() > LONGEST_NAME {
        return Err(format!("is longer than {LONGEST_NAME} characters"));
    }
    Ok(text.into())
}
