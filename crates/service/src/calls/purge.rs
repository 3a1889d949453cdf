//! Removes the detail of calls that was kept long enough. What they came to stays on invoices and in the ledger.

use jiff::Timestamp;

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// The first month with calls of before an instant that no closed month has billed. They cannot go: what is asked
/// for them is still to be computed.
pub async fn unbilled_from(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<Option<Timestamp>> {
    store::unbilled_from(tx, customer, before).await
}

/// How many calls of a customer, or records of nobody, are of before an instant.
pub async fn count_purgeable(tx: &mut Tx, customer: CustomerId, before: Timestamp) -> Result<u64> {
    store::count_purgeable(tx, customer, before).await
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    pub calls: u64,
    /// Calls whose records were corrected, as they were charged before.
    pub replaced: u64,
    /// What was remembered of such corrections.
    pub corrections: u64,
}

impl Removed {
    /// How many sealed rows.
    pub fn rows(self) -> u64 {
        self.calls + self.replaced + self.corrections
    }
}

/// Removes some of the calls of before an instant. The customer is held, and knows already that they go:
/// `calls_kept_from`.
pub async fn purge(tx: &mut Tx, customer: CustomerId, before: Timestamp, limit: usize) -> Result<Removed> {
    store::delete_counters(tx, customer, before).await?;
    store::delete_calls(tx, customer, before, limit).await
}
