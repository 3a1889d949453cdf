//! How do hashes hang together? Rows in a tree, batches in a tree, seals and documents in chains.
//!
//! The trees are those of RFC 6962: a hash says in its first byte of what it is, so that none can be taken for another.

use sha2::{Digest as _, Sha256};

use super::rows::FORMS;
use crate::db::{Cell, Digest, Form};

const NODE: u8 = 1;
const BATCH: u8 = 2;
const SEAL: u8 = 3;
const LINK: u8 = 4;
const BEGINNING: u8 = 5;

fn hash(kind: u8, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new_with_prefix([kind]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

pub(super) fn node(left: &Digest, right: &Digest) -> Digest {
    hash(NODE, &[left, right])
}

/// What the first seal follows: how many rows there were before sealing began. What is sealed only since later is not in it.
pub(super) fn beginning(before: [u64; FORMS]) -> Digest {
    let [calls, entries, audit_entries, documents, ..] = before;
    let before = [calls, entries, audit_entries, documents];
    if before == [0; 4] {
        return Digest::default();
    }
    let [calls, entries, audit_entries, documents] = before.map(u64::to_be_bytes);
    hash(BEGINNING, &[&calls, &entries, &audit_entries, &documents])
}

/// A batch as its seal's tree holds it.
pub(super) fn batch(id: i64, rows: i64, root: &Digest) -> Digest {
    hash(BATCH, &[&id.to_be_bytes(), &rows.to_be_bytes(), root])
}

/// What a seal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SealContent {
    pub(super) number: i64,
    pub(super) previous: Digest,
    pub(super) root: Digest,
    pub(super) batches: i64,
    pub(super) rows: i64,
    pub(super) sealed_at_micros: i64,
}

impl SealContent {
    pub(super) fn hash(&self) -> Digest {
        let Self { number, previous, root, batches, rows, sealed_at_micros } = self;
        let [number, batches, rows, at] =
            [number, batches, rows, sealed_at_micros].map(|number| number.to_be_bytes());
        hash(SEAL, &[&number, previous, root, &batches, &rows, &at])
    }
}

/// The hash of a document's content, which stays when the content goes.
pub fn content_hash(content: &str) -> Digest {
    Sha256::digest(content).into()
}

/// A document's place in the chain of its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub content_hash: Digest,
    pub chain_hash: Digest,
}

impl Link {
    /// Of the values of a document's form but its number and content, and of the document before it.
    pub fn new(
        form: &Form,
        number: &str,
        values: Vec<Cell<'_>>,
        content_hash: Digest,
        previous: &Digest,
    ) -> Self {
        let cells = std::iter::once(Cell::Text(number)).chain(values);
        let document = form.hash(cells.chain([Cell::Bytes(&content_hash)]), &mut Vec::new());
        Self { content_hash, chain_hash: hash(LINK, &[previous, &document]) }
    }
}

/// The root of a tree whose leaves come one after the other: it remembers one hash for each level.
#[derive(Debug, Default)]
pub(super) struct Tree {
    leaves: u64,
    /// The roots of whole subtrees, the largest first: one for each bit of `leaves`.
    roots: Vec<Digest>,
}

impl Tree {
    pub(super) fn push(&mut self, mut leaf: Digest) {
        let mut full = self.leaves;
        while full & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                leaf = node(&left, &leaf);
            }
            full >>= 1;
        }
        self.roots.push(leaf);
        self.leaves += 1;
    }

    /// Of no leaves it is all zeros.
    pub(super) fn root(&self) -> Digest {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return Digest::default() };
        roots.fold(*last, |right, left| node(left, &right))
    }
}

/// The root of a tree over some leaves.
pub(super) fn root(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(leaf);
    }
    tree.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Digest> {
        (0..count).map(|number| hash(9, &[&[number]])).collect()
    }

    /// How many of some leaves are in the left subtree: the largest power of two that leaves some for the right.
    fn split(leaves: usize) -> usize {
        leaves.next_power_of_two().max(2) / 2
    }

    /// As RFC 6962 defines it.
    fn defined(leaves: &[Digest]) -> Digest {
        if let [leaf] = leaves {
            return *leaf;
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        node(&defined(left), &defined(right))
    }

    #[test]
    fn a_tree_that_grows_is_the_tree_that_is_defined() {
        for count in 1..=70 {
            let leaves = leaves(count);
            assert_eq!(root(leaves.iter().copied()), defined(&leaves), "{count}");
        }
        assert_eq!(root([]), [0; 32]);
    }

    #[test]
    fn the_left_subtree_is_full() {
        assert_eq!([2, 3, 4, 5, 8, 9].map(split), [1, 2, 2, 4, 4, 8]);
    }

    #[test]
    fn what_a_seal_says_changes_its_hash() {
        let of = |number, rows| {
            let (previous, root) = ([1; 32], [2; 32]);
            SealContent { number, previous, root, batches: 1, rows, sealed_at_micros: 5 }.hash()
        };
        assert_eq!(of(1, 2), of(1, 2));
        assert_ne!(of(1, 2), of(2, 1));
    }
}
