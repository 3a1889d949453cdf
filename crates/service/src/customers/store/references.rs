//! The directory of references in the database: which customer each names, and what it looks like.

use crate::customers::ReferenceEntry;
use crate::db::{self, Cell, Kind, Place, Row, Tx};
use crate::error::Result;
use crate::id::CustomerId;
use crate::names;

const DIRECTORY: Place = Place::new("customer_directory", &["reference"]);

/// Makes a reference name a customer; answers whether it was free.
pub(in crate::customers) async fn claim_reference(
    tx: &mut Tx,
    reference: &str,
    customer: CustomerId,
) -> Result<bool> {
    let sql = "insert into customer_directory (reference, customer_id, look) values ($1, $2, $3)
               on conflict (reference) do nothing";
    Ok(tx.execute(sql, &[&reference, &customer.0, &names::look(reference)]).await? == 1)
}

pub(in crate::customers) async fn id_of_reference(
    tx: &mut Tx,
    reference: &str,
) -> Result<Option<CustomerId>> {
    let row =
        tx.row("select customer_id from customer_directory where reference = $1", &[&reference]).await?;
    Ok(row.map(|row| row.get("customer_id").map(CustomerId)).transpose()?)
}

pub(in crate::customers) async fn entries_of_references(
    tx: &mut Tx,
    references: &[String],
) -> Result<Vec<ReferenceEntry>> {
    let sql = "select d.reference, d.customer_id from :given g cross join customer_directory d
               where d.reference = g.column1";
    let given: Vec<_> = references.iter().map(|reference| [Cell::Text(reference)]).collect();
    let rows = tx.rows_over(sql, [Kind::Text], &given).await?;
    Ok(DIRECTORY.all(&rows, reference_entry)?)
}

pub(in crate::customers) async fn references(tx: &mut Tx) -> Result<Vec<ReferenceEntry>> {
    let rows = tx.rows("select reference, customer_id from customer_directory", &[]).await?;
    Ok(DIRECTORY.all(&rows, reference_entry)?)
}

/// Those that look like one.
pub(in crate::customers) async fn looking_like(tx: &mut Tx, reference: &str) -> Result<Vec<ReferenceEntry>> {
    let sql =
        "select reference, customer_id from customer_directory where look = $1 order by reference limit 100";
    Ok(DIRECTORY.all(&tx.rows(sql, &[&names::look(reference)]).await?, reference_entry)?)
}

/// Some references from before it was stored what they look like.
pub(in crate::customers) async fn without_look(tx: &mut Tx, limit: usize) -> Result<Vec<String>> {
    let sql = "select reference from customer_directory where look is null order by reference limit $1";
    let rows = tx.rows(sql, &[&db::limit(limit)]).await?;
    Ok(rows.iter().map(|row| row.get("reference")).collect::<db::Result<_>>()?)
}

/// Stores what a reference looks like.
pub(in crate::customers) async fn save_look(tx: &mut Tx, reference: &str) -> Result<()> {
    let sql = "update customer_directory set look = $2 where reference = $1";
    tx.execute(sql, &[&reference, &names::look(reference)]).await?;
    Ok(())
}

fn reference_entry(row: &Row) -> db::Result<ReferenceEntry> {
    Ok(ReferenceEntry { reference: row.get("reference")?, customer_id: CustomerId(row.get("customer_id")?) })
}
