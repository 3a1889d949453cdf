//! What is not copied? Whatever is not whole, not sound, or not meant; and then nothing is.

use tollbook::calls::Control;
use tollbook::copy::{Copied, copy};
use tollbook::db::Db;

use crate::support::operator::{Record, import_text, operator};
use crate::support::program::{done, failed};
use crate::support::{Engine, TestApp, app, empty_database, on_both_databases};

async fn change(db: &Db, sql: &str) {
    let mut tx = db.begin().await.unwrap();
    tx.script(sql).await.unwrap();
    tx.commit().await.unwrap();
}

/// A small operator with one charged call.
async fn one_call(db: &TestApp) -> Control {
    operator(db).await;
    import_text(db, "switch", &Record::file(&[Record::new("a-1")])).await
}

/// What a copy to a new database of the other engine says; it must be refused, and leave nothing.
async fn refused(db: &TestApp) -> String {
    let target = app(db.engine.other()).await;
    let said = failed(&db.url, &["copy-database", "--to", &target.url]);
    let mut tx = target.app.db.read().await.unwrap();
    for table in tx.tables().await.unwrap() {
        assert_eq!(tx.count(&table).await.unwrap(), 0, "{} after: {said}", table.name);
    }
    said
}

on_both_databases! {
    async fn an_empty_source_is_taken_for_a_mistake(db: TestApp) {
        assert!(refused(&db).await.contains("nothing to copy"));
        let (unused, _database) = empty_database(db.engine).await;
        let said = failed(&unused, &["copy-database", "--to", &db.url]);
        let expected = if db.engine == Engine::Sqlite { "there is no file" } else { "nothing to copy" };
        assert!(said.contains(expected), "{said}");
    }

    async fn a_target_with_anything_in_it_is_left_alone(db: TestApp) {
        one_call(&db).await;
        let target = app(db.engine.other()).await;
        change(&target.app.db, "insert into invoice_series (series, year, last_number) values ('INV', 2026, 7)").await;
        let said = failed(&db.url, &["copy-database", "--to", &target.url]);
        assert!(said.contains("invoice_series is not empty"), "{said}");
        assert!(failed(&db.url, &["copy-database", "--to", &db.url]).contains("is not empty"));
    }

    async fn another_schema_is_not_copied(db: TestApp) {
        one_call(&db).await;
        change(&db.app.db, "delete from migrations where name <> '0001_start'").await;
        let said = refused(&db).await;
        assert!(said.contains("has the schema 0001_start") && said.contains("tollbook migrate"), "{said}");
    }

    async fn tables_that_one_side_alone_has_are_named(db: TestApp) {
        one_call(&db).await;
        let target = app(db.engine.other()).await;
        change(&target.app.db, "create table extra (id bigint primary key)").await;
        let said = failed(&db.url, &["copy-database", "--to", &target.url]);
        assert!(said.contains("the target alone has a table extra"), "{said}");
        change(&db.app.db, "create table older (id bigint primary key)").await;
        assert!(refused(&db).await.contains("the source alone has a table older"));
        change(&db.app.db, "drop table older; alter table plans add column colour text").await;
        let said = refused(&db).await;
        assert!(said.contains("the columns of plans differ") && said.contains("colour Text"), "{said}");
        change(&db.app.db, "alter table plans drop column colour; alter table plans add column size real").await;
        let said = refused(&db).await;
        assert!(said.contains("plans.size") && said.contains("real"), "{said}");
    }

    async fn books_that_do_not_add_up_are_copied_only_when_told_so(db: TestApp) {
        assert_eq!(one_call(&db).await.charged, 1);
        change(&db.app.db, "update calls set amount = amount + 1").await;
        let said = refused(&db).await;
        assert!(said.contains("call switch/a-1 is not what it costs") && said.contains("--with-faults"), "{said}");
        let (url, _database) = empty_database(db.engine.other()).await;
        let said = done(&db.url, &["copy-database", "--to", &url, "--with-faults"]);
        assert!(said.contains("call switch/a-1 is not what it costs"), "{said}");
        assert!(failed(&url, &["copy-database", "--to", &url]).contains("is not empty"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_stores_something_else_is_found_out() {
    let (db, target) = (app(Engine::Postgres).await, app(Engine::Sqlite).await);
    one_call(&db).await;
    let meddle = "create trigger meddle after insert on plans
                  begin update plans set monthly_fee = monthly_fee + 1 where plan_id = new.plan_id; end";
    change(&target.app.db, meddle).await;
    let outcome =
        copy(&mut db.app.db.read().await.unwrap(), &mut target.app.db.begin().await.unwrap(), &|_, _| ())
            .await;
    let Copied::Different { here, there } = outcome.unwrap() else { panic!("nobody noticed") };
    assert_eq!((&here.table, here.rows, there.rows), (&"plans".to_owned(), 3, 3));
    assert_ne!(here.checksum, there.checksum);
    let said = failed(&db.url, &["copy-database", "--to", &target.url]);
    assert!(said.contains("does not read as the source: plans: 3 rows"), "{said}");
}

/// SQLite holds some values that PostgreSQL does not; the table says where to look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_cannot_hold_is_named() {
    let db = app(Engine::Sqlite).await;
    one_call(&db).await;
    for (table, wrong, mended, words) in [
        ("rates", "blocked = 7", "blocked = 0", "`blocked`: 7 is no Bool"),
        ("plans", "created_at = 9223372036854775807", "created_at = 0", "is no Time"),
        ("tariffs", "name = 'a' || char(0)", "name = 'a'", "table tariffs: "),
    ] {
        change(&db.app.db, &format!("update {table} set {wrong}")).await;
        let said = refused(&db).await;
        assert!(said.contains(words), "{said}");
        change(&db.app.db, &format!("update {table} set {mended}")).await;
    }
}
