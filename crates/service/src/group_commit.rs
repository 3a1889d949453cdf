//! How do many requests share one commit? They are gathered for a moment, done together, and answered each by itself.
//!
//! A worker takes all requests that came while it was busy with those before: nobody waits for a timer, and the
//! more there are, the more share one commit. An answer leaves only after the commit.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::clock::Stopwatch;
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::metrics::{CHARGING_BATCH_SECONDS, CHARGING_BATCH_SIZE};

/// So many requests may wait; who comes then waits before being let in.
const WAITING: usize = 4_096;
/// A batch that met another writer is tried again so often.
const TRIES: usize = 5;

/// What is done to requests.
pub(crate) trait Deed: Clone + Send + Sync + 'static {
    type Request: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Does requests in one transaction, in their order; an answer for each.
    fn together(
        &self,
        tx: &mut Tx,
        requests: &[Arc<Self::Request>],
    ) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
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
struct Worker<D> {
    db: Db,
    deed: D,
}

impl<D: Deed> GroupCommit<D> {
    /// Starts workers, each of which commits at most so many requests together. They end with the last clone.
    pub(crate) fn open(db: &Db, deed: &D, workers: usize, together: usize) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..workers.max(1) {
            let worker = Worker { db: db.clone(), deed: deed.clone() };
            tokio::spawn(worker.work(waiting.clone(), together.max(1)));
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
    async fn work(self, queue: Arc<Mutex<mpsc::Receiver<Waiting<D>>>>, together: usize) {
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
    async fn serve(self, begun: db::Result<Tx>, batch: Vec<Waiting<D>>) {
        let requests: Vec<_> = batch.iter().map(|waiting| waiting.request.clone()).collect();
        let (watch, metrics) = (Stopwatch::start(), self.db.metrics().clone());
        let done = self.tried(begun, &requests).await;
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
                if let Some(alone) = batch.into_iter().next() {
                    let _ = alone.answer.send(Err(error));
                }
            }
            // Each by itself would only wait as long again.
            Err(Error::Database(error)) if error.is_away() => {
                let why = error.to_string();
                for waiting in batch {
                    let _ = waiting.answer.send(Err(Error::Database(db::Error::Silent(why.clone()))));
                }
            }
            Err(error) => {
                tracing::warn!(%error, requests = batch.len(), "requests that met a fault are done one by one");
                for (waiting, request) in batch.into_iter().zip(requests) {
                    let begun = self.db.begin_by_keys().await;
                    let alone = self.tried(begun, &[request]).await;
                    let answer = alone.and_then(|answers| {
                        let lost = || Error::Contradiction("a request without an answer".to_owned());
                        answers.into_iter().next().ok_or_else(lost)
                    });
                    let _ = waiting.answer.send(answer);
                }
            }
        }
    }

    async fn once(&self, mut tx: Tx, requests: &[Arc<D::Request>]) -> Result<Vec<D::Answer>> {
        let answers = self.deed.together(&mut tx, requests).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn tried(&self, mut begun: db::Result<Tx>, requests: &[Arc<D::Request>]) -> Result<Vec<D::Answer>> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(begun?, requests).await {
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
}
