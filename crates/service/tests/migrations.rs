//! Are both engines' schemas the same, fit to be distributed by customer, and safe to migrate?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tollbook::db::{Db, Error, Row};

use crate::support::{Engine, TestApp, app, empty_database, now, on_both_databases};

/// Where each engine's migrations lie.
fn folder(engine: Engine) -> PathBuf {
    let name = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name)
}

/// The migrations of an engine: name and text, in the order they run.
fn files(engine: Engine) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder(engine)).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())
    };
    entries.map(read).collect()
}

/// One key or index of a table: its columns in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Index {
    table: String,
    primary: bool,
    unique: bool,
    /// Whether it leaves rows out.
    partial: bool,
    columns: Vec<String>,
}

async fn rows(db: &Db, sql: &str) -> Vec<Row> {
    db.read().await.unwrap().rows(sql, &[]).await.unwrap()
}

/// The columns of every table in order, each with SQLite's name of its type and whether it may be absent.
async fn columns(db: &TestApp) -> BTreeMap<String, Vec<String>> {
    let sql = match db.engine {
        Engine::Sqlite => {
            "select m.name as table_name, c.name as column_name, lower(c.type) as type, c.\"notnull\" = 0 as optional
             from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' order by m.name, c.cid"
        }
        Engine::Postgres => {
            "select cast(table_name as text) as table_name, cast(column_name as text) as column_name,
               case data_type when 'bigint' then 'integer' when 'boolean' then 'integer' when 'bytea' then 'blob'
                 when 'timestamp with time zone' then 'integer' else cast(data_type as text) end as type,
               is_nullable = 'YES' as optional
             from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position"
        }
    };
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    for row in rows(&db.app.db, sql).await {
        let [table, column, kind] =
            ["table_name", "column_name", "type"].map(|name| row.get::<String>(name).unwrap());
        let optional = if row.get::<bool>("optional").unwrap() { " or absent" } else { "" };
        tables.entry(table).or_default().push(format!("{column} {kind}{optional}"));
    }
    tables
}

/// Every key and index, without columns that PostgreSQL only carries along. A primary key of one integer has no
/// index on SQLite, so keys are read apart.
async fn indexes(db: &TestApp) -> BTreeSet<Index> {
    let sql = match db.engine {
        Engine::Sqlite => {
            "select m.name as table_name, '' as name, c.name as column_name, true as is_primary, true as is_unique,
               false as is_partial, c.pk as place
             from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and c.pk > 0
             union all
             select m.name, i.name, c.name, false, i.\"unique\", i.partial, c.seqno
             from sqlite_master m join pragma_index_list(m.name) i join pragma_index_info(i.name) c
             where m.type = 'table' and i.origin <> 'pk'
             order by 1, 2, 7"
        }
        Engine::Postgres => {
            "select cast(t.relname as text) as table_name, cast(x.relname as text) as name,
               cast(c.attname as text) as column_name, i.indisprimary as is_primary, i.indisunique as is_unique,
               i.indpred is not null as is_partial
             from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
               join pg_attribute c on c.attrelid = x.oid join pg_namespace n on n.oid = t.relnamespace
             where n.nspname = 'public' and c.attnum <= i.indnkeyatts order by 1, 2, c.attnum"
        }
    };
    let mut found = BTreeMap::<(String, String), Index>::new();
    for row in rows(&db.app.db, sql).await {
        let [table, name, column] =
            ["table_name", "name", "column_name"].map(|name| row.get::<String>(name).unwrap());
        let [primary, unique, partial] =
            ["is_primary", "is_unique", "is_partial"].map(|name| row.get::<bool>(name).unwrap());
        let fresh = Index { table: table.clone(), primary, unique, partial, columns: vec![] };
        found.entry((table, name)).or_insert(fresh).columns.push(column);
    }
    found.into_values().collect()
}

/// Each table with its placement note, which stands on the line before.
pub(crate) fn placements(engine: Engine) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (file, text) in files(engine) {
        let mut before = "";
        for line in text.lines() {
            if let Some(rest) = line.trim().to_lowercase().strip_prefix("create table ") {
                let table = rest.split([' ', '(']).next().unwrap_or_default().to_owned();
                let placement = before.strip_prefix("-- placement: ");
                let placement = placement
                    .unwrap_or_else(|| panic!("{file}: {table} has no placement on the line before"));
                found.insert(table, placement.to_owned());
            }
            if let Some(table) = line.strip_prefix("drop table ") {
                found.remove(table.trim_end_matches(';'));
            }
            // A table that takes another's place.
            if let Some((old, new)) =
                line.strip_prefix("alter table ").and_then(|rest| rest.split_once(" rename to "))
            {
                let placement = found.remove(old).unwrap_or_else(|| panic!("{file}: no table {old}"));
                found.insert(new.trim_end_matches(';').to_owned(), placement);
            }
            before = line;
        }
    }
    found
}

#[test]
fn both_engines_have_the_same_files_tables_and_placements() {
    let names = |engine| files(engine).into_keys().collect::<Vec<_>>();
    assert_eq!(names(Engine::Sqlite), names(Engine::Postgres));
    assert_eq!(placements(Engine::Sqlite), placements(Engine::Postgres));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_columns() {
    let (sqlite, postgres) =
        (columns(&app(Engine::Sqlite).await).await, columns(&app(Engine::Postgres).await).await);
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (table, columns) in &sqlite {
        assert_eq!(Some(columns), postgres.get(table), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_keys_and_indexes() {
    let (sqlite, postgres) =
        (indexes(&app(Engine::Sqlite).await).await, indexes(&app(Engine::Postgres).await).await);
    let lone: Vec<_> = sqlite.symmetric_difference(&postgres).collect();
    assert!(lone.is_empty(), "on one engine only: {lone:#?}");
}

on_both_databases! {
    async fn every_table_can_live_where_its_placement_says(db: TestApp) {
        let placements = placements(db.engine);
        let made: BTreeSet<_> = columns(&db).await.into_keys().filter(|table| table != "migrations").collect();
        assert_eq!(made, placements.keys().cloned().collect(), "each table is made by a migration");
        let indexes = indexes(&db).await;
        for (table, placement) in &placements {
            let key = match placement.as_str() {
                "reference" | "local" => None,
                "customer" => Some("customer_id"),
                directory => {
                    let key = directory.strip_prefix("directory(").and_then(|rest| rest.strip_suffix(')'));
                    Some(key.unwrap_or_else(|| panic!("{table}: unknown placement `{directory}`")))
                }
            };
            let unique: Vec<_> = indexes.iter().filter(|index| index.table == *table && index.unique).collect();
            assert!(unique.iter().any(|index| index.primary), "{table} has no primary key");
            // The one exception: a record must be found whoever it was charged to. A sharded database will
            // need a directory of records instead.
            let unique = unique.into_iter().filter(|_| table != "calls");
            for index in unique {
                let first = index.columns.first().map(String::as_str);
                assert!(key.is_none() || first == key, "{table} is placed by {placement}, but has {:?}", index.columns);
            }
        }
    }

    async fn migrating_again_does_nothing(db: TestApp) {
        let before = (columns(&db).await, indexes(&db).await);
        assert_eq!(db.app.db.migrate(now()).await.unwrap(), [""; 0]);
        let second = Db::open(&db.url).await.unwrap();
        assert_eq!(second.migrate(now()).await.unwrap(), [""; 0]);
        assert!(before == (columns(&db).await, indexes(&db).await));
        let ran = rows(&db.app.db, "select name, ran_at from migrations order by name").await;
        let ran: Vec<String> = ran.iter().map(|row| row.get::<String>("name").unwrap() + ".sql").collect();
        assert_eq!(ran, files(db.engine).into_keys().collect::<Vec<_>>(), "every file is a migration that runs");
    }

    async fn programs_that_start_at_once_migrate_once(db: TestApp) {
        let (url, _database) = empty_database(db.engine).await;
        let start = || async {
            let db = Db::open(&url).await?;
            db.migrate(now()).await
        };
        let (one, two, three, four) = tokio::join!(start(), start(), start(), start());
        let ran: Vec<_> = [one, two, three, four].into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(ran.len(), files(db.engine).len(), "{ran:?}");
    }

    async fn a_database_of_a_newer_program_is_refused(db: TestApp) {
        let mut tx = db.app.db.begin().await.unwrap();
        let sql = "insert into migrations (name, content_hash, ran_at) select '9999_future', content_hash, ran_at
                   from migrations where name = '0001_start'";
        assert_eq!(tx.execute(sql, &[]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let refused = db.app.db.migrate(now()).await.unwrap_err();
        assert!(matches!(&refused, Error::NewerSchema(name) if name == "9999_future"), "{refused}");
    }

    async fn a_migration_that_was_changed_after_it_ran_is_refused(db: TestApp) {
        let mut tx = db.app.db.begin().await.unwrap();
        let sql = "update migrations set content_hash = 'other' where name = '0001_start'";
        assert_eq!(tx.execute(sql, &[]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let refused = db.app.db.migrate(now()).await.unwrap_err();
        assert!(matches!(&refused, Error::ChangedMigration(name) if name == "0001_start"), "{refused}");
    }
}
