//! For how long is a thing one program's to work on? As long as that program says so again and again, and 45 seconds more.
//!
//! So another takes over within a minute what a program held that died, however long the work itself may take.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::error::Result;

/// A claim ends so long after it was made or last renewed.
const LEASE: SignedDuration = SignedDuration::from_secs(45);
const RENEWAL: Duration = Duration::from_secs(15);

/// When a claim ends that is made or renewed now.
pub(crate) fn end(now: Timestamp) -> Timestamp {
    now.checked_add(LEASE).unwrap_or(now)
}

/// Does work, and renews the claim on it until the work ends.
pub(crate) async fn held<Done, Renewed>(
    work: impl Future<Output = Done>,
    renew: impl Fn() -> Renewed + Send + 'static,
) -> Done
where
    Renewed: Future<Output = Result<()>> + Send + 'static,
{
    // A task of its own: work that holds up its thread does not hold up this. It ends with the work, even with one that panics.
    let mut renewing = JoinSet::new();
    renewing.spawn(async move {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Err(error) = renew().await {
                tracing::warn!(%error, "a claim on what is worked on was not renewed");
            }
        }
    });
    work.await
}
