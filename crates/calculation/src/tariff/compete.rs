//! Which rates compete for a number, which one holds, and why?

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Prefix, Rate, Tariff, band};
use crate::phone_number::Dialled;

/// What is asked about: a number as it is dialled, or a prefix.
#[derive(Debug, Clone)]
pub enum Asked {
    /// The rates of all prefixes that it begins with.
    Number(Dialled),
    /// Its own rates and those of the shorter prefixes.
    Prefix(Prefix),
}

/// A rate that competes, the one that holds first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Competitor<'t> {
    /// The rate.
    pub rate: &'t Rate,
    /// Where it stands at the instant.
    pub standing: Standing,
}

/// Where a rate stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds: of those in force its prefix is the longest.
    Holds,
    /// It is in force, and a longer prefix holds.
    LongerHolds,
    /// It is in force, and a rate of the same prefix holds that is of the time band or began later.
    BetterHolds,
    /// Its time band is another one.
    OtherBand,
    /// It begins later.
    BeginsLater,
    /// It is over.
    Over,
}

impl Tariff {
    /// The rate that holds at an instant, in the time band of another instant.
    pub fn held(&self, asked: &Asked, at: Timestamp, clock: Timestamp, zone: &TimeZone) -> Option<&Rate> {
        let band = band::at(self.terms(), clock, zone);
        let mut rates = self.competing(asked).into_iter().flatten();
        rates.find(|rate| rate.in_force(at) && rate.fits(band))
    }

    fn competing(&self, asked: &Asked) -> Vec<&[Rate]> {
        match asked {
            Asked::Number(dialled) => {
                self.index.groups(dialled).filter_map(|group| self.rates.get(group)).collect()
            }
            Asked::Prefix(prefix) => std::iter::once(prefix.as_str())
                .chain(prefix.shorter())
                .map(|prefix| self.rates_of(prefix))
                .collect(),
        }
    }

    /// All rates that compete for a number or prefix at an instant on a wall clock, longest prefix first.
    pub fn competitors(&self, asked: &Asked, at: Timestamp, zone: &TimeZone) -> Vec<Competitor<'_>> {
        let band = band::at(self.terms(), at, zone);
        let mut held: Option<&Prefix> = None;
        let mut found = Vec::new();
        for rate in self.competing(asked).into_iter().flatten() {
            let standing = if rate.effective_to.is_some_and(|to| to <= at) {
                Standing::Over
            } else if rate.effective_from.is_some_and(|from| at < from) {
                Standing::BeginsLater
            } else if !rate.fits(band) {
                Standing::OtherBand
            } else {
                match held {
                    None => {
                        held = Some(&rate.prefix);
                        Standing::Holds
                    }
                    Some(prefix) if *prefix == rate.prefix => Standing::BetterHolds,
                    Some(_) => Standing::LongerHolds,
                }
            };
            found.push(Competitor { rate, standing });
        }
        found
    }
}
