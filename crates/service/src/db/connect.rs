//! How is a database opened? With the settings that keep what is committed, and as many connections as are of use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, Pool, Runtime};
use rusqlite::Connection;
use tokio::sync::Mutex;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::waiting::Waiting;
use super::{Error, Faults, Limits, Postgres, Result, Sqlite};
use crate::metrics::Metrics;

const SQLITE_READERS: usize = 4;
/// How often it is looked whether another program has let go of the file.
pub(super) const SQLITE_LOOK: Duration = Duration::from_millis(5);
/// After as many it is said that it is waited for.
pub(super) const SQLITE_LOOKS_A_SECOND: u32 = 200;
const SQLITE_WAIT_SECONDS: u32 = 30;
/// A peer that is gone is noticed within about half a minute, and what is sent to it and not confirmed sooner.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
const UNCONFIRMED: Duration = Duration::from_secs(5);
/// The server notices as soon that this program is gone, and lets go of the rows that it held; one that hangs within a
/// transaction is cut off, and who waits for its rows waits no longer than others wait for a connection.
const SERVER_SIDE: &str =
    "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;
    set idle_in_transaction_session_timeout = '2min'";
/// PostgreSQL keeps the plan of a statement: one that was made while a table was small may read all of it for long
/// after it has grown.
const BY_KEYS_ONLY: &str =
    "; set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off";

/// Those who charge must not wait for those who wait for one customer.
const LEAST_BY_KEYS: usize = 8;

impl Sqlite {
    pub(super) fn open(path: &str, limits: Limits) -> Result<Self> {
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::Url("sqlite:// needs the path of a file".to_owned()));
        }
        let path = PathBuf::from(path);
        let writer = connect(&path)?;
        // `full` keeps a committed charge through a power cut.
        writer.execute_batch("pragma journal_mode = wal; pragma synchronous = full")?;
        // From now on it is the transaction that waits, without keeping a thread.
        writer.busy_timeout(Duration::ZERO)?;
        let readers = (0..SQLITE_READERS)
            .map(|_| connect(&path).map(|reader| Arc::new(Mutex::new(reader))))
            .collect::<Result<_>>()?;
        let writer = Arc::new(Mutex::new(writer));
        let (metrics, faults) = (metrics()?, Faults::default());
        Ok(Self { writer, readers, next_reader: Arc::default(), limits, metrics, faults })
    }

    /// One that is free, else the next in turn.
    pub(super) fn reader(&self) -> Arc<Mutex<Connection>> {
        if let Some(free) = self.readers.iter().find(|reader| reader.try_lock().is_ok()) {
            return free.clone();
        }
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        self.readers[turn % self.readers.len()].clone()
    }
}

fn metrics() -> Result<Metrics> {
    Metrics::new().map_err(|error| Error::Url(error.to_string()))
}

fn connect(path: &PathBuf) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_handler(Some(wait_for_others))?;
    connection
        .execute_batch("pragma cache_size = -32768; pragma temp_store = memory; pragma foreign_keys = on")?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Waits for another program that holds the file; answers whether to look again.
fn wait_for_others(looks: i32) -> bool {
    let looks = looks.unsigned_abs();
    if looks == SQLITE_LOOKS_A_SECOND {
        tell_of_others(SQLITE_WAIT_SECONDS.into());
    }
    std::thread::sleep(SQLITE_LOOK);
    looks < SQLITE_WAIT_SECONDS * SQLITE_LOOKS_A_SECOND
}

/// Says why nothing goes on.
pub(super) fn tell_of_others(seconds: u64) {
    tracing::warn!("another program holds the database's file: it is waited for, {seconds} s at most");
}

/// Connections that each begin with some settings.
fn open_pool(
    (config, tls): (&tokio_postgres::Config, &MakeRustlsConnect),
    limits: Limits,
    settings: &str,
) -> Result<Pool> {
    let manager = Manager::new(config.clone(), tls.clone());
    let lock = limits.wait().as_secs();
    let settings: Arc<str> = format!("{SERVER_SIDE}; set lock_timeout = '{lock}s'{settings}").into();
    let set = Hook::async_fn(move |client: &mut ClientWrapper, _| {
        let settings = settings.clone();
        Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(limits.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(limits.wait()))
        .create_timeout(Some(limits.connect()))
        .recycle_timeout(Some(limits.connect()))
        .post_create(set)
        .build()
        .map_err(|error| Error::Url(error.to_string()))
}

fn tls() -> Result<MakeRustlsConnect> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(tls))
}

/// The address, with what it does not say of connections that go dead.
fn parsed(url: &str, limits: Limits) -> Result<tokio_postgres::Config> {
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|error: tokio_postgres::Error| Error::Url(error.to_string()))?;
    let says = |name: &str| url.contains(&format!("{name}="));
    if !says("keepalives_idle") {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if !says("keepalives_interval") {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if !says("keepalives_retries") {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if !says("tcp_user_timeout") {
        config.tcp_user_timeout(UNCONFIRMED);
    }
    if !says("connect_timeout") {
        config.connect_timeout(limits.connect());
    }
    Ok(config)
}

impl Postgres {
    pub(super) async fn open(url: &str, limits: Limits) -> Result<Self> {
        let (config, tls) = (parsed(url, limits)?, tls()?);
        let pool = open_pool((&config, &tls), limits, "")?;
        let few = Limits { connections: limits.connections.max(LEAST_BY_KEYS), ..limits };
        let by_keys = open_pool((&config, &tls), few, BY_KEYS_ONLY)?;
        let waiting = Arc::new(Waiting::new(limits, config, tls));
        let opened = Self { pool, by_keys, waiting, metrics: metrics()?, faults: Faults::default() };
        drop(opened.waiting.begin(&opened.pool, "select 1").await?);
        Ok(opened)
    }
}
