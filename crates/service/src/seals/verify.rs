//! Is what is sealed still there as it was? Seals are compared with their chain, batches with seals, rows with batches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::hashes::{self, SealContent, Tree};
use super::removal::{Removal, Removed, removed};
use super::rows::{self, FORMS, SealedRow, forms, name_of};
use super::seal::portions;
use super::{Seal, documents, store};
use crate::db::{Digest, Form, Leaf, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub seals: u64,
    /// Rows that are sealed, or wait for the next seal, and are as they were.
    pub rows: u64,
    /// Rows of these that wait for the next seal.
    pub waiting: u64,
    /// Rows that were there before sealing began.
    pub before: u64,
    /// Invoices and credit notes whose chain holds.
    pub documents: u64,
    pub faults: Vec<String>,
}

/// So many seals or batches are looked at in a statement.
const PAGE: usize = 1_000;
/// Of rows that say they are of one batch and are not, so many are named.
const NAMED: usize = 100;

/// Verifies every seal, every sealed row and the chains of documents, in memory that grows with batches and customers only.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let mut verified = Verified::default();
    verify_seals(tx, &mut verified).await?;
    let mut check = RowCheck::default();
    let mut after = i64::MIN;
    loop {
        let page = store::batches_after(tx, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for some in portions(&page) {
            check.portion(tx, some).await?;
        }
    }
    let mut counts = Vec::new();
    for form in forms() {
        counts.push(rows::counts(tx, form).await?);
    }
    check.strays(tx, &counts).await?;
    check.exceeded(tx).await?;
    verified.rows = check.sound;
    verified.faults.append(&mut check.faults);
    verify_before(tx, &counts, &mut verified).await?;
    verified.waiting = store::waits(tx).await?.1;
    let chained = documents::verify(tx).await?;
    verified.documents = chained.documents;
    verified.faults.extend(chained.faults);
    Ok(verified)
}

/// Verifies that seals follow each other, and that each holds the batches that name it.
async fn verify_seals(tx: &mut Tx, verified: &mut Verified) -> Result<()> {
    let series = store::series(tx).await?;
    let beginning = hashes::beginning(series.before);
    let (mut next, mut previous) = (1, beginning);
    loop {
        let page = store::from(tx, next, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for seal in page {
            verified.seals += 1;
            if seal.number == 1 && seal.previous != beginning {
                previous = seal.previous;
                verified.faults.push(
                    "the numbers of rows that were there before sealing began (seal_series) are not those that seal 1 begins with"
                        .to_owned(),
                );
            }
            verify_seal(tx, &seal, (next, previous), &mut verified.faults).await?;
            next = seal.number.saturating_add(1);
            previous = seal.hash;
        }
    }
    if series.last_number >= next {
        verified.faults.push(missing(next, series.last_number));
    } else if series.last_number != next - 1 || series.last_hash.unwrap_or(beginning.to_vec()) != previous {
        verified.faults.push(format!("seal {} is not the last one that was made", next - 1));
    }
    for number in store::missing_seals(tx).await? {
        verified.faults.push(format!("there are batches of seal {number}, but it is not there"));
    }
    Ok(())
}

fn missing(first: i64, last: i64) -> String {
    if first == last {
        format!("seal {first} was removed")
    } else {
        format!("seals {first} to {last} were removed")
    }
}

async fn verify_seal(
    tx: &mut Tx,
    seal: &Seal,
    (next, previous): (i64, Digest),
    faults: &mut Vec<String>,
) -> Result<()> {
    let Seal { number, root, batches, rows, .. } = *seal;
    if number != next {
        faults.push(missing(next, number - 1));
    } else if seal.previous != previous {
        faults.push(format!("seal {number} does not follow the one before it"));
    }
    let sealed_at_micros = seal.sealed_at.as_microsecond();
    let content = SealContent { number, previous: seal.previous, root, batches, rows, sealed_at_micros };
    if content.hash() != seal.hash {
        faults.push(format!("seal {number} was changed: its hash is another"));
    }
    let (mut tree, mut count, mut all_rows, mut after) = (Tree::default(), 0, 0_i64, i64::MIN);
    loop {
        let page = store::of_seal(tx, number, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for batch in page {
            count += 1;
            all_rows = all_rows.saturating_add(batch.rows);
            tree.push(hashes::batch(batch.id, batch.rows, &batch.root.unwrap_or_default()));
        }
    }
    if (count, all_rows) != (batches, rows) {
        faults.push(format!(
            "seal {number} holds {batches} batches of {rows} rows, but {count} of {all_rows} are there"
        ));
    } else if tree.root() != root {
        faults.push(format!("seal {number}: its batches were changed"));
    }
    Ok(())
}

/// What is removed, and of whom.
type Asked = (Removal, Option<i64>);

/// The check of rows, batch by batch.
#[derive(Default)]
struct RowCheck {
    sound: u64,
    /// How many rows of each form were met in each batch, by id.
    met: Vec<(i64, [u32; FORMS])>,
    /// What retention removed of customers.
    removed: BTreeMap<Asked, Removed>,
    /// How many rows are gone that it may have removed.
    gone: BTreeMap<Asked, u64>,
    faults: Vec<String>,
}

/// So many customers' removals are remembered.
const REMEMBERED: usize = 10_000;

impl RowCheck {
    /// Compares some batches with the rows at the places of their leaves.
    async fn portion(&mut self, tx: &mut Tx, some: &[(i64, i64)]) -> Result<()> {
        let ids: Vec<_> = some.iter().map(|(id, _)| *id).collect();
        let batches = store::batches(tx, &ids).await?;
        let mut leaves: Vec<(i64, Leaf)> = Vec::new();
        for ((id, bytes), batch) in store::leaves(tx, some).await?.into_iter().zip(&batches) {
            let Ok(own) = Leaf::read(&bytes) else {
                self.faults.push(format!("batch {id} was changed: its leaves cannot be read"));
                continue;
            };
            let count = i64::try_from(own.len()).unwrap_or(i64::MAX);
            let root = hashes::root(own.iter().map(|leaf| leaf.hash));
            let is_sealed = batch.seal.is_some() || batch.root.is_some();
            if count != batch.rows || is_sealed && batch.root != Some(root) {
                self.faults
                    .push(format!("batch {id} was changed: its leaves are not those that were sealed"));
            }
            leaves.extend(own.into_iter().map(|leaf| (id, leaf)));
        }
        let expected: HashMap<(i64, Digest), usize> =
            leaves.iter().enumerate().map(|(place, (batch, leaf))| ((*batch, leaf.hash), place)).collect();
        let mut found = vec![false; leaves.len()];
        let mut others: Vec<SealedRow> = Vec::new();
        self.met.extend(ids.iter().map(|id| (*id, [0; FORMS])));
        for (of_form, form) in forms().into_iter().enumerate() {
            let places = leaves.iter().filter(|(_, leaf)| leaf.form == form.number);
            let places: BTreeSet<_> = places.map(|(_, leaf)| key(form, leaf.place)).collect();
            let places: Vec<_> = places.into_iter().collect();
            for row in rows::at_places(tx, form, &places).await? {
                let Some(batch) = row.batch.filter(|batch| ids.binary_search(batch).is_ok()) else {
                    continue;
                };
                if let Ok(met) = self.met.binary_search_by_key(&batch, |(id, _)| *id) {
                    self.met[met].1[of_form] += 1;
                }
                match expected.get(&(batch, row.hash)) {
                    Some(place) if !found[*place] => {
                        found[*place] = true;
                        self.sound += 1;
                    }
                    _ => others.push(row),
                }
            }
        }
        for ((batch, leaf), _) in leaves.iter().zip(&found).filter(|(_, found)| !**found) {
            let Some(form) = forms().into_iter().find(|form| form.number == leaf.form) else {
                self.faults
                    .push(format!("batch {batch} holds a leaf of an unknown form: use a newer program"));
                continue;
            };
            let same = |row: &SealedRow| {
                row.batch == Some(*batch)
                    && row.form.number == leaf.form
                    && key(form, row.place) == key(form, leaf.place)
            };
            match others.iter().position(same) {
                Some(place) => self.faults.push(format!("{} was changed", others.swap_remove(place).name())),
                None if self.was_removed_rightly(tx, leaf).await? => {}
                None => self.faults.push(format!("{} was removed", name_of(leaf))),
            }
        }
        self.faults.extend(others.iter().map(inserted));
        Ok(())
    }

    /// Whether retention removed it, as a sealed entry of the audit log says.
    async fn was_removed_rightly(&mut self, tx: &mut Tx, leaf: &Leaf) -> Result<bool> {
        let [first, at] = leaf.place;
        let table = forms().into_iter().find(|form| form.number == leaf.form).map(|form| form.table);
        let asked = match table {
            Some("calls" | "call_replacements") => (Removal::Calls, Some(first)),
            Some("audit_entries") => (Removal::AuditEntries, None),
            Some("suspense") => (Removal::Suspense, None),
            _ => return Ok(false),
        };
        let removed = self.removed_of(tx, asked).await?;
        let is_rightly = removed.before.is_some_and(|before| at < before.as_microsecond());
        if is_rightly {
            *self.gone.entry(asked).or_default() += 1;
        }
        Ok(is_rightly)
    }

    async fn removed_of(&mut self, tx: &mut Tx, asked: Asked) -> Result<Removed> {
        if self.removed.len() > REMEMBERED {
            self.removed.clear();
        }
        if let Some(known) = self.removed.get(&asked) {
            return Ok(*known);
        }
        let removed = removed(tx, asked.0, asked.1).await?;
        self.removed.insert(asked, removed);
        Ok(removed)
    }

    /// Of whom more is gone than retention removed.
    async fn exceeded(&mut self, tx: &mut Tx) -> Result<()> {
        for (asked, gone) in std::mem::take(&mut self.gone) {
            let removed = self.removed_of(tx, asked).await?;
            let what = match asked {
                (Removal::Calls, Some(customer)) => {
                    format!("calls and corrections of {}", CustomerId(customer))
                }
                (Removal::Suspense, _) => "records in suspense".to_owned(),
                _ => "audit entries".to_owned(),
            };
            self.faults.extend(removed.exceeded(gone, what));
        }
        Ok(())
    }

    /// Rows that say they are sealed and stand where no leaf says.
    async fn strays(&mut self, tx: &mut Tx, counts: &[(u64, u64)]) -> Result<()> {
        for (of_form, (form, (_, sealed))) in forms().into_iter().zip(counts).enumerate() {
            let met: u64 = self.met.iter().map(|(_, met)| u64::from(met[of_form])).sum();
            if *sealed == met {
                continue;
            }
            for (batch, count) in rows::counts_of_batches(tx, form).await? {
                let known = self.met.binary_search_by_key(&batch, |(id, _)| *id);
                if known.is_ok_and(|known| u64::from(self.met[known].1[of_form]) == count) {
                    continue;
                }
                self.strays_of(tx, form, batch, known.is_ok()).await?;
            }
        }
        Ok(())
    }

    async fn strays_of(
        &mut self,
        tx: &mut Tx,
        form: &'static Form,
        batch: i64,
        is_there: bool,
    ) -> Result<()> {
        let mut places = BTreeSet::new();
        if is_there {
            for (_, bytes) in store::leaves(tx, &[(batch, 0)]).await? {
                let leaves = Leaf::read(&bytes).unwrap_or_default();
                places.extend(
                    leaves.iter().filter(|leaf| leaf.form == form.number).map(|leaf| key(form, leaf.place)),
                );
            }
        }
        let strays = rows::of_batch(tx, form, batch).await?;
        let strays = strays.iter().filter(|row| !places.contains(&key(form, row.place)));
        if is_there {
            self.faults.extend(strays.map(inserted));
            return Ok(());
        }
        let strays: Vec<_> = strays.map(SealedRow::name).collect();
        let named =
            strays.iter().take(NAMED).map(|name| format!("{name} is of batch {batch}, which was removed"));
        self.faults.extend(named);
        if strays.len() > NAMED {
            let more = strays.len() - NAMED;
            self.faults
                .push(format!("{more} more of {} are of batch {batch}, which was removed", form.table));
        }
        Ok(())
    }
}

/// By what a row is found: of an entry of the audit log by its id alone.
fn key(form: &Form, [first, second]: [i64; 2]) -> [i64; 2] {
    if form.table == "audit_entries" { [first, 0] } else { [first, second] }
}

fn inserted(row: &SealedRow) -> String {
    format!("{} was inserted: nothing of it is sealed", row.name())
}

/// Counts what is not sealed: what was there before sealing began, and no more.
async fn verify_before(tx: &mut Tx, counts: &[(u64, u64)], verified: &mut Verified) -> Result<()> {
    let series = store::series(tx).await?;
    for ((form, before), (all, sealed)) in forms().into_iter().zip(series.before).zip(counts) {
        let unsealed = all.saturating_sub(*sealed);
        verified.before += unsealed.min(before);
        if unsealed <= before {
            continue;
        }
        if before > 0 {
            let (table, more) = (form.table, unsealed - before);
            verified.faults.push(format!(
                "{more} rows of {table} were inserted that nothing seals, by hand or by a program of before"
            ));
            continue;
        }
        let first = rows::of_none(tx, form, NAMED).await?;
        verified.faults.extend(first.iter().map(inserted));
        if unsealed > first.len() as u64 {
            let more = unsealed - first.len() as u64;
            verified.faults.push(format!("{more} more rows of {} were inserted", form.table));
        }
    }
    Ok(())
}
