//! What follows from some attempts: done, tried again later and later, given up, or the endpoint is disabled.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::attempt::Attempt;
use super::store::{self, Claimed, Stored};
use super::{DeliveryState, EndpointState};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::EndpointId;
use crate::jobs::{self, Job};

/// Seconds until the next attempt, after the first, the second and so on: over three days in all, as the
/// specification suggests.
const WAITS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// An endpoint that fails is left alone for 5 s, then 10, 20, …: at most so long.
const LONGEST_REST_SECONDS: i64 = 300;
/// A receiver may ask for so long a pause.
const LONGEST_PAUSE_SECONDS: i64 = 86_400;
/// An endpoint that has answered nothing for so long is disabled.
const FAILING: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What became of deliveries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Delivered {
    pub done: u64,
    pub put_off: u64,
    pub failed: u64,
}

impl Delivered {
    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let Self { done, put_off, failed } = other;
        Self { done: self.done + done, put_off: self.put_off + put_off, failed: self.failed + failed }
    }

    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Stores what became of some attempts at an endpoint.
pub(super) async fn settle(
    tx: &mut Tx,
    to: &Stored,
    tried: &[(Claimed, Attempt)],
    clock: &Clock,
) -> Result<Delivered> {
    let (id, now) = (to.endpoint.id, clock.now());
    let mut delivered = Delivered::default();
    let mut pause = 0;
    for (claimed, attempt) in tried {
        match attempt {
            Attempt::Done(status) => {
                delivered.done += 1;
                store::finish(tx, id, claimed, DeliveryState::Done, (Some(*status), None), now).await?;
            }
            Attempt::Gone => {
                delivered.failed += 1;
                let why = (Some(410), Some("410 Gone: the receiver wants no more messages"));
                store::finish(tx, id, claimed, DeliveryState::Failed, why, now).await?;
            }
            Attempt::Failed { status, why, retry_after } => {
                let wanted = retry_after.unwrap_or_default().min(LONGEST_PAUSE_SECONDS);
                pause = pause.max(wanted);
                if let Some(wait) = wait(id, claimed) {
                    delivered.put_off += 1;
                    let next = later(now, wait.max(wanted));
                    store::put_off(tx, id, claimed, (*status, why), next).await?;
                } else {
                    delivered.failed += 1;
                    let why = (*status, Some(why.as_str()));
                    store::finish(tx, id, claimed, DeliveryState::Failed, why, now).await?;
                }
            }
        }
    }
    if tried.iter().any(|(_, attempt)| *attempt == Attempt::Gone) {
        disable(tx, id, "the receiver answered 410 Gone", clock).await?;
    } else if delivered.done > 0 {
        store::answered(tx, id).await?;
    } else if !tried.is_empty() {
        let rest = (5_i64 << to.failures.clamp(0, 10)).min(LONGEST_REST_SECONDS).max(pause);
        let since = store::failed(tx, id, now, later(now, rest)).await?;
        if since.is_some_and(|since| now.duration_since(since) >= FAILING) {
            disable(tx, id, "every attempt of five days has failed", clock).await?;
        }
    }
    Ok(delivered)
}

/// Seconds until a delivery is tried again, if it is. Some chance keeps messages apart that failed together.
fn wait(endpoint: EndpointId, claimed: &Claimed) -> Option<i64> {
    let wait = *WAITS.get(usize::try_from(claimed.attempts).ok()?.checked_sub(1)?)?;
    let chance = (endpoint.0 ^ claimed.message.0).rem_euclid((wait / 10).max(1));
    Some(wait + chance)
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// Disables an endpoint that answers nothing, and gives up what waits for it. The operator is told by a job that
/// nobody but them can do.
async fn disable(tx: &mut Tx, id: EndpointId, reason: &str, clock: &Clock) -> Result<()> {
    let now = clock.now();
    if !store::disable(tx, id, reason, now).await? {
        return Ok(());
    }
    tracing::error!(endpoint = %id, reason, "a webhook endpoint was disabled");
    give_up(tx, id, now).await?;
    jobs::enqueue(tx, &[Job::MendEndpoint { endpoint_id: id, disabled_at: now }], clock).await
}

/// Gives up what waits for an endpoint that is disabled.
pub(super) async fn give_up(tx: &mut Tx, id: EndpointId, now: Timestamp) -> Result<()> {
    store::fail_ready(tx, id, &format!("the endpoint is {}", EndpointState::Disabled.code()), now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MessageId;

    #[test]
    fn attempts_go_on_for_more_than_three_days_and_then_end() {
        let claimed = |attempts| Claimed { message: MessageId(41), payload: String::new(), attempts };
        let waits: Vec<_> =
            (1..=9).map(|attempts| wait(EndpointId(7), &claimed(attempts)).unwrap()).collect();
        for (wait, least) in waits.iter().zip(WAITS) {
            assert!((least..=least + least / 10).contains(wait), "{waits:?}");
        }
        assert!((3 * 86_400..4 * 86_400).contains(&waits.iter().sum::<i64>()), "{waits:?}");
        assert_eq!(wait(EndpointId(7), &claimed(10)), None);
    }
}
