//! Removes messages that are old, with what became of them.

use jiff::{SignedDuration, Timestamp};

use super::store;
use crate::config;
use crate::db::Tx;
use crate::error::Result;

/// So many are removed in one transaction.
const CHUNK: i64 = 1_000;

/// Removes some of the messages that were kept long enough; answers how many.
pub async fn purge(tx: &mut Tx, settings: &config::Webhooks, now: Timestamp) -> Result<u64> {
    let kept = SignedDuration::from_hours(24 * i64::from(settings.keep_days));
    store::expired(tx, now.checked_sub(kept).unwrap_or(Timestamp::MIN), CHUNK).await
}
