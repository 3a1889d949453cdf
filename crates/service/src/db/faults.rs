//! What goes wrong with a database on purpose? Nothing, unless a test plans it.
//!
//! A test plans one fault for a statement that is still to come, and the program meets it there as it would meet a real one:
//! on PostgreSQL the server itself raises the error or ends the connection. In production nothing is ever planned, which
//! costs each statement a look at one flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::Object;
use rusqlite::ffi;
use tokio::sync::Notify;

use super::{Error, Result, SqliteTx, Tx};

/// What happens at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The program dies before it: nothing reaches the database any more.
    Killed,
    /// The program dies after the next commit, before it knows of it.
    KilledAfterCommit,
    /// The next commit is done, and its answer is lost.
    AnswerLost,
    /// The connection ends. On SQLite, which has none, the file cannot be read.
    ConnectionLost,
    /// It is not answered until the program dies.
    Frozen,
    /// It is not answered, and the program waits for as long as its settings say. On SQLite, which has no connection, nothing.
    Silent,
    /// The disk has no room. Who only reads does not notice.
    Full,
    /// Another transaction is in the way.
    Conflict,
}

impl Fault {
    /// Whether it waits for a commit.
    fn is_of_commits(self) -> bool {
        matches!(self, Self::KilledAfterCommit | Self::AnswerLost)
    }
}

/// What is planned for a database; its clones share the plan.
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Whether to look at the plan at all.
    planned: AtomicBool,
    plan: Mutex<Plan>,
    /// Wakes who waits for a frozen answer.
    died: Notify,
}

#[derive(Default)]
struct Plan {
    fault: Option<Fault>,
    /// So many statements go well before it.
    before: u64,
    statements: u64,
    met: Option<Fault>,
    dead: bool,
}

impl Faults {
    fn plan_now(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a fault after so many more statements; takes the place of what was planned.
    pub fn plan(&self, fault: Option<Fault>, before: u64) {
        let mut plan = self.plan_now();
        *plan = Plan { fault, before, dead: plan.dead, ..Plan::default() };
        self.0.planned.store(true, Ordering::SeqCst);
    }

    /// The program dies now.
    pub fn kill(&self) {
        self.plan_now().dead = true;
        self.0.planned.store(true, Ordering::SeqCst);
        self.0.died.notify_waiters();
    }

    /// Whether the program is dead.
    pub fn is_dead(&self) -> bool {
        self.0.planned.load(Ordering::Relaxed) && self.plan_now().dead
    }

    /// The statements since the last plan, and the fault of it that was met.
    pub fn met(&self) -> (u64, Option<Fault>) {
        let plan = self.plan_now();
        (plan.statements, plan.met)
    }

    /// A dead program begins nothing.
    pub(super) fn begin(&self) -> Result<()> {
        if self.is_dead() { Err(Error::Over) } else { Ok(()) }
    }

    /// What happens at this statement.
    fn next(&self, is_commit: bool) -> Option<Fault> {
        if !self.0.planned.load(Ordering::Relaxed) {
            return None;
        }
        let mut plan = self.plan_now();
        if plan.dead {
            return Some(Fault::Killed);
        }
        plan.statements += 1;
        let fault = plan
            .fault
            .filter(|fault| plan.statements > plan.before && (is_commit || !fault.is_of_commits()))?;
        (plan.fault, plan.met) = (None, Some(fault));
        plan.dead = fault == Fault::Killed;
        drop(plan);
        if fault == Fault::Killed {
            self.0.died.notify_waiters();
        }
        Some(fault)
    }

    /// What was planned did not come about after all.
    fn unmet(&self) {
        self.plan_now().met = None;
    }

    /// Waits until the program is dead.
    async fn dead(&self) {
        loop {
            let died = self.0.died.notified();
            let mut died = std::pin::pin!(died);
            died.as_mut().enable();
            if self.is_dead() {
                return;
            }
            died.await;
        }
    }
}

impl Tx {
    fn faults(&self) -> &Faults {
        match self {
            Self::Sqlite(tx) => &tx.faults,
            Self::Postgres(tx) => &tx.faults,
        }
    }

    /// Meets what is planned for this statement.
    pub(super) async fn meet(&mut self) -> Result<()> {
        if let Self::Sqlite(tx) = self
            && tx.connection.is_autocommit()
        {
            // A full disk made SQLite roll back by itself: what is done now would be done at once, and stay.
            return Err(Error::Over);
        }
        match self.faults().next(false) {
            None => Ok(()),
            Some(fault) => self.suffer(fault).await,
        }
    }

    /// Meets what is planned for this commit; answers what is to happen after it.
    pub(super) async fn meet_commit(&mut self) -> Result<Option<Fault>> {
        match self.faults().next(true) {
            Some(fault) if fault.is_of_commits() => Ok(Some(fault)),
            None => Ok(None),
            Some(fault) => self.suffer(fault).await.map(|()| None),
        }
    }

    async fn suffer(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Killed | Fault::KilledAfterCommit => return Err(Error::Over),
            Fault::Frozen => {
                self.faults().clone().dead().await;
                return Err(Error::Over);
            }
            Fault::Silent => return self.wait_in_vain().await,
            _ => {}
        }
        match self {
            Self::Sqlite(tx) => match fault {
                Fault::Full => tx.fill(),
                Fault::Conflict => Err(sqlite(ffi::SQLITE_BUSY)),
                _ => Err(sqlite(ffi::SQLITE_IOERR_READ)),
            },
            Self::Postgres(tx) => Err(match fault {
                Fault::Full => refused(tx.client()?, "53100").await,
                Fault::Conflict => refused(tx.client()?, "40001").await,
                _ => cut(tx.client()?).await,
            }),
        }
    }

    /// Waits as for a statement that is never answered.
    async fn wait_in_vain(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => {
                tx.faults.unmet();
                Ok(())
            }
            Self::Postgres(tx) => tx.answer(Box::pin(std::future::pending())).await,
        }
    }

    /// What a program is told whose commit was done: nothing.
    pub(super) async fn lose_answer(&mut self, fault: Fault) -> Error {
        if fault == Fault::KilledAfterCommit {
            self.faults().kill();
            return Error::Over;
        }
        match self {
            Self::Sqlite(_) => sqlite(ffi::SQLITE_IOERR_FSYNC),
            Self::Postgres(tx) => match tx.client() {
                Ok(client) => cut(client).await,
                Err(error) => error,
            },
        }
    }
}

impl SqliteTx {
    /// The file cannot grow any more until the transaction ends, and what is written first finds that out.
    fn fill(&mut self) -> Result<()> {
        if !self.writes {
            self.faults.unmet();
            return Ok(());
        }
        self.is_full = true;
        let filling = "pragma max_page_count = 1; create table no_room (filling blob);
                       insert into no_room (filling) values (zeroblob(16777216))";
        self.connection.execute_batch(filling)?;
        Err(Error::Over)
    }

    /// There is room again.
    pub(super) fn make_room(&mut self) {
        if std::mem::take(&mut self.is_full)
            && let Err(error) = self.connection.execute_batch("pragma max_page_count = 4294967294")
        {
            tracing::error!(%error, "a full disk was not emptied");
        }
    }
}

fn sqlite(code: std::ffi::c_int) -> Error {
    Error::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

/// The server's own refusal.
async fn refused(client: &Object, code: &str) -> Error {
    let raise = format!("do $$ begin raise exception 'planned by a test' using errcode = '{code}'; end $$");
    client.batch_execute(&raise).await.map_or_else(Error::from, |()| Error::Over)
}

/// The server's farewell: it ends the connection.
async fn cut(client: &Object) -> Error {
    let farewell = client.batch_execute("select pg_terminate_backend(pg_backend_pid())").await;
    farewell.map_or_else(Error::from, |()| Error::Over)
}
