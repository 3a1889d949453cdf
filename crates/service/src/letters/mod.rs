//! What is to be printed? Documents of customers who get letters, until somebody has printed them.
//!
//! A job that would send a mail becomes a letter when its customer gets letters: the job is done with that, and the letter
//! waits on the list. It is drawn when it is printed, as its documents then stand.

pub mod cli;
mod draw;
pub mod http;
mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use draw::draw;

use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, JobId, LetterId};
use crate::jobs::{Job, StoredJob};

/// A document that is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Letter {
    #[schema(value_type = String, example = "let_01h2x3y4z5a6b")]
    pub id: LetterId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    /// What it is, as its mail would be called.
    #[schema(example = "Invoice INV-2026-000001 from Harbour Telecom GmbH")]
    pub title: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when it is printed; absent while it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub printed_at: Option<Timestamp>,
    #[serde(skip)]
    job: Job,
}

/// What a letter is made of, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) title: String,
    pub(crate) job: Job,
}

/// Puts what a job would have mailed on the list, under the job's id.
pub async fn put(
    tx: &mut Tx,
    stored: &StoredJob,
    customer: CustomerId,
    title: String,
    now: Timestamp,
) -> Result<()> {
    let kept = Kept { title, job: stored.job.clone() };
    store::insert(tx, customer, LetterId(stored.id.0), &kept, now).await
}

/// Letters after a cursor, the oldest first: those that wait, or those that are printed.
pub async fn list(tx: &mut Tx, printed: bool, after: Option<LetterId>, limit: usize) -> Result<Vec<Letter>> {
    store::list(tx, printed, after.unwrap_or(LetterId(0)), limit).await
}

/// Marks letters as printed; answers how many of them waited.
pub async fn mark_printed(tx: &mut Tx, letters: &[LetterId], now: Timestamp) -> Result<u64> {
    let mut marked = 0;
    for letter in letters {
        marked += store::mark_printed(tx, *letter, now).await?;
    }
    Ok(marked)
}

/// Whether a job became a letter, and when that was printed.
pub(crate) async fn of_job(
    tx: &mut Tx,
    customer: CustomerId,
    job: JobId,
) -> Result<Option<Option<Timestamp>>> {
    store::printed_at(tx, customer, LetterId(job.0)).await
}
