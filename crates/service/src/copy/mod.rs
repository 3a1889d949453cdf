//! Moves everything to another database, of the other engine or the same, and proves that it arrived.
//!
//! All of it is one transaction there: what is not whole and proven is not there at all.

pub mod cli;
mod transfer;

use std::fmt;

use serde::Serialize;

pub use transfer::copy;

/// What became of a copy, refusals in the order they are looked for.
#[derive(Debug)]
pub enum Copied {
    /// The source has no tables, or nothing in them.
    NothingThere,
    /// One of them was made by another version of the program.
    OtherSchema { source: Vec<String>, target: Vec<String> },
    /// A table or column is in one of them alone.
    OtherTables(String),
    /// The target holds something already.
    NotEmpty { table: String },
    /// What is read there is not what was read here: a defect, of the program or a machine.
    Different { here: CopiedTable, there: CopiedTable },
    /// Every table, proven to be the same on both sides.
    All(Vec<CopiedTable>),
}

/// A table's rows, and their sum: of the hashes of all rows, so that their order does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopiedTable {
    pub table: String,
    pub rows: u64,
    pub checksum: String,
}

impl fmt::Display for CopiedTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} rows, {}", self.table, self.rows, self.checksum)
    }
}
