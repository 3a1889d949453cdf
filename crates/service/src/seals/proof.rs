//! How does somebody outside know that a row is as it was sealed? By a proof, which they check with the hash of a seal that they
//! were given: docs/audit.md has the program.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::documents::{self, Document};
use super::rows::{self, SealedRow, Value, forms, name_of};
use super::tree::{Batch, Item, LeafRow, RowLeaf, Shown, ShownDocument, Tree, instant, join};
use super::{Seal, hashes, store};
use crate::db::{Digest, Leaf, Tx};
use crate::error::{Error, Result};

/// What is to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A call, by its source and record id.
    Call { source: String, record_id: String },
    /// An invoice or credit note, by its number.
    Document { number: String },
    /// Everything that was sealed on a day of UTC.
    Day(Date),
}

impl std::fmt::Display for Asked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call { source, record_id } => write!(out, "call {source}/{record_id}"),
            Self::Document { number } => write!(out, "document {number}"),
            Self::Day(day) => write!(out, "all that was sealed on {day}"),
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub enum Proven {
    Proof(Box<Proof>),
    Unknown,
    /// It was there before sealing began, or was put there by hand.
    NotSealed,
    /// It waits for the next seal.
    Waiting,
    /// The batch that it names is not there.
    NoBatch(i64),
    /// No seal was made on that day.
    NoSeal,
    /// There is no seal of that number, or it is older than what is to be proven.
    UnknownSeal(i64),
}

impl std::fmt::Display for Proven {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Proof(proof) => return write!(out, "a proof of {}", proof.of),
            Self::NoBatch(batch) => return write!(out, "batch {batch}, which it names, was removed"),
            Self::UnknownSeal(number) => {
                return write!(
                    out,
                    "there is no seal {number}, or it was made before: see `tollbook audit seals`"
                );
            }
            Self::Unknown => "it is not there: if it was removed, `tollbook check` names it",
            Self::NotSealed => {
                "it is not sealed: it was there before sealing began, or was put there by hand"
            }
            Self::Waiting => "it waits for the next seal: make one with `tollbook audit seal`",
            Self::NoSeal => "no seal was made on that day: see `tollbook audit seals`",
        })
    }
}

/// A proof, as JSON.
#[derive(Debug, Serialize)]
pub struct Proof {
    format: &'static str,
    of: String,
    seals: Vec<ShownSeal>,
}

#[derive(Debug, Serialize)]
struct ShownSeal {
    number: i64,
    #[serde(serialize_with = "super::as_hex")]
    previous: Digest,
    batches: i64,
    rows: i64,
    sealed_at: String,
    #[serde(serialize_with = "super::as_hex")]
    hash: Digest,
    tree: Tree,
}

/// What is shown of a seal.
enum Part {
    /// The rows of one batch at a place.
    Place {
        batch: i64,
        form: u8,
        place: [i64; 2],
    },
    All,
    Nothing,
}

/// Makes a proof that reaches to a seal, or to the newest.
pub async fn prove(tx: &mut Tx, asked: &Asked, until: Option<i64>) -> Result<Proven> {
    let last = store::last(tx).await?.map_or(0, |seal| seal.number);
    let until = until.unwrap_or(last);
    let (first, parts) = match asked {
        Asked::Day(day) => {
            let seals = of_day(tx, *day).await?;
            let Some(first) = seals.first() else { return Ok(Proven::NoSeal) };
            (first.number, seals.iter().map(|seal| (seal.number, Part::All)).collect())
        }
        Asked::Call { .. } | Asked::Document { .. } => {
            let Some(row) = find(tx, asked).await? else { return Ok(Proven::Unknown) };
            let Some(batch) = row.batch else { return Ok(Proven::NotSealed) };
            let Some(found) = store::batches(tx, &[batch]).await?.pop() else {
                return Ok(Proven::NoBatch(batch));
            };
            let Some(seal) = found.seal else { return Ok(Proven::Waiting) };
            let part = Part::Place { batch, form: row.form.number, place: row.place };
            (seal, HashMap::from([(seal, part)]))
        }
    };
    let parts: HashMap<i64, Part> = parts;
    let last_shown = parts.keys().max().copied().unwrap_or(first);
    if until < last_shown || until > last {
        return Ok(Proven::UnknownSeal(until));
    }
    let (mut seals, mut next) = (Vec::new(), first);
    while next <= until {
        let page = store::from(tx, next, 1_000).await?;
        let Some(newest) = page.last() else { break };
        next = newest.number.saturating_add(1);
        for seal in page.into_iter().filter(|seal| seal.number <= until) {
            let part = parts.get(&seal.number).unwrap_or(&Part::Nothing);
            seals.push(shown(tx, &seal, part).await?);
        }
    }
    Ok(Proven::Proof(Box::new(Proof { format: "tollbook-proof-1", of: asked.to_string(), seals })))
}

async fn of_day(tx: &mut Tx, day: Date) -> Result<Vec<Seal>> {
    let unknown = |error: jiff::Error| Error::Other(error.to_string());
    let at = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(unknown);
    store::between(tx, at(day)?, at(day.tomorrow().map_err(unknown)?)?).await
}

/// The row that is to be proven.
async fn find(tx: &mut Tx, asked: &Asked) -> Result<Option<SealedRow>> {
    match asked {
        Asked::Call { source, record_id } => rows::of_record(tx, source, record_id).await,
        Asked::Document { number } => rows::of_number(tx, number).await,
        Asked::Day(_) => Ok(None),
    }
}

async fn shown(tx: &mut Tx, seal: &Seal, part: &Part) -> Result<ShownSeal> {
    let tree = match part {
        Part::Nothing => Tree::Hash(seal.root),
        part => seal_tree(tx, seal.number, part).await?,
    };
    let Seal { number, previous, batches, rows, sealed_at, hash, .. } = *seal;
    Ok(ShownSeal { number, previous, batches, rows, sealed_at: instant(sealed_at), hash, tree })
}

async fn seal_tree(tx: &mut Tx, seal: i64, part: &Part) -> Result<Tree> {
    let (mut items, mut after): (Vec<Item>, _) = (Vec::new(), i64::MIN);
    loop {
        let page = store::of_seal(tx, seal, after, 1_000).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for found in page {
            let wanted = match part {
                Part::Place { batch, .. } => *batch == found.id,
                Part::All => true,
                Part::Nothing => false,
            };
            let root = found.root.unwrap_or_default();
            let shown = if wanted { Some(batch_tree(tx, found.id, part).await?) } else { None };
            items.push((hashes::batch(found.id, found.rows, &root), shown));
        }
    }
    Ok(join(items))
}

/// A batch with its rows as they are now.
async fn batch_tree(tx: &mut Tx, batch: i64, part: &Part) -> Result<Tree> {
    let mut leaves = Vec::new();
    for (_, bytes) in store::leaves(tx, &[(batch, 0)]).await? {
        leaves = Leaf::read(&bytes)?;
    }
    let is_shown = |leaf: &Leaf| match part {
        Part::Place { form, place, .. } => leaf.form == *form && leaf.place == *place,
        _ => true,
    };
    let mut found = Vec::new();
    for form in forms() {
        let places = leaves.iter().filter(|leaf| leaf.form == form.number && is_shown(leaf));
        let mut places: BTreeSet<_> = places.map(|leaf| leaf.place).collect();
        if let Part::Place { form: asked, place, .. } = part
            && *asked == form.number
        {
            places.insert(*place);
        }
        let places: Vec<_> = places.into_iter().collect();
        found.extend(rows::at_places(tx, form, &places).await?);
    }
    let mut as_sealed: BTreeMap<Leaf, Vec<SealedRow>> = BTreeMap::new();
    for row in found.into_iter().filter(|row| row.batch == Some(batch)) {
        let leaf = Leaf { form: row.form.number, place: row.place, hash: row.hash };
        as_sealed.entry(leaf).or_default().push(row);
    }
    // First those that are as they were, then those that stand in the place of another.
    let mut shown: Vec<_> = leaves
        .iter()
        .map(|leaf| if is_shown(leaf) { as_sealed.get_mut(leaf).and_then(Vec::pop) } else { None })
        .collect();
    let mut found: Vec<_> = as_sealed.into_values().flatten().collect();
    for (leaf, shown) in leaves.iter().zip(&mut shown).filter(|(leaf, _)| is_shown(leaf)) {
        let same = |row: &SealedRow| row.form.number == leaf.form && row.place == leaf.place;
        if shown.is_none()
            && let Some(place) = found.iter().position(same)
        {
            *shown = Some(found.swap_remove(place));
        }
    }
    let mut items = Vec::with_capacity(leaves.len());
    for (leaf, row) in leaves.iter().zip(shown) {
        let row = match row {
            _ if !is_shown(leaf) => {
                items.push((leaf.hash, None));
                continue;
            }
            Some(row) => LeafRow::Is(with_document(tx, &row).await?),
            None => LeafRow::Removed { removed: name_of(leaf) },
        };
        items.push((leaf.hash, Some(Tree::Row(Box::new(RowLeaf { leaf: leaf.hash, row })))));
    }
    let rows = i64::try_from(leaves.len()).unwrap_or(i64::MAX);
    let others = found.iter().map(Shown::of).collect();
    Ok(Tree::Batch(Batch { id: batch, rows, tree: Box::new(join(items)), others }))
}

/// A number is shown with its document, and what that is chained to.
async fn with_document(tx: &mut Tx, row: &SealedRow) -> Result<Shown> {
    let mut shown = Shown::of(row);
    let Value::Text(number) = row.value("number") else { return Ok(shown) };
    let before = before(number);
    let numbers = [Some(number.clone()), before].into_iter().flatten().collect::<Vec<_>>();
    let (mut entries, mut documents) = documents::load(tx, &numbers).await?;
    let previous = entries.remove(&1).and_then(|entry| entry.chain_hash).unwrap_or_default();
    if let Some(Document { form, values, content, is_purged, .. }) = documents.remove(&0) {
        let content_hash = row.value("content_hash").clone();
        let values = std::iter::once(Value::Text(number.clone())).chain(values).chain([content_hash]);
        let document = Box::new(Shown::new(form, values.collect()));
        let content = (!is_purged).then_some(content);
        shown.document = Some(ShownDocument { document, content, previous });
    }
    Ok(shown)
}

/// The number before one in its series.
fn before(number: &str) -> Option<String> {
    let (series, count) = number.rsplit_once('-')?;
    let before = count.parse::<i64>().ok()?.checked_sub(1).filter(|before| *before > 0)?;
    Some(format!("{series}-{before:06}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_before_is_of_the_same_series() {
        assert_eq!(before("INV-2026-000002").as_deref(), Some("INV-2026-000001"));
        assert_eq!(before("INV-2026-1000000").as_deref(), Some("INV-2026-999999"));
        assert_eq!(before("INV-2026-000001"), None);
        assert_eq!(before("x"), None);
    }
}
