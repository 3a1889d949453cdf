//! The ledger in the database.

use calculation::money::Amount;

use super::Entry;
use crate::db::{Cell, Tx};
use crate::error::Result;
use crate::id::EntryId;

pub(super) async fn insert(tx: &mut Tx, entries: &[(EntryId, &Entry)]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|(id, entry)| {
            [
                Cell::Int(entry.customer.0),
                Cell::Int(id.0),
                Cell::Text(entry.kind.code()),
                Cell::Int(entry.subject),
                Cell::Text(entry.currency.code()),
                Cell::Time(entry.at),
            ]
        })
        .collect();
    let columns = ["customer_id", "entry_id", "kind", "subject_id", "currency", "posted_at"];
    tx.insert_rows("ledger_entries", &columns, &rows).await?;
    let rows: Vec<_> = entries
        .iter()
        .flat_map(|(id, entry)| {
            let posted = entry.postings.iter().filter(|(_, amount)| *amount != Amount::ZERO);
            posted.map(|(account, amount)| {
                [
                    Cell::Int(entry.customer.0),
                    Cell::Int(id.0),
                    Cell::Text(account.code()),
                    Cell::Int(amount.micros()),
                ]
            })
        })
        .collect();
    tx.insert_rows("postings", &["customer_id", "entry_id", "account", "amount"], &rows).await?;
    Ok(())
}
