//! Does everything arrive in the other database, and does work go on there?

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollbook::calls::{self, Import, Imported};
use tollbook::copy::{Copied, copy};
use tollbook::db::Tx;
use tollbook::demo;
use tollbook::invoices;

use crate::migrations::placements;
use crate::support::account::{Account, assert_sound, payment};
use crate::support::program::{done, failed};
use crate::support::{Engine, TestApp, app, app_on, empty_database, on_both_databases};

/// October of the sample operator: charged, invoiced, one invoice paid, and a prepaid call under way.
async fn october(db: &TestApp) -> Value {
    demo::load(&db.app).await.unwrap();
    for (file, input) in demo::RECORDS {
        let import = Import { source: demo::source(file).unwrap(), file_name: file.to_owned(), input };
        let imported = calls::import(&db.app, import, &|_, _| ()).await.unwrap();
        assert!(matches!(imported, Imported::Done { .. }), "{imported:?}");
    }
    bill(db, "2026-10", 13).await;
    let paid = Account::of(db, "C-1001").await.send(payment("bank-1", "5.00")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    let call = json!({"call_id": "call-1", "calling_number": "+492214710003", "called_number": "+442079460000",
                      "requested_seconds": 600});
    let granted = db.post_json("/v1/charging/sessions", &call).await;
    assert_eq!(granted.status, 201, "{granted:?}");
    granted.body
}

async fn bill(db: &TestApp, month: &str, issued: u64) {
    let invoices::Run::Billed(billed) = invoices::bill(&db.app, month, &|| ()).await.unwrap() else {
        panic!("{month} is no month")
    };
    assert_eq!((billed.issued, billed.refused.len()), (issued, 0), "{billed:?}");
}

/// All that the API shows of a customer.
async fn shown(db: &TestApp, reference: &str) -> Vec<Value> {
    let path = Account::of(db, reference).await.path;
    let mut answers = Vec::new();
    for part in ["", "/calls?limit=500", "/invoices", "/balance", "/statement", "/balances"] {
        let answer = db.get(&format!("{path}{part}")).await;
        assert_eq!(answer.status, 200, "{part}: {answer:?}");
        answers.push(answer.body);
    }
    answers
}

on_both_databases! {
    async fn a_month_moves_to_the_other_engine_and_goes_on_there(db: TestApp) {
        let session = october(&db).await;
        let engine = db.engine.other();
        let (url, database) = empty_database(engine).await;
        let said = done(&db.url, &["copy-database", "--to", &url]);
        assert!(said.contains("read again there: the same") && said.ends_with("all adds up\n"), "{said}");
        assert!(said.contains("389 charges: computed again"), "{said}");

        let copy = app_on(engine, url.clone(), database, db.app.clock.clone()).await;
        for customer in ["C-1001", "C-1002", "C-1003"] {
            assert_eq!(shown(&copy, customer).await, shown(&db, customer).await, "{customer}");
        }
        let release = format!("/v1/charging/sessions/{}/release", session["session_id"].as_str().unwrap());
        let used = copy.post_json(&release, &json!({"sequence": 1, "used_seconds": 61})).await;
        assert_eq!(used.status, 200, "{used:?}");
        assert_ne!(used.body["charged"]["amount"], "0");
        // The months, the numbers of invoices and the records that were charged are known there.
        copy.app.clock.set("2026-12-05T12:00:00Z".parse().unwrap());
        bill(&copy, "2026-10", 0).await;
        bill(&copy, "2026-11", 9).await;
        let november = invoices::invoices_of_month(&copy.app, "2026-11").await.unwrap();
        assert_eq!(november[0].number.as_deref(), Some("INV-2026-000014"));
        let (file, input) = demo::RECORDS[0];
        let import = Import { source: demo::source(file).unwrap(), file_name: file.to_owned(), input };
        let again = calls::import(&copy.app, import, &|_, _| ()).await.unwrap();
        let Imported::Done { import, .. } = again else { panic!("{again:?}") };
        assert_eq!((import.control.charged, import.control.free), (0, 0), "{}", import.control);
        assert_sound(&copy).await;
        assert!(failed(&db.url, &["copy-database", "--to", &url]).contains("is not empty"));
    }

    async fn every_table_and_kind_of_value_arrives(db: TestApp) {
        let columns = columns().await;
        let tables: Vec<_> = placements(db.engine).into_keys().collect();
        assert_eq!(columns.keys().cloned().collect::<Vec<_>>(), tables);
        let mut tx = db.app.db.begin().await.unwrap();
        unchecked(&mut tx, db.engine).await;
        for (table, columns) in &columns {
            for row in 0..ROWS {
                let values: Vec<_> = columns.iter().map(|column| column.literal(row, db.engine)).collect();
                tx.script(&format!("insert into {table} values ({})", values.join(", "))).await.unwrap();
            }
        }
        tx.commit().await.unwrap();

        let copied = app(db.engine.other()).await;
        let mut there = copied.app.db.begin().await.unwrap();
        unchecked(&mut there, copied.engine).await;
        let outcome = copy(&mut db.app.db.read().await.unwrap(), &mut there, &|_, _| ()).await.unwrap();
        let Copied::All(report) = outcome else { panic!("{outcome:?}") };
        let named: Vec<_> = report.iter().map(|copied| (copied.table.clone(), copied.rows)).collect();
        assert_eq!(named, tables.into_iter().map(|table| (table, ROWS as u64)).collect::<Vec<_>>());
        for (table, columns) in &columns {
            for row in 0..ROWS {
                let equal = columns.iter().map(|column| column.equal(row, copied.engine));
                let equal: Vec<_> = equal.collect();
                let sql = format!("select count(*) as count from {table} where {}", equal.join(" and "));
                let found: i64 = there.row(&sql, &[]).await.unwrap().unwrap().get("count").unwrap();
                assert_eq!(found, 1, "{sql}");
            }
        }
    }
}

/// More than are in memory at a time would take long to fill in; `pages_meet` looks at that.
const ROWS: usize = 3;

struct Filled {
    name: String,
    kind: String,
    optional: bool,
    place: usize,
}

/// Lets rows in that make no sense.
async fn unchecked(tx: &mut Tx, engine: Engine) {
    if engine == Engine::Sqlite {
        return tx.script("pragma ignore_check_constraints = on").await.unwrap();
    }
    let checks = "select cast(conrelid::regclass as text) as table_name, cast(conname as text) as name
                  from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace";
    for row in tx.rows(checks, &[]).await.unwrap() {
        let [table, name] = ["table_name", "name"].map(|column| row.get::<String>(column).unwrap());
        tx.script(&format!("alter table {table} drop constraint {name}")).await.unwrap();
    }
}

/// Every column, with what PostgreSQL calls its kind: SQLite has fewer kinds.
async fn columns() -> BTreeMap<String, Vec<Filled>> {
    let db = app(Engine::Postgres).await;
    let sql = "select cast(table_name as text) as table_name, cast(column_name as text) as column_name,
                 cast(data_type as text) as kind, is_nullable = 'YES' as optional
               from information_schema.columns where table_schema = 'public' and table_name <> 'migrations'
               order by table_name, ordinal_position";
    let mut tables = BTreeMap::<String, Vec<Filled>>::new();
    for row in db.app.db.read().await.unwrap().rows(sql, &[]).await.unwrap() {
        let [table, name, kind] =
            ["table_name", "column_name", "kind"].map(|name| row.get::<String>(name).unwrap());
        let columns = tables.entry(table).or_default();
        let (optional, place) = (row.get("optional").unwrap(), columns.len());
        columns.push(Filled { name, kind, optional, place });
    }
    tables
}

impl Filled {
    /// A value of its own for each row and column, the outermost ones among them; in the second row what may be
    /// absent is.
    fn literal(&self, row: usize, engine: Engine) -> String {
        if self.optional && row == 1 {
            return "null".to_owned();
        }
        let number = row * 100 + self.place;
        let sqlite = engine == Engine::Sqlite;
        match self.kind.as_str() {
            "bigint" => ["-9223372036854775807", "9223372036854775807"]
                .get(row)
                .map_or_else(|| number.to_string(), |outermost| (*outermost).to_owned()),
            "text" => format!("'Köln ''{number}'' \u{1f4de}\n\t\\N, {}'", self.name),
            "bytea" if sqlite => format!("x'00ff{number:04}'"),
            "bytea" => format!("'\\x00ff{number:04}'::bytea"),
            "boolean" if sqlite => (row % 2).to_string(),
            "boolean" => (row % 2 == 1).to_string(),
            "timestamp with time zone" => {
                let at =
                    ["0001-01-01T00:00:00Z", "2026-10-25T00:59:59.999999Z", "9999-12-30T21:59:59.999999Z"]
                        [row];
                let at: jiff::Timestamp = at.parse().unwrap();
                if sqlite { at.as_microsecond().to_string() } else { format!("timestamptz '{at}'") }
            }
            other => panic!("{}: no value for {other}", self.name),
        }
    }

    fn equal(&self, row: usize, engine: Engine) -> String {
        match self.literal(row, engine).as_str() {
            "null" => format!("{} is null", self.name),
            literal => format!("{} = {literal}", self.name),
        }
    }
}

/// Texts are sorted otherwise by each engine and locale; a page must begin where the last one ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_meet() {
    let (one, other) = (app(Engine::Sqlite).await, app(Engine::Postgres).await);
    let mut tx = one.app.db.begin().await.unwrap();
    // Two and a half pages, in a key of two columns with equal first ones.
    for number in 0..5_000 {
        let (series, year) = (["a", "B", "ä", "_"][number % 4], i64::try_from(number).unwrap());
        tx.execute(
            "insert into invoice_series (series, year, last_number) values ($1, $2, $3)",
            &[&series, &year, &1],
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let seen = std::sync::Mutex::new((0, 0));
    let mut there = other.app.db.begin().await.unwrap();
    let progress = |rows: u64, all: u64| {
        let mut seen = seen.lock().unwrap();
        *seen = (seen.0 + rows, all);
    };
    let outcome = copy(&mut one.app.db.read().await.unwrap(), &mut there, &progress).await.unwrap();
    let Copied::All(report) = outcome else { panic!("{outcome:?}") };
    assert_eq!(report.iter().map(|table| table.rows).sum::<u64>(), 5_000);
    assert_eq!(*seen.lock().unwrap(), (10_000, 10_000));
    there.commit().await.unwrap();
    let third = app(Engine::Sqlite).await;
    let mut back = third.app.db.begin().await.unwrap();
    let outcome = copy(&mut other.app.db.read().await.unwrap(), &mut back, &|_, _| ()).await.unwrap();
    let Copied::All(again) = outcome else { panic!("{outcome:?}") };
    assert_eq!(again, report, "there and back the sums are the same");
}
