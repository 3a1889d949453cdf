//! How does the program talk to its database? Only here and in `db/` is it known that there are two engines.
//!
//! One SQL text runs on SQLite and PostgreSQL: `$1` parameters, bigint everywhere, instants as [`Ts`].
//! A statement borrows a [`Tx`]; only the doors (http, cli, jobs) begin and commit one.

mod backup;
mod bulk;
mod connect;
mod faults;
mod instant;
mod row;
mod schema;
mod tables;
mod tally;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use deadpool_postgres::{Object, Pool, PoolError};
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

pub use backup::BackedUp;
pub use bulk::{Cell, Cells, IN_LIST, Kind, in_list};
pub use faults::{Fault, Faults};
pub use instant::Ts;
pub use row::{Place, Row, int, json_text, limit, word};
pub use schema::Schema;
pub use tables::Table;
pub use tally::Tally;

use crate::metrics::Metrics;

/// A database, open for use.
#[derive(Clone)]
pub enum Db {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Its connections.
#[derive(Clone)]
pub struct Postgres {
    /// For everybody.
    pub pool: Pool,
    /// For those who look few rows up by their keys.
    by_keys: Pool,
    metrics: Metrics,
    faults: Faults,
}

/// One writer, as SQLite has it, and readers beside it (write-ahead log).
#[derive(Clone)]
pub struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    readers: Arc<[Arc<Mutex<Connection>>]>,
    next_reader: Arc<AtomicUsize>,
    metrics: Metrics,
    faults: Faults,
}

/// A transaction. Dropped without [`Tx::commit`], it is rolled back.
pub enum Tx {
    Sqlite(SqliteTx),
    Postgres(PostgresTx),
}

pub struct SqliteTx {
    connection: OwnedMutexGuard<Connection>,
    open: bool,
    tally: Tally,
    faults: Faults,
    writes: bool,
    /// Whether a test lets the disk be full meanwhile.
    is_full: bool,
}

pub struct PostgresTx {
    /// Taken only when the transaction ends.
    client: Option<Object>,
    tally: Tally,
    faults: Faults,
}

/// What can go wrong with a database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("postgresql: {}", postgres_text(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("no connection to the database: {0}")]
    Pool(#[from] PoolError),
    #[error("database address: {0}")]
    Url(String),
    #[error("column `{column}`: {message}")]
    Column { column: String, message: String },
    /// What stands in a row cannot be.
    #[error("`{column}` of {table} ({row}): {message}")]
    Value { table: String, column: String, row: String, message: String },
    #[error("a value cannot be stored: {0}")]
    Unstorable(String),
    #[error("the transaction is over")]
    Over,
    #[error("the database holds migration {0}, which this program does not know: use a newer program")]
    NewerSchema(String),
    #[error("migration {0} was changed after it ran")]
    ChangedMigration(String),
}

/// Without the details, which hold the row at fault: numbers, names, whatever there was.
fn postgres_text(error: &tokio_postgres::Error) -> String {
    let Some(fault) = error.as_db_error() else { return error.to_string() };
    let (message, code) = (fault.message(), fault.code().code());
    let constraint = fault.constraint().map_or(String::new(), |name| format!(" of {name}"));
    format!("{}: {message} (SQLSTATE {code}{constraint})", fault.severity())
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether a row with that key was there already.
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
                failure.extended_code,
                rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
            ),
            Self::Postgres(error) => error.code() == Some(&SqlState::UNIQUE_VIOLATION),
            _ => false,
        }
    }

    /// Whether a value was sent that no database holds, such as a NUL in a text.
    pub fn is_unstorable_value(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        matches!(
            error.code(),
            Some(&(SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::DATETIME_FIELD_OVERFLOW))
        )
    }

    /// Whether the same transaction may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy),
            Self::Postgres(error) => {
                matches!(
                    error.code(),
                    Some(&(SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE))
                )
            }
            _ => false,
        }
    }
}

/// A parameter of a statement: whatever both engines take.
pub trait Param: Sync + Send {
    fn postgres(&self) -> &(dyn ToSql + Sync);
    fn sqlite(&self) -> &dyn rusqlite::ToSql;
}

impl<T: ToSql + rusqlite::ToSql + Sync + Send> Param for T {
    fn postgres(&self) -> &(dyn ToSql + Sync) {
        self
    }
    fn sqlite(&self) -> &dyn rusqlite::ToSql {
        self
    }
}

impl Db {
    /// Opens `sqlite://path` or `postgres://user@host/name`.
    pub async fn open(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Sqlite::open(path).map(Self::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Postgres::open(url).await.map(Self::Postgres);
        }
        // A whole address may hold a password: only its scheme is shown.
        let scheme = url.split_once("://").map_or("it", |(scheme, _)| scheme);
        Err(Error::Url(format!("{scheme} is neither sqlite://FILE nor postgres://USER@HOST/NAME")))
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => SqliteTx::begin(sqlite, sqlite.writer.clone(), "begin immediate").await,
            Self::Postgres(postgres) => PostgresTx::begin(postgres, &postgres.pool, "begin").await,
        }
    }

    /// Begins a transaction that writes and reads few rows, all by their keys. It waits for no connection that
    /// longer work has.
    pub async fn begin_by_keys(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(postgres) => PostgresTx::begin(postgres, &postgres.by_keys, "begin").await,
        }
    }

    /// Begins a transaction that only reads, all of it from one snapshot.
    pub async fn read(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => SqliteTx::begin(sqlite, sqlite.reader(), "begin").await,
            Self::Postgres(postgres) => {
                let begin = "begin isolation level repeatable read read only";
                PostgresTx::begin(postgres, &postgres.pool, begin).await
            }
        }
    }

    /// What is counted of it, and of everything that is done with it.
    pub fn metrics(&self) -> &Metrics {
        match self {
            Self::Sqlite(sqlite) => &sqlite.metrics,
            Self::Postgres(postgres) => &postgres.metrics,
        }
    }

    /// What is planned to go wrong: only tests plan anything.
    pub fn faults(&self) -> &Faults {
        match self {
            Self::Sqlite(sqlite) => &sqlite.faults,
            Self::Postgres(postgres) => &postgres.faults,
        }
    }

    /// The engine's name.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

const SQLITE_MIGRATIONS: &[(&str, &str)] = &[
    ("0001_start", include_str!("../migrations/sqlite/0001_start.sql")),
    ("0002_billing", include_str!("../migrations/sqlite/0002_billing.sql")),
    ("0003_ledger", include_str!("../migrations/sqlite/0003_ledger.sql")),
    ("0004_prepaid", include_str!("../migrations/sqlite/0004_prepaid.sql")),
    ("0005_access", include_str!("../migrations/sqlite/0005_access.sql")),
    ("0006_webhooks", include_str!("../migrations/sqlite/0006_webhooks.sql")),
    ("0007_audit", include_str!("../migrations/sqlite/0007_audit.sql")),
    ("0008_retention", include_str!("../migrations/sqlite/0008_retention.sql")),
    ("0009_tariffs", include_str!("../migrations/sqlite/0009_tariffs.sql")),
    ("0010_corrections", include_str!("../migrations/sqlite/0010_corrections.sql")),
    ("0011_payments", include_str!("../migrations/sqlite/0011_payments.sql")),
    ("0013_bills", include_str!("../migrations/sqlite/0013_bills.sql")),
    ("0014_review", include_str!("../migrations/sqlite/0014_review.sql")),
];
const POSTGRES_MIGRATIONS: &[(&str, &str)] = &[
    ("0001_start", include_str!("../migrations/postgres/0001_start.sql")),
    ("0002_billing", include_str!("../migrations/postgres/0002_billing.sql")),
    ("0003_ledger", include_str!("../migrations/postgres/0003_ledger.sql")),
    ("0004_prepaid", include_str!("../migrations/postgres/0004_prepaid.sql")),
    ("0005_access", include_str!("../migrations/postgres/0005_access.sql")),
    ("0006_webhooks", include_str!("../migrations/postgres/0006_webhooks.sql")),
    ("0007_audit", include_str!("../migrations/postgres/0007_audit.sql")),
    ("0008_retention", include_str!("../migrations/postgres/0008_retention.sql")),
    ("0009_tariffs", include_str!("../migrations/postgres/0009_tariffs.sql")),
    ("0010_corrections", include_str!("../migrations/postgres/0010_corrections.sql")),
    ("0011_payments", include_str!("../migrations/postgres/0011_payments.sql")),
    ("0013_bills", include_str!("../migrations/postgres/0013_bills.sql")),
    ("0014_review", include_str!("../migrations/postgres/0014_review.sql")),
];

impl SqliteTx {
    async fn begin(sqlite: &Sqlite, connection: Arc<Mutex<Connection>>, begin: &str) -> Result<Tx> {
        sqlite.faults.begin()?;
        // Nothing waits on SQLite: one transaction after the other would keep this thread from all else.
        tokio::task::yield_now().await;
        let connection = connection.lock_owned().await;
        connection.execute_batch(begin)?;
        let (tally, faults) = (Tally::new(sqlite.metrics.clone()), sqlite.faults.clone());
        let writes = begin.ends_with("immediate");
        Ok(Tx::Sqlite(Self { connection, open: true, tally, faults, writes, is_full: false }))
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        if self.open
            && let Err(error) = self.connection.execute_batch("rollback")
        {
            tracing::error!(%error, "rollback failed");
        }
        self.make_room();
    }
}

impl PostgresTx {
    async fn begin(postgres: &Postgres, pool: &Pool, begin: &str) -> Result<Tx> {
        postgres.faults.begin()?;
        let client = pool.get().await?;
        client.batch_execute(begin).await?;
        let (tally, faults) = (Tally::new(postgres.metrics.clone()), postgres.faults.clone());
        Ok(Tx::Postgres(Self { client: Some(client), tally, faults }))
    }

    fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or(Error::Over)
    }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        if self.faults.is_dead() {
            return drop(Object::take(client));
        }
        // Dropping must not wait: the rollback goes on by itself, then the connection is free again.
        tokio::spawn(async move {
            if let Err(error) = client.batch_execute("rollback").await {
                tracing::error!(%error, "rollback failed");
                drop(Object::take(client));
            }
        });
    }
}

impl Tx {
    /// Runs a statement; answers how many rows it touched.
    pub async fn execute(&mut self, sql: &str, params: &[&dyn Param]) -> Result<u64> {
        self.meet().await?;
        match self {
            Self::Sqlite(tx) => {
                let mut statement = tx.connection.prepare_cached(&numbered(sql))?;
                let touched =
                    statement.execute(rusqlite::params_from_iter(params.iter().map(|p| p.sqlite())))?;
                Ok(touched as u64)
            }
            Self::Postgres(tx) => {
                let client = tx.client()?;
                let statement = client.prepare_cached(sql).await?;
                let params: Vec<_> = params.iter().map(|param| param.postgres()).collect();
                Ok(client.execute(&statement, &params).await?)
            }
        }
    }

    /// Runs a statement; answers its rows.
    pub async fn rows(&mut self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>> {
        self.meet().await?;
        match self {
            Self::Sqlite(tx) => {
                let mut statement = tx.connection.prepare_cached(&numbered(sql))?;
                let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
                let params = rusqlite::params_from_iter(params.iter().map(|param| param.sqlite()));
                let rows = statement.query_map(params, |row| {
                    let values = (0..names.len())
                        .map(|position| row.get(position))
                        .collect::<rusqlite::Result<_>>()?;
                    Ok(Row::Sqlite(names.clone(), values))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            }
            Self::Postgres(tx) => {
                let client = tx.client()?;
                let statement = client.prepare_cached(sql).await?;
                let params: Vec<_> = params.iter().map(|param| param.postgres()).collect();
                Ok(client.query(&statement, &params).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement; answers its first row, if there is one.
    pub async fn row(&mut self, sql: &str, params: &[&dyn Param]) -> Result<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// Runs a statement that counts; answers its one number, in a column.
    pub async fn counted(&mut self, sql: &str, params: &[&dyn Param], column: &str) -> Result<u64> {
        self.row(sql, params).await?.map_or(Ok(0), |row| row.count(column))
    }

    /// Runs statements without parameters or answers: schema changes and savepoints.
    pub async fn script(&mut self, sql: &str) -> Result<()> {
        self.meet().await?;
        match self {
            Self::Sqlite(tx) => Ok(tx.connection.execute_batch(sql)?),
            Self::Postgres(tx) => Ok(tx.client()?.batch_execute(sql).await?),
        }
    }

    /// The clause that holds rows of `table` against others that would change them. SQLite needs none:
    /// its one writer is alone.
    pub fn hold(&self, strength: Hold, table: &str) -> String {
        match (self, strength) {
            (Self::Sqlite(_), _) => String::new(),
            (Self::Postgres(_), Hold::Shared) => format!("for share of {table}"),
            (Self::Postgres(_), Hold::Exclusive) => format!("for update of {table}"),
            (Self::Postgres(_), Hold::Free) => format!("for update of {table} skip locked"),
        }
    }

    /// Makes everything since the beginning permanent.
    pub async fn commit(mut self) -> Result<()> {
        let after = self.meet_commit().await?;
        match &mut self {
            Self::Sqlite(tx) => {
                tx.connection.execute_batch("commit")?;
                tx.open = false;
            }
            Self::Postgres(tx) => {
                // After a failed statement PostgreSQL makes of a commit a rollback and calls that a success;
                // any other statement fails then.
                tx.client()?.batch_execute("select 1; commit").await?;
                if after.is_none() {
                    tx.client = None;
                }
            }
        }
        if let Some(fault) = after {
            return Err(self.lose_answer(fault).await);
        }
        self.tally_mut().settle();
        Ok(())
    }
}

/// How firmly rows are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Others may hold them so too, none may change them.
    Shared,
    /// No other may hold or change them.
    Exclusive,
    /// As exclusive, but rows that others hold are left out.
    Free,
}

/// `$1` means the first parameter on both engines; SQLite writes that `?1`.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}
