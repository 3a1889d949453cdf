//! Does the database layer mean the same on both engines?

use jiff::Timestamp;
use tollbook::db::{Cell, Db, Error, Ts, Tx};

use crate::support::{Engine, TestApp, app, on_both_databases};

/// SQLite takes PostgreSQL's names of types when a table is not strict.
const VALUES: &str = "create table sample (id bigint not null primary key, number bigint, words text,
    bytes bytea, flag boolean, happened_at timestamptz)";
const COLUMNS: [&str; 6] = ["id", "number", "words", "bytes", "flag", "happened_at"];

async fn with_sample_table(db: &TestApp) -> Tx {
    let mut tx = db.app.db.begin().await.unwrap();
    tx.script(VALUES).await.unwrap();
    tx
}

async fn ids(db: &Db) -> Vec<i64> {
    let rows = db.read().await.unwrap().rows("select id from sample order by id", &[]).await.unwrap();
    rows.iter().map(|row| row.get("id").unwrap()).collect()
}

async fn insert(tx: &mut Tx, id: i64) -> Result<u64, Error> {
    tx.execute("insert into sample (id) values ($1)", &[&id]).await
}

fn instants() -> [Timestamp; 6] {
    [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1999-12-31T23:59:59.999999Z",
        "2026-03-29T01:00:00Z",
        "2026-11-05T12:00:00.000001Z",
        "9999-12-30T21:59:59.999999Z",
    ]
    .map(|text| text.parse().unwrap())
}

on_both_databases! {
    async fn a_transaction_that_is_dropped_leaves_nothing(db: TestApp) {
        with_sample_table(&db).await.commit().await.unwrap();
        let mut tx = db.app.db.begin().await.unwrap();
        insert(&mut tx, 1).await.unwrap();
        drop(tx);
        assert_eq!(ids(&db.app.db).await, [0; 0]);
        // The connection of the dropped transaction serves again.
        for id in 2..40 {
            let mut tx = db.app.db.begin().await.unwrap();
            insert(&mut tx, id).await.unwrap();
        }
        assert_eq!(ids(&db.app.db).await, [0; 0]);
    }

    /// Few rows stand in the statement, many in a table.
    async fn statements_over_few_rows_and_over_many_mean_the_same(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        let definition = "id bigint, number bigint, words text, bytes bytea, flag boolean, happened_at timestamptz";
        let insert = "insert into sample (id, number, words, bytes, flag, happened_at)
                      select id, number, words, bytes, flag, happened_at from given where true on conflict (id) do nothing";
        let select = "select s.* from given g join sample s on s.id = g.id and s.words = g.words order by s.id";
        for count in [1, 9, 65, 512, 513] {
            tx.script("delete from sample").await.unwrap();
            let rows: Vec<_> = (1..=count)
                .map(|id| {
                    let at = Cell::Time(instants()[4]);
                    [Cell::Int(id), Cell::Null, Cell::Text("$1 'x'"), Cell::Bytes(b"\0\xff"), Cell::Bool(true), at]
                })
                .collect();
            let stored = tx.over_rows(definition, &COLUMNS, &rows, &[insert, select]).await.unwrap();
            assert_eq!(stored.len(), rows.len());
            for (row, id) in stored.iter().zip(1..) {
                assert_eq!(row.get::<i64>("id").unwrap(), id);
                assert_eq!(row.get::<Option<i64>>("number").unwrap(), None);
                assert_eq!(row.get::<Vec<u8>>("bytes").unwrap(), b"\0\xff");
                assert!(row.get::<bool>("flag").unwrap());
                assert_eq!(row.time("happened_at").unwrap(), instants()[4]);
            }
        }
        assert!(tx.over_rows(definition, &COLUMNS, &[], &[insert, select]).await.unwrap().is_empty());
    }

    async fn what_is_committed_is_there_for_a_second_program(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        insert(&mut tx, 1).await.unwrap();
        insert(&mut tx, 2).await.unwrap();
        tx.commit().await.unwrap();
        let second = Db::open(&db.url).await.unwrap();
        assert_eq!(ids(&second).await, [1, 2]);
    }

    async fn a_reader_sees_one_snapshot(db: TestApp) {
        with_sample_table(&db).await.commit().await.unwrap();
        let mut reader = db.app.db.read().await.unwrap();
        let count = "select count(*) as n from sample";
        let first: i64 = reader.row(count, &[]).await.unwrap().unwrap().get("n").unwrap();
        let mut tx = db.app.db.begin().await.unwrap();
        insert(&mut tx, 1).await.unwrap();
        tx.commit().await.unwrap();
        let again: i64 = reader.row(count, &[]).await.unwrap().unwrap().get("n").unwrap();
        assert_eq!((first, again), (0, 0));
    }

    async fn every_kind_of_value_comes_back_as_it_went_in(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        let sql = "insert into sample (id, number, words, bytes, flag, happened_at) values ($1, $2, $3, $4, $5, $6)";
        let words = "Grüße, 'quoted' \"twice\" \\ $1 ? %s\n\t\u{1F4DE}";
        let bytes = vec![0_u8, 1, 0x7f, 0x80, 0xff];
        for (id, number) in [(1_i64, i64::MIN), (2, -1), (3, 0), (4, i64::MAX)] {
            tx.execute(sql, &[&id, &number, &words, &bytes, &(id % 2 == 0), &Ts(instants()[3])]).await.unwrap();
        }
        let rows = tx.rows("select * from sample order by id", &[]).await.unwrap();
        let numbers: Vec<i64> = rows.iter().map(|row| row.get("number").unwrap()).collect();
        assert_eq!(numbers, [i64::MIN, -1, 0, i64::MAX]);
        let flags: Vec<bool> = rows.iter().map(|row| row.get("flag").unwrap()).collect();
        assert_eq!(flags, [false, true, false, true]);
        assert_eq!(rows[0].get::<String>("words").unwrap(), words);
        assert_eq!(rows[0].get::<Vec<u8>>("bytes").unwrap(), bytes);
        assert_eq!(rows[0].time("happened_at").unwrap(), instants()[3]);
    }

    async fn what_is_absent_comes_back_absent(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        let sql = "insert into sample (id, number, words, bytes, flag, happened_at) values ($1, $2, $3, $4, $5, $6)";
        let nothing = (None::<i64>, None::<String>, None::<Vec<u8>>, None::<bool>, None::<Ts>);
        let (number, words, bytes, flag, at) = &nothing;
        tx.execute(sql, &[&1_i64, number, words, bytes, flag, at]).await.unwrap();
        tx.execute(sql, &[&2_i64, number, &"", &Vec::<u8>::new(), flag, at]).await.unwrap();
        let rows = tx.rows("select * from sample order by id", &[]).await.unwrap();
        let row = &rows[0];
        assert_eq!(row.get::<Option<i64>>("number").unwrap(), None);
        assert_eq!(row.get::<Option<String>>("words").unwrap(), None);
        assert_eq!(row.get::<Option<Vec<u8>>>("bytes").unwrap(), None);
        assert_eq!(row.get::<Option<bool>>("flag").unwrap(), None);
        assert_eq!(row.optional_time("happened_at").unwrap(), None);
        // Empty is not absent.
        assert_eq!(rows[1].get::<Option<String>>("words").unwrap().as_deref(), Some(""));
        assert_eq!(rows[1].get::<Option<Vec<u8>>>("bytes").unwrap(), Some(vec![]));
    }

    async fn rows_in_bulk_come_back_as_they_went_in(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        let long = "x".repeat(600_000);
        let rows = [
            [Cell::Int(1), Cell::Int(i64::MIN), Cell::Text(&long), Cell::Bytes(&[0, 255]), Cell::Bool(true), Cell::Null],
            [Cell::Int(2), Cell::Int(i64::MAX), Cell::Text(""), Cell::Bytes(&[]), Cell::Bool(false), Cell::Null],
            [Cell::Int(3), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
        ];
        tx.insert_rows("sample", &COLUMNS, &rows).await.unwrap();
        let at = instants();
        let rows: Vec<_> = (10..).zip(&at).map(|(id, at)| [Cell::Int(id), Cell::Time(*at)]).collect();
        tx.insert_rows("sample", &["id", "happened_at"], &rows).await.unwrap();
        let rows = tx.rows("select * from sample order by id", &[]).await.unwrap();
        assert_eq!(rows[0].get::<i64>("number").unwrap(), i64::MIN);
        assert_eq!(rows[0].get::<String>("words").unwrap(), long);
        assert_eq!(rows[0].get::<Vec<u8>>("bytes").unwrap(), [0, 255]);
        assert!(rows[0].get::<bool>("flag").unwrap());
        assert_eq!(rows[1].get::<i64>("number").unwrap(), i64::MAX);
        assert_eq!(rows[2].get::<Option<String>>("words").unwrap(), None);
        let back: Vec<_> = rows[3..].iter().map(|row| row.time("happened_at").unwrap()).collect();
        assert_eq!(back, at);
        // They compare and sort as instants, whatever holds them.
        let later = "select id from sample where happened_at >= $1 order by happened_at desc";
        let later = tx.rows(later, &[&Ts(at[3])]).await.unwrap();
        let later: Vec<i64> = later.iter().map(|row| row.get("id").unwrap()).collect();
        assert_eq!(later, [15, 14, 13]);
    }

    async fn a_key_that_is_there_already_is_a_unique_violation(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        insert(&mut tx, 1).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.app.db.begin().await.unwrap();
        let rows = [2, 1].map(|id| [Cell::Int(id)]);
        let error = tx.insert_rows("sample", &["id"], &rows).await.unwrap_err();
        assert!(error.is_unique_violation() && !error.is_transient(), "{error}");
        drop(tx);
        let mut tx = db.app.db.begin().await.unwrap();
        let error = insert(&mut tx, 1).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        drop(tx);
        let mut tx = db.app.db.begin().await.unwrap();
        let error = tx.execute("insert into sample (id) values ($1)", &[&None::<i64>]).await.unwrap_err();
        assert!(!error.is_unique_violation(), "{error}");
        drop(tx);
        assert_eq!(ids(&db.app.db).await, [1]);
    }

    async fn a_column_that_is_missing_or_of_another_type_is_an_error(db: TestApp) {
        let mut tx = with_sample_table(&db).await;
        tx.execute("insert into sample (id, words) values (1, $1)", &[&"seven"]).await.unwrap();
        let row = tx.row("select * from sample", &[]).await.unwrap().unwrap();
        let missing = row.get::<i64>("absent").unwrap_err().to_string();
        assert!(missing.starts_with("column `absent`: "), "{missing}");
        for message in [
            row.get::<i64>("words").map(drop).unwrap_err().to_string(),
            row.parse::<u8>("words").map(drop).unwrap_err().to_string(),
            row.json::<Vec<u8>>("words").map(drop).unwrap_err().to_string(),
        ] {
            assert!(message.starts_with("column `words`: "), "{message}");
        }
        // Absent is not zero.
        assert!(row.get::<i64>("number").is_err());
        assert!(tx.row("select * from sample where id = 2", &[]).await.unwrap().is_none());
    }
}

/// PostgreSQL answers such a commit with success, and rolls back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_postgresql_makes_a_rollback_is_an_error() {
    let db = app(Engine::Postgres).await;
    let mut tx = with_sample_table(&db).await;
    insert(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.app.db.begin().await.unwrap();
    insert(&mut tx, 2).await.unwrap();
    insert(&mut tx, 1).await.unwrap_err();
    assert!(tx.commit().await.is_err());
    assert_eq!(ids(&db.app.db).await, [1]);
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused() {
    for (url, part) in [
        ("mysql://localhost/tollbook", "mysql"),
        ("tollbook.db", "sqlite://"),
        ("", "sqlite://"),
        ("sqlite://", "path of a file"),
        ("sqlite://:memory:", "path of a file"),
        ("postgres://localhost:seven/tollbook", "database address"),
    ] {
        let error = Db::open(url).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(part), "`{url}`: `{error}`");
    }
}

#[tokio::test]
async fn an_address_in_an_error_keeps_the_password() {
    for url in ["mysql://anna:secret@localhost/tollbook", "postgres://anna:secret@localhost:seven/tollbook"] {
        let error = Db::open(url).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!error.is_empty() && !error.contains("secret"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nul_in_a_text_is_an_error_on_postgresql() {
    let db = app(Engine::Postgres).await;
    with_sample_table(&db).await.commit().await.unwrap();
    let insert = "insert into sample (id, words) values (1, $1)";
    let mut tx = db.app.db.begin().await.unwrap();
    assert!(tx.execute(insert, &[&"a\0b"]).await.is_err());
    drop(tx);
    let mut tx = db.app.db.begin().await.unwrap();
    let row = [Cell::Int(1), Cell::Text("a\0b")];
    assert!(tx.insert_rows("sample", &["id", "words"], &[row]).await.is_err());
    drop(tx);
    assert_eq!(ids(&db.app.db).await, [0; 0]);
}
