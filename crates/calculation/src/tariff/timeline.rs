//! Which rate of a prefix holds when?
//!
//! The rates of one prefix hold one after another. A timeline lists them for one time band, from an instant on, in
//! a single sweep over the instants at which a rate begins or ends.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Rate;

/// The time that a list is asked about: from an instant on, until another list takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Timestamp,
    /// The instant from which another list is in force; absent: for ever.
    pub until: Option<Timestamp>,
}

/// What holds for one prefix over a part of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'r> {
    pub(super) from: Timestamp,
    pub(super) rate: Option<&'r Rate>,
}

/// What two lists have for one prefix over a part of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'r> {
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) old: Option<&'r Rate>,
    pub(super) new: Option<&'r Rate>,
}

impl Span {
    /// Whether a rate is in force at some instant of it.
    pub(super) fn meets(self, rate: &Rate) -> bool {
        let is_empty = rate.effective_from.zip(rate.effective_to).is_some_and(|(from, to)| to <= from);
        !is_empty
            && rate.effective_to.is_none_or(|to| self.from < to)
            && rate.effective_from.zip(self.until).is_none_or(|(from, until)| from < until)
    }
}

/// What holds in a band, part after part. The rates are those of one prefix, in the order of a
/// [`super::Tariff`]: of several in force the first holds.
pub(super) fn timeline<'r>(rates: &'r [Rate], band: Option<&str>, span: Span) -> Vec<Part<'r>> {
    let mut changes = Vec::new();
    for (position, rate) in rates.iter().enumerate() {
        if !rate.fits(band) || !span.meets(rate) {
            continue;
        }
        let from = rate.effective_from.map_or(span.from, |from| from.max(span.from));
        changes.push((from, true, position));
        let end = rate.effective_to.filter(|to| span.until.is_none_or(|until| *to < until));
        changes.extend(end.map(|to| (to, false, position)));
    }
    changes.sort_unstable();
    let mut parts = vec![Part { from: span.from, rate: None }];
    let mut holding = BTreeSet::new();
    for together in changes.chunk_by(|one, other| one.0 == other.0) {
        for (_, begins, position) in together {
            if *begins {
                holding.insert(*position);
            } else {
                holding.remove(position);
            }
        }
        let Some((from, ..)) = together.first() else { continue };
        let rate = holding.first().and_then(|position| rates.get(*position));
        match parts.last_mut() {
            Some(last) if last.from == *from => last.rate = rate,
            Some(last) if last.rate.is_some() == rate.is_some() && last.rate == rate => {}
            _ => parts.push(Part { from: *from, rate }),
        }
    }
    parts
}

/// Two timelines of one span beside each other.
pub(super) fn beside<'r>(old: &[Part<'r>], new: &[Part<'r>], span: Span) -> Vec<Pair<'r>> {
    let mut pairs: Vec<Pair<'r>> = Vec::new();
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    let (mut old_rate, mut new_rate) = (None, None);
    loop {
        let next = [olds.peek(), news.peek()].into_iter().flatten().map(|part| part.from).min();
        let Some(from) = next else { break };
        if let Some(part) = olds.next_if(|part| part.from == from) {
            old_rate = part.rate;
        }
        if let Some(part) = news.next_if(|part| part.from == from) {
            new_rate = part.rate;
        }
        if let Some(last) = pairs.last_mut() {
            last.until = Some(from);
        }
        pairs.push(Pair { from, until: span.until, old: old_rate, new: new_rate });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tariff::tests::rate;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day.checked_mul(86_400).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn at_every_instant_the_timeline_says_what_a_search_finds(
            spans in prop::collection::vec((prop::option::of(0_i64..9), prop::option::of(1_i64..9)), 0..6),
            from in 0_i64..5,
            until in prop::option::of(5_i64..9),
        ) {
            let mut rates: Vec<Rate> = spans.into_iter().map(|(from, to)| Rate {
                effective_from: from.map(day),
                effective_to: to.map(day),
                ..rate("44")
            }).collect();
            rates.sort_by_key(|rate| std::cmp::Reverse(rate.effective_from));
            let span = Span { from: day(from), until: until.map(day) };
            let parts = timeline(&rates, None, span);
            for at in from..until.unwrap_or(12) {
                let found = rates.iter().find(|rate| rate.in_force(day(at)));
                let part = parts.iter().rev().find(|part| part.from <= day(at)).unwrap();
                prop_assert_eq!(part.rate, found, "day {}", at);
            }
            prop_assert!(parts.iter().all(|part| until.is_none_or(|until| part.from < day(until))));
        }
    }
}
