//! The ledger in the database.

use calculation::money::{Amount, Currency};
use jiff::Timestamp;

use super::{Entry, EntryKind};
use crate::db::{self, Cell, Row, Tx};
use crate::error::Result;
use crate::id::{CustomerId, EntryId};

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

/// An entry, with what it posts to the receivable account.
pub(super) struct StoredEntry {
    pub(super) id: EntryId,
    pub(super) kind: EntryKind,
    pub(super) subject: i64,
    pub(super) currency: Currency,
    pub(super) posted_at: Timestamp,
    pub(super) amount: Amount,
}

pub(super) async fn entries_after(
    tx: &mut Tx,
    customer: CustomerId,
    after: EntryId,
    limit: usize,
) -> Result<Vec<StoredEntry>> {
    let sql =
        "select e.entry_id, e.kind, e.subject_id, e.currency, e.posted_at, coalesce(p.amount, 0) as amount
               from ledger_entries e
               left join postings p on p.customer_id = e.customer_id and p.entry_id = e.entry_id
                 and p.account = 'receivable'
               where e.customer_id = $1 and e.entry_id > $2 order by e.entry_id limit $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let entry = |row: &Row| {
        Ok(StoredEntry {
            id: EntryId(row.get("entry_id")?),
            kind: row.parse("kind")?,
            subject: row.get("subject_id")?,
            currency: row.parse("currency")?,
            posted_at: row.time("posted_at")?,
            amount: row.get("amount").map(Amount::from_micros)?,
        })
    };
    let rows = tx.rows(sql, &[&customer.0, &after.0, &limit]).await?;
    Ok(rows.iter().map(entry).collect::<db::Result<_>>()?)
}

/// What a customer owed after an entry.
pub(super) async fn balance_until(tx: &mut Tx, customer: CustomerId, last: EntryId) -> Result<Amount> {
    let sql = "select coalesce(cast(sum(amount) as bigint), 0) as balance from postings
               where customer_id = $1 and entry_id <= $2 and account = 'receivable'";
    let row = tx.row(sql, &[&customer.0, &last.0]).await?;
    Ok(row.map_or(Ok(0), |row| row.get("balance")).map(Amount::from_micros)?)
}
