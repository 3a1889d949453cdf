//! Posts entries, many at once.

use super::{Entry, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::EntryId;

/// Posts entries in the transaction of what happened. One that does not balance is a fault of the program:
/// none is posted then. So is a second entry of a kind for a subject.
pub async fn post(tx: &mut Tx, entries: &[Entry], clock: &Clock) -> Result<()> {
    if let Some(entry) = entries.iter().find(|entry| !entry.balances()) {
        let (kind, subject) = (entry.kind.code(), entry.kind.subject(entry.subject));
        return Err(Error::Inconsistent(format!("the {kind} entry of {subject} does not sum to zero")));
    }
    let numbered: Vec<_> = entries.iter().map(|entry| (EntryId(clock.id()), entry)).collect();
    store::insert(tx, &numbered).await
}
