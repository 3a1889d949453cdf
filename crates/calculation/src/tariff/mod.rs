//! What does a call to a number cost at a time?
//!
//! A tariff (a "rate deck") is a dated price list by destination prefix. The longest prefix that has a
//! rate in force at the answer time wins; a rate of the time band beats one for all times; of several
//! the one that came into force last.

mod band;
mod class;
mod compare;
mod compete;
mod complete;
mod cost;
pub mod deck;
mod index;
mod timeline;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use band::{Band, Day};
pub use compare::{Change, Changes, Difference, Instead, Lost, Why, compare};
pub use compete::{Asked, Competitor, Standing};
pub use complete::{Mode, Removed, complete};
pub use timeline::Span;

use crate::money::{Amount, Currency, Price, Rounding};
use crate::phone_number::Dialled;
use index::PrefixIndex;

/// The terms that hold for a whole tariff, whatever the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The currency of every price.
    pub currency: Currency,
    /// How a charge is rounded, once a call.
    pub rounding: Rounding,
    /// The IANA zone in which dates without a time, such as `effective_from`, begin.
    #[serde(default = "utc")]
    pub zone: String,
    /// Initial and next increment for rates that name none, such as `60/1`.
    #[serde(default)]
    pub increments: Option<Increments>,
    /// Local days that count as `holiday` instead of their weekday.
    #[serde(default)]
    pub holidays: Vec<Date>,
    /// The weekly time bands, in the customer's zone.
    #[serde(default, alias = "band")]
    pub bands: Vec<Band>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Terms {
    /// Terms without bands, holidays or default increments; dates begin in UTC.
    pub fn new(currency: Currency, rounding: Rounding) -> Self {
        let (holidays, bands) = (Vec::new(), Vec::new());
        Self { currency, rounding, zone: utc(), increments: None, holidays, bands }
    }
}

/// How seconds of talk become billed seconds: the first step whole, then in steps.
///
/// ```
/// use calculation::tariff::Increments;
/// let per_minute: Increments = "60/60".parse()?;
/// let first_minute_then_seconds: Increments = "60/1".parse()?;
/// assert_eq!(per_minute.billed(61), Some(120));
/// assert_eq!(first_minute_then_seconds.billed(61), Some(61));
/// assert_eq!(first_minute_then_seconds.billed(1), Some(60));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Increments {
    /// Seconds that even the shortest call is billed.
    pub initial_seconds: u32,
    /// Seconds in each further step.
    pub next_seconds: u32,
}

/// One price of a tariff: for a prefix, a time band and a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The dialled prefix it is for.
    pub prefix: Prefix,
    /// The destination's name, as the invoice shows it.
    pub destination: Box<str>,
    /// Charged once for a call that has at least one priced second.
    pub connection_fee: Price,
    /// Prices per minute, by offset from the start of the call; the first is for offset 0.
    pub steps: Box<[Step]>,
    /// How seconds of talk become billed seconds.
    pub increments: Increments,
    /// The least that a call with at least one priced second costs.
    pub minimum_charge: Amount,
    /// Whether calls there are barred.
    pub blocked: bool,
    /// The name of the time band it is for; absent for all times.
    pub band: Option<Box<str>>,
    /// In force from this instant; absent: always was.
    pub effective_from: Option<Timestamp>,
    /// In force until before this instant; absent: for ever.
    pub effective_to: Option<Timestamp>,
}

/// A price per minute from an offset into the billed seconds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The first billed second (from 0) it is for.
    pub from_seconds: u32,
    /// The price per minute.
    pub price: Price,
}

/// What a rate is for: all numbers, numbers that begin with digits, or short codes of a region.
///
/// Written `*`, `4930` and `DE:118`. Short codes never match a number's prefix, nor numbers a short
/// code's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Box<str>);

/// A tariff ready to be asked.
#[derive(Debug)]
pub struct Tariff {
    terms: Terms,
    rates: Vec<Rate>,
    index: PrefixIndex,
    has_bands: bool,
}

impl Tariff {
    /// Sorts and indexes rates that [`check`] has found sound.
    pub fn new(terms: Terms, mut rates: Vec<Rate>) -> Self {
        // Within a prefix the first rate that fits is the right one: banded before unbanded, newest first.
        rates.sort_by(|one, other| {
            let newest_first = other.effective_from.cmp(&one.effective_from);
            one.prefix.cmp(&other.prefix).then(other.band.cmp(&one.band)).then(newest_first)
        });
        // In memory in the order in which they are asked for: rating waits for memory most.
        for rate in &mut rates {
            rate.steps = rate.steps.clone();
        }
        let index = PrefixIndex::new(&rates);
        let has_bands = !terms.bands.is_empty();
        Self { terms, rates, index, has_bands }
    }

    /// The terms of the whole tariff.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// All rates, sorted by prefix.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The rate for a number dialled at an instant by a customer in a zone, if there is one.
    pub fn rate_for(&self, dialled: &Dialled, at: Timestamp, zone: &TimeZone) -> Option<&Rate> {
        let band = if self.has_bands { band::at(&self.terms, at, zone) } else { None };
        self.index.groups(dialled).find_map(|group| {
            let candidates = self.rates.get(group)?;
            candidates.iter().find(|rate| rate.in_force(at) && rate.fits(band))
        })
    }
}

impl Tariff {
    /// The rates of one prefix, in the order in which they are preferred.
    pub(crate) fn rates_of(&self, prefix: &str) -> &[Rate] {
        let first = self.rates.partition_point(|rate| rate.prefix.as_str() < prefix);
        let rates = self.rates.get(first..).unwrap_or_default();
        let count = rates.partition_point(|rate| rate.prefix.as_str() == prefix);
        rates.get(..count).unwrap_or_default()
    }

    /// The rate that is charged in a time band where a prefix has none of its own.
    pub(crate) fn shorter(&self, prefix: &Prefix, band: Option<&str>, at: Timestamp) -> Option<&Rate> {
        let holds =
            |shorter: &str| self.rates_of(shorter).iter().find(|rate| rate.in_force(at) && rate.fits(band));
        prefix.shorter().find_map(holds)
    }
}

impl Rate {
    /// Whether it holds at an instant.
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= at) && self.effective_to.is_none_or(|to| at < to)
    }

    fn fits(&self, band: Option<&str>) -> bool {
        self.band.as_deref().is_none_or(|own| band == Some(own))
    }
}

impl Increments {
    /// The seconds billed for a talk, or nothing when they do not fit.
    pub fn billed(self, talk_seconds: u32) -> Option<u32> {
        if talk_seconds == 0 {
            return Some(0);
        }
        let Some(rest) = talk_seconds.checked_sub(self.initial_seconds) else {
            return Some(self.initial_seconds);
        };
        let steps = rest.checked_next_multiple_of(self.next_seconds)?;
        self.initial_seconds.checked_add(steps)
    }

    /// The longest talk for which at most `billed_seconds` are billed: it uses up its last step.
    ///
    /// ```
    /// use calculation::tariff::Increments;
    /// let increments: Increments = "30/6".parse()?;
    /// assert_eq!([29, 30, 35, 36].map(|billed| increments.longest_talk(billed)), [0, 30, 30, 36]);
    /// # Ok::<(), String>(())
    /// ```
    pub fn longest_talk(self, billed_seconds: u32) -> u32 {
        let Some(rest) = billed_seconds.checked_sub(self.initial_seconds) else { return 0 };
        match rest.checked_rem(self.next_seconds) {
            Some(begun) => billed_seconds.saturating_sub(begun),
            // Steps of no time reach nowhere: only what is within the first can be billed.
            None => self.initial_seconds.saturating_sub(1),
        }
    }
}

impl std::str::FromStr for Increments {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal =
            || format!("`{text}` is no pair of increments: write initial/next seconds, such as 60/1");
        let (initial, next) = text.split_once(['/', '-']).ok_or_else(refusal)?;
        let initial_seconds = initial.trim().parse().map_err(|_| refusal())?;
        let next_seconds = next.trim().parse().map_err(|_| refusal())?;
        Self { initial_seconds, next_seconds }.checked().ok_or_else(refusal)
    }
}

impl Increments {
    /// Nothing when a step is no time or longer than a day.
    pub(crate) fn checked(self) -> Option<Self> {
        let sound = |seconds| (1..=86_400).contains(&seconds);
        let initial_may_be_zero = self.initial_seconds == 0 || sound(self.initial_seconds);
        (initial_may_be_zero && sound(self.next_seconds)).then_some(self)
    }
}

impl std::fmt::Display for Increments {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.initial_seconds, self.next_seconds)
    }
}

crate::money::serde_as_text!(Increments);

impl Prefix {
    /// The prefix as text: `*`, `4930` or `DE:118`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a number that begins with it begins with too, longest first.
    pub(crate) fn shorter(&self) -> impl Iterator<Item = &str> {
        let text = self.as_str();
        let least = text.find(':').map_or(0, |colon| colon.saturating_add(1));
        let is_number = least == 0 && text != "*";
        let shorter = (least.saturating_add(1)..text.len()).rev().filter_map(|length| text.get(..length));
        shorter.chain(is_number.then_some("*"))
    }

    /// Whether a dialled number begins with it.
    pub fn matches(&self, dialled: &Dialled) -> bool {
        match (dialled, self.0.split_once(':')) {
            (Dialled::Number(number), None) => {
                &*self.0 == "*" || index::digits_of(*number).starts_with(&*self.0)
            }
            (Dialled::Short(code), Some((region, digits))) => {
                code.region().is_some_and(|own| own.as_str() == region) && code.digits().starts_with(digits)
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let region = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_uppercase());
        let sound = match text.split_once(':') {
            Some((country, code)) => region(country) && digits(code) && code.len() <= 6,
            None => text == "*" || (digits(text) && text.len() <= 15 && !text.starts_with('0')),
        };
        if !sound {
            return Err(format!(
                "`{text}` is no prefix: write digits with the country code first (4930), `*` for all \
                 numbers, or a region and a short code (DE:118)"
            ));
        }
        Ok(Self(text.into()))
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

crate::money::serde_as_text!(Prefix);

/// What is wrong between the rates of one tariff, each with the position of the rate at fault.
///
/// Every prefix needs a price at all times of the week, and one rate only for each band and date.
pub fn check(terms: &Terms, rates: &[Rate]) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let mut by_prefix: std::collections::BTreeMap<_, Vec<(usize, &Rate)>> = std::collections::BTreeMap::new();
    for (position, rate) in rates.iter().enumerate() {
        by_prefix.entry(&rate.prefix).or_default().push((position, rate));
        check_band(terms, position, rate, &mut faults);
        if rate.effective_from.zip(rate.effective_to).is_some_and(|(from, to)| to <= from) {
            faults.push((position, "effective_to is not after effective_from".to_owned()));
        }
    }
    // Outside its bands a prefix may lean on a shorter one.
    let has_shorter = |prefix: &Prefix| {
        let text = prefix.as_str();
        let shorter = (0..text.len()).filter_map(|length| text.get(..length));
        let unbanded = |rates: &Vec<(usize, &Rate)>| rates.iter().any(|(_, rate)| rate.band.is_none());
        shorter.chain(["*"]).any(|text| by_prefix.get(&Prefix(text.into())).is_some_and(unbanded))
    };
    for rates in by_prefix.values() {
        let mut seen = std::collections::BTreeMap::new();
        for (position, rate) in rates {
            if seen.insert((&rate.band, rate.effective_from), position).is_some() {
                let message = format!("prefix {} is priced twice for the same time", rate.prefix);
                faults.push((*position, message));
            }
        }
        let only_banded = rates.iter().all(|(_, rate)| rate.band.is_some());
        if let Some((position, rate)) =
            rates.first().filter(|(_, rate)| only_banded && !has_shorter(&rate.prefix))
        {
            let message = format!(
                "prefix {} has prices in time bands only: add a rate without a band for all other times",
                rate.prefix
            );
            faults.push((*position, message));
        }
    }
    faults
}

fn check_band(terms: &Terms, position: usize, rate: &Rate, faults: &mut Vec<(usize, String)>) {
    let Some(name) = &rate.band else { return };
    if !terms.bands.iter().any(|band| band.name == **name) {
        faults.push((position, format!("time band `{name}` is not defined in the tariff's terms")));
    }
}

/// What is wrong with the terms themselves.
pub fn check_terms(terms: &Terms) -> Vec<String> {
    let mut faults = band::overlaps(&terms.bands);
    if TimeZone::get(&terms.zone).is_err() {
        faults.push(format!("zone `{}` is no IANA time zone, such as Europe/Berlin", terms.zone));
    }
    faults
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A rate of 0.01 a minute for a prefix.
    pub(crate) fn rate(prefix: &str) -> Rate {
        Rate {
            prefix: prefix.parse().unwrap(),
            destination: prefix.into(),
            connection_fee: Price::default(),
            steps: Box::new([Step { from_seconds: 0, price: "0.01".parse().unwrap() }]),
            increments: Increments { initial_seconds: 60, next_seconds: 60 },
            minimum_charge: Amount::ZERO,
            blocked: false,
            band: None,
            effective_from: None,
            effective_to: None,
        }
    }

    fn tariff(rates: Vec<Rate>) -> Tariff {
        let terms = r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#;
        Tariff::new(serde_json::from_str(terms).unwrap(), rates)
    }

    #[test]
    fn a_prefix_whose_rates_are_not_in_force_leaves_the_shorter_one() {
        let long = Rate { effective_to: Some("2026-10-01T00:00:00Z".parse().unwrap()), ..rate("4420") };
        let tariff = tariff(vec![rate("44"), long]);
        let number = Dialled::Number("+442079460000".parse().unwrap());
        let prefix = |at: &str| {
            let rate = tariff.rate_for(&number, at.parse().unwrap(), &TimeZone::UTC).unwrap();
            rate.prefix.to_string()
        };
        assert_eq!(prefix("2026-09-30T23:59:59Z"), "4420");
        assert_eq!(prefix("2026-10-01T00:00:00Z"), "44");
    }

    #[test]
    fn the_rate_that_came_into_force_last_wins() {
        let from = |at: &str| Rate { effective_from: Some(at.parse().unwrap()), ..rate("44") };
        let tariff = tariff(vec![rate("44"), from("2026-10-02T00:00:00Z"), from("2026-10-01T00:00:00Z")]);
        let number = Dialled::Number("+442079460000".parse().unwrap());
        let found = |at: &str| {
            tariff
                .rate_for(&number, at.parse().unwrap(), &TimeZone::UTC)
                .unwrap()
                .effective_from
                .map(|at| at.to_string())
        };
        assert_eq!(found("2026-09-01T00:00:00Z"), None);
        assert_eq!(found("2026-10-01T12:00:00Z").unwrap(), "2026-10-01T00:00:00Z");
        assert_eq!(found("2026-10-03T00:00:00Z").unwrap(), "2026-10-02T00:00:00Z");
    }

    #[test]
    fn increments_round_up_after_the_first() {
        for (increments, talk, billed) in [
            ("60/60", 61, 120),
            ("60/1", 61, 61),
            ("30/6", 31, 36),
            ("1/1", 1, 1),
            ("6/6", 205, 210),
            ("0/60", 1, 60),
        ] {
            let increments: Increments = increments.parse().unwrap();
            assert_eq!(increments.billed(talk), Some(billed), "{increments} {talk}");
        }
        assert!("60".parse::<Increments>().is_err() && "60/0".parse::<Increments>().is_err());
        assert_eq!("86400/86400".parse::<Increments>().unwrap().billed(u32::MAX), None);
    }
}
