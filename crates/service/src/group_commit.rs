//! How do many requests share one commit? They are gathered for a moment, done together, and answered each by itself.
//!
//! A worker takes all requests that came while it was busy with those before: nobody waits for a timer, and the
//! more there are, the more share one commit. An answer leaves only after the commit.
//!
//! A worker waits for no customer whom others hold: requests of such a one are set aside, and one task for each such
//! customer waits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::Stopwatch;
use crate::config::Config;
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::metrics::{CHARGING_BATCH_SECONDS, CHARGING_BATCH_SIZE};

/// So many requests may wait; who comes then waits before being let in.
const WAITING: usize = 4_096;
/// The most requests that wait for one customer who is held by others.
const WAITING_FOR_ONE: usize = 512;
/// Customers are waited for on a part of the connections: one of so many.
const WAITING_PART: usize = 4;
/// A batch that met another writer is tried again so often.
const TRIES: usize = 5;

/// What is done to requests.
pub(crate) trait Deed: Clone + Send + Sync + 'static {
    type Request: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Does requests in one transaction, in their order; answers the outcome of each.
    fn together(
        &self,
        tx: &mut Tx,
        requests: &[Arc<Self::Request>],
        patience: Patience,
    ) -> impl Future<Output = Result<Vec<Turn<Self::Answer>>>> + Send;
}

/// Whether customers whom others hold are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Waits,
    LeavesOut,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Turn<A> {
    Done(A),
    /// Nothing was done: others hold this customer.
    Held(CustomerId),
}

/// Where requests are handed in.
pub(crate) struct GroupCommit<D: Deed> {
    queue: mpsc::Sender<Waiting<D>>,
}

impl<D: Deed> Clone for GroupCommit<D> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

/// A request and where its answer goes.
struct Waiting<D: Deed> {
    request: Arc<D::Request>,
    answer: oneshot::Sender<Result<D::Answer>>,
}

#[derive(Clone)]
struct Worker<D: Deed> {
    db: Db,
    deed: D,
    together: usize,
    aside: Arc<Aside<D>>,
}

/// Requests of customers whom others hold.
struct Aside<D: Deed> {
    /// By customer: for each there is a task that waits.
    requests: std::sync::Mutex<HashMap<CustomerId, Vec<Waiting<D>>>>,
    /// Connections for those tasks.
    places: Semaphore,
    /// For so long they wait for one.
    wait: Duration,
}

impl<D: Deed> Aside<D> {
    fn requests(&self) -> MutexGuard<'_, HashMap<CustomerId, Vec<Waiting<D>>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; answers whether a task must be started for its customer.
    fn put(&self, customer: CustomerId, request: Waiting<D>) -> bool {
        match self.requests().entry(customer) {
            Entry::Vacant(new) => {
                new.insert(vec![request]);
                true
            }
            Entry::Occupied(mut others) if others.get().len() < WAITING_FOR_ONE => {
                others.get_mut().push(request);
                false
            }
            Entry::Occupied(_) => {
                request.refuse(customer);
                false
            }
        }
    }

    /// Takes up to so many of a customer's requests; with the last of them the customer is forgotten.
    fn take(&self, customer: CustomerId, most: usize) -> Vec<Waiting<D>> {
        let mut requests = self.requests();
        let Some(waiting) = requests.get_mut(&customer).filter(|waiting| !waiting.is_empty()) else {
            requests.remove(&customer);
            return Vec::new();
        };
        waiting.drain(..waiting.len().min(most)).collect()
    }
}

impl<D: Deed> Waiting<D> {
    fn refuse(self, customer: CustomerId) {
        let _ = self.answer.send(Err(Error::Crowded(customer)));
    }
}

impl<D: Deed> GroupCommit<D> {
    /// Starts as many workers as the settings say. They end with the last clone.
    pub(crate) fn open(db: &Db, deed: &D, config: &Config) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let aside = Aside {
            requests: std::sync::Mutex::default(),
            places: Semaphore::new((config.database.connections / WAITING_PART).max(1)),
            wait: config.database.wait(),
        };
        let (aside, together) = (Arc::new(aside), config.charging.together.max(1));
        for _ in 0..config.charging.workers.max(1) {
            let worker = Worker { db: db.clone(), deed: deed.clone(), together, aside: aside.clone() };
            tokio::spawn(worker.work(waiting.clone()));
        }
        Self { queue }
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        WAITING.saturating_sub(self.queue.capacity())
    }

    /// Whether somebody takes requests. A fault of the program may have ended those who did.
    pub(crate) fn is_alive(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Hands a request in, and waits until its answer is committed.
    pub(crate) async fn ask(&self, request: D::Request) -> Result<D::Answer> {
        let (answer, answered) = oneshot::channel();
        let ended = || Error::Other("requests met a fault or have ended".to_owned());
        let waiting = Waiting { request: Arc::new(request), answer };
        self.queue.send(waiting).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl<D: Deed> Worker<D> {
    async fn work(self, queue: Arc<Mutex<mpsc::Receiver<Waiting<D>>>>) {
        loop {
            let mut waiting = queue.lock().await;
            let Some(first) = waiting.recv().await else { return };
            // Whoever comes while the database is busy shares the transaction.
            let begun = self.db.begin_by_keys().await;
            let mut batch = vec![first];
            while batch.len() < self.together
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            drop(waiting);
            self.apart(begun, batch, Patience::LeavesOut).await;
        }
    }

    /// Answers a batch in a task of its own: a fault of the program in one must not end the worker.
    async fn apart(&self, begun: db::Result<Tx>, batch: Vec<Waiting<D>>, patience: Patience) {
        if let Err(error) = tokio::spawn(self.clone().serve(begun, batch, patience)).await {
            tracing::error!(%error, "requests were lost to a fault of the program");
        }
    }

    /// Waits for a customer whom others hold, and does what was asked meanwhile.
    async fn wait_for(self, customer: CustomerId) {
        let place = timeout(self.aside.wait, self.aside.places.acquire()).await;
        loop {
            let batch = self.aside.take(customer, self.together);
            if batch.is_empty() {
                return;
            }
            if matches!(place, Ok(Ok(_))) {
                let begun = self.db.begin_by_keys().await;
                self.apart(begun, batch, Patience::Waits).await;
            } else {
                for waiting in batch {
                    waiting.refuse(customer);
                }
            }
        }
    }

    fn settle(&self, waiting: Waiting<D>, turn: Turn<D::Answer>) {
        match turn {
            // Who has gone away meanwhile asks again and gets the same answer.
            Turn::Done(answer) => _ = waiting.answer.send(Ok(answer)),
            Turn::Held(customer) => {
                if self.aside.put(customer, waiting) {
                    tokio::spawn(self.clone().wait_for(customer));
                }
            }
        }
    }

    /// Answers a batch. When it meets a fault, each request is done by itself: one's fault is its own.
    async fn serve(self, begun: db::Result<Tx>, batch: Vec<Waiting<D>>, patience: Patience) {
        let requests: Vec<_> = batch.iter().map(|waiting| waiting.request.clone()).collect();
        let (watch, metrics) = (Stopwatch::start(), self.db.metrics().clone());
        let done = self.tried(begun, &requests, patience).await;
        metrics.size(CHARGING_BATCH_SIZE, requests.len());
        metrics.took(CHARGING_BATCH_SECONDS, &[], watch.elapsed());
        match done {
            Ok(turns) => {
                batch.into_iter().zip(turns).for_each(|(waiting, turn)| self.settle(waiting, turn));
            }
            Err(error) if batch.len() == 1 => {
                if let Some(alone) = batch.into_iter().next() {
                    let _ = alone.answer.send(Err(error));
                }
            }
            // Each by itself would only wait as long again.
            Err(Error::Database(error)) if error.is_away() || error.is_held() => {
                let why = error.to_string();
                for waiting in batch {
                    let error =
                        if error.is_held() { db::Error::Held } else { db::Error::Silent(why.clone()) };
                    let _ = waiting.answer.send(Err(Error::Database(error)));
                }
            }
            Err(error) => {
                tracing::warn!(%error, requests = batch.len(), "requests that met a fault are done one by one");
                for (waiting, request) in batch.into_iter().zip(requests) {
                    let begun = self.db.begin_by_keys().await;
                    let lost = || Error::Contradiction("a request without an answer".to_owned());
                    match self.tried(begun, &[request], patience).await.map(|turns| turns.into_iter().next())
                    {
                        Ok(Some(turn)) => self.settle(waiting, turn),
                        Ok(None) => _ = waiting.answer.send(Err(lost())),
                        Err(error) => _ = waiting.answer.send(Err(error)),
                    }
                }
            }
        }
    }

    async fn once(
        &self,
        mut tx: Tx,
        requests: &[Arc<D::Request>],
        patience: Patience,
    ) -> Result<Vec<Turn<D::Answer>>> {
        let turns = self.deed.together(&mut tx, requests, patience).await?;
        tx.commit().await?;
        Ok(turns)
    }

    async fn tried(
        &self,
        mut begun: db::Result<Tx>,
        requests: &[Arc<D::Request>],
        patience: Patience,
    ) -> Result<Vec<Turn<D::Answer>>> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(begun?, requests, patience).await {
                Err(Error::Database(error))
                    if tries < TRIES
                        && (error.is_transient() && !error.is_held() || error.is_unique_violation()) =>
                {
                    tracing::info!(%error, tries, "requests met another writer and are tried again");
                    begun = self.db.begin_by_keys().await;
                }
                done => return done,
            }
        }
    }
}
