//! Seals what was committed since the last seal. No charge waits for it, and no other seal: one row is held, of the series of seals.

use jiff::{SignedDuration, Timestamp};

use super::hashes::{self, SealContent, Tree};
use super::{Seal, store};
use crate::db::{Leaf, Tx};
use crate::error::Result;

/// A seal takes batches until it has so many rows, so that it is not long under way.
const MOST_ROWS: i64 = 200_000;
/// So many batches are looked at first, by their sizes.
const MOST_BATCHES: usize = 10_000;
/// So many rows' leaves are in memory at a time.
pub(super) const ROWS_AT_ONCE: i64 = 20_000;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealed {
    /// A seal, and whether more waits than it takes.
    New { seal: Seal, more: bool },
    /// Nothing was committed since the last seal.
    Nothing,
    /// The last seal is younger than that.
    NotYet,
}

/// Makes a seal of what waits, unless the last one was made a moment ago. What is left when it has enough goes into the next.
pub async fn seal(tx: &mut Tx, now: Timestamp, apart: SignedDuration) -> Result<Sealed> {
    if !store::any_waits(tx).await? {
        return Ok(Sealed::Nothing);
    }
    let last = store::hold_series(tx).await?;
    let since = last.as_ref().map(|last| now.duration_since(last.sealed_at));
    // A clock that was put back makes nobody wait.
    if since.is_some_and(|since| since >= SignedDuration::ZERO && since < apart) {
        return Ok(Sealed::NotYet);
    }
    let found = store::waiting(tx, MOST_BATCHES).await?;
    if found.is_empty() {
        return Ok(Sealed::Nothing);
    }
    let all = found.len();
    let waiting = taken(found);
    let more = waiting.len() < all || all == MOST_BATCHES;
    let (number, previous) = match last {
        Some(last) => (last.number + 1, last.hash),
        None => (1, hashes::beginning(store::series(tx).await?.before)),
    };
    let (mut tree, mut rows) = (Tree::default(), 0);
    for some in portions(&waiting) {
        let mut roots = Vec::with_capacity(some.len());
        for (id, leaves) in store::leaves(tx, some).await? {
            let leaves = Leaf::read(&leaves)?;
            let root = hashes::root(leaves.iter().map(|leaf| leaf.hash));
            let count = leaves.len().try_into().unwrap_or(i64::MAX);
            tree.push(hashes::batch(id, count, &root));
            rows += count;
            roots.push((id, root));
        }
        store::save_roots(tx, number, &roots).await?;
    }
    let batches = waiting.len().try_into().unwrap_or(i64::MAX);
    let sealed_at_micros = now.as_microsecond();
    let content = SealContent { number, previous, root: tree.root(), batches, rows, sealed_at_micros };
    let SealContent { root, .. } = content;
    let seal = Seal { number, previous, root, batches, rows, sealed_at: now, hash: content.hash() };
    store::insert(tx, &seal).await?;
    Ok(Sealed::New { seal, more })
}

/// As many as one seal takes, and one at least.
fn taken(mut waiting: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut rows = 0_i64;
    let enough = waiting.iter().position(|(_, count)| {
        rows = rows.saturating_add(*count);
        rows > MOST_ROWS
    });
    waiting.truncate(enough.map_or(waiting.len(), |enough| enough.max(1)));
    waiting
}

/// Batches, each with how many rows it has, as many together as fit into memory.
pub(super) fn portions(batches: &[(i64, i64)]) -> impl Iterator<Item = &[(i64, i64)]> {
    let mut rest = batches;
    std::iter::from_fn(move || {
        let mut rows = 0_i64;
        let fits = rest.iter().take_while(|(_, count)| {
            rows = rows.saturating_add(*count);
            rows <= ROWS_AT_ONCE
        });
        let (some, others) = rest.split_at_checked(fits.count().max(1))?;
        rest = others;
        Some(some)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_portions_and_none_is_left_out() {
        let batches = [(1, 19_000), (2, 1_000), (3, 1), (4, 50_000), (5, 2)];
        let portions: Vec<_> = portions(&batches).map(<[_]>::len).collect();
        assert_eq!(portions, [2, 1, 1, 1]);
        assert_eq!(super::portions(&[]).count(), 0);
    }

    #[test]
    fn a_seal_takes_what_is_enough_and_one_batch_at_least() {
        assert_eq!(taken(vec![(1, 150_000), (2, 50_000), (3, 1)]).len(), 2);
        assert_eq!(taken(vec![(1, 900_000), (2, 1)]).len(), 1);
        assert_eq!(taken(vec![(1, 1), (2, 1)]).len(), 2);
    }
}
