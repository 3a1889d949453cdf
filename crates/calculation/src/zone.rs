//! Which time zone is a customer in, as far as a phone number tells?
//!
//! A month begins at the customer's own midnight, so every customer has a zone. It is found once,
//! when the customer is created, and stored together with how it was found ([`ZoneStep`]). The
//! facts stand in `zone_table.txt`. Some area codes straddle a border of zones (850 in Florida, 208
//! in Idaho); they answer with the zone of most of their people, which the operator can correct.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::phone_number::{E164, Region};

/// A zone and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FoundZone {
    /// The IANA name, such as `Europe/Berlin`.
    pub zone: &'static str,
    /// What led to it.
    pub step: ZoneStep,
}

/// How a customer's zone was found, the most certain way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStep {
    /// Somebody set it.
    Set,
    /// The number's region has one time.
    Region,
    /// The number's region has several times, and the area code tells which.
    AreaCode,
    /// The number's region has several times, and the number does not tell: the region's main zone.
    CountryDefault,
    /// The number tells nothing: the operator's own zone.
    OperatorDefault,
}

impl ZoneStep {
    /// The step as stored: `set`, `region`, `area_code`, `country_default` or `operator_default`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Region => "region",
            Self::AreaCode => "area_code",
            Self::CountryDefault => "country_default",
            Self::OperatorDefault => "operator_default",
        }
    }
}

/// The zone that a number tells, or nothing for numbers that belong to no place.
///
/// ```
/// use calculation::zone::{zone_of, ZoneStep};
/// let perth = zone_of("+61892345678".parse()?).unwrap();
/// assert_eq!((perth.zone, perth.step), ("Australia/Perth", ZoneStep::AreaCode));
/// let mobile = zone_of("+61412345678".parse()?).unwrap();
/// assert_eq!((mobile.zone, mobile.step), ("Australia/Sydney", ZoneStep::CountryDefault));
/// assert_eq!(zone_of("+18005550123".parse()?), None); // freephone: anywhere
/// # Ok::<(), calculation::phone_number::NotE164>(())
/// ```
pub fn zone_of(number: E164) -> Option<FoundZone> {
    let mut prefix = number.digits();
    while prefix > 0 {
        if let Ok(place) = TABLE.binary_search_by_key(&prefix, |entry| entry.prefix) {
            return TABLE.get(place)?.found;
        }
        prefix = prefix.checked_div(10)?;
    }
    None
}

/// The zone of a country that has one time.
///
/// ```
/// use calculation::zone::zone_of_country;
/// assert_eq!(zone_of_country("DE"), Some("Europe/Berlin"));
/// assert_eq!((zone_of_country("US"), zone_of_country("ZZ")), (None, None));
/// ```
pub fn zone_of_country(country: &str) -> Option<&'static str> {
    let code: u64 = country.parse::<Region>().ok()?.calling_code()?.try_into().ok()?;
    let place = TABLE.binary_search_by_key(&code, |entry| entry.prefix).ok()?;
    let found = TABLE.get(place)?.found?;
    (found.step == ZoneStep::Region).then_some(found.zone)
}

/// All zones that the table can answer with, for whoever wants to offer a choice.
pub fn zones() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(|entry| entry.found).map(|found| found.zone)
}

/// No prefix begins with a zero, so its digits as one integer name it.
struct Entry {
    prefix: u64,
    found: Option<FoundZone>,
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut entries: Vec<Entry> = lines().filter_map(|(_, line)| entries_of(line)).flatten().collect();
    entries.sort_unstable_by_key(|entry| entry.prefix);
    entries
});

fn lines() -> impl Iterator<Item = (usize, &'static str)> {
    let text = include_str!("zone_table.txt");
    (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The entries of one line, or nothing when it is malformed (a test reads every line).
fn entries_of(line: &'static str) -> Option<Vec<Entry>> {
    let mut words = line.split_ascii_whitespace();
    let (step, zone) = (words.next()?, words.next()?);
    let found = match step {
        "region" => Some(FoundZone { zone, step: ZoneStep::Region }),
        "area" => Some(FoundZone { zone, step: ZoneStep::AreaCode }),
        "country" => Some(FoundZone { zone, step: ZoneStep::CountryDefault }),
        "none" => None,
        _ => return None,
    };
    let mut before = vec![""];
    let mut entries = Vec::new();
    for word in words {
        if let Some(bases) = word.strip_suffix(':') {
            before = bases.split(',').collect();
            continue;
        }
        for base in &before {
            entries.push(Entry { prefix: format!("{base}{word}").parse().ok()?, found });
        }
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        for (number, line) in lines() {
            let entries = entries_of(line);
            assert!(entries.is_some_and(|entries| !entries.is_empty()), "line {number}: {line}");
        }
    }

    #[test]
    fn no_prefix_stands_twice_in_the_table() {
        let mut before = 0;
        for entry in TABLE.iter() {
            assert_ne!(entry.prefix, before, "{} stands twice", entry.prefix);
            before = entry.prefix;
        }
    }

    #[test]
    fn every_zone_of_the_table_exists_and_is_spelled_as_tzdb_does() {
        for zone in zones() {
            let found = jiff::tz::db().get(zone).unwrap_or_else(|error| panic!("{zone}: {error}"));
            assert_eq!(found.iana_name(), Some(zone));
        }
        for old in ["America/Godthab", "Asia/Calcutta", "Asia/Katmandu", "Atlantic/Faeroe", "Asia/Rangoon"] {
            assert!(!zones().any(|zone| zone == old), "{old} is an old name");
        }
    }

    #[test]
    fn every_region_with_a_numbering_plan_has_a_zone() {
        for region in rlibphonenumber::PHONE_NUMBER_UTIL.get_supported_regions() {
            let example = rlibphonenumber::PHONE_NUMBER_UTIL.get_example_number(region).unwrap();
            let format = rlibphonenumber::PhoneNumberFormat::E164;
            let number = rlibphonenumber::PHONE_NUMBER_UTIL.format(&example, format);
            assert!(zone_of(number.parse().unwrap()).is_some(), "{region} {number}");
        }
    }
}
