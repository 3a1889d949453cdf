//! What does an auditor need of a tree? The rows that are proven, and of everything else one hash for each part left out.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::hashes;
use super::rows::{SealedRow, Value};
use crate::db::{Digest, Form};
use crate::hash::hex;

/// A part of a tree.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// What is left out.
    Hash(Digest),
    Node(Box<[Self; 2]>),
    Batch(Batch),
    Row(Box<RowLeaf>),
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Batch {
    #[serde(rename = "batch")]
    pub(super) id: i64,
    pub(super) rows: i64,
    pub(super) tree: Box<Tree>,
    /// Rows that say they are of it, of which it has no leaf.
    pub(super) others: Vec<Shown>,
}

/// A leaf and its row as it is now.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RowLeaf {
    #[serde(serialize_with = "super::as_hex")]
    pub(super) leaf: Digest,
    #[serde(flatten)]
    pub(super) row: LeafRow,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum LeafRow {
    Is(Shown),
    Removed { removed: String },
}

/// A row with its columns in the order they are hashed, which no object of JSON has.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    table: &'static str,
    columns: Vec<(&'static str, Value)>,
    #[serde(flatten)]
    pub(super) document: Option<ShownDocument>,
}

/// What an invoice or credit note says, and what it is chained to.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ShownDocument {
    pub(super) document: Box<Shown>,
    /// Absent when it was kept long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    #[serde(serialize_with = "super::as_hex")]
    pub(super) previous: Digest,
}

impl Shown {
    pub(super) fn new(form: &Form, values: Vec<Value>) -> Self {
        let columns = form.columns.iter().copied().zip(values).collect();
        Self { table: form.table, columns, document: None }
    }

    pub(super) fn of(row: &SealedRow) -> Self {
        Self::new(row.form, row.values.clone())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Hash(hash) => super::as_hex(hash, out),
            Self::Node(parts) => parts.serialize(out),
            Self::Batch(batch) => batch.serialize(out),
            Self::Row(row) => row.serialize(out),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let one = |name: &str, text: String, out: S| {
            let mut map = out.serialize_map(Some(1))?;
            map.serialize_entry(name, &text)?;
            map.end()
        };
        match self {
            Self::Null => out.serialize_none(),
            Self::Number(number) => out.serialize_i64(*number),
            Self::Text(text) => out.serialize_str(text),
            Self::Bytes(bytes) => one("hex", hex(bytes), out),
            Self::Instant(at) => one("instant", instant(*at), out),
        }
    }
}

/// An instant with all its digits.
pub(super) fn instant(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// A leaf of a tree: its hash, and what is shown of it.
pub(super) type Item = (Digest, Option<Tree>);

/// Joins leaves to a tree, of which nothing is left out that is shown.
pub(super) fn join(mut items: Vec<Item>) -> Tree {
    while items.len() > 1 {
        let mut next = Vec::with_capacity(items.len().div_ceil(2));
        let mut rest = items.into_iter();
        while let Some((left, left_shown)) = rest.next() {
            let Some((right, right_shown)) = rest.next() else {
                next.push((left, left_shown));
                break;
            };
            let shown = match (left_shown, right_shown) {
                (None, None) => None,
                (one, other) => {
                    let one = one.unwrap_or(Tree::Hash(left));
                    Some(Tree::Node(Box::new([one, other.unwrap_or(Tree::Hash(right))])))
                }
            };
            next.push((hashes::node(&left, &right), shown));
        }
        items = next;
    }
    match items.pop() {
        Some((hash, shown)) => shown.unwrap_or(Tree::Hash(hash)),
        None => Tree::Hash(Digest::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_hashed_to_the_root_of_the_whole() {
        for count in 1..=9_u8 {
            let items: Vec<Item> = (0..count).map(|number| ([number; 32], None)).collect();
            let root = hashes::root(items.iter().map(|(hash, _)| *hash));
            assert!(matches!(join(items), Tree::Hash(hash) if hash == root), "{count}");
        }
    }
}
