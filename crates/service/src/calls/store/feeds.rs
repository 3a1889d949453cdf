//! The names of feeds in the database.

use crate::db::{self, Tx};
use crate::error::Result;

/// Whether records came under this very name.
pub(in crate::calls) async fn knows_feed(tx: &mut Tx, source: &str) -> Result<bool> {
    for table in ["calls", "imports"] {
        let sql = format!("select 1 as one from {table} where source = $1 limit 1");
        if tx.row(&sql, &[&source]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names of the feeds that files came from.
pub(in crate::calls) async fn feeds(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.rows("select distinct source from imports order by source", &[]).await?;
    Ok(rows.iter().map(|row| row.get("source")).collect::<db::Result<_>>()?)
}
