//! Is the time right? The machine's clock is compared with its stopwatch, the database's clock, and the time of earlier work.
//!
//! While it is in doubt, what time alone brings about waits: billing, reminders, renewals, expiry and purging. Calls are charged.
//! It goes on by itself when the clock is right again, or when somebody accepts it.

pub mod cli;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::metrics::CLOCK_IN_DOUBT;

/// What was found without a doubt is believed for this long.
const BELIEVED: Duration = Duration::from_secs(5);
/// Noting that a program works takes no longer.
const NOTING: Duration = Duration::from_millis(300);

/// What is known of the time; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Timekeeping(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    looked: Option<Stopwatch>,
    /// When it was last noted that this program works, or that it doubts the clock.
    noted: Option<(Stopwatch, bool)>,
    doubt: Option<Doubt>,
    /// The latest acceptance that was followed.
    accepted_at: Option<Timestamp>,
}

/// Why the machine's clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Doubt {
    /// It leapt, against the machine's stopwatch: forward, or below zero backward.
    Leapt { seconds: i64 },
    /// It is beside the database's clock: ahead, or below zero behind.
    BesideDatabase { seconds: i64 },
    /// It is behind what programs have done.
    BehindWork { seen_at: Timestamp },
}

impl fmt::Display for Doubt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |seconds: i64| {
            let minutes = seconds.unsigned_abs() / 60;
            format!("{} h {} min", minutes / 60, minutes % 60)
        };
        match *self {
            Self::Leapt { seconds } => {
                let way = if seconds < 0 { "back" } else { "forward" };
                write!(out, "this machine's clock leapt {way} by {}", words(seconds))
            }
            Self::BesideDatabase { seconds } => {
                let way = if seconds < 0 { "behind" } else { "ahead of" };
                write!(out, "this machine's clock is {} {way} the database's", words(seconds))
            }
            Self::BehindWork { seen_at } => {
                write!(out, "this machine's clock is behind the work that was done at {seen_at}")
            }
        }
    }
}

/// What to do about it.
const REMEDY: &str = "set the clock, or say `tollbook clock accept` if it is right";

/// The doubt about the time, if there is one.
pub async fn doubt(app: &App) -> Result<Option<Doubt>> {
    if app.clock.leap().is_none() && app.timekeeping.is_sure() {
        return Ok(None);
    }
    let seen = see(app).await?;
    follow(app, &seen);
    let doubt = judge(app, &seen);
    app.db.metrics().set(CLOCK_IN_DOUBT, &[], u64::from(doubt.is_some()));
    app.timekeeping.keep(doubt);
    Ok(doubt)
}

/// Refuses what time alone brings about while the time is in doubt.
pub async fn require(app: &App) -> Result<()> {
    let doubt = doubt(app).await?;
    if app.timekeeping.is_to_be_noted(doubt) {
        // Nobody waits for it: a database that takes nothing is told by whoever must write.
        match tokio::time::timeout(NOTING, note(app, doubt)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "how the time stands was not noted"),
            Err(_) => tracing::debug!("how the time stands was not noted in time"),
        }
    }
    doubt.map_or(Ok(()), |doubt| Err(Error::Clock(format!("{doubt}: {REMEDY}"))))
}

/// What is seen of the time.
#[derive(Debug, Default)]
struct Seen {
    row: Option<store::Row>,
    /// The database's clock, and whether it is another machine's.
    database: Option<(Timestamp, bool)>,
}

async fn see(app: &App) -> Result<Seen> {
    let mut tx = app.db.read().await?;
    let row = store::read(&mut tx).await?;
    // Whoever left that has known the clock for longer.
    if let Some(expected) = row.as_ref().and_then(|row| row.expected.as_ref()) {
        app.clock.expect(expected);
    }
    // A clock that is moved by hand is beside every other.
    let is_machines = app.clock.is_machines();
    let database = if is_machines { tx.server_time().await? } else { None };
    let database = database.map(|at| (at, app.db.is_elsewhere()));
    Ok(Seen { row, database })
}

/// Follows an acceptance of just this time, or another machine's clock that agrees with a leap.
fn follow(app: &App, seen: &Seen) {
    let Some(accepted_at) = seen.row.as_ref().and_then(|row| row.accepted_at) else {
        return follow_database(app, seen);
    };
    let is_new = app.timekeeping.accepts(accepted_at);
    // Said a day ago, of a clock of a day ago, it says nothing of another one.
    if is_new && app.clock.wall().duration_since(accepted_at).abs() <= tolerance(app) {
        app.clock.accept();
    } else {
        follow_database(app, seen);
    }
}

fn follow_database(app: &App, seen: &Seen) {
    if let Some((at, true)) = seen.database
        && app.clock.leap().is_some()
        && app.clock.wall().duration_since(at).abs() <= tolerance(app)
    {
        app.clock.accept();
    }
}

fn judge(app: &App, seen: &Seen) -> Option<Doubt> {
    if let Some(leap) = app.clock.leap() {
        return Some(Doubt::Leapt { seconds: leap.as_secs() });
    }
    let (now, tolerance) = (app.clock.now(), tolerance(app));
    if let Some((at, _)) = seen.database {
        let ahead = now.duration_since(at);
        let accepted = seen.row.as_ref().and_then(|row| row.accepted_beside).map(SignedDuration::from_secs);
        let is_accepted = accepted.is_some_and(|accepted| (ahead - accepted).abs() <= tolerance);
        if ahead.abs() > tolerance && !is_accepted {
            return Some(Doubt::BesideDatabase { seconds: ahead.as_secs() });
        }
    }
    let seen_at = seen.row.as_ref()?.seen_at;
    (seen_at.duration_since(now) > tolerance).then_some(Doubt::BehindWork { seen_at })
}

fn tolerance(app: &App) -> SignedDuration {
    app.config.clock.tolerance()
}

/// Notes that a program worked now, and where it expects the machine's clock, so that a program that begins after a leap doubts
/// it.
async fn note(app: &App, doubt: Option<Doubt>) -> Result<()> {
    let (now, expected) = (app.clock.now(), app.clock.expected());
    let mut tx = app.db.begin().await?;
    match (doubt, expected) {
        (None, expected) => {
            store::see(&mut tx, now).await?;
            match expected {
                Some(expected) if app.clock.is_machines() => store::expect(&mut tx, now, &expected).await?,
                Some(expected) => store::expect_nothing(&mut tx, &expected.boot).await?,
                None => {}
            }
        }
        (Some(Doubt::Leapt { .. }), Some(expected)) => store::expect(&mut tx, now, &expected).await?,
        // Whoever looks at the database sees the same.
        _ => return Ok(()),
    }
    Ok(tx.commit().await?)
}

/// Writes to the database what changes nothing, to see whether it takes anything.
pub async fn try_write(app: &App) -> Result<()> {
    let mut tx = app.db.begin_by_keys().await?;
    store::touch(&mut tx, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// Says that the machine's clock is right. Programs that run believe it within seconds.
pub async fn accept(app: &App) -> Result<Timestamp> {
    accept_beside(app, false).await
}

/// As [`accept`], also when the database's clock says otherwise, if that one is wrong.
async fn accept_beside(app: &App, database_is_wrong: bool) -> Result<Timestamp> {
    let seen = see(app).await?;
    let ahead = seen.database.map(|(at, _)| app.clock.wall().duration_since(at));
    let beside = ahead.filter(|ahead| ahead.abs() > tolerance(app)).map(|ahead| ahead.as_secs());
    if let Some(seconds) = beside.filter(|_| !database_is_wrong) {
        return Err(Error::Clock(format!(
            "{}, so one of the two is wrong, and the programs whose clocks agree with the database's would wait: set this machine's \
             clock, or that of the database's server. Only if that one is wrong and cannot be set now, say `tollbook clock accept \
             --database-is-wrong`",
            Doubt::BesideDatabase { seconds }
        )));
    }
    app.clock.accept();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    store::accept(&mut tx, now, beside).await?;
    tx.commit().await?;
    Ok(now)
}

impl Timekeeping {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_sure(&self) -> bool {
        let known = self.known();
        known.doubt.is_none() && known.looked.is_some_and(|looked| looked.elapsed() < BELIEVED)
    }

    /// Whether nobody noted a moment ago that this program works, or that it doubts the clock; whoever asks does.
    fn is_to_be_noted(&self, doubt: Option<Doubt>) -> bool {
        let mut known = self.known();
        let noted = known.noted.filter(|(_, doubted)| *doubted == doubt.is_some());
        let is_due = noted.is_none_or(|(noted, _)| noted.elapsed() >= BELIEVED);
        if is_due {
            known.noted = Some((Stopwatch::start(), doubt.is_some()));
        }
        is_due
    }

    /// Whether an acceptance is newer than the one that was followed; what stood there when the program began is not new.
    fn accepts(&self, accepted_at: Timestamp) -> bool {
        let mut known = self.known();
        let is_new = known.looked.is_some() && known.accepted_at.is_none_or(|before| before != accepted_at);
        known.accepted_at = Some(accepted_at);
        is_new
    }

    fn keep(&self, doubt: Option<Doubt>) {
        let mut known = self.known();
        known.looked = Some(Stopwatch::start());
        let kind = |doubt: Option<Doubt>| doubt.map(|doubt| std::mem::discriminant(&doubt));
        if kind(known.doubt) != kind(doubt) {
            if let Some(doubt) = doubt {
                tracing::error!("{doubt}: billing, reminders, renewals, expiry and purging wait; {REMEDY}");
            } else {
                tracing::warn!("the time is right again: what waited for it goes on");
            }
        }
        known.doubt = doubt;
    }
}
