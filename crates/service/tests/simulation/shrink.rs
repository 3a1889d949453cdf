//! What is the least that fails? Faults and steps are left out as long as it fails nevertheless.

use std::collections::BTreeSet;
use std::time::Duration;

use tollbook::clock::Stopwatch;

use crate::plan::Keep;
use crate::run::{Failure, Story, simulate};

/// Where it fails still.
pub(crate) struct Shrunk {
    pub(crate) story: Story,
    pub(crate) failure: Failure,
}

struct Shrinking {
    watch: Stopwatch,
    time: Duration,
    best: Shrunk,
}

/// Leaves out what does not matter, as far as that is found in time.
pub(crate) async fn shrink(story: &Story, failure: Failure, time: Duration) -> Shrunk {
    let steps: BTreeSet<_> = failure.steps.iter().copied().collect();
    let faults: BTreeSet<_> = failure.faulty.iter().copied().chain(steps.last().copied()).collect();
    let keep = Keep { steps: Some(steps), faults: Some(faults), calm: story.keep.calm };
    // A replay has all the time that it takes.
    let known = Story { keep, days: failure.day + 1, time: Duration::MAX, ..story.clone() };
    let mut shrinking = Shrinking { watch: Stopwatch::start(), time, best: Shrunk { story: known, failure } };
    let calm = Keep { calm: true, ..shrinking.best.story.keep.clone() };
    shrinking.fails(calm).await;
    shrinking.leave_out(|keep| &mut keep.faults).await;
    shrinking.leave_out(|keep| &mut keep.steps).await;
    shrinking.leave_out(|keep| &mut keep.faults).await;
    shrinking.best
}

impl Shrinking {
    /// Whether so much fails still; then it is the least that is known.
    async fn fails(&mut self, keep: Keep) -> bool {
        if self.watch.elapsed() > self.time {
            return false;
        }
        let story = Story { keep, ..self.best.story.clone() };
        let (_, failure) = simulate(story.clone()).await;
        let Some(failure) = failure else { return false };
        self.best = Shrunk { story, failure };
        true
    }

    /// Leaves out a half, a quarter and so on of a list.
    async fn leave_out(&mut self, list: fn(&mut Keep) -> &mut Option<BTreeSet<u64>>) {
        let mut keep = self.best.story.keep.clone();
        let all: Vec<u64> = list(&mut keep).iter().flatten().copied().collect();
        let mut size = all.len();
        while size > 0 && self.watch.elapsed() < self.time {
            for part in all.chunks(size) {
                let mut keep = self.best.story.keep.clone();
                let Some(known) = list(&mut keep) else { return };
                let before = known.len();
                known.retain(|step| !part.contains(step));
                if known.len() < before {
                    self.fails(keep).await;
                }
            }
            size /= 2;
        }
    }
}
