//! What of balances and prepaid plans is due? All of it, in chunks of customers.
//!
//! Any number of programs may do so at once: each claims customers that no other has. A chunk that meets a
//! fault is done again customer by customer, so that one customer's fault is that customer's alone.

use jiff::Timestamp;
use serde::Serialize;

use super::expire::expire;
use super::renew::{RETRY, Renewed, renew};
use super::store::{self, Due};
use crate::app::App;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::timekeeping;

/// So many customers are claimed at once. Their calls wait meanwhile.
const CHUNK: usize = 256;

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Balances of which something expired.
    pub expired: u64,
    /// Months of prepaid plans that were paid.
    pub renewed: u64,
    /// Months that still wait for money.
    pub waiting: u64,
    /// Customers who met a fault, which is logged. It is tried again.
    pub failed: u64,
}

impl Kept {
    fn add(&mut self, more: Self) {
        let Self { expired, renewed, waiting, failed } = more;
        self.expired += expired;
        self.renewed += renewed;
        self.waiting += waiting;
        self.failed += failed;
    }
}

/// What becomes due with time.
#[derive(Debug, Clone, Copy)]
enum Task {
    Expire,
    Renew,
}

/// Expires what is over, then renews what begins.
pub async fn round(app: &App) -> Result<Kept> {
    timekeeping::require(app).await?;
    let (expired, renewed) = (all(app, Task::Expire).await, all(app, Task::Renew).await);
    let mut kept = expired?;
    kept.add(renewed?);
    Ok(kept)
}

async fn all(app: &App, task: Task) -> Result<Kept> {
    let (now, mut after, mut kept) = (app.clock.now(), Due::FIRST, Kept::default());
    loop {
        let mut tx = app.db.begin().await?;
        let claimed = task.claim(&mut tx, now, after).await?;
        let Some(last) = claimed.last() else { return Ok(kept) };
        after = *last;
        let mut ids: Vec<_> = claimed.iter().map(|due| due.customer).collect();
        ids.sort_unstable();
        ids.dedup();
        match task.work_and_commit(tx, &ids, &app.clock).await {
            Ok(part) => kept.add(part),
            Err(error) => {
                tracing::info!(%error, "a chunk of customers met a fault and is done one by one");
                for id in ids {
                    kept.add(alone(app, task, id).await?);
                }
            }
        }
    }
}

/// One customer in a transaction of their own.
async fn alone(app: &App, task: Task, id: CustomerId) -> Result<Kept> {
    let tx = app.db.begin().await?;
    let error = match task.work_and_commit(tx, &[id], &app.clock).await {
        Ok(kept) => return Ok(kept),
        Err(error) => error,
    };
    tracing::error!(%error, customer = %id, ?task, "a customer's balances met a fault");
    if let Task::Renew = task {
        let mut tx = app.db.begin().await?;
        let now = app.clock.now();
        store::put_off_renewal(&mut tx, id, now.checked_add(RETRY).unwrap_or(now)).await?;
        tx.commit().await?;
    }
    Ok(Kept { failed: 1, ..Kept::default() })
}

impl Task {
    async fn claim(self, tx: &mut Tx, now: Timestamp, after: Due) -> Result<Vec<Due>> {
        match self {
            Self::Expire => store::claim_expired(tx, now, after, CHUNK).await,
            Self::Renew => store::claim_renewals(tx, now, after, CHUNK).await,
        }
    }

    async fn work_and_commit(self, mut tx: Tx, ids: &[CustomerId], clock: &Clock) -> Result<Kept> {
        let kept = match self {
            Self::Expire => Kept { expired: expire(&mut tx, ids, clock).await?, ..Kept::default() },
            Self::Renew => {
                let Renewed { renewed, waiting } = renew(&mut tx, ids, clock).await?;
                Kept { renewed, waiting, ..Kept::default() }
            }
        };
        tx.commit().await?;
        Ok(kept)
    }
}
