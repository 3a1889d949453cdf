//! Which rates does a new version hold, when its list is to replace the one in force or to amend it?
//!
//! Either way a code that the list names keeps its old price until its new one begins, or until the day from which
//! a row calls it deleted. To amend is to keep, besides, all that the list does not name.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Prefix, Rate, Span, Tariff};

/// A prefix that a list calls deleted: it has no price of its own from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    /// The prefix.
    pub prefix: Prefix,
    /// From when on; absent: at once.
    pub from: Option<Timestamp>,
}

/// What a list is to the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is complete: what it does not name has no price any more.
    Replace,
    /// What it does not name stays.
    Amend,
}

/// The rates of a version that is in force from `span.from` on.
///
/// A code is named with all its rows: once a row of it is in force in the new list, none of the old list is.
pub fn complete(mode: Mode, old: &Tariff, new: Vec<Rate>, removed: &[Removed], span: Span) -> Vec<Rate> {
    let mut rates = Vec::with_capacity(new.len());
    let mut begins: BTreeMap<Prefix, Timestamp> = BTreeMap::new();
    for rate in &new {
        if span.meets(rate) {
            let begin = rate.effective_from.map_or(span.from, |from| from.max(span.from));
            let known = begins.entry(rate.prefix.clone()).or_insert(begin);
            *known = begin.min(*known);
        }
    }
    for removed in removed {
        let begin = removed.from.map_or(span.from, |from| from.max(span.from));
        let known = begins.entry(removed.prefix.clone()).or_insert(begin);
        *known = begin.min(*known);
    }
    let waits = |rate: &Rate| begins.get(&rate.prefix).is_some_and(|begin| *begin > span.from);
    // A row that was over before the version begins would only stand in the way of what is kept.
    rates.extend(new.into_iter().filter(|rate| !waits(rate) || span.meets(rate)));
    for rate in old.rates() {
        match begins.get(&rate.prefix) {
            Some(begin) => rates.extend(kept_until(rate, *begin, span)),
            None if mode == Mode::Amend && span.meets(rate) => rates.push(rate.clone()),
            None => {}
        }
    }
    rates
}

/// An old rate, over before the new ones begin.
fn kept_until(rate: &Rate, begin: Timestamp, span: Span) -> Option<Rate> {
    let before = Span { until: Some(begin), ..span };
    if begin <= span.from || !before.meets(rate) {
        return None;
    }
    let end = rate.effective_to.map_or(begin, |to| to.min(begin));
    Some(Rate { effective_to: Some(end), ..rate.clone() })
}
