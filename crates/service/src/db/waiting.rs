//! How long is a database waited for that does not answer? Never for ever, and as long as it takes while it works.
//!
//! Whether it works is asked on another connection: a statement may take minutes, a server that is silent has seconds.
//! A connection on which something was not answered is thrown away, and with it those that lie idle beside it: whatever lost its
//! packets has lost theirs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::is_of_server;
use super::{Error, Result};
use crate::clock::Stopwatch;

/// What takes no work is answered within this: beginning, and rolling back.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Connections that may be found dead before a new one is tried.
const TRIES: usize = 3;
/// Whoever could not begin for longer will not, by itself.
const STUCK: Duration = Duration::from_mins(1);
/// A probe of this program waits for no more.
const PROBE: Duration = Duration::from_millis(500);
/// What was found out about the server is believed for this long.
const BELIEVED: Duration = Duration::from_secs(1);

/// For how long the database is waited for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub connections: usize,
    pub wait_seconds: u64,
    pub connect_seconds: u64,
    pub silence_seconds: u64,
    pub statement_seconds: u64,
}

impl Default for Limits {
    /// As `default.toml` has it.
    fn default() -> Self {
        Self {
            connections: 16,
            wait_seconds: 30,
            connect_seconds: 5,
            silence_seconds: 5,
            statement_seconds: 600,
        }
    }
}

impl Limits {
    /// What is wrong with them.
    pub fn faults(&self) -> Vec<String> {
        let Self { connections, wait_seconds, connect_seconds, silence_seconds, statement_seconds } = *self;
        let within = |name: &str, value: u64, least: u64, most: u64| {
            (!(least..=most).contains(&value))
                .then(|| format!("database.{name} `{value}` must be {least} to {most}"))
        };
        let faults = [
            within("connections", connections as u64, 2, 1_000),
            within("wait_seconds", wait_seconds, 1, 600),
            within("connect_seconds", connect_seconds, 1, 60),
            within("silence_seconds", silence_seconds, 1, 600),
            within("statement_seconds", statement_seconds, 0, 86_400),
        ];
        faults.into_iter().flatten().collect()
    }

    /// For how long something is waited for that others have.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }

    pub(super) fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_seconds)
    }

    /// For how many seconds a statement is waited for while the server answers, and the setting that says so. One by keys only waits for
    /// rows: takes it twice as long as that, the process that should answer it hangs.
    fn longest_statement(&self, work: Work) -> (u64, &'static str) {
        let any = (self.statement_seconds, "statement_seconds");
        let by_keys = (2 * self.wait_seconds, "wait_seconds");
        if work == Work::Any || (1..by_keys.0).contains(&any.0) { any } else { by_keys }
    }

    fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_seconds)
    }
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Any,
    /// It looks few rows up by their keys.
    ByKeys,
}

/// How a server is waited for, and how it is asked whether it lives.
pub(super) struct Waiting {
    limits: Limits,
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    /// Whether it answered when it was last asked, and when that was.
    asked: Mutex<Option<(Stopwatch, bool)>>,
    /// Since when no transaction has begun, though some should have.
    silent: std::sync::Mutex<Option<Stopwatch>>,
    /// Half of the connections, for transactions that store many records.
    batches: Arc<Semaphore>,
}

impl Waiting {
    pub(super) fn new(limits: Limits, config: tokio_postgres::Config, tls: MakeRustlsConnect) -> Self {
        let batches = Arc::new(Semaphore::new(limits.connections / 2));
        Self { limits, config, tls, asked: Mutex::default(), silent: std::sync::Mutex::default(), batches }
    }

    /// Waits until a transaction that stores many records may have a connection.
    pub(super) async fn place_of_batch(&self) -> Result<OwnedSemaphorePermit> {
        let place = timeout(self.limits.wait(), self.batches.clone().acquire_owned()).await;
        place.ok().and_then(std::result::Result::ok).ok_or_else(|| self.without_place())
    }

    /// Begins a transaction on a connection that answers: a new one, where those that lay idle are dead.
    pub(super) async fn begin(&self, pool: &Pool, begin: &str) -> Result<Object> {
        let begun = self.try_begin(pool, begin).await;
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match &begun {
            Err(error) if error.is_away() => _ = silent.get_or_insert_with(Stopwatch::start),
            _ => *silent = None,
        }
        drop(silent);
        begun
    }

    /// Whether no transaction has begun for long, though the server answers.
    pub(super) async fn is_stuck(&self) -> bool {
        let since = *self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none_or(|since| since.elapsed() <= STUCK) {
            return false;
        }
        // A server that is away is slow to say so, and whoever asks after this program has no patience for it.
        timeout(PROBE, self.lives()).await.unwrap_or(false)
    }

    async fn try_begin(&self, pool: &Pool, begin: &str) -> Result<Object> {
        for _ in 0..TRIES {
            let client = pool.get().await.map_err(|error| self.without_connection(error))?;
            let was_idle = Object::metrics(&client).recycle_count > 0;
            let fault = match timeout(AT_ONCE, client.batch_execute(begin)).await {
                Ok(Ok(())) => return Ok(client),
                Ok(Err(error)) if !is_lost(&error) => return Err(error.into()),
                Ok(Err(error)) => error.into(),
                Err(_) => {
                    Error::Silent(format!("a transaction did not begin within {} s", AT_ONCE.as_secs()))
                }
            };
            drop(Object::take(client));
            pool.retain(|_, _| false);
            if !was_idle {
                return Err(fault);
            }
        }
        Err(Error::Silent("one connection after the other was dead".to_owned()))
    }

    fn without_connection(&self, error: PoolError) -> Error {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => self.without_place(),
            PoolError::Timeout(_) => {
                Error::Silent(format!("no connection was made within {} s", self.limits.connect_seconds))
            }
            other => other.into(),
        }
    }

    fn without_place(&self) -> Error {
        Error::Silent(format!("no connection became free within {} s", self.limits.wait_seconds))
    }

    /// Waits for an answer. While it is waited for, `asks` says so: a connection that is let go of meanwhile is of no use.
    pub(super) async fn answer<T>(
        &self,
        asks: &AtomicBool,
        work: Work,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        asks.store(true, Ordering::Relaxed);
        let (mut answer, asked) = (std::pin::pin!(answer), Stopwatch::start());
        loop {
            if let Ok(answered) = timeout(self.limits.silence(), answer.as_mut()).await {
                asks.store(false, Ordering::Relaxed);
                return answered;
            }
            let seconds = asked.elapsed().as_secs();
            let (most, setting) = self.limits.longest_statement(work);
            if most != 0 && seconds >= most {
                let how = format!("database.{setting} sets the limit");
                return Err(Error::Silent(format!("a statement took more than {most} s ({how})")));
            }
            if !self.lives().await {
                return Err(Error::Silent(format!("nothing was heard from it for {seconds} s")));
            }
        }
    }

    /// Whether the server answers on a new connection. Those who want to know at once ask together.
    pub(super) async fn lives(&self) -> bool {
        let mut asked = self.asked.lock().await;
        if let Some((when, lives)) = *asked
            && when.elapsed() < BELIEVED
        {
            return lives;
        }
        let lives = timeout(self.limits.connect(), self.ask()).await.unwrap_or(false);
        *asked = Some((Stopwatch::start(), lives));
        lives
    }

    async fn ask(&self) -> bool {
        match self.config.connect(self.tls.clone()).await {
            Ok((client, connection)) => {
                let driven = tokio::spawn(connection);
                let answered = client.batch_execute("select 1").await;
                driven.abort();
                answered.is_ok()
            }
            // A refusal is an answer.
            Err(error) => error.as_db_error().is_some(),
        }
    }

    /// Whether the server is, by its address, another machine.
    pub(super) fn is_elsewhere(&self) -> bool {
        let here = |host: &Host| match host {
            Host::Tcp(name) => {
                name == "localhost"
                    || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            Host::Unix(_) => true,
        };
        let hosts = self.config.get_hosts();
        !hosts.is_empty() && !hosts.iter().any(here)
    }

    /// Lets go of a connection that somebody still waits on: the server is told to give up, and whatever it answers is not read.
    pub(super) fn throw_away(&self, client: Object) {
        let (cancel, tls, limit) = (client.cancel_token(), self.tls.clone(), self.limits.connect());
        drop(Object::take(client));
        tokio::spawn(async move {
            let _ = timeout(limit, cancel.cancel_query(tls)).await;
        });
    }

    /// Takes back what was begun; dropping must not wait, so that goes on by itself.
    pub(super) fn roll_back(client: Object) {
        tokio::spawn(async move {
            let done = timeout(AT_ONCE, client.batch_execute("rollback")).await;
            match done {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a transaction was not rolled back: its connection is closed");
                }
                Err(_) => tracing::warn!("a rollback was not answered: its connection is closed"),
            }
            drop(Object::take(client));
        });
    }
}

/// Whether the connection is gone, or the server about to stop.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_none_or(|fault| is_of_server(fault.code()))
}
