//! Does a fault that a test plans leave behind what a real one would? Simulations rest on that.

use std::time::Duration;

use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::config::Config;
use tollbook::db::{Db, Error, Fault, Tx};

use crate::support::{Engine, TestApp, now, on_both_databases};

async fn scratch(db: &TestApp) {
    let mut tx = db.app.db.begin().await.unwrap();
    tx.script("create table scratch (number bigint not null, filling text not null)").await.unwrap();
    tx.commit().await.unwrap();
}

/// A second program on the database.
async fn beside(db: &TestApp) -> App {
    let config = Config::from_toml("").unwrap();
    App::open(&db.url, Clock::fixed(now()), config).await.unwrap()
}

async fn insert(tx: &mut Tx, number: i64, size: usize) -> Result<u64, Error> {
    let filling = "x".repeat(size);
    tx.execute("insert into scratch (number, filling) values ($1, $2)", &[&number, &filling]).await
}

/// Inserts a number in a transaction of its own.
async fn write(db: &Db, number: i64) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    insert(&mut tx, number, 1).await?;
    tx.commit().await
}

async fn numbers(db: &Db) -> Vec<i64> {
    let mut tx = db.read().await.unwrap();
    let rows = tx.rows("select number from scratch order by number", &[]).await.unwrap();
    rows.iter().map(|row| row.get("number").unwrap()).collect()
}

on_both_databases! {
    async fn who_is_killed_leaves_nothing_and_does_nothing_more(db: TestApp) {
        scratch(&db).await;
        let other = beside(&db).await;
        db.app.db.faults().plan(Some(Fault::Killed), 1);
        // The insert goes well, the commit never happens.
        write(&db.app.db, 1).await.unwrap_err();
        assert_eq!(db.app.db.faults().met(), (2, Some(Fault::Killed)));
        assert!(db.app.db.begin().await.is_err() && db.app.db.read().await.is_err());
        write(&other.db, 2).await.unwrap();
        assert_eq!(numbers(&other.db).await, [2]);
    }

    async fn a_commit_whose_answer_is_lost_is_done(db: TestApp) {
        scratch(&db).await;
        let other = beside(&db).await;
        db.app.db.faults().plan(Some(Fault::AnswerLost), 0);
        write(&db.app.db, 1).await.unwrap_err();
        write(&db.app.db, 2).await.unwrap();
        db.app.db.faults().plan(Some(Fault::KilledAfterCommit), 0);
        write(&db.app.db, 3).await.unwrap_err();
        write(&db.app.db, 4).await.unwrap_err();
        assert_eq!(numbers(&other.db).await, [1, 2, 3]);
    }

    async fn what_is_lost_or_in_conflict_is_not_done_and_may_be_done_again(db: TestApp) {
        scratch(&db).await;
        for (number, fault) in [(1, Fault::ConnectionLost), (2, Fault::Conflict)] {
            db.app.db.faults().plan(Some(fault), 0);
            let error = write(&db.app.db, number).await.unwrap_err();
            assert_eq!(error.is_transient(), fault == Fault::Conflict, "{error}");
            assert!(numbers(&db.app.db).await.len() < 2);
            write(&db.app.db, number).await.unwrap();
        }
        assert_eq!(numbers(&db.app.db).await, [1, 2]);
    }

    async fn a_full_disk_takes_no_part_of_a_transaction(db: TestApp) {
        scratch(&db).await;
        let mut tx = db.app.db.begin().await.unwrap();
        insert(&mut tx, 1, 10).await.unwrap();
        db.app.db.faults().plan(Some(Fault::Full), 0);
        insert(&mut tx, 2, 1_000_000).await.unwrap_err();
        drop(tx);
        assert_eq!(numbers(&db.app.db).await, [] as [i64; 0]);
        let mut tx = db.app.db.begin().await.unwrap();
        insert(&mut tx, 4, 1_000_000).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db.app.db).await, [4]);
    }

    /// SQLite may do so when a disk is full: what was done then would be done at once, and stay.
    async fn what_the_engine_rolled_back_takes_no_more_statements(db: TestApp) {
        scratch(&db).await;
        let mut tx = db.app.db.begin().await.unwrap();
        insert(&mut tx, 1, 10).await.unwrap();
        let fault = if db.engine == Engine::Sqlite { "rollback" } else { "select 1 / 0" };
        let _ = tx.script(fault).await;
        insert(&mut tx, 2, 10).await.unwrap_err();
        assert!(tx.commit().await.is_err());
        assert_eq!(numbers(&db.app.db).await, [] as [i64; 0]);
    }

    async fn what_is_frozen_ends_with_its_program(db: TestApp) {
        scratch(&db).await;
        let other = beside(&db).await;
        let faults = db.app.db.faults().clone();
        faults.plan(Some(Fault::Frozen), 0);
        let mut writing = tokio::spawn({
            let db = db.app.db.clone();
            async move { write(&db, 1).await }
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut writing).await.is_err());
        faults.kill();
        writing.await.unwrap().unwrap_err();
        write(&other.db, 2).await.unwrap();
        assert_eq!(numbers(&other.db).await, [2]);
    }

    async fn what_is_silent_is_waited_for_as_long_as_is_set(db: TestApp) {
        scratch(&db).await;
        let limits = "[database]\nsilence_seconds = 1\nstatement_seconds = 1\n";
        let other = App::open(&db.url, Clock::fixed(now()), Config::from_toml(limits).unwrap()).await.unwrap();
        other.db.faults().plan(Some(Fault::Silent), 0);
        let written = write(&other.db, 1).await;
        match db.engine {
            // A file has no connection that could be silent.
            Engine::Sqlite => written.unwrap(),
            Engine::Postgres => {
                let why = written.unwrap_err().to_string();
                assert!(why.contains("database.statement_seconds sets the limit"), "{why}");
            }
        }
        write(&other.db, 2).await.unwrap();
    }
}
