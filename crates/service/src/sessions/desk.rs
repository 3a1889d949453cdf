//! Where switches ask about calls: requests are done together and answered each by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use calculation::phone_number::{E164, Region, emergency_dialled, region_of};
use jiff::{SignedDuration, Timestamp};

use super::authorise::authorise;
use super::extend::extend;
use super::release::release;
use super::till::{Till, Wanted};
use super::{Answer, Authorise, Request};
use crate::calls::{Account, Directory};
use crate::clock::Clock;
use crate::config::Config;
use crate::customers;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::group_commit::{Deed, GroupCommit, Patience, Turn};
use crate::hash::{self, Hash};
use crate::id::CustomerId;
use crate::metrics::CHARGING_ANSWERS;
use crate::tariffs::TariffBook;

/// The desk is busy for so long after it was asked.
const BUSY_SECONDS: i64 = 10;

/// Where calls under way are charged; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    queue: GroupCommit<Worker>,
    clock: Clock,
    /// When it was last asked, in seconds since 1970.
    last_asked: Arc<AtomicI64>,
}

/// A request, and the settings of who took it.
struct Asked {
    request: Request,
    config: Arc<Config>,
}

/// What a worker needs of the application.
#[derive(Clone)]
struct Worker {
    clock: Clock,
    tariffs: TariffBook,
}

/// Where requests are judged: who exists, what is set, and when it is.
pub(super) struct Bench<'a> {
    pub directory: &'a Directory,
    pub config: &'a Config,
    pub clock: &'a Clock,
    pub now: Timestamp,
}

impl Desk {
    /// Starts the workers. They end with the last clone of the desk.
    pub fn open(db: &Db, clock: &Clock, tariffs: &TariffBook, config: &Config) -> Self {
        let worker = Worker { clock: clock.clone(), tariffs: tariffs.clone() };
        let queue = GroupCommit::open(db, &worker, config);
        Self { queue, clock: clock.clone(), last_asked: Arc::default() }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Whether requests are taken.
    pub fn is_alive(&self) -> bool {
        self.queue.is_alive()
    }

    /// Whether switches are asking at present: then nobody may keep the database to themselves for long.
    pub fn is_busy(&self) -> bool {
        let idle = self.clock.now().as_second() - self.last_asked.load(Ordering::Relaxed);
        idle <= BUSY_SECONDS
    }

    /// Asks, and waits until the answer is committed.
    pub async fn ask(&self, config: &Arc<Config>, request: Request) -> Result<Answer> {
        self.last_asked.store(self.clock.now().as_second(), Ordering::Relaxed);
        self.queue.ask(Asked { request, config: config.clone() }).await
    }
}

impl Deed for Worker {
    type Request = Asked;
    type Answer = Answer;

    async fn together(
        &self,
        tx: &mut Tx,
        asked: &[Arc<Asked>],
        patience: Patience,
    ) -> Result<Vec<Turn<Answer>>> {
        let Some(config) = asked.first().map(|first| &first.config) else { return Ok(Vec::new()) };
        let requests: Vec<_> = asked.iter().map(|asked| &asked.request).collect();
        let now = self.clock.now();
        let (mut numbers, mut references, mut wanted) = (Vec::new(), Vec::new(), Wanted::default());
        for request in &requests {
            match request {
                Request::Authorise(asked) => {
                    numbers.extend(asked.calling_number.parse::<E164>().ok());
                    references.extend(asked.account_ref.clone());
                }
                Request::Extend { session, .. } | Request::Release { session, .. } => {
                    wanted.ids.push(*session);
                }
            }
        }
        let ids: Vec<_> = wanted.ids.iter().map(|id| id.customer).collect();
        let everybody = customers::some(tx, &numbers, &references, &ids).await?;
        let directory = Directory::load(tx, &self.tariffs, everybody).await?;
        let bench = Bench { directory: &directory, config, clock: &self.clock, now };
        // Only sessions of customers who exist: an id may be made up.
        wanted.ids.retain(|id| directory.account(id.customer).is_some());
        for request in &requests {
            let Request::Authorise(asked) = request else { continue };
            let line = asked.calling_number.parse::<E164>().ok();
            let at = asked.started_at.unwrap_or(now);
            if let Some(account) = line.and_then(|line| bench.payer(asked, line, at)) {
                wanted.customers.push(account.id);
                wanted.calls.push((account.id, asked.call_id.clone()));
            }
        }
        wanted.leaves_out_held = patience == Patience::LeavesOut;
        let mut till = Till::hold(tx, &wanted, &directory.accounts(), now).await?;
        till.look_for_records(tx, &wanted.calls).await?;
        let mut turns = Vec::with_capacity(requests.len());
        for request in &requests {
            let hash = hash_of(request);
            let others_hold = bench.needs(request).filter(|customer| !till.holds(*customer));
            if let Some(customer) = others_hold {
                turns.push(Turn::Held(customer));
                continue;
            }
            let answer = match request {
                Request::Authorise(asked) => authorise(&mut till, &bench, asked, hash)?,
                Request::Extend { session, asked } => extend(&mut till, &bench, *session, asked, hash)?,
                Request::Release { session, asked } => release(&mut till, &bench, *session, asked, hash)?,
            };
            tx.tally(CHARGING_ANSWERS, &[("ask", request.code()), ("answer", answer.code())], 1);
            turns.push(Turn::Done(answer));
        }
        till.save(tx, &self.clock).await?;
        Ok(turns)
    }
}

fn hash_of(request: &Request) -> Hash {
    // A request is plain data, which always has a text.
    hash::of(&serde_json::to_vec(request).unwrap_or_default())
}

impl<'a> Bench<'a> {
    /// Who pays for a call: the customer that the switch names, else the holder of the line.
    pub(super) fn payer(&self, asked: &Authorise, line: E164, at: Timestamp) -> Option<&'a Account> {
        let named = asked.account_ref.as_deref();
        let id = match named {
            Some(reference) => self.directory.named(reference),
            None => self.directory.holder(line, at),
        };
        self.directory.account(id?).map(|account| &**account)
    }

    /// The customer who must be held to answer a request. Emergency calls need nobody.
    fn needs(&self, request: &Request) -> Option<CustomerId> {
        let account = match request {
            Request::Authorise(asked) => {
                let line = asked.calling_number.parse::<E164>().ok()?;
                let at = asked.started_at.unwrap_or(self.now);
                let account = self.payer(asked, line, at)?;
                let region = self.region(account, line, at);
                emergency_dialled(&asked.called_number, region).is_none().then_some(account)
            }
            Request::Extend { session, .. } | Request::Release { session, .. } => {
                self.directory.account(session.customer).map(|account| &**account)
            }
        };
        account.map(|account| account.id)
    }

    /// Where what was dialled is read: the region of the line, if it is the payer's own.
    pub(super) fn region(&self, account: &Account, line: E164, at: Timestamp) -> Option<Region> {
        let own = self.directory.holder(line, at) == Some(account.id);
        region_of(line).filter(|_| own).or(account.region)
    }

    /// Whether a clock that shows this is too far from ours.
    pub(super) fn is_skewed(&self, at: Timestamp) -> bool {
        let skew = SignedDuration::from_secs(self.config.calls.clock_skew_seconds.into());
        self.now.duration_since(at).abs() > skew
    }

    /// When a session is taken for over that has so many seconds left.
    pub(super) fn later(&self, seconds: u32) -> Timestamp {
        let seconds = i64::from(seconds) + i64::from(self.config.charging.grace_seconds);
        self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(self.now)
    }
}
