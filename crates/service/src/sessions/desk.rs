//! Gathers what switches ask for a moment and commits it together, each with its own answer (group commit).
//!
//! A worker takes all requests that came while it was busy with those before: nobody waits for a timer, and the
//! more there are, the more share one commit. An answer leaves only after the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use calculation::phone_number::{E164, Region, region_of};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::authorise::authorise;
use super::extend::extend;
use super::release::release;
use super::till::{Till, Wanted};
use super::{Answer, Authorise, Request};
use crate::calls::{Account, Directory};
use crate::clock::{Clock, Stopwatch};
use crate::config::Config;
use crate::customers;
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::metrics::{CHARGING_ANSWERS, CHARGING_BATCH_SECONDS, CHARGING_BATCH_SIZE};
use crate::tariffs::TariffBook;

/// So many requests may wait; who comes then waits before being let in.
const WAITING: usize = 4_096;
/// A batch that met another writer is tried again so often.
const TRIES: usize = 5;

/// The desk is busy for so long after it was asked.
const BUSY_SECONDS: i64 = 10;

/// Where calls under way are charged; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    queue: mpsc::Sender<Waiting>,
    clock: Clock,
    /// When it was last asked, in seconds since 1970.
    last_asked: Arc<AtomicI64>,
}

/// A request and where its answer goes.
struct Waiting {
    request: Arc<Request>,
    config: Arc<Config>,
    answer: oneshot::Sender<Result<Answer>>,
}

/// What a worker needs of the application.
#[derive(Clone)]
struct Worker {
    db: Db,
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
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let (db, clock, tariffs) = (db.clone(), clock.clone(), tariffs.clone());
        let worker = Worker { db, clock: clock.clone(), tariffs };
        for _ in 0..config.charging.workers.max(1) {
            tokio::spawn(worker.clone().work(waiting.clone(), config.charging.together.max(1)));
        }
        Self { queue, clock, last_asked: Arc::default() }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        WAITING.saturating_sub(self.queue.capacity())
    }

    /// Whether switches are asking at present: then nobody may keep the database to themselves for long.
    pub fn is_busy(&self) -> bool {
        let idle = self.clock.now().as_second() - self.last_asked.load(Ordering::Relaxed);
        idle <= BUSY_SECONDS
    }

    /// Asks, and waits until the answer is committed.
    pub async fn ask(&self, config: &Arc<Config>, request: Request) -> Result<Answer> {
        self.last_asked.store(self.clock.now().as_second(), Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { request: Arc::new(request), config: config.clone(), answer };
        let ended = || Error::Other("charging met a fault or has ended".to_owned());
        self.queue.send(waiting).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Worker {
    async fn work(self, queue: Arc<Mutex<mpsc::Receiver<Waiting>>>, together: usize) {
        loop {
            let mut waiting = queue.lock().await;
            let Some(first) = waiting.recv().await else { return };
            // Whoever comes while the database is busy shares the transaction.
            let begun = self.db.begin_by_keys().await;
            let mut batch = vec![first];
            while batch.len() < together
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            drop(waiting);
            // In a task of its own: a fault of the program in one batch must not end the worker.
            if let Err(error) = tokio::spawn(self.clone().serve(begun, batch)).await {
                tracing::error!(%error, "requests were lost to a fault of the program");
            }
        }
    }

    /// Answers a batch. When it meets a fault, each request is done by itself: one's fault is its own.
    async fn serve(self, begun: db::Result<Tx>, batch: Vec<Waiting>) {
        let requests: Vec<_> = batch.iter().map(|waiting| waiting.request.clone()).collect();
        let Some(config) = batch.first().map(|waiting| waiting.config.clone()) else { return };
        let (watch, metrics) = (Stopwatch::start(), self.db.metrics().clone());
        let done = self.tried(begun, &config, &requests).await;
        metrics.size(CHARGING_BATCH_SIZE, requests.len());
        metrics.took(CHARGING_BATCH_SECONDS, &[], watch.elapsed());
        match done {
            Ok(answers) => {
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    // Who has gone away meanwhile asks again and gets the same answer.
                    let _ = waiting.answer.send(Ok(answer));
                }
            }
            Err(error) if batch.len() == 1 => {
                for waiting in batch {
                    let _ = waiting.answer.send(Err(Error::Other(error.to_string())));
                }
            }
            Err(error) => {
                tracing::warn!(%error, requests = batch.len(), "requests that met a fault are done one by one");
                for (waiting, request) in batch.into_iter().zip(requests) {
                    let begun = self.db.begin_by_keys().await;
                    let alone = self.tried(begun, &waiting.config, &[request]).await;
                    let answer = alone.and_then(|answers| {
                        let lost = || Error::Inconsistent("a request without an answer".to_owned());
                        answers.into_iter().next().ok_or_else(lost)
                    });
                    let _ = waiting.answer.send(answer);
                }
            }
        }
    }

    async fn tried(
        &self,
        mut begun: db::Result<Tx>,
        config: &Config,
        requests: &[Arc<Request>],
    ) -> Result<Vec<Answer>> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.together(begun?, config, requests).await {
                Err(Error::Database(error))
                    if tries < TRIES && (error.is_transient() || error.is_unique_violation()) =>
                {
                    tracing::info!(%error, tries, "requests met another writer and are tried again");
                    begun = self.db.begin_by_keys().await;
                }
                done => return done,
            }
        }
    }

    /// Does requests in one transaction, in their order.
    async fn together(&self, mut tx: Tx, config: &Config, requests: &[Arc<Request>]) -> Result<Vec<Answer>> {
        let now = self.clock.now();
        let (mut numbers, mut references, mut wanted) = (Vec::new(), Vec::new(), Wanted::default());
        for request in requests {
            match &**request {
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
        let everybody = customers::some(&mut tx, &numbers, &references, &ids).await?;
        let directory = Directory::load(&mut tx, &self.tariffs, everybody).await?;
        let bench = Bench { directory: &directory, config, clock: &self.clock, now };
        // Only sessions of customers who exist: an id may be made up.
        wanted.ids.retain(|id| directory.account(id.customer).is_some());
        for request in requests {
            let Request::Authorise(asked) = &**request else { continue };
            let line = asked.calling_number.parse::<E164>().ok();
            let at = asked.started_at.unwrap_or(now);
            if let Some(account) = line.and_then(|line| bench.payer(asked, line, at)) {
                wanted.customers.push(account.id);
                wanted.calls.push((account.id, asked.call_id.clone()));
            }
        }
        let mut till = Till::hold(&mut tx, &wanted, &directory.accounts(), now).await?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let hash = hash_of(request);
            answers.push(match &**request {
                Request::Authorise(asked) => authorise(&mut till, &bench, asked, hash)?,
                Request::Extend { session, asked } => extend(&mut till, &bench, *session, asked, hash)?,
                Request::Release { session, asked } => release(&mut till, &bench, *session, asked, hash)?,
            });
        }
        till.save(&mut tx, &self.clock).await?;
        for (request, answer) in requests.iter().zip(&answers) {
            tx.tally(CHARGING_ANSWERS, &[("ask", request.code()), ("answer", answer.code())], 1);
        }
        tx.commit().await?;
        Ok(answers)
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
