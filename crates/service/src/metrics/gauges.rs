//! What is waiting now? Asked of the database when somebody reads the numbers.

use std::time::Duration;

use super::{BILLING_HELD, BILLING_WAITING, BUILD, CHARGING_QUEUE, DATABASE_UP, JOB_LAG, STARTED, SUSPENSE};
use crate::app::App;
use crate::error::Result;
use crate::{invoices, jobs, suspense};

/// However often they are read, the database is asked only every so many seconds.
const SECONDS: i64 = 15;
/// Longer it is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Brings the gauges up to date.
pub async fn gather(app: &App) {
    let metrics = app.db.metrics();
    metrics.set(BUILD, &[("version", env!("CARGO_PKG_VERSION")), ("database", app.db.engine())], 1);
    metrics.set(STARTED, &[], u64::try_from(app.started_at.as_second()).unwrap_or_default());
    metrics.set(CHARGING_QUEUE, &[], app.desk.waiting() as u64);
    if !is_due(app) {
        return;
    }
    let asked = tokio::time::timeout(PATIENCE, ask(app)).await;
    if let Ok(Err(error)) = &asked {
        tracing::warn!(%error, "the database does not answer");
    }
    metrics.set(DATABASE_UP, &[], u64::from(matches!(asked, Ok(Ok(())))));
}

fn is_due(app: &App) -> bool {
    let now = app.clock.now();
    let mut gathered = app.db.metrics().gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let due = gathered.is_none_or(|last| now.duration_since(last).abs().as_secs() >= SECONDS);
    if due {
        *gathered = Some(now);
    }
    due
}

async fn ask(app: &App) -> Result<()> {
    let mut tx = app.db.read().await?;
    let lag = jobs::lag(&mut tx, app.clock.now()).await?;
    let suspended = suspense::count(&mut tx).await?;
    let standing = invoices::review::standing(&mut tx, &app.config, app.clock.now()).await?;
    let metrics = app.db.metrics();
    metrics.set(BILLING_WAITING, &[], standing.waiting);
    metrics.set(BILLING_HELD, &[], standing.held);
    metrics.set(JOB_LAG, &[], lag.as_secs().unsigned_abs());
    metrics.set(SUSPENSE, &[], suspended);
    Ok(())
}
