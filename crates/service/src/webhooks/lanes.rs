//! Delivers what is due: each endpoint has a lane of its own, so that a slow one holds up nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::{Id, JoinSet};

use super::settle::settle;
use super::store::Claimed;
use super::{EndpointState, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::{EndpointId, MessageId};
use crate::lease;

pub use super::settle::Delivered;

/// So many endpoints are served at once.
const LANES: usize = 16;
/// So many messages are on their way to an endpoint at once.
const AT_ONCE: i64 = 4;
/// A lane ends after so many turns, so that endpoints that wait for one get theirs.
const TURNS: usize = 25;
/// How often it is looked for what is due.
const PAUSE: Duration = Duration::from_secs(1);

/// The lanes under way.
struct Lanes {
    app: App,
    running: JoinSet<Result<Delivered>>,
    served: BTreeMap<Id, EndpointId>,
    /// Whose turn came last: the next ones come first.
    last: EndpointId,
    stopping: Arc<AtomicBool>,
}

/// Delivers all that is due now, to each endpoint until nothing is left or it fails.
pub async fn deliver(app: &App) -> Result<Delivered> {
    let mut lanes = Lanes::new(app.clone());
    let (mut all, mut idle, mut fault) = (Delivered::default(), BTreeSet::new(), None);
    loop {
        lanes.start(&idle).await?;
        let Some((endpoint, ended)) = lanes.next().await else { break };
        match ended {
            // Others have what was due there, or it cannot be done: it had its turn.
            Ok(delivered) if delivered.is_nothing() => _ = idle.insert(endpoint),
            Ok(delivered) => all = all.plus(delivered),
            Err(error) => {
                idle.insert(endpoint);
                fault = Some(error);
            }
        }
    }
    fault.map_or(Ok(all), Err)
}

/// Delivers until it is told to stop; what is on its way then is waited for.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut lanes = Lanes::new(app);
    let nobody = BTreeSet::new();
    loop {
        if let Err(error) = lanes.start(&nobody).await {
            tracing::error!(%error, "what webhooks are due was not found out");
        }
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(PAUSE) => {}
            Some((endpoint, ended)) = lanes.next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, %endpoint, "webhooks to an endpoint met a fault");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    lanes.stopping.store(true, Ordering::Relaxed);
    while lanes.next().await.is_some() {}
}

impl Lanes {
    fn new(app: App) -> Self {
        let (running, served) = (JoinSet::new(), BTreeMap::new());
        Self { app, running, served, last: EndpointId(0), stopping: Arc::default() }
    }

    /// Starts lanes for endpoints that something is due to, but for some.
    async fn start(&mut self, but: &BTreeSet<EndpointId>) -> Result<()> {
        if self.served.len() >= LANES {
            return Ok(());
        }
        let mut tx = self.app.db.read().await?;
        let mut due = store::due(&mut tx, self.app.clock.now()).await?;
        drop(tx);
        due.retain(|id| !but.contains(id) && !self.served.values().any(|served| served == id));
        due.sort_by_key(|id| (*id <= self.last, *id));
        for id in due.into_iter().take(LANES - self.served.len()) {
            let lane = lane(self.app.clone(), id, self.stopping.clone());
            let task = self.running.spawn(lane).id();
            self.served.insert(task, id);
            self.last = id;
        }
        Ok(())
    }

    /// Waits for a lane to end.
    async fn next(&mut self) -> Option<(EndpointId, Result<Delivered>)> {
        let (task, ended) = match self.running.join_next_with_id().await? {
            Ok((task, ended)) => (task, ended),
            Err(error) => (error.id(), Err(Error::Other(error.to_string()))),
        };
        Some((self.served.remove(&task)?, ended))
    }
}

/// Delivers to an endpoint, some messages at once, until nothing is due or nothing gets through.
async fn lane(app: App, id: EndpointId, stopping: Arc<AtomicBool>) -> Result<Delivered> {
    let mut all = Delivered::default();
    for _ in 0..TURNS {
        if stopping.load(Ordering::Relaxed) {
            break;
        }
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let to = store::by_id(&mut tx, id).await?;
        let Some(to) = to.filter(|to| to.endpoint.state == EndpointState::Enabled) else { break };
        let claimed = store::claim(&mut tx, id, AT_ONCE, now, lease::end(now)).await?;
        tx.commit().await?;
        if claimed.is_empty() {
            break;
        }
        let (its_app, keys) = (app.clone(), claimed.iter().map(Claimed::key).collect::<Vec<_>>());
        let renewing = move || renew(its_app.clone(), id, keys.clone());
        let attempts = claimed.into_iter().map(async |message| {
            let attempt = app.courier.attempt(&to, &message, now).await;
            (message, attempt)
        });
        let tried = lease::held(join_all(attempts), renewing).await;
        let mut tx = app.db.begin().await?;
        let delivered = settle(&mut tx, &to, &tried, &app.clock).await?;
        tx.commit().await?;
        all = all.plus(delivered);
        if delivered.done == 0 {
            break;
        }
    }
    Ok(all)
}

/// Holds the claim on what is on its way to an endpoint.
async fn renew(app: App, endpoint: EndpointId, claimed: Vec<(MessageId, u32)>) -> Result<()> {
    let mut tx = app.db.begin().await?;
    store::renew(&mut tx, endpoint, &claimed, lease::end(app.clock.now())).await?;
    Ok(tx.commit().await?)
}
