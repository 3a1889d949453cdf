//! Was a sealed row changed, removed or inserted? Whoever does so without the program is found out: docs/audit.md.
//!
//! A transaction commits a hash of each row that it stores and that is sealed (`db/leaves.rs`). A job, now and then, builds a tree
//! over what was committed since, and chains its root to those before: a seal. Invoices and credit notes are chained
//! where they get their numbers.

pub mod cli;
mod documents;
mod form;
mod hashes;
pub mod http;
mod insert;
mod proof;
mod removal;
mod rows;
mod seal;
mod store;
mod tree;
mod verify;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use form::{
    AUDIT, CALL, CORRECTION, CREDIT_NOTE, ENTRY, INVOICE, NUMBERED, RATE, SUSPENDED, TARIFF_VERSION,
    VOUCHER_BATCH, postings,
};
pub use hashes::{Link, content_hash};
pub use insert::{insert, seal_row, stored_columns};
pub use proof::{Asked, Proof, Proven, prove};
pub use removal::{REMOVER, Removal};
pub use seal::{Sealed, seal};
pub use verify::{Verified, verify};

use crate::db::{Digest, Tx};
use crate::error::Result;
use crate::hash::hex;

/// A seal over what was committed since the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Seal {
    pub number: i64,
    /// The hash of the seal before; zeros in the first.
    #[serde(serialize_with = "as_hex")]
    #[schema(value_type = String)]
    pub previous: Digest,
    #[serde(serialize_with = "as_hex")]
    #[schema(value_type = String)]
    pub root: Digest,
    /// How many transactions it seals.
    pub batches: i64,
    /// How many rows.
    pub rows: i64,
    #[schema(value_type = String, format = DateTime)]
    pub sealed_at: Timestamp,
    /// What is handed to an auditor.
    #[serde(serialize_with = "as_hex")]
    #[schema(value_type = String)]
    pub hash: Digest,
}

fn as_hex<S: Serializer>(hash: &Digest, out: S) -> std::result::Result<S::Ok, S::Error> {
    out.serialize_str(&hex(hash))
}

/// Seals up to a number, the newest first.
pub async fn list(tx: &mut Tx, from: i64, limit: usize) -> Result<Vec<Seal>> {
    store::before(tx, from, limit).await
}
