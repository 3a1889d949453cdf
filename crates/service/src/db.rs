//! How does the program talk to its database? Only here and in `db/` is it known that there are two engines.
//!
//! One SQL text runs on SQLite and PostgreSQL: `$1` parameters, bigint everywhere, instants as [`Ts`].
//! A statement borrows a [`Tx`]; only the doors (http, cli, jobs) begin and commit one.

mod backup;
mod bulk;
mod connect;
mod error;
mod faults;
mod halves;
mod instant;
mod leaves;
mod row;
mod schema;
mod tables;
mod tally;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deadpool_postgres::{Object, Pool};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit};
use tokio_postgres::types::ToSql;

pub use backup::BackedUp;
pub use bulk::{Cell, Cells, IN_LIST, Kind, in_list};
pub use error::{Error, Result};
pub use faults::{Fault, Faults};
pub use halves::Halves;
pub use instant::Ts;
pub use leaves::{Digest, Form, Leaf};
pub use row::{Place, Row, int, json_text, limit, word};
pub use schema::Schema;
pub use tables::Table;
pub use tally::Tally;
pub use waiting::Limits;

use connect::{SQLITE_LOOK, SQLITE_LOOKS_A_SECOND};
use leaves::{Batch, Leaves};
use waiting::{Waiting, Work};

use crate::clock::Stopwatch;
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
    waiting: Arc<Waiting>,
    metrics: Metrics,
    faults: Faults,
}

/// One writer, as SQLite has it, and readers beside it (write-ahead log).
#[derive(Clone)]
pub struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    readers: Arc<[Arc<Mutex<Connection>>]>,
    next_reader: Arc<AtomicUsize>,
    limits: Limits,
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
    leaves: Leaves,
    faults: Faults,
    writes: bool,
    /// Whether a test lets the disk be full meanwhile.
    is_full: bool,
}

pub struct PostgresTx {
    /// Taken only when the transaction ends.
    client: Option<Object>,
    /// Whether an answer is waited for.
    asks: AtomicBool,
    work: Work,
    waiting: Arc<Waiting>,
    tally: Tally,
    leaves: Leaves,
    faults: Faults,
    /// Among those that store many records.
    place: Option<OwnedSemaphorePermit>,
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
    /// Opens `sqlite://path` or `postgres://user@host/name`, and waits for it as long as is usual.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_within(url, Limits::default()).await
    }

    /// Opens it, and waits for it no longer than this.
    pub async fn open_within(url: &str, limits: Limits) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Sqlite::open(path, limits).map(Self::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Postgres::open(url, limits).await.map(Self::Postgres);
        }
        // A whole address may hold a password: only its scheme is shown.
        let scheme = url.split_once("://").map_or("it", |(scheme, _)| scheme);
        Err(Error::Url(format!("{scheme} is neither sqlite://FILE nor postgres://USER@HOST/NAME")))
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => SqliteTx::begin(sqlite, sqlite.writer.clone(), "begin immediate").await,
            Self::Postgres(postgres) => PostgresTx::begin(postgres, Work::Any, "begin").await,
        }
    }

    /// Begins a transaction that writes and reads few rows, all by their keys. It waits for no connection that
    /// longer work has.
    pub async fn begin_by_keys(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(postgres) => PostgresTx::begin(postgres, Work::ByKeys, "begin").await,
        }
    }

    /// Begins a transaction that stores many records. Those of one customer wait for each other: together such transactions have half
    /// of the connections, so that the rest is for others.
    pub async fn begin_batch(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(postgres) => {
                let place = postgres.waiting.place_of_batch().await?;
                let mut tx = PostgresTx::begin(postgres, Work::Any, BEGIN_BATCH).await?;
                if let Tx::Postgres(tx) = &mut tx {
                    tx.place = Some(place);
                }
                Ok(tx)
            }
        }
    }

    /// Begins a transaction that only reads, all of it from one snapshot.
    pub async fn read(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => SqliteTx::begin(sqlite, sqlite.reader(), "begin").await,
            Self::Postgres(postgres) => {
                let begin = "begin isolation level repeatable read read only";
                PostgresTx::begin(postgres, Work::Any, begin).await
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

    /// Whether the server answers, but has not answered this program's own connections for a minute.
    pub async fn is_stuck(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(postgres) => postgres.waiting.is_stuck().await,
        }
    }

    /// Whether its server is, by its address, another machine.
    pub fn is_elsewhere(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(postgres) => postgres.waiting.is_elsewhere(),
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
    ("0015_seals", include_str!("../migrations/sqlite/0015_seals.sql")),
    ("0016_secrets", include_str!("../migrations/sqlite/0016_secrets.sql")),
    ("0017_fees", include_str!("../migrations/sqlite/0017_fees.sql")),
    ("0018_timekeeping", include_str!("../migrations/sqlite/0018_timekeeping.sql")),
    ("0019_delivery", include_str!("../migrations/sqlite/0019_delivery.sql")),
    ("0021_handed_over", include_str!("../migrations/sqlite/0021_handed_over.sql")),
    ("0022_accepted", include_str!("../migrations/sqlite/0022_accepted.sql")),
    ("0023_more_seals", include_str!("../migrations/sqlite/0023_more_seals.sql")),
    ("0024_doubted", include_str!("../migrations/sqlite/0024_doubted.sql")),
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
    ("0015_seals", include_str!("../migrations/postgres/0015_seals.sql")),
    ("0016_secrets", include_str!("../migrations/postgres/0016_secrets.sql")),
    ("0017_fees", include_str!("../migrations/postgres/0017_fees.sql")),
    ("0018_timekeeping", include_str!("../migrations/postgres/0018_timekeeping.sql")),
    ("0019_delivery", include_str!("../migrations/postgres/0019_delivery.sql")),
    ("0021_handed_over", include_str!("../migrations/postgres/0021_handed_over.sql")),
    ("0022_accepted", include_str!("../migrations/postgres/0022_accepted.sql")),
    ("0023_more_seals", include_str!("../migrations/postgres/0023_more_seals.sql")),
    ("0024_doubted", include_str!("../migrations/postgres/0024_doubted.sql")),
];

/// PostgreSQL keeps the plan of a statement that was made for a small table, until it has counted the rows of the grown one. A
/// batch grows tables faster than that: each of its statements is planned for what there is.
const BEGIN_BATCH: &str = "begin; set local plan_cache_mode = force_custom_plan";

impl SqliteTx {
    async fn begin(sqlite: &Sqlite, connection: Arc<Mutex<Connection>>, begin: &str) -> Result<Tx> {
        sqlite.faults.begin()?;
        // Nothing waits on SQLite: one transaction after the other would keep this thread from all else.
        tokio::task::yield_now().await;
        let wait = sqlite.limits.wait();
        let busy = || Error::Busy(wait.as_secs());
        let connection = tokio::time::timeout(wait, connection.lock_owned()).await.map_err(|_| busy())?;
        let (began, mut looks) = (Stopwatch::start(), 0);
        loop {
            match connection.execute_batch(begin) {
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                    if began.elapsed() >= wait {
                        return Err(busy());
                    }
                    looks += 1;
                    if looks == SQLITE_LOOKS_A_SECOND {
                        connect::tell_of_others(wait.as_secs());
                    }
                    // No thread sleeps meanwhile.
                    tokio::time::sleep(SQLITE_LOOK).await;
                }
                begun => break begun?,
            }
        }
        let (tally, faults) = (Tally::new(sqlite.metrics.clone()), sqlite.faults.clone());
        let (writes, leaves) = (begin.ends_with("immediate"), Leaves::default());
        Ok(Tx::Sqlite(Self { connection, open: true, tally, leaves, faults, writes, is_full: false }))
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
    async fn begin(postgres: &Postgres, work: Work, begin: &str) -> Result<Tx> {
        postgres.faults.begin()?;
        let pool = if work == Work::ByKeys { &postgres.by_keys } else { &postgres.pool };
        let client = Some(Box::pin(postgres.waiting.begin(pool, begin)).await?);
        let (waiting, tally) = (postgres.waiting.clone(), Tally::new(postgres.metrics.clone()));
        let (faults, leaves) = (postgres.faults.clone(), Leaves::default());
        let (asks, place) = (AtomicBool::new(false), None);
        Ok(Tx::Postgres(Self { client, asks, work, waiting, tally, leaves, faults, place }))
    }

    fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or(Error::Over)
    }

    /// Waits for what is asked of its client; in a box, so that the futures around it stay small.
    async fn answer<T>(&self, answer: Pin<Box<impl Future<Output = Result<T>>>>) -> Result<T> {
        self.waiting.answer(&self.asks, self.work, answer).await
    }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        if self.faults.is_dead() {
            return drop(Object::take(client));
        }
        if self.asks.load(Ordering::Relaxed) {
            self.waiting.throw_away(client);
        } else {
            Waiting::roll_back(client);
        }
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
                let (tx, client) = (&*tx, tx.client()?);
                let params: Vec<_> = params.iter().map(|param| param.postgres()).collect();
                let touched = Box::pin(async {
                    let statement = client.prepare_cached(sql).await?;
                    Ok(client.execute(&statement, &params).await?)
                });
                tx.answer(touched).await
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
                let (tx, client) = (&*tx, tx.client()?);
                let params: Vec<_> = params.iter().map(|param| param.postgres()).collect();
                let rows = Box::pin(async {
                    let statement = client.prepare_cached(sql).await?;
                    Ok(client.query(&statement, &params).await?.into_iter().map(Row::Postgres).collect())
                });
                tx.answer(rows).await
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
            Self::Postgres(tx) => {
                let (tx, client) = (&*tx, tx.client()?);
                tx.answer(Box::pin(async { Ok(client.batch_execute(sql).await?) })).await
            }
        }
    }

    /// What the server's clock says; nothing of a file.
    pub async fn server_time(&mut self) -> Result<Option<Timestamp>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(_) => {
                let row = self.row("select clock_timestamp() as now", &[]).await?;
                row.map(|row| row.time("now")).transpose()
            }
        }
    }

    /// Whether nobody else holds anything while it writes.
    pub fn is_only_writer(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// The clause that holds rows of `table` against others that would change them. SQLite needs none:
    /// its one writer is alone.
    pub fn hold(&self, strength: Hold, table: &str) -> String {
        match (self, strength) {
            (Self::Sqlite(_), _) => String::new(),
            (Self::Postgres(_), Hold::Shared) => format!("for share of {table}"),
            (Self::Postgres(_), Hold::Exclusive) => format!("for update of {table}"),
            (Self::Postgres(_), Hold::SharedFree) => format!("for share of {table} skip locked"),
            (Self::Postgres(_), Hold::Free) => format!("for update of {table} skip locked"),
        }
    }

    /// Makes everything since the beginning permanent, and the leaves of what is sealed with it.
    pub async fn commit(mut self) -> Result<()> {
        let after = self.meet_commit().await?;
        match &mut self {
            Self::Sqlite(tx) => {
                if let Some(Batch { id, committed_at, rows, leaves }) = tx.leaves.take() {
                    let mut insert = tx.connection.prepare_cached(&numbered(Batch::INSERT))?;
                    insert.execute(rusqlite::params![id, Ts(committed_at), rows, leaves])?;
                }
                tx.connection.execute_batch("commit")?;
                tx.open = false;
            }
            Self::Postgres(tx) => {
                let batch = tx.leaves.take();
                let client = tx.client()?;
                let committed = Box::pin(async {
                    // After a failed statement PostgreSQL makes of a commit a rollback and calls that a success;
                    // any other statement fails then.
                    let commit = client.batch_execute("select 1; commit");
                    let Some(Batch { id, committed_at, rows, leaves }) = batch else {
                        return Ok(commit.await?);
                    };
                    let insert = client.prepare_cached(Batch::INSERT).await?;
                    let committed_at = Ts(committed_at);
                    let params: [&(dyn ToSql + Sync); 4] = [&id, &committed_at, &rows, &leaves];
                    // Sent together, in this order: the leaves cost no turn with the server of their own.
                    futures_util::future::try_join(client.execute(&insert, &params), commit).await?;
                    Ok(())
                });
                tx.answer(committed).await?;
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
    /// As shared, but rows that others hold are left out.
    SharedFree,
    /// As exclusive, but rows that others hold are left out.
    Free,
}

impl Hold {
    /// The same, but rows that others hold are left out.
    #[must_use]
    pub fn of_free(self) -> Self {
        match self {
            Self::Shared | Self::SharedFree => Self::SharedFree,
            Self::Exclusive | Self::Free => Self::Free,
        }
    }
}

/// `$1` means the first parameter on both engines; SQLite writes that `?1`.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}
