//! How fast could it be at best? The calls added up by one statement, and the very rows of the invoices stored
//! again by one statement a table, with all indexes.

use std::fmt;
use std::time::Duration;

use tollbook::app::App;
use tollbook::clock::Stopwatch;
use tollbook::db::Db;

/// What billing stores into; numbering and moving cycles only change rows.
pub(crate) const TABLES: [&str; 8] = [
    "periods",
    "invoices",
    "fee_charges",
    "ledger_entries",
    "postings",
    "receivables",
    "invoice_directory",
    "jobs",
];

/// As a month's use is added up; the outer sums make sure that all of it is. The seconds of talk stand in no
/// index: the table is read once, from end to end.
const SUMS: &str =
    "select count(*) as sums, sum(calls) as calls, sum(seconds) as seconds, sum(amount) as amount,
      min(first_at) as first_at, max(last_at) as last_at, max(longest) as longest
    from (select customer_id, plan_id, destination, count(*) as calls, sum(billed_seconds) as seconds,
            sum(amount) as amount, min(answered_at) as first_at, max(answered_at) as last_at,
            max(talk_seconds) as longest
          from calls where period_start is not null group by customer_id, plan_id, destination) as used";

/// How long the reference took.
pub(crate) struct Bare {
    adding_up: Duration,
    storing: Duration,
}

impl Bare {
    pub(crate) fn sum(&self) -> Duration {
        self.adding_up + self.storing
    }
}

impl fmt::Display for Bare {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (adding_up, storing) = (self.adding_up.as_millis(), self.storing.as_millis());
        write!(out, "bare: {adding_up} ms to add up, {storing} ms to store")
    }
}

/// Adds up what was billed, then empties its tables and fills them again.
pub(crate) async fn run(app: &App) -> Bare {
    let watch = Stopwatch::start();
    let mut tx = app.db.read().await.expect("the database is there");
    tx.row(SUMS, &[]).await.expect("the table is there");
    let adding_up = watch.elapsed();
    drop(tx);
    for table in TABLES {
        execute(app, &format!("create table kept_{table} as select * from {table}")).await;
        empty(app, table).await;
    }
    let watch = Stopwatch::start();
    for table in TABLES {
        execute(app, &format!("insert into {table} select * from kept_{table}")).await;
    }
    let storing = watch.elapsed();
    for table in TABLES {
        execute(app, &format!("drop table kept_{table}")).await;
    }
    Bare { adding_up, storing }
}

/// Every customer has an invoice with a number and a job that sends it.
pub(crate) async fn assert_complete(app: &App, customers: u32) {
    let mut tx = app.db.read().await.expect("the database is there");
    for table in ["invoice_directory", "jobs", "receivables", "ledger_entries"] {
        let sql = format!("select count(*) as stored from {table}");
        let row = tx.row(&sql, &[]).await.expect("the table is there").expect("a count has a row");
        let stored: i64 = row.get("stored").expect("it was asked for");
        assert_eq!(stored, i64::from(customers), "{table}");
    }
}

/// Removes all rows at once, which leaves nothing to clean up.
pub(crate) async fn empty(app: &App, table: &str) {
    let sql = match app.db {
        Db::Postgres(_) => format!("truncate {table}"),
        Db::Sqlite(_) => format!("delete from {table}"),
    };
    execute(app, &sql).await;
}

pub(crate) async fn execute(app: &App, sql: &str) {
    let mut tx = app.db.begin().await.expect("the database is there");
    tx.script(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    tx.commit().await.expect("the commit goes through");
}
