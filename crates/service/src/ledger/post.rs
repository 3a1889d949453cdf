//! Posts entries, many at once.

use std::collections::BTreeMap;

use calculation::posting::Postings;

use super::{Entry, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::metrics::{LEDGER_ENTRIES, LEDGER_MICROS};

/// Posts entries in the transaction of what happened. One that does not balance is a fault of the program:
/// none is posted then. So is a second entry of a kind for a subject.
pub async fn post(tx: &mut Tx, entries: &[Entry], clock: &Clock) -> Result<()> {
    if let Some(entry) = entries.iter().find(|entry| entry.postings.is_none()) {
        let (kind, subject) = (entry.kind.code(), entry.kind.subject(entry.subject));
        return Err(Error::Contradiction(format!("the {kind} entry of {subject} does not sum to zero")));
    }
    let numbered: Vec<_> = entries.iter().map(|entry| (EntryId(clock.id()), entry)).collect();
    store::insert(tx, &numbered, clock.now()).await?;
    tally(tx, entries);
    Ok(())
}

/// Counts what is moved: the debits of each entry.
fn tally(tx: &mut Tx, entries: &[Entry]) {
    let mut moved: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for entry in entries {
        let (count, micros) = moved.entry((entry.kind.code(), entry.currency.code())).or_default();
        *count += 1;
        for (_, amount) in entry.postings.iter().flat_map(Postings::iter) {
            *micros = micros.saturating_add(u64::try_from(amount.micros()).unwrap_or_default());
        }
    }
    for ((kind, currency), (count, micros)) in moved {
        let labels = [("kind", kind), ("currency", currency)];
        tx.tally(LEDGER_ENTRIES, &labels, count);
        tx.tally(LEDGER_MICROS, &labels, micros);
    }
}
