//! Documents whose content goes.

use calculation::invoice::Invoice;
use jiff::Timestamp;

use super::Document;
use crate::db::{self, Row, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// Documents with a content that nobody needs any more: they are of before `$1`, and of no invoice that is open or contested.
fn kept_of(document: Document) -> String {
    let (table, _) = document.table();
    format!(
        "from {table} d where d.issued_at < $1 and d.purged_at is null and d.number is not null
           and not exists (select 1 from receivables r where r.customer_id = d.customer_id
                             and r.invoice_id = d.invoice_id and r.open > 0)
           and not exists (select 1 from disputes s where s.customer_id = d.customer_id
                             and s.invoice_id = d.invoice_id and s.settled_at is null)"
    )
}

pub(in crate::invoices) async fn kept(
    tx: &mut Tx,
    document: Document,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(CustomerId, i64, Invoice)>> {
    let (_, id) = document.table();
    let sql = format!(
        "select d.customer_id, d.{id} as id, d.content {} order by d.issued_at, d.{id} limit $2",
        kept_of(document)
    );
    let entry = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.get("id")?, row.json("content")?));
    Ok(tx.rows(&sql, &[&Ts(before), &limit]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

pub(in crate::invoices) async fn count_kept(
    tx: &mut Tx,
    document: Document,
    before: Timestamp,
) -> Result<u64> {
    let sql = format!("select count(*) as documents {}", kept_of(document));
    Ok(tx.counted(&sql, &[&Ts(before)], "documents").await?)
}

pub(in crate::invoices) async fn save_purged(
    tx: &mut Tx,
    document: Document,
    (customer, number): (CustomerId, i64),
    content: &Invoice,
    now: Timestamp,
) -> Result<()> {
    let (table, id) = document.table();
    let sql = format!("update {table} set content = $3, purged_at = $4 where customer_id = $1 and {id} = $2");
    let content = db::json_text(content)?;
    tx.execute(&sql, &[&customer.0, &number, &content, &Ts(now)]).await?;
    Ok(())
}
