//! What is a fault? Whatever the caller could not have avoided: a 500 or a retry, logged once, at the door.
//!
//! A refusal is no fault: it is a variant of the verb's own outcome.

use crate::db;
use crate::id::CustomerId;

/// A fault with its context.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error("{context}: {source}")]
    File { context: String, source: std::io::Error },
    #[error("invoice document: {0}")]
    Document(String),
    #[error("stored data does not add up: {0}")]
    Inconsistent(String),
    #[error("customer {0} got another time zone meanwhile: import the file again")]
    Moved(CustomerId),
    #[error("{0}")]
    Other(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Turns an I/O fault into one with its context, such as the file's name.
    pub fn file(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let context = context.into();
        |source| Self::File { context, source }
    }
}
