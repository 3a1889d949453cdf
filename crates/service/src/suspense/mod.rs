//! What could not be charged, and why? Records wait here as they came, until their cause is gone.

pub mod cli;
pub mod http;
mod store;

use std::collections::HashSet;

use calculation::cdr::Flaw;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use store::{
    Cursor, Key, conflicts, count, list, list_after, purge, put, resolve, understood_after, waiting,
    waiting_of,
};

use crate::hash::Hash;
use crate::id::ImportId;

/// A record in suspense: kept as it came, with what is wrong with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Suspended {
    pub source: String,
    /// The line of the file, from 1.
    pub line: i64,
    #[schema(value_type = Option<String>, example = "imp_01h2x3y4z5a6b")]
    pub import_id: Option<ImportId>,
    pub record_id: Option<String>,
    /// The kind of trouble.
    #[schema(example = "no_rate")]
    pub reason: String,
    #[schema(example = "called_number")]
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// The record as it came; long ones are cut, bytes that are no text replaced.
    pub content: String,
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// Of the content as it came.
    #[serde(skip)]
    pub hash: Hash,
    /// What the record says, if it could be read: it can be charged without its file.
    #[serde(skip)]
    pub understood: Option<String>,
}

/// A record to be put into suspense.
#[derive(Debug)]
pub struct Flawed<'b> {
    pub line: u64,
    pub hash: Hash,
    pub record_id: Option<&'b str>,
    pub content: &'b [u8],
    /// What the record says, so that it can be charged without its file.
    pub understood: Option<String>,
    pub flaw: &'b Flaw,
}

/// The records of a source that wait, by their content and by their id.
#[derive(Debug, Default)]
pub struct Waiting {
    pub hashes: HashSet<Hash>,
    /// Of conflicts the id is that of the other record, which was charged.
    pub ids: HashSet<String>,
}
