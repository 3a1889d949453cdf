//! Reads every table once, stores it in the other database, and reads it there again.

use super::{Copied, CopiedTable};
use crate::db::{Cell, Row, Table, Tx};
use crate::error::{Error, Result};
use crate::hash;

/// So many rows are in memory at a time.
const PAGE: i64 = 2_000;

/// Copies all rows of `source`, one snapshot, to `target`, whose tables must be there and empty, and compares.
/// `progress` is told of each page how many rows were read, here or there, of how many in all.
pub async fn copy(source: &mut Tx, target: &mut Tx, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Copied> {
    let (here, there) = (source.tables().await?, target.tables().await?);
    if here.is_empty() {
        return Ok(Copied::NothingThere);
    }
    let (ran_here, ran_there) = (source.migrations().await?, target.migrations().await?);
    if ran_here != ran_there {
        return Ok(Copied::OtherSchema { source: ran_here, target: ran_there });
    }
    let tables = match joined(&here, &there) {
        Ok(tables) => tables,
        Err(how) => return Ok(Copied::OtherTables(how)),
    };
    target.hold_tables(&tables).await?;
    let mut rows = 0;
    for table in &tables {
        if !target.page(table, None, 1).await?.is_empty() {
            return Ok(Copied::NotEmpty { table: table.name.clone() });
        }
        rows += u64::try_from(source.count(table).await?).unwrap_or(0);
    }
    if rows == 0 {
        return Ok(Copied::NothingThere);
    }
    // Each row is read on both sides.
    let step = |read: usize| progress(read as u64, rows * 2);
    let mut copied = Vec::with_capacity(tables.len());
    for table in &tables {
        let sent = transfer(source, target, table, &step).await?;
        copied.push(sent);
    }
    target.look_at_sizes().await?;
    for (table, here) in tables.iter().zip(&copied) {
        let there = sum_up(target, table, &step).await?;
        if there != *here {
            return Ok(Copied::Different { here: here.clone(), there });
        }
    }
    Ok(Copied::All(copied))
}

/// The tables that both have, or how they differ.
fn joined(here: &[Table], there: &[Table]) -> std::result::Result<Vec<Table>, String> {
    let lone = |one: &[Table], other: &[Table]| {
        one.iter().find(|table| !other.iter().any(|found| found.name == table.name)).cloned()
    };
    if let Some(table) = lone(here, there) {
        return Err(format!("the source alone has a table {}", table.name));
    }
    if let Some(table) = lone(there, here) {
        return Err(format!("the target alone has a table {}", table.name));
    }
    here.iter().zip(there).map(|(here, there)| here.joined(there)).collect()
}

async fn transfer(
    source: &mut Tx,
    target: &mut Tx,
    table: &Table,
    step: &(dyn Fn(usize) + Sync),
) -> Result<CopiedTable> {
    let mut sum = Sum::default();
    let mut page = source.page(table, None, PAGE).await?;
    while let Some(last) = page.last() {
        sum.add(table, &page)?;
        let stored = target.insert_page(table, &page).await;
        stored.map_err(|error| Error::Other(format!("table {}: {error}", table.name)))?;
        step(page.len());
        page = source.page(table, Some(last), PAGE).await?;
    }
    Ok(sum.of(table))
}

async fn sum_up(tx: &mut Tx, table: &Table, step: &(dyn Fn(usize) + Sync)) -> Result<CopiedTable> {
    let mut sum = Sum::default();
    let mut page = tx.page(table, None, PAGE).await?;
    while let Some(last) = page.last() {
        sum.add(table, &page)?;
        step(page.len());
        page = tx.page(table, Some(last), PAGE).await?;
    }
    Ok(sum.of(table))
}

/// Rows, counted, and their hashes, added: engines sort texts differently, a sum has no order.
#[derive(Default)]
struct Sum {
    rows: u64,
    hashes: u128,
    canonical: Vec<u8>,
}

impl Sum {
    fn add(&mut self, table: &Table, page: &[Row]) -> Result<()> {
        for row in page {
            self.canonical.clear();
            for cell in table.cells(row)? {
                write_canonical(cell, &mut self.canonical);
            }
            self.hashes = self.hashes.wrapping_add(u128::from_be_bytes(hash::of(&self.canonical)));
            self.rows += 1;
        }
        Ok(())
    }

    fn of(self, table: &Table) -> CopiedTable {
        let checksum = hash::hex(&self.hashes.to_be_bytes());
        CopiedTable { table: table.name.clone(), rows: self.rows, checksum }
    }
}

/// A value as both engines have it: a kind, then numbers in eight bytes, texts and bytes after their length.
fn write_canonical(cell: Cell<'_>, out: &mut Vec<u8>) {
    let number = |kind: u8, number: i64, out: &mut Vec<u8>| {
        out.push(kind);
        out.extend(number.to_be_bytes());
    };
    let bytes = |kind: u8, bytes: &[u8], out: &mut Vec<u8>| {
        out.push(kind);
        out.extend((bytes.len() as u64).to_be_bytes());
        out.extend(bytes);
    };
    match cell {
        // What is too large is refused before it is stored, so none is ever read.
        Cell::Null | Cell::TooLarge => out.push(0),
        Cell::Int(value) => number(1, value, out),
        Cell::Bool(truth) => number(2, truth.into(), out),
        Cell::Time(at) => number(3, at.as_microsecond(), out),
        Cell::Text(text) => bytes(4, text.as_bytes(), out),
        Cell::Bytes(raw) => bytes(5, raw, out),
    }
}
