//! What is a fault? Whatever the caller could not have avoided: a 500 or a retry, logged once, at the door.
//!
//! A refusal is no fault: it is a variant of the verb's own outcome.

use crate::db;
use crate::id::CustomerId;

/// A fault with its context.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(db::Error),
    #[error("{context}: {source}")]
    File { context: String, source: std::io::Error },
    #[error("invoice document: {0}")]
    Document(String),
    /// A document has a letter that no font has: the operator can mend that.
    #[error("{0}")]
    Letters(String),
    /// What stands in a row of a table cannot be. It is never read as something else instead.
    #[error("stored data does not add up: `{column}` of {table} ({row}): {message}")]
    Inconsistent { table: String, column: String, row: String, message: String },
    /// What is stored contradicts itself: a row that must be there is not, a sum does not fit an amount.
    #[error("stored data does not add up: {0}")]
    Contradiction(String),
    /// What depends on the day waits.
    #[error("the time is in doubt: {0}")]
    Clock(String),
    #[error("customer {0} got another time zone meanwhile: import the file again")]
    Moved(CustomerId),
    /// Others hold the customer, and many wait already.
    #[error("too many requests wait for customer {0}")]
    Crowded(CustomerId),
    #[error("{0}")]
    Other(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Value { table, column, row, message } => {
                Self::Inconsistent { table, column, row, message }
            }
            other => Self::Database(other),
        }
    }
}

/// What was found. A fault of what is stored is noted instead, once, so that a check names it and goes on.
pub(crate) fn noted<T, E: Into<Error>>(
    found: std::result::Result<T, E>,
    faults: &mut Vec<String>,
) -> Result<Option<T>> {
    match found.map_err(Into::into) {
        Ok(found) => Ok(Some(found)),
        Err(fault @ (Error::Inconsistent { .. } | Error::Contradiction(_))) => {
            let fault = fault.to_string();
            if !faults.contains(&fault) {
                faults.push(fault);
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Error {
    /// Turns an I/O fault into one with its context, such as the file's name.
    pub fn file(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let context = context.into();
        |source| Self::File { context, source }
    }
}
