//! Removes who called whom from sessions that were kept long enough. What they took of balances stays.

use jiff::Timestamp;

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// Removes the numbers from some of a customer's sessions that began before an instant; answers of how many.
pub async fn purge(tx: &mut Tx, customer: CustomerId, before: Timestamp, limit: usize) -> Result<u64> {
    store::blank(tx, customer, before, limit).await
}

/// How many sessions of a customer began before an instant and still tell numbers.
pub async fn count_purgeable(tx: &mut Tx, customer: CustomerId, before: Timestamp) -> Result<u64> {
    store::count_telling(tx, customer, before).await
}
