//! Which time band does an instant fall into?

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Terms;

/// A span of hours on some days of the week. Several spans may share a name: they are one band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The name that rates refer to, such as `peak`.
    pub name: String,
    /// The days it holds on.
    pub days: Vec<Day>,
    /// The local time it begins.
    pub from: Time,
    /// The local time it is over; `24:00` is the end of the day.
    #[serde(with = "end_of_band")]
    pub to: Time,
}

/// A day of the week, or a holiday, which replaces the weekday it falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the days of the week explain themselves")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Holiday,
}

/// `24:00`, which no clock shows, is kept as the midnight that ends the day.
mod end_of_band {
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(to: &Time, out: S) -> Result<S::Ok, S::Error> {
        if *to == Time::midnight() { out.serialize_str("24:00") } else { out.collect_str(to) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Time, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        if text == "24:00" { Ok(Time::midnight()) } else { text.parse().map_err(serde::de::Error::custom) }
    }
}

impl Band {
    fn holds(&self, day: Day, time: Time) -> bool {
        let before_end = self.to == Time::midnight() || time < self.to;
        self.days.contains(&day) && self.from <= time && before_end
    }
}

/// The name of the band that holds an instant on the customer's wall clock.
pub(super) fn at<'t>(terms: &'t Terms, at: Timestamp, zone: &TimeZone) -> Option<&'t str> {
    let local = zone.to_datetime(at);
    let day = if terms.holidays.contains(&local.date()) { Day::Holiday } else { day_of(local.weekday()) };
    name_at(terms, day, local.time())
}

/// The name of the band that holds on a kind of day at a time.
pub(super) fn name_at(terms: &Terms, day: Day, time: Time) -> Option<&str> {
    terms.bands.iter().find(|band| band.holds(day, time)).map(|band| band.name.as_str())
}

pub(super) fn day_of(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

/// Bands that overlap another, run over midnight or hold on no day.
pub(super) fn overlaps(bands: &[Band]) -> Vec<String> {
    let mut faults = Vec::new();
    for (position, band) in bands.iter().enumerate() {
        let over_midnight = band.to != Time::midnight() && band.to <= band.from;
        if over_midnight {
            let name = &band.name;
            faults.push(format!(
                "band `{name}` runs over midnight: write one span until 24:00 and one from 00:00"
            ));
        }
        if band.name.is_empty() || band.name.len() > 100 || band.name.chars().any(char::is_control) {
            faults.push("a band needs a name of 1 to 100 characters, without line breaks".to_owned());
        }
        if band.days.is_empty() {
            faults.push(format!("band `{}` holds on no day", band.name));
        }
        let earlier = bands.iter().take(position);
        for other in earlier.filter(|other| other.days.iter().any(|day| clash(*day, band, other))) {
            faults.push(format!("bands `{}` and `{}` overlap", other.name, band.name));
        }
    }
    faults
}

fn clash(day: Day, one: &Band, other: &Band) -> bool {
    one.holds(day, one.from.max(other.from)) && other.holds(day, one.from.max(other.from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(name: &str, days: &[Day], from: &str, to: &str) -> Band {
        Band { name: name.into(), days: days.into(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn terms(bands: Vec<Band>) -> Terms {
        Terms {
            currency: "EUR".parse().unwrap(),
            rounding: crate::money::Rounding::new(4, crate::money::RoundingMode::HalfUp).unwrap(),
            zone: "UTC".into(),
            increments: None,
            holidays: vec!["2026-10-05".parse().unwrap()],
            bands,
        }
    }

    #[test]
    fn a_band_follows_the_customers_wall_clock_and_holidays() {
        let terms = terms(vec![
            band("peak", &[Day::Mon, Day::Tue], "08:00", "18:00"),
            band("night", &[Day::Tue], "22:00", "00:00"),
        ]);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let name = |instant: &str| at(&terms, instant.parse().unwrap(), &berlin);
        assert_eq!(name("2026-10-06T05:59:59Z"), None);
        assert_eq!(name("2026-10-06T06:00:00Z"), Some("peak"));
        assert_eq!(name("2026-10-06T16:00:00Z"), None);
        assert_eq!(name("2026-10-06T21:59:59Z"), Some("night"));
        assert_eq!(name("2026-10-05T06:00:00Z"), None); // Monday, a holiday
        assert_eq!(name("2026-10-26T07:00:00Z"), Some("peak")); // winter time
    }

    #[test]
    fn overlapping_and_impossible_bands_are_refused() {
        let day = [Day::Mon];
        let faults = |bands: &[Band]| overlaps(bands).len();
        assert_eq!(faults(&[band("a", &day, "08:00", "18:00"), band("b", &day, "18:00", "20:00")]), 0);
        assert_eq!(faults(&[band("a", &day, "08:00", "18:00"), band("b", &day, "17:59", "20:00")]), 1);
        assert_eq!(faults(&[band("a", &day, "08:00", "18:00"), band("b", &day, "00:00", "00:00")]), 1);
        assert_eq!(faults(&[band("a", &day, "18:00", "08:00")]), 1);
        assert_eq!(faults(&[band("a", &[], "08:00", "18:00")]), 1);
    }
}
