//! Gives issued invoices their legal numbers: gapless for each series and year, in blocks.

use std::collections::BTreeMap;

use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;

/// So many invoices are numbered while the counter is held.
const BLOCK: i64 = 500;

/// Numbers every issued invoice that has none yet, block by block.
pub async fn number_all(app: &App) -> Result<u64> {
    let mut numbered = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let block = number_block(&mut tx, &app.config.invoices.series).await?;
        tx.commit().await?;
        numbered += block;
        if block == 0 {
            return Ok(numbered);
        }
    }
}

/// Numbers a block of invoices, the first issued first.
pub(super) async fn number_block(tx: &mut Tx, series: &str) -> Result<u64> {
    // The counter is held first: two that number at once would see the same invoices.
    let mut last = store::hold_series(tx, series).await?;
    let waiting = store::unnumbered(tx, BLOCK).await?;
    let mut numbers = Vec::with_capacity(waiting.len());
    for entry in waiting {
        let year = i64::from(entry.issued_on.year());
        let count = last.entry(year).or_default();
        *count += 1;
        numbers.push((entry, format!("{series}-{year}-{count:06}")));
    }
    store::save_numbers(tx, &numbers).await?;
    let changed: BTreeMap<i64, i64> = last;
    store::save_series(tx, series, &changed).await?;
    Ok(numbers.len() as u64)
}
