//! Which moments of the week does each of two lists see as which of its time bands?
//!
//! Two lists may name their bands differently or begin them at other hours. A class is a set of moments that both
//! lists see in one band each, or outside of all.

use std::collections::BTreeSet;

use jiff::civil::Time;

use super::band::{self, Day};
use super::{Rate, Terms};

/// The band of the old list and of the new one; absent: outside of all bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class<'t> {
    pub(super) old: Option<&'t str>,
    pub(super) new: Option<&'t str>,
}

const DAYS: [Day; 8] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun, Day::Holiday];

/// All classes of two lists' terms.
pub(super) fn classes<'t>(old: &'t Terms, new: &'t Terms) -> Vec<Class<'t>> {
    let bands = || old.bands.iter().chain(&new.bands);
    let times: BTreeSet<Time> =
        bands().flat_map(|band| [band.from, band.to]).chain([Time::midnight()]).collect();
    let mut days: Vec<(Day, Day)> = DAYS.iter().map(|day| (*day, *day)).collect();
    let other_days = |one: &Terms, other: &Terms| -> Vec<Day> {
        let only = one.holidays.iter().filter(|date| !other.holidays.contains(date));
        only.map(|date| band::day_of(date.weekday())).collect()
    };
    days.extend(other_days(old, new).into_iter().map(|day| (Day::Holiday, day)));
    days.extend(other_days(new, old).into_iter().map(|day| (day, Day::Holiday)));
    days.sort_unstable();
    days.dedup();
    let mut found = BTreeSet::new();
    for (old_day, new_day) in days {
        for time in &times {
            found.insert(Class {
                old: band::name_at(old, old_day, *time),
                new: band::name_at(new, new_day, *time),
            });
        }
    }
    found.into_iter().collect()
}

/// The classes that make a difference to some rates: bands that no rate names are outside of all.
pub(super) fn told_apart<'t>(classes: &[Class<'t>], old: &[Rate], new: &[Rate]) -> Vec<Class<'t>> {
    let banded = |rates: &[Rate]| rates.iter().any(|rate| rate.band.is_some());
    if !banded(old) && !banded(new) {
        return vec![Class { old: None, new: None }];
    }
    let named = |rates: &[Rate], band: Option<&'t str>| {
        band.filter(|band| rates.iter().any(|rate| rate.band.as_deref() == Some(*band)))
    };
    let apart: BTreeSet<_> = classes
        .iter()
        .map(|class| Class { old: named(old, class.old), new: named(new, class.new) })
        .collect();
    apart.into_iter().collect()
}
