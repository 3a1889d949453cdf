//! Can what was lost be had back? The drill: back up while the program writes, restore elsewhere, check.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::account::Account;
use crate::support::operator::{Record, import_text, operator};
use crate::support::program::{done, failed};
use crate::support::{Engine, TestApp, app, app_on, empty_database, on_both_databases};

/// Runs a script of the project, as an operator does.
fn script(name: &str, url: &str, argument: &Path) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let mut command = Command::new(path);
    command.env("TOLLBOOK", env!("CARGO_BIN_EXE_tollbook")).env("TOLLBOOK_DATABASE_URL", url);
    command.arg(argument).output().expect("bash runs")
}

/// What a script that must succeed prints.
fn ran(name: &str, url: &str, argument: &Path) -> String {
    let output = script(name, url, argument);
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn refused(name: &str, url: &str, argument: &Path) -> String {
    let output = script(name, url, argument);
    assert!(!output.status.success(), "{name} succeeded: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Imports a file of ten calls of C-1.
async fn ten_calls(db: &TestApp, file: usize) {
    let records: Vec<_> = (0..10).map(|call| Record::new(&format!("{file}-{call}"))).collect();
    assert_eq!(import_text(db, "switch", &Record::file(&records)).await.charged, 10);
}

async fn calls(db: &TestApp) -> i64 {
    let sql = "select count(*) as count from calls";
    db.app.db.read().await.unwrap().row(sql, &[]).await.unwrap().unwrap().get("count").unwrap()
}

on_both_databases! {
    async fn a_backup_of_a_busy_database_is_restored_whole(db: TestApp) {
        operator(&db).await;
        ten_calls(&db, 0).await;
        let account = Account::of(&db, "C-2").await;
        let invoice = account.issue("2026-10", "2026-11-05").await;
        account.pay("bank-1", "5.00").await;
        let folder = tempfile::tempdir().unwrap();

        // Until the backup is there, calls come in.
        let (url, into, over) = (db.url.clone(), folder.path().to_owned(), Arc::new(AtomicBool::new(false)));
        let ended = over.clone();
        let backup = tokio::task::spawn_blocking(move || {
            let file = ran("backup", &url, &into);
            ended.store(true, Ordering::SeqCst);
            PathBuf::from(file)
        });
        let (mut files, before) = (1, calls(&db).await);
        while !over.load(Ordering::SeqCst) {
            ten_calls(&db, files).await;
            files += 1;
        }
        let (file, after) = (backup.await.unwrap(), calls(&db).await);
        assert!(files > 2 && before == 10 && after >= before + 10, "nothing was written meanwhile: {files}");

        let (url, database) = empty_database(db.engine).await;
        assert!(ran("restore", &url, &file).ends_with("all adds up"));
        let restored = app_on(db.engine, url.clone(), database, db.app.clock.clone()).await;
        // One moment of it, whole batches only.
        let found = calls(&restored).await;
        assert!((before..=after).contains(&found) && found % 10 == 0, "{before} {found} {after}");
        let there = Account::of(&restored, "C-2").await;
        assert_eq!((there.standing(&invoice).await, there.balance().await), (account.standing(&invoice).await, account.balance().await));
        // Records that came after the backup are imported once more: what is in it is a duplicate.
        for file in 0..files {
            let records: Vec<_> = (0..10).map(|call| Record::new(&format!("{file}-{call}"))).collect();
            import_text(&restored, "switch", &Record::file(&records)).await;
        }
        assert_eq!(calls(&restored).await, after);

        let taken = refused("restore", &url, &file);
        assert!(taken.contains("already"), "{taken}");
    }

    async fn a_file_that_is_not_what_was_backed_up_is_not_restored(db: TestApp) {
        operator(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let file = PathBuf::from(ran("backup", &db.url, folder.path()));
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (url, _database) = empty_database(db.engine).await;
        let said = refused("restore", &url, &file);
        assert!(said.contains("its SHA-256 is another"), "{said}");
        // Without its sum a file is restored, but not in silence.
        let again = tempfile::tempdir().unwrap();
        let file = PathBuf::from(ran("backup", &db.url, again.path()));
        std::fs::remove_file(format!("{}.sha256", file.display())).unwrap();
        let output = script("restore", &url, &file);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is missing"), "{output:?}");
    }

    async fn books_that_do_not_add_up_are_restored_but_not_in_silence(db: TestApp) {
        operator(&db).await;
        ten_calls(&db, 0).await;
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("update calls set amount = amount + 1").await.unwrap();
        tx.commit().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = PathBuf::from(ran("backup", &db.url, folder.path()));
        let (url, _database) = empty_database(db.engine).await;
        let output = script("restore", &url, &file);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stdout).contains("20 faults"), "each charge, and each sealed call: {output:?}");
    }

    async fn what_cannot_be_backed_up_is_said(db: TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("nowhere");
        assert!(refused("backup", &db.url, &nowhere).contains("there is no folder"));
        assert!(refused("backup", "mysql://somewhere", folder.path()).contains("neither sqlite"));
        assert!(refused("restore", &db.url, &nowhere).contains("there is no file"));
        std::fs::write(&nowhere, "what").unwrap();
        assert!(refused("restore", "mysql://somewhere", &nowhere).contains("neither sqlite"));
        let missing = match db.engine {
            Engine::Sqlite => format!("{}.not", db.url),
            Engine::Postgres => format!("{}_not", db.url),
        };
        let said = refused("backup", &missing, folder.path());
        assert!(said.contains("there is no file") || said.contains("does not exist"), "{said}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["nowhere"], "nothing half is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_backup_replaces_nothing_and_finds_damage() {
    let (db, server) = (app(Engine::Sqlite).await, app(Engine::Postgres).await);
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three] =
        ["one", "two", "three"].map(|name| folder.path().join(name).display().to_string());
    assert!(done(&db.url, &["backup", &one]).contains("bytes"));
    assert!(failed(&db.url, &["backup", &one]).contains("replaces nothing"));
    assert!(failed(&server.url, &["backup", &two]).contains("pg_dump"));
    let nowhere = failed(&db.url, &["backup", "/nowhere/at/all"]);
    assert!(nowhere.contains("unable to open database"), "{nowhere}");
    let mut tx = db.app.db.begin().await.unwrap();
    let wrong = "pragma ignore_check_constraints = on;
                 insert into reservations (customer_id, session_id, balance_id, held, taken) values (1, 1, 1, -1, 0)";
    tx.script(wrong).await.unwrap();
    tx.commit().await.unwrap();
    let said = failed(&db.url, &["backup", &three]);
    assert!(
        said.contains("CHECK constraint failed in reservations") && said.contains("three.part"),
        "{said}"
    );
    assert!(!Path::new(&three).exists());
}
