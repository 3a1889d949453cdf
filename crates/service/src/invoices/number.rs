//! Gives issued invoices and credit notes their legal numbers: gapless for each series and year, in blocks.
//!
//! Each document is chained to the one before it in its series, and its number is sealed.
//!
//! With its number a document may leave the house: the job that sends it is asked for in the same
//! transaction.

use super::announce;
use super::store::{self, Document, Numbered};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};

/// So many documents are numbered while the counter is held.
const BLOCK: i64 = 500;

/// Numbers every issued document that has none yet, block by block.
pub async fn number_all(app: &App) -> Result<u64> {
    let mut numbered = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let block = number_block(&mut tx, &app.config, &app.clock).await?;
        tx.commit().await?;
        numbered += block;
        if block == 0 {
            return Ok(numbered);
        }
    }
}

/// Numbers what was issued in a transaction, and all that waits before it.
pub async fn number_in(tx: &mut Tx, config: &Config, clock: &Clock) -> Result<()> {
    while number_block(tx, config, clock).await? > 0 {}
    Ok(())
}

/// Numbers a block of each series, the first issued first.
async fn number_block(tx: &mut Tx, config: &Config, clock: &Clock) -> Result<u64> {
    let mut numbered = 0;
    let series = [
        (Document::Invoice, &config.invoices.series),
        (Document::CreditNote, &config.invoices.credit_series),
    ];
    for (document, series) in series {
        if !store::any_unnumbered(tx, document).await? {
            continue;
        }
        // The counter is held first: two that number at once would see the same documents.
        let mut last = store::hold_series(tx, series).await?;
        let waiting = store::unnumbered(tx, document, BLOCK).await?;
        let mut numbers = Vec::with_capacity(waiting.len());
        for entry in waiting {
            let year = i64::from(entry.issued_on.year());
            let last = last.entry(year).or_default();
            last.number += 1;
            let number = format!("{series}-{year}-{:06}", last.number);
            let link = entry.link(&number, &last.chain_hash)?;
            last.chain_hash = link.chain_hash;
            numbers.push(Numbered { entry, number, link });
        }
        let batch = tx.seal_batch(|| (clock.id(), clock.now()));
        store::save_numbers(tx, document, &numbers, batch).await?;
        store::save_series(tx, series, &last).await?;
        let sent: Vec<Job> = numbers.iter().map(|numbered| numbered.entry.send()).collect();
        jobs::enqueue(tx, &sent, clock).await?;
        let invoices: Vec<_> = numbers.iter().filter_map(|numbered| numbered.entry.invoice()).collect();
        announce::numbered(tx, &invoices, clock).await?;
        numbered += numbers.len() as u64;
    }
    Ok(numbered)
}
