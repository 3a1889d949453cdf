//! Is the program fit to be asked? Whether it lives, whether it is ready, and what is late.

pub mod http;

use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::db::Schema;
use crate::error::Result;
use crate::jobs;

/// A database that takes longer is not there.
const PATIENCE: Duration = Duration::from_secs(1);

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
    let lag = jobs::lag(&mut app.db.read().await?, app.clock.now()).await?;
    let late = lag > SignedDuration::from_secs(app.config.jobs.late_after_seconds.into());
    let status = if late { Status::Degraded } else { Status::Ready };
    let jobs = check("jobs", status, format!("the oldest is due since {} seconds", lag.as_secs()));
    Ok(vec![check("database", Status::Ready, "answers"), schema, jobs])
}

fn check(name: &'static str, status: Status, detail: impl Into<String>) -> Check {
    Check { name, status, detail: detail.into() }
}
