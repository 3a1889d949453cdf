//! What is due, and is it done? One round over everything that time alone brings about.

use jiff::SignedDuration;
use serde::Serialize;

use super::Worked;
use crate::access;
use crate::app::App;
use crate::clock::Stopwatch;
use crate::customers;
use crate::error::{Error, Result};
use crate::invoices::{self, Billed};
use crate::many::Many;
use crate::metrics::{ROUND_SECONDS, ROUNDS};
use crate::payments::{self, Reminded};
use crate::prepaid::{self, Kept};
use crate::retention::{self, Purged};
use crate::seals::{self, Sealed};
use crate::sessions;
use crate::timekeeping;
use crate::webhooks::{self, Delivered};

/// What a round came to.
#[derive(Debug, Default, Serialize)]
pub struct Round {
    pub billed: Billed,
    pub reminders: Reminded,
    pub prepaid: Kept,
    /// Calls under way of which nothing was heard any more.
    pub expired_sessions: u64,
    pub jobs: Worked,
    /// Tokens and secrets that were removed after they expired.
    pub expired_tokens: u64,
    pub webhooks: Delivered,
    /// Messages of webhooks that were kept long enough.
    pub removed_messages: u64,
    /// Rows that were sealed.
    pub sealed_rows: u64,
    /// What else was kept long enough.
    pub purged: Purged,
}

impl std::fmt::Display for Round {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Worked { done, put_off, failed } = self.jobs;
        let Billed { issued, refused, standing, .. } = &self.billed;
        let issued = Many(*issued, "invoice");
        writeln!(out, "billing: {issued} issued, {} refused; {standing}", refused.len())?;
        for refused in refused {
            writeln!(out, "  {} got none: {}", refused.reference, refused.reason)?;
        }
        let Reminded { reminded, suspended, failed: not_reminded } = self.reminders;
        let (suspended, faults) = (Many(suspended, "customer"), Many(not_reminded, "fault"));
        writeln!(out, "reminders: {reminded} due, {suspended} suspended, {faults}")?;
        let Kept { expired, renewed, waiting, failed: not_kept } = self.prepaid;
        writeln!(
            out,
            "prepaid: {} renewed, {waiting} wait for money, {} expired, {}",
            Many(renewed, "month"),
            Many(expired, "balance"),
            Many(not_kept, "fault")
        )?;
        writeln!(out, "calls under way: {} taken for over", self.expired_sessions)?;
        writeln!(out, "jobs: {done} done, {put_off} put off, {failed} given up")?;
        let Delivered { done, put_off, failed } = self.webhooks;
        write!(out, "webhooks: {done} delivered, {put_off} put off, {failed} given up")?;
        write!(out, "\nseals: {} sealed", Many(self.sealed_rows, "row"))?;
        let (calls, documents) = (Many(self.purged.calls, "call"), Many(self.purged.documents, "document"));
        write!(out, "\nretention: {calls} and {documents} removed that were kept long enough")
    }
}

/// Does all that is due now. Any number of programs may do it at once: each thing is done by one of them.
pub async fn round(app: &App) -> Result<Round> {
    let (done, webhooks) = (Box::pin(all_but_slow(app)).await, webhooks::deliver(app).await);
    let purged = retention::purge(app).await;
    Ok(Round { webhooks: webhooks?, purged: purged?, ..done? })
}

/// What takes no longer than there is to do for customers.
async fn all_but_slow(app: &App) -> Result<Round> {
    // A fault in one part does not stop the others; it is told when all had their turn.
    let (billed, reminders) = (invoices::bill_due(app).await, payments::remind(app).await);
    let expired_sessions = sessions::expire(app).await;
    // What calls held that are over now may expire, or pay a fee.
    let kept = prepaid::round(app).await;
    let jobs = Box::pin(super::work_off(app)).await;
    let expired_tokens = purge_access(app).await;
    let removed_messages = remove_messages(app).await;
    let looked_at = look_at_references(app).await;
    let sealed_rows = seal(app).await;
    looked_at?;
    Ok(Round {
        billed: billed?,
        reminders: reminders?,
        expired_sessions: expired_sessions?,
        prepaid: kept?,
        jobs: jobs?,
        expired_tokens: expired_tokens?,
        webhooks: Delivered::default(),
        removed_messages: removed_messages?,
        sealed_rows: sealed_rows?,
        purged: Purged::default(),
    })
}

async fn purge_access(app: &App) -> Result<u64> {
    timekeeping::require(app).await?;
    let mut tx = app.db.begin().await?;
    let purged = access::purge(&mut tx, app.clock.now()).await?;
    tx.commit().await?;
    Ok(purged)
}

/// Stores what references look like that are from before that was stored.
async fn look_at_references(app: &App) -> Result<()> {
    loop {
        let mut tx = app.db.begin().await?;
        let looked_at = customers::look_at_references(&mut tx).await?;
        tx.commit().await?;
        if looked_at == 0 {
            return Ok(());
        }
    }
}

async fn remove_messages(app: &App) -> Result<u64> {
    timekeeping::require(app).await?;
    let mut removed = 0;
    loop {
        let mut tx = app.db.begin().await?;
        let some = webhooks::purge(&mut tx, &app.config.webhooks, app.clock.now()).await?;
        tx.commit().await?;
        removed += some;
        if some == 0 {
            return Ok(removed);
        }
    }
}

/// Seals what was committed since the last seal, if that is long enough ago.
async fn seal(app: &App) -> Result<u64> {
    // A seal says when it was made.
    timekeeping::require(app).await?;
    let (mut rows, mut apart) = (0, SignedDuration::from_mins(app.config.audit.seal_minutes.into()));
    loop {
        let mut tx = app.db.begin().await?;
        let sealed = seals::seal(&mut tx, app.clock.now(), apart).await?;
        tx.commit().await?;
        let Sealed::New { seal, more } = sealed else { return Ok(rows) };
        rows += seal.rows.unsigned_abs();
        if !more {
            return Ok(rows);
        }
        // There is more than one seal takes.
        apart = SignedDuration::ZERO;
    }
}

/// Rounds until the program is to stop; a fault is logged, and the next round tries again. Webhooks are delivered beside
/// them, and what was kept long enough is removed: a receiver that is slow, or much to remove, holds up no invoice and no mail.
pub async fn run(app: App) {
    let stopping = app.stopping.clone();
    let deliveries = webhooks::run(app.clone(), async move { stopping.begun().await });
    let deliveries = tokio::spawn(deliveries);
    let purging = tokio::spawn(retention::run(app.clone()));
    let pause = std::time::Duration::from_secs(app.config.jobs.every_seconds.max(1));
    loop {
        let watch = Stopwatch::start();
        let done = Box::pin(all_but_slow(&app)).await;
        match &done {
            Ok(_) => {}
            // That was said once.
            Err(Error::Clock(_)) => tracing::debug!("a round of work waits for the time"),
            Err(error) => tracing::error!(%error, "a round of work failed"),
        }
        let metrics = app.db.metrics();
        metrics.count(ROUNDS, &[("outcome", if done.is_ok() { "done" } else { "failed" })], 1);
        metrics.took(ROUND_SECONDS, &[], watch.elapsed());
        metrics.settle();
        tokio::select! {
            () = app.stopping.begun() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    for (what, beside) in
        [("delivering webhooks", deliveries), ("removing what was kept long enough", purging)]
    {
        if let Err(error) = beside.await {
            tracing::error!(%error, "{what} met a fault of the program");
        }
    }
}
