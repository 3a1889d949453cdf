//! Is a stored value that cannot be a fault, which names table, column and row, instead of another value in its place?

use axum::body::Body;
use axum::http::Request;
use tollbook::db::Param;

use crate::support::account::Account;
use crate::support::operator::{Record, import_text, operator};
use crate::support::program::{done, failed, tollbook};
use crate::support::{TestApp, on_both_databases};

/// What an operator does next, which meets the value.
enum Next {
    Get(&'static str),
    /// The same file again, with a further record.
    Import,
}

/// A value that cannot be: where it is put, what meets it, and what the fault says.
struct Damage {
    table: &'static str,
    column: &'static str,
    value: &'static str,
    next: Next,
    row: &'static str,
}

const DAMAGES: [Damage; 11] = [
    damage("allowance_uses", "used_seconds", "-1", Next::Import, "allowance 0"),
    damage(
        "calls",
        "talk_seconds",
        "-61",
        Next::Get("/v1/customers/C-2/calls"),
        "source switch, record_id a",
    ),
    damage("calls", "billed_seconds", "4294967296", Next::Get("/v1/customers/C-2/calls"), "record_id a"),
    damage("calls", "included_seconds", "-1", Next::Get("/v1/customers/C-2/calls"), "record_id a"),
    damage("calls", "month_pricing", "-1", Next::Get("/v1/customers/C-2/calls"), "record_id a"),
    damage("calls", "amount", "null", Next::Get("/v1/customers/C-2/calls"), "record_id a"),
    damage("imports", "charged", "-1", Next::Get("/v1/imports"), "import_id "),
    damage("plans", "payment", "'barter'", Next::Get("/v1/plans"), "plan_id "),
    damage("customers", "zone_step", "'guess'", Next::Get("/v1/customers/C-2"), "customer_id "),
    damage("customers", "currency", "'XXY'", Next::Get("/v1/customers/C-2"), "customer_id "),
    damage("jobs", "attempts", "-1", Next::Get("/v1/jobs"), "job_id "),
];

const fn damage(
    table: &'static str,
    column: &'static str,
    value: &'static str,
    next: Next,
    row: &'static str,
) -> Damage {
    Damage { table, column, value, next, row }
}

async fn run(db: &TestApp, sql: &str, params: &[&dyn Param]) {
    let mut tx = db.app.db.begin().await.unwrap();
    assert!(tx.execute(sql, params).await.unwrap() > 0, "{sql}");
    tx.commit().await.unwrap();
}

/// C-2's calls within 100 minutes, and an invoice, whose mail is a job.
async fn calls(db: &TestApp) {
    operator(db).await;
    import_text(db, "switch", &Record::file(&[called("a")])).await;
    Account::of(db, "C-2").await.issue("2026-10", "2026-11-05").await;
}

fn called(id: &str) -> Record {
    Record { from: "+493023125002", to: "+493012345678", ..Record::new(id) }
}

async fn import(db: &TestApp, ids: &[&str]) -> u16 {
    let records: Vec<_> = ids.iter().map(|id| called(id)).collect();
    let request = Request::post("/v1/imports?source=switch&format=csv").header("content-type", "text/csv");
    let request = request.body(Body::from(Record::file(&records))).unwrap();
    db.send(request).await.status.as_u16()
}

on_both_databases! {
    async fn a_value_that_cannot_be_stops_what_reads_it_and_is_named(db: TestApp) {
        calls(&db).await;
        let customer = Account::of(&db, "C-2").await.path;
        for Damage { table, column, value, next, row } in &DAMAGES {
            let case = format!("{column} of {table} is {value}");
            let mut tx = db.app.db.read().await.unwrap();
            let all = tx.tables().await.unwrap().into_iter().find(|known| known.name == *table).unwrap();
            let sound = tx.page(&all, None, 1_000).await.unwrap();
            drop(tx);
            run(&db, &format!("update {table} set {column} = {value}"), &[]).await;
            let status = match next {
                Next::Get(path) => db.get(&path.replace("/v1/customers/C-2", &customer)).await.status.as_u16(),
                Next::Import => import(&db, &["a", "b"]).await,
            };
            assert_eq!(status, 500, "{case}");
            let named = format!("`{column}` of {table} (");
            let told = tollbook(&db.url, &["check"]);
            assert_eq!(told.status.code(), Some(1), "{case}");
            let told = String::from_utf8(told.stdout).unwrap() + &String::from_utf8(told.stderr).unwrap();
            assert!(told.contains(&named) && told.contains(row), "{case}: {told}");
            // The other parts are checked all the same.
            assert!(told.contains("ledger entries: each sums to zero"), "{case}: {told}");
            let mut tx = db.app.db.begin().await.unwrap();
            tx.execute(&format!("delete from {table}"), &[]).await.unwrap();
            tx.insert_page(&all, &sound).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert!(done(&db.url, &["check"]).ends_with("all adds up\n"));
    }

    async fn a_hash_of_another_length_is_a_fault_and_not_another_record(db: TestApp) {
        calls(&db).await;
        for hash in [&[][..], &[1; 15], &[0; 17]] {
            run(&db, "update calls set content_hash = $1", &[&hash.to_vec()]).await;
            assert_eq!(import(&db, &["a"]).await, 500, "{hash:?}");
            let told = String::from_utf8(tollbook(&db.url, &["check"]).stdout).unwrap();
            let named = format!("`content_hash` of calls (source switch, record_id a): a hash has 16 bytes, this one has {}", hash.len());
            assert!(told.contains(&named), "{told}");
        }
    }

    async fn the_check_names_all_of_them_at_once(db: TestApp) {
        calls(&db).await;
        run(&db, "update allowance_uses set used_seconds = -1", &[]).await;
        run(&db, "update calls set billed_seconds = -1, talk_seconds = -2", &[]).await;
        run(&db, "update receivables set reminders = -1, open = -3", &[]).await;
        let told = String::from_utf8(tollbook(&db.url, &["check"]).stdout).unwrap();
        for named in [
            "`used_seconds` of allowance_uses (", "`billed_seconds` of calls (", "`talk_seconds` of calls (",
            "`reminders` of receivables (", "`open` of receivables (",
        ] {
            assert_eq!(told.matches(named).count(), 1, "{named}: {told}");
        }
        let history = failed(&db.url, &["history", "C-2"]);
        assert!(history.contains("of calls (source switch, record_id a)"), "{history}");
        for (table, column) in [
            ("customers", "language"), ("plans", "payment"), ("calls", "outcome"), ("calls", "disposition"), ("jobs", "state"),
            ("ledger_entries", "kind"), ("postings", "account"),
        ] {
            let some = if table == "postings" { "where account = 'revenue'" } else { "" };
            run(&db, &format!("update {table} set {column} = 'perhaps' {some}"), &[]).await;
        }
        let told = String::from_utf8(tollbook(&db.url, &["check"]).stdout).unwrap();
        for named in [
            "`language` of customers (", "`payment` of plans (", "`outcome` of calls (", "`disposition` of calls (", "`state` of jobs (",
            "`kind` of ledger_entries (", "`account` of postings (",
        ] {
            assert!(told.contains(named) && told.contains("`perhaps` is not one of `"), "{named}: {told}");
        }
    }

    async fn a_lost_counter_and_another_currency_are_found(db: TestApp) {
        calls(&db).await;
        let customer = Account::of(&db, "C-2").await;
        customer.pay("bank-1", "1.00").await;
        assert!(done(&db.url, &["check"]).ends_with("all adds up\n"));
        run(&db, "delete from allowance_uses", &[]).await;
        run(&db, "update payments set currency = 'USD'", &[]).await;
        let told = String::from_utf8(tollbook(&db.url, &["check"]).stdout).unwrap();
        assert_eq!(told.matches("counts other seconds than its calls took").count(), 1, "{told}");
        assert!(told.contains("its currency is not that of its entry in the ledger"), "{told}");
    }

    async fn a_row_without_its_counterpart_is_found(db: TestApp) {
        calls(&db).await;
        assert!(done(&db.url, &["check"]).ends_with("all adds up\n"));
        for (damage, words) in [
            ("update number_directory set customer_id = customer_id + 1 where e164 = '+493023125002'", "is not in the directory of numbers as it is"),
            ("delete from lines where e164 = '+493023125002'", "has a number that is none of their lines"),
            ("delete from customer_directory where reference = 'C-2'", "their reference leads to somebody else, or to nobody"),
            ("delete from cycles", "which month of theirs is billed next"),
            ("delete from imports", "there are calls of it, but it is not there"),
            ("delete from invoice_series where year > 0", "numbers are given of which no series knows"),
        ] {
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(damage, &[]).await.unwrap() > 0, "{damage}");
            let report = tollbook::check::verify(&mut tx, &db.app).await.unwrap();
            assert!(report.faults.iter().any(|fault| fault.contains(words)), "{damage}: {:#?}", report.faults);
        }
        assert!(done(&db.url, &["check"]).ends_with("all adds up\n"));
    }
}
