//! How is a database opened? With the settings that keep what is committed, and as many connections as are of use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, Pool};
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::{Error, Faults, Postgres, Result, Sqlite};
use crate::metrics::Metrics;

const SQLITE_READERS: usize = 4;
const POSTGRES_CONNECTIONS: usize = 16;
/// PostgreSQL keeps the plan of a statement: one that was made while a table was small may read all of it for long
/// after it has grown.
const BY_KEYS_ONLY: &str = "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off";

impl Sqlite {
    pub(super) fn open(path: &str) -> Result<Self> {
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::Url("sqlite:// needs the path of a file".to_owned()));
        }
        let path = PathBuf::from(path);
        let writer = connect(&path)?;
        // `full` keeps a committed charge through a power cut.
        writer.execute_batch("pragma journal_mode = wal; pragma synchronous = full")?;
        let readers = (0..SQLITE_READERS)
            .map(|_| connect(&path).map(|reader| Arc::new(Mutex::new(reader))))
            .collect::<Result<_>>()?;
        let writer = Arc::new(Mutex::new(writer));
        let (metrics, faults) = (metrics()?, Faults::default());
        Ok(Self { writer, readers, next_reader: Arc::default(), metrics, faults })
    }

    pub(super) fn reader(&self) -> Arc<Mutex<Connection>> {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        self.readers[turn % self.readers.len()].clone()
    }
}

fn metrics() -> Result<Metrics> {
    Metrics::new().map_err(|error| Error::Url(error.to_string()))
}

fn connect(path: &PathBuf) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "pragma busy_timeout = 30000; pragma cache_size = -32768; pragma temp_store = memory;
         pragma foreign_keys = on",
    )?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// Connections that each begin with some settings.
fn open_postgres(url: &str, settings: &'static str) -> Result<Pool> {
    let config: tokio_postgres::Config =
        url.parse().map_err(|error: tokio_postgres::Error| Error::Url(error.to_string()))?;
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let manager = Manager::new(config, tokio_postgres_rustls::MakeRustlsConnect::new(tls));
    let set = Hook::async_fn(move |client: &mut ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(settings).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(POSTGRES_CONNECTIONS)
        .post_create(set)
        .build()
        .map_err(|error| Error::Url(error.to_string()))
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let (pool, by_keys) = (open_postgres(url, "")?, open_postgres(url, BY_KEYS_ONLY)?);
        let opened = Self { pool, by_keys, metrics: metrics()?, faults: Faults::default() };
        drop(opened.pool.get().await?);
        Ok(opened)
    }
}
