//! Is the program fit to be asked? Whether it lives, whether it is ready, and what is late.

pub mod http;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::db::Schema;
use crate::error::{Error, Result};
use crate::jobs;
use crate::timekeeping;

/// A database that takes longer is not there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Every round finds jobs that are due; that they wait is news after longer.
const NEWS: SignedDuration = SignedDuration::from_secs(5);

/// Whether requests should be sent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    pub status: Status,
    pub checks: Vec<Check>,
}

/// How ready something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReadinessStatus)]
pub enum Status {
    Ready,
    /// It works, but somebody should look.
    Degraded,
    Unready,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReadinessCheck)]
pub struct Check {
    #[schema(example = "database")]
    pub name: &'static str,
    pub status: Status,
    /// What was found.
    #[schema(example = "answers")]
    pub detail: String,
}

/// What ended that runs as long as the program; cheap to clone.
#[derive(Clone, Default)]
pub struct Vitals(Arc<AtomicBool>);

impl Vitals {
    /// Says that the rounds of work have ended without being told to.
    pub fn lose_rounds(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is wrong that only a new start of the program mends.
pub async fn incurable(app: &App) -> Option<&'static str> {
    if app.stopping.has_begun() {
        return None;
    }
    if !app.desk.is_alive() || !app.counter.is_alive() {
        return Some("nobody charges calls any more");
    }
    if !app.audit.is_alive() {
        return Some("nobody notes what was seen any more");
    }
    if app.vitals.0.load(Ordering::Relaxed) {
        return Some("the rounds of work have ended");
    }
    let stuck = app.db.is_stuck().await;
    stuck.then_some("the database answers new connections, and has not answered this program's for a minute")
}

/// Looks at everything that requests need.
pub async fn readiness(app: &App) -> Readiness {
    let mut checks = Vec::new();
    if app.stopping.has_begun() {
        checks.push(check("service", Status::Unready, "is about to stop"));
    }
    match tokio::time::timeout(PATIENCE, look(app)).await {
        Ok(Ok(found)) => checks.extend(found),
        Ok(Err(error)) => {
            // Whoever asks need not know how the database is reached.
            tracing::warn!(%error, "the database does not answer");
            checks.push(check("database", Status::Unready, "does not answer"));
        }
        Err(_) => checks.push(check("database", Status::Unready, "does not answer within a second")),
    }
    if checks.iter().all(|check| check.name != "database" || check.status == Status::Ready) {
        checks.push(written(app).await);
    }
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ready);
    Readiness { status, checks }
}

async fn look(app: &App) -> Result<Vec<Check>> {
    let schema = match app.db.schema().await? {
        Schema::UpToDate => check("migrations", Status::Ready, "are up to date"),
        Schema::Behind(missing) => {
            check("migrations", Status::Unready, format!("{} must run", missing.join(", ")))
        }
        Schema::Newer(name) => check("migrations", Status::Unready, format!("{name} is of a newer program")),
    };
    let time = match timekeeping::doubt(app).await? {
        None => check("clock", Status::Ready, "agrees with what is known of the time"),
        Some(doubt) => {
            check("clock", Status::Degraded, format!("{doubt}: billing, renewals, expiry and purging wait"))
        }
    };
    let lag = jobs::lag(&mut app.db.read().await?, app.clock.now()).await?;
    let late = lag > SignedDuration::from_secs(app.config.jobs.late_after_seconds.into());
    let status = if late { Status::Degraded } else { Status::Ready };
    let jobs = if lag < NEWS {
        check("jobs", status, "none waits")
    } else {
        check("jobs", status, format!("the oldest has been due for {} seconds", lag.as_secs()))
    };
    Ok(vec![check("database", Status::Ready, "answers"), schema, time, jobs])
}

/// When something was last written without a fault. Those who ask at once need not each write.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Option<Stopwatch>>>);

/// Whether the database takes what is written. That others write just now, for longer than anybody who asks would wait, is no fault.
async fn written(app: &App) -> Check {
    const NAME: &str = "writing";
    let mut last = app.written.0.lock().await;
    if last.is_some_and(|last| last.elapsed() < PATIENCE) {
        return check(NAME, Status::Ready, "works");
    }
    match tokio::time::timeout(PATIENCE, timekeeping::try_write(app)).await {
        Ok(Ok(())) => {
            *last = Some(Stopwatch::start());
            check(NAME, Status::Ready, "works")
        }
        Ok(Err(Error::Database(error))) if error.is_full() => {
            check(NAME, Status::Unready, "the database has no room")
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "nothing can be written to the database");
            check(NAME, Status::Unready, "the database takes nothing")
        }
        Err(_) => check(NAME, Status::Degraded, "waits for others who write, for more than a second"),
    }
}

fn check(name: &'static str, status: Status, detail: impl Into<String>) -> Check {
    Check { name, status, detail: detail.into() }
}
