//! Which rates have the longest prefix of a number?
//!
//! A trie over decimal digits in one vector. Each slot is either the next node or, pushed down to the
//! leaves, the group of the longest prefix so far: a lookup reads one slot a digit and nothing else.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Prefix, Rate};
use crate::phone_number::{Dialled, E164};

/// A group is the rates of one prefix: neighbours in the sorted list of rates.
#[derive(Debug)]
pub(super) struct PrefixIndex {
    nodes: Vec<Node>,
    groups: Vec<Group>,
    short_codes: BTreeMap<Box<str>, u32>,
}

#[derive(Debug)]
struct Group {
    rates: Range<u32>,
    /// The group of the next shorter prefix, asked when no rate of this one is in force.
    shorter: Option<u32>,
}

#[derive(Debug, Clone)]
struct Node {
    slots: [Slot; 10],
    /// The group of the longest prefix that ends here or above.
    group: Option<u32>,
}

/// The next node or, with the highest bit set, a leaf: in four bytes, for a lookup waits for memory most.
#[derive(Debug, Clone, Copy)]
struct Slot(u32);

const LEAF: u32 = 1 << 31;
const NO_GROUP: u32 = LEAF - 1;

impl Slot {
    fn node(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or_default() & !LEAF)
    }

    fn leaf(group: Option<u32>) -> Self {
        Self(group.unwrap_or(NO_GROUP) | LEAF)
    }

    /// The position of the next node, or the group of a leaf.
    #[inline]
    fn follow(self) -> Result<u32, Option<u32>> {
        let value = self.0 & !LEAF;
        if self.0 & LEAF == 0 { Ok(value) } else { Err((value != NO_GROUP).then_some(value)) }
    }
}

impl PrefixIndex {
    /// Indexes rates that are sorted by prefix.
    pub(super) fn new(rates: &[Rate]) -> Self {
        let mut index = Self { nodes: Vec::new(), groups: Vec::new(), short_codes: BTreeMap::new() };
        let mut start = 0_u32;
        let mut numbers = Vec::new();
        for neighbours in rates.chunk_by(|one, other| one.prefix == other.prefix) {
            let end = start.saturating_add(u32::try_from(neighbours.len()).unwrap_or(u32::MAX));
            let position = u32::try_from(index.groups.len()).unwrap_or(NO_GROUP);
            index.groups.push(Group { rates: start..end, shorter: None });
            start = end;
            let Some(Rate { prefix, .. }) = neighbours.first() else { continue };
            if prefix.as_str().contains(':') {
                index.short_codes.insert(prefix.as_str().into(), position);
            } else {
                numbers.push((prefix, position));
            }
        }
        index.build(&numbers);
        index
    }

    /// The groups for a dialled number, longest prefix first.
    pub(super) fn groups(&self, dialled: &Dialled) -> impl Iterator<Item = Range<usize>> {
        let longest = match dialled {
            Dialled::Number(number) => self.longest(*number),
            Dialled::Short(code) => {
                code.region().and_then(|region| self.longest_short(region.as_str(), code.digits()))
            }
            Dialled::Emergency(_) => None,
        };
        let group = |position: u32| self.groups.get(usize::try_from(position).ok()?);
        std::iter::successors(longest.and_then(group), move |found| found.shorter.and_then(group)).filter_map(
            |found| Some(usize::try_from(found.rates.start).ok()?..usize::try_from(found.rates.end).ok()?),
        )
    }

    fn longest(&self, number: E164) -> Option<u32> {
        let mut node = self.nodes.first()?;
        for digit in number.leading_digits() {
            match node.slots.get(usize::from(digit))?.follow() {
                Ok(next) => node = self.nodes.get(usize::try_from(next).ok()?)?,
                Err(group) => return group,
            }
        }
        node.group
    }

    fn longest_short(&self, region: &str, digits: &str) -> Option<u32> {
        (1..=digits.len())
            .rev()
            .filter_map(|length| digits.get(..length))
            .find_map(|start| self.short_codes.get(format!("{region}:{start}").as_str()).copied())
    }

    /// Shorter prefixes come first in sorted order, so what a longer one inherits is known when it comes.
    fn build(&mut self, numbers: &[(&Prefix, u32)]) {
        self.nodes.push(Node { slots: [Slot::leaf(None); 10], group: None });
        for (prefix, position) in numbers {
            let shorter = match prefix.as_str().as_bytes().split_last() {
                Some((b'*', _)) => self.hang_at_root(*position),
                Some((last, path)) => self.hang_below(path, *last, *position),
                None => None,
            };
            if let Some(entry) = usize::try_from(*position).ok().and_then(|at| self.groups.get_mut(at)) {
                entry.shorter = shorter;
            }
        }
    }

    /// The prefix of all numbers comes first, before there is anything below the root.
    fn hang_at_root(&mut self, position: u32) -> Option<u32> {
        let group = Some(position);
        if let Some(root) = self.nodes.first_mut() {
            *root = Node { slots: [Slot::leaf(group); 10], group };
        }
        None
    }

    /// Hangs a leaf at the end of a path, whose nodes are made where there are none yet; answers the group
    /// of the next shorter prefix. A prefix that none extends costs no node.
    fn hang_below(&mut self, path: &[u8], last: u8, position: u32) -> Option<u32> {
        let mut at = 0_usize;
        for digit in path {
            let fresh = self.nodes.len();
            let slot = self.slot(at, *digit)?;
            at = match slot.follow() {
                Ok(next) => usize::try_from(next).ok()?,
                Err(group) => {
                    *slot = Slot::node(fresh);
                    self.nodes.push(Node { slots: [Slot::leaf(group); 10], group });
                    fresh
                }
            };
        }
        let slot = self.slot(at, last)?;
        let shorter = slot.follow().err().flatten();
        *slot = Slot::leaf(Some(position));
        shorter
    }

    fn slot(&mut self, node: usize, digit: u8) -> Option<&mut Slot> {
        self.nodes.get_mut(node)?.slots.get_mut(usize::from(digit.saturating_sub(b'0')))
    }
}

/// The digits of a number as text.
pub(super) fn digits_of(number: E164) -> String {
    number.digits().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tariff::tests::rate;

    fn found(prefixes: &[String], number: &str) -> Option<String> {
        let mut rates: Vec<Rate> = prefixes.iter().map(|prefix| rate(prefix)).collect();
        rates.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        let index = PrefixIndex::new(&rates);
        let range = index.groups(&Dialled::Number(number.parse().unwrap())).next()?;
        Some(rates[range.start].prefix.to_string())
    }

    /// The same question, asked of every prefix in turn.
    fn found_slowly(prefixes: &[String], number: &str) -> Option<String> {
        let begins = |prefix: &&String| *prefix == "*" || number[1..].starts_with(prefix.as_str());
        let length = |prefix: &&String| if *prefix == "*" { 0 } else { prefix.len() };
        prefixes.iter().filter(begins).max_by_key(length).cloned()
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_of_every_prefix_finds(
            mut prefixes in proptest::collection::vec("[1-3][1-3]{0,5}|\\*", 0..40),
            number in "\\+[1-3]{7,10}",
        ) {
            prefixes.sort();
            prefixes.dedup();
            prop_assert_eq!(found(&prefixes, &number), found_slowly(&prefixes, &number));
        }
    }
}
