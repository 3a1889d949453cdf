//! What changes when one price list takes over from another, and what would have no price of its own?
//!
//! Both lists are followed over the whole time that the new one is for: through each instant at which a rate begins
//! or ends, and each time band. A prefix without a rate of its own is charged by a shorter one, so a
//! list that names it too late, not at all or with a gap makes calls cheap, or dear, without a word.

mod cost;

use std::cmp::Ordering;

use jiff::Timestamp;

use super::class::{Class, classes, told_apart};
use super::timeline::{Pair, beside, timeline};
use super::{Mode, Prefix, Rate, Removed, Span, Tariff};
use cost::{Cost, compared};

/// The most examples of each kind of change.
const MOST_EXAMPLES: usize = 10;

/// What a new price list changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Prefixes that get a price of their own.
    pub added: Changes,
    /// Prefixes that the new list does not name.
    pub removed: Changes,
    /// Prefixes on which no call gets cheaper and some get dearer.
    pub dearer: Changes,
    /// Prefixes on which no call gets dearer and some get cheaper.
    pub cheaper: Changes,
    /// Prefixes that are barred from then on.
    pub barred: Changes,
    /// Prefixes whose price changes otherwise: dearer for some calls and cheaper for others.
    pub otherwise: Changes,
    /// How many prefixes keep their price.
    pub unchanged: usize,
    /// What would have no price of its own, though it has one now.
    pub lost: Vec<Lost>,
    /// Whether the new list says the same as the old one at all times.
    pub same: bool,
}

/// How many prefixes change in one way, and those that matter most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// How many.
    pub count: usize,
    /// The ten with the largest relative change or, where there is none, the shortest prefixes: most
    /// numbers begin with them.
    pub examples: Vec<Change>,
}

/// How one prefix changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The prefix.
    pub prefix: Prefix,
    /// Its destination, by the new list where that names it.
    pub destination: Box<str>,
    /// When the change begins.
    pub from: Timestamp,
    /// The price per minute before.
    pub old: Option<crate::money::Price>,
    /// The price per minute after.
    pub new: Option<crate::money::Price>,
    /// By how many thousandths a call of three minutes gets dearer; below zero: cheaper.
    pub permille: Option<i64>,
}

/// A prefix that would have no price of its own for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The prefix.
    pub prefix: Prefix,
    /// Its destination now.
    pub destination: Box<str>,
    /// Its price per minute now.
    pub price: crate::money::Price,
    /// The time band of the list in force in which this happens; absent: at all times, or outside of the bands.
    pub band: Option<Box<str>>,
    /// The first instant without a price.
    pub from: Timestamp,
    /// The instant from which there is one again; absent: never, as far as the list goes.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: Why,
    /// Which rate of a shorter prefix would be charged instead, if there is one.
    pub instead: Option<Instead>,
}

/// Why a prefix would have no price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The list does not name it.
    NotNamed,
    /// A row of the list says that it is deleted.
    Deleted,
    /// A row of the list deletes it later, and none prices it until then.
    DeletedLater,
    /// Its price begins later.
    BeginsLater,
    /// Its price ends.
    Ends,
    /// It has prices before and after, and none between.
    Gap,
    /// The same, of a prefix that has no price now.
    NewGap,
}

/// The rate of a shorter prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// The shorter prefix.
    pub prefix: Prefix,
    /// Its destination.
    pub destination: Box<str>,
    /// Its price per minute.
    pub price: crate::money::Price,
}

impl Lost {
    /// Whether the new list, or what it is to the old one, says that this is meant.
    ///
    /// A deleted row says so. A list that replaces says so of what it does not name and of what it ends. A gap after
    /// which the prefix has a price again is a mistake in any list.
    pub fn is_meant(&self, mode: Option<Mode>) -> bool {
        match self.why {
            Why::Deleted => true,
            Why::NotNamed | Why::Ends | Why::DeletedLater => mode == Some(Mode::Replace),
            Why::BeginsLater | Why::Gap | Why::NewGap => false,
        }
    }
}

/// Compares a new list with the one in force. `removed` are the prefixes that a row of the new list calls deleted.
pub fn compare(old: &Tariff, new: &Tariff, removed: &[Removed], span: Span) -> Difference {
    let classes = classes(old.terms(), new.terms());
    let mut difference = Difference { same: old.terms() == new.terms(), ..Difference::default() };
    let (mut olds, mut news) = (groups(old).peekable(), groups(new).peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (Some(old), Some(new)) => prefix_of(old).cmp(&prefix_of(new)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let old_group = if order == Ordering::Greater { None } else { olds.next() };
        let new_group = if order == Ordering::Less { None } else { news.next() };
        let prefix = Compared {
            old: old_group.unwrap_or_default(),
            new: new_group.unwrap_or_default(),
            lists: (old, new),
            span,
        };
        prefix.tell(&classes, removed, &mut difference);
    }
    for changes in [
        &mut difference.added,
        &mut difference.removed,
        &mut difference.dearer,
        &mut difference.cheaper,
        &mut difference.barred,
        &mut difference.otherwise,
    ] {
        keep_most(&mut changes.examples);
    }
    difference.lost.sort_by(|one, other| {
        by_length(&one.prefix, &other.prefix).then(one.from.cmp(&other.from)).then(one.band.cmp(&other.band))
    });
    difference
}

/// The rates of one list, prefix by prefix.
fn groups(tariff: &Tariff) -> impl Iterator<Item = &[Rate]> {
    tariff.rates().chunk_by(|one, other| one.prefix == other.prefix)
}

fn prefix_of<'r>(rates: &&'r [Rate]) -> Option<&'r Prefix> {
    rates.first().map(|rate| &rate.prefix)
}

/// Shorter prefixes first: more numbers begin with them.
fn by_length(one: &Prefix, other: &Prefix) -> Ordering {
    one.as_str().len().cmp(&other.as_str().len()).then_with(|| one.cmp(other))
}

fn keep_most(examples: &mut Vec<Change>) {
    examples.sort_by(|one, other| {
        let size = |change: &Change| change.permille.map(i64::unsigned_abs);
        size(other).cmp(&size(one)).then_with(|| by_length(&one.prefix, &other.prefix))
    });
    examples.truncate(MOST_EXAMPLES);
}

/// One prefix in both lists.
struct Compared<'r> {
    old: &'r [Rate],
    new: &'r [Rate],
    lists: (&'r Tariff, &'r Tariff),
    span: Span,
}

/// What the parts of a prefix's time have in common.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all are seen together")]
struct Seen<'r> {
    old: bool,
    new: bool,
    /// At the same time.
    both: bool,
    dearer: bool,
    cheaper: bool,
    otherwise: bool,
    barred: bool,
    /// The first part that only the new list prices, and the last one that only the old list does.
    gained: Option<Pair<'r>>,
    ended: Option<Pair<'r>>,
    /// The part with the largest change.
    most: Option<(Pair<'r>, Cost)>,
}

impl<'r> Compared<'r> {
    fn tell(&self, classes: &[Class<'r>], removed: &[Removed], difference: &mut Difference) {
        let mut seen = Seen::default();
        let mut lost: Vec<(Class<'r>, Pair<'r>, Why)> = Vec::new();
        let apart = told_apart(classes, self.old, self.new);
        for class in &apart {
            let old = timeline(self.old, class.old, self.span);
            let new = timeline(self.new, class.new, self.span);
            let pairs = beside(&old, &new, self.span);
            for pair in &pairs {
                difference.same &= alike(pair.old, pair.new);
                seen.note(*pair);
            }
            if let Some(end) = pairs.last().filter(|pair| pair.old.is_some() && pair.new.is_none())
                && self.deleted(removed).is_some()
            {
                seen.ended = Some(*end);
            }
            if !self.old.iter().any(|rate| self.span.meets(rate)) {
                lost.extend(gaps(&pairs).map(|gap| (*class, gap, Why::NewGap)));
            }
            for (position, pair) in pairs.iter().enumerate() {
                let Some(rate) = pair.old.filter(|_| pair.new.is_none()) else { continue };
                match lost.last_mut() {
                    Some((same, last, _)) if same == class && last.until == Some(pair.from) => {
                        last.until = pair.until;
                    }
                    _ => lost.push((
                        *class,
                        Pair { old: Some(rate), ..*pair },
                        self.why(&pairs, position, removed),
                    )),
                }
            }
        }
        // The same loss in every class is one loss.
        if let Some((first, rest)) = lost.split_first()
            && lost.len() == apart.len()
            && rest.iter().all(|(_, pair, _)| (pair.from, pair.until) == (first.1.from, first.1.until))
        {
            lost.truncate(1);
            if let Some((class, ..)) = lost.first_mut() {
                class.old = None;
            }
        }
        difference.lost.extend(lost.into_iter().filter_map(|(class, pair, why)| self.lost(class, pair, why)));
        if seen.old && seen.new && !seen.both {
            // One after the other: the last of the old against the first of the new.
            let meets = |rate: &&Rate| self.span.meets(rate);
            let (old, new) = (self.old.iter().find(meets), self.new.iter().rev().find(meets));
            let from = new.and_then(|rate| rate.effective_from).unwrap_or(self.span.from);
            seen.note(Pair { from, until: None, old, new });
        }
        seen.count(self, difference);
    }

    fn why(&self, pairs: &[Pair<'r>], position: usize, removed: &[Removed]) -> Why {
        let Some(pair) = pairs.get(position) else { return Why::NotNamed };
        let has_price = |pair: &Pair<'r>| pair.new.is_some();
        let before = pairs.iter().take(position).any(has_price);
        let after = pairs.iter().skip(position).any(has_price);
        let deleted = self.deleted(removed);
        match (before, after) {
            _ if deleted.is_some_and(|removed| removed.from.is_none_or(|from| from <= pair.from)) => {
                Why::Deleted
            }
            (true, true) => Why::Gap,
            (true, false) => Why::Ends,
            (false, true) => Why::BeginsLater,
            (false, false) if deleted.is_some() => Why::DeletedLater,
            (false, false) if self.new.iter().any(|rate| self.span.meets(rate)) => Why::Gap,
            (false, false) => Why::NotNamed,
        }
    }

    /// The row that deletes the prefix.
    fn deleted<'d>(&self, removed: &'d [Removed]) -> Option<&'d Removed> {
        let prefix = self.old.first().map(|rate| &rate.prefix);
        let at = removed.partition_point(|removed| Some(&removed.prefix) < prefix);
        removed.get(at).filter(|removed| Some(&removed.prefix) == prefix)
    }

    fn lost(&self, class: Class<'r>, pair: Pair<'r>, why: Why) -> Option<Lost> {
        let rate = pair.old.or(pair.new)?;
        let instead = self.lists.1.shorter(&rate.prefix, class.new, pair.from).map(|rate| Instead {
            prefix: rate.prefix.clone(),
            destination: rate.destination.clone(),
            price: rate.first_price(),
        });
        Some(Lost {
            prefix: rate.prefix.clone(),
            destination: rate.destination.clone(),
            price: rate.first_price(),
            band: class.old.map(Into::into),
            from: pair.from,
            until: pair.until,
            why,
            instead,
        })
    }
}

/// The parts without a price between two with one: each with the rate before it.
fn gaps<'p, 'r>(pairs: &'p [Pair<'r>]) -> impl Iterator<Item = Pair<'r>> + use<'p, 'r> {
    let last = pairs.iter().rposition(|pair| pair.new.is_some()).unwrap_or_default();
    let before = |at: usize| pairs.get(at.checked_sub(1)?)?.new;
    pairs
        .iter()
        .take(last)
        .enumerate()
        .filter(|(_, pair)| pair.new.is_none())
        .filter_map(move |(at, pair)| before(at).map(|rate| Pair { new: Some(rate), ..*pair }))
}

/// Whether a call is charged and shown the same by both.
fn alike(old: Option<&Rate>, new: Option<&Rate>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            cost::same_price(old, new) && (&old.destination, &old.band) == (&new.destination, &new.band)
        }
        (None, None) => true,
        _ => false,
    }
}

impl<'r> Seen<'r> {
    fn note(&mut self, pair: Pair<'r>) {
        self.old |= pair.old.is_some();
        self.new |= pair.new.is_some();
        self.both |= pair.old.is_some() && pair.new.is_some();
        if pair.old.is_none() && pair.new.is_some() {
            self.gained = self.gained.or(Some(pair));
        }
        let Some((old, new)) = pair.old.zip(pair.new) else { return };
        let cost = compared(old, new);
        self.dearer |= cost.dearer;
        self.cheaper |= cost.cheaper;
        self.barred |= new.blocked && !old.blocked;
        self.otherwise |= cost.otherwise;
        let size = |cost: &Cost| cost.permille.map(i64::unsigned_abs);
        if cost.changed() && self.most.as_ref().is_none_or(|(_, most)| size(most) < size(&cost)) {
            self.most = Some((pair, cost));
        }
    }

    fn count(&self, prefix: &Compared<'r>, difference: &mut Difference) {
        let changes = match (self.old, self.new) {
            (false, false) => return,
            (false, true) => &mut difference.added,
            (true, false) => &mut difference.removed,
            (true, true) if self.ended.is_some() => &mut difference.removed,
            (true, true) if self.barred => &mut difference.barred,
            (true, true) if self.otherwise || (self.dearer && self.cheaper) => &mut difference.otherwise,
            (true, true) if self.dearer => &mut difference.dearer,
            (true, true) if self.cheaper => &mut difference.cheaper,
            // Its price is the same, and holds at a time at which it had none.
            (true, true) if self.gained.is_some() => &mut difference.added,
            (true, true) => {
                difference.unchanged = difference.unchanged.saturating_add(1);
                return;
            }
        };
        changes.count = changes.count.saturating_add(1);
        changes.examples.extend(self.change(prefix));
        // Kept short on the way: a list may have a million prefixes.
        if changes.examples.len() > MOST_EXAMPLES.saturating_mul(100) {
            keep_most(&mut changes.examples);
        }
    }

    fn change(&self, prefix: &Compared<'r>) -> Option<Change> {
        let first = |rates: &'r [Rate]| rates.iter().rev().find(|rate| prefix.span.meets(rate));
        let (from, old, new, permille) = if let Some(end) = self.ended {
            (end.from, end.old, end.new, None)
        } else if let Some((pair, cost)) = &self.most {
            (pair.from, pair.old, pair.new, cost.permille)
        } else {
            let (old, new) = (first(prefix.old), first(prefix.new));
            let from = new.and_then(|rate| rate.effective_from).unwrap_or(prefix.span.from);
            match self.gained.filter(|_| self.both) {
                Some(gained) => (gained.from, gained.old, gained.new, None),
                None => (from.max(prefix.span.from), old, new, None),
            }
        };
        let named = new.or(old)?;
        Some(Change {
            prefix: named.prefix.clone(),
            destination: named.destination.clone(),
            from,
            old: old.map(Rate::first_price),
            new: new.filter(|rate| !rate.blocked).map(Rate::first_price),
            permille,
        })
    }
}
