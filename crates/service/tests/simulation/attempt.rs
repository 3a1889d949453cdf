//! How is a deed seen through? It is asked for again, after each fault by a program that lives, until it is answered.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tollbook::db::Fault;

use crate::calendar::later;
use crate::deeds::{Came, Deed};
use crate::model::Model;
use crate::plan::{Planned, name};
use crate::programs::Program;

/// A deed that is not answered after so many attempts never will be.
const MOST_ATTEMPTS: usize = 16;
/// A round that met a fault is repeated after so many seconds: what it refused is tried again after an hour.
const LATER: i64 = 3_700;

/// A deed that was answered.
pub(crate) struct SeenThrough {
    pub(crate) program: Program,
    pub(crate) deed: Deed,
    pub(crate) came: Came,
    pub(crate) attempts: usize,
    pub(crate) met: Vec<&'static str>,
    /// The latest time that the program's clock showed.
    pub(crate) latest: Timestamp,
    /// The time by now.
    pub(crate) now: Timestamp,
}

/// Asks for a deed until it is answered.
pub(crate) async fn see_through(
    mut program: Program,
    deed: Deed,
    model: Arc<Model>,
    planned: Planned,
    began: Timestamp,
) -> Result<SeenThrough, String> {
    let (mut now, mut latest, mut met) = (began, began, Vec::new());
    let is_round = matches!(deed, Deed::Round);
    for attempt in 0..MOST_ATTEMPTS {
        let fault = planned.faults.get(attempt).copied();
        let leaps = planned.leap != 0 && attempt == 0;
        program.set(now);
        if leaps {
            met.push(if planned.leap > 0 { "clock leaps forward" } else { "clock leaps back" });
            program.leap(now, planned.leap);
            latest = latest.max(later(now, planned.leap));
        }
        let sees_leap = planned.leap_seen != 0 && attempt == 0;
        if sees_leap {
            met.push(if planned.leap_seen > 0 {
                "clock leaps forward under a program"
            } else {
                "clock leaps back under a program"
            });
            program.app.clock.set_wrong_by(SignedDuration::from_secs(planned.leap_seen));
        }
        let peers = program.place().peers.clone();
        peers.aim((planned.dies_sending && attempt == 0).then(|| program.faults().clone()));
        program.plan(fault);
        let waited = tokio::select! {
            came = deed.ask(&program, &model) => Ok(came),
            () = program.patience() => Err(()),
        };
        if planned.dies_sending {
            peers.aim(None);
        }
        let struck = program.faults().met().1;
        met.extend(struck.map(name));
        if waited.is_err() && struck != Some(Fault::Frozen) {
            let faults = &planned.faults;
            return Err(format!("attempt {attempt} of {} is not answered in time: {faults:?}", deed.kind()));
        }
        let is_dead = program.faults().is_dead() || waited.is_err();
        if is_round && (leaps || is_dead || struck.is_some()) {
            peers.give_reason();
        }
        if is_dead {
            program.replace(now).await?;
        }
        program.plan(None);
        program.app.clock.set_wrong_by(SignedDuration::ZERO);
        let came = waited.ok().flatten().filter(|_| !is_dead);
        // A round is complete when nothing was in its way.
        let is_whole = !(leaps || is_round && (struck.is_some() || sees_leap));
        if let Some(came) = came.filter(|came| is_whole && !is_under_way(came)) {
            program.set(now);
            latest = latest.max(now);
            return Ok(SeenThrough { program, deed, came, attempts: attempt + 1, met, latest, now });
        }
        if is_round {
            now = later(now, LATER);
        }
        // Another program may have it; its turn comes.
        tokio::task::yield_now().await;
    }
    Err(format!("{} is not answered after {MOST_ATTEMPTS} attempts", deed.kind()))
}

/// Whether another program does the very same at this moment.
fn is_under_way(came: &Came) -> bool {
    let Came::Answer(409, answer) = came else { return false };
    answer["detail"].as_str().is_some_and(|detail| detail.contains("under way"))
}
