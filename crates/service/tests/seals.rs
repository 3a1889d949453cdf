//! Is a sealed row that was changed, removed or inserted past the program found, and named?

use jiff::SignedDuration;
use serde_json::json;
use tollbook::app::App;
use tollbook::db::Tx;
use tollbook::ledger::{self, Entry};
use tollbook::seals::{self, Sealed};
use tollbook::{invoices, jobs};

use crate::support::account::{Account, euro, payment};
use crate::support::operator::{Record, import_text, operator};
use crate::support::program::done;
use crate::support::{Engine, TestApp, app, on_both_databases};

/// Calls, two invoices, a credit note and a payment, in two seals; and a call that waits for the third.
pub(crate) async fn books(db: &TestApp) {
    operator(db).await;
    let (one, two) = (Account::of(db, "C-1").await, Account::of(db, "C-2").await);
    let later = Record { start: "2026-10-06T11:00:00Z", ..Record::new("a2") };
    import_text(db, "switch", &Record::file(&[Record::new("a1"), later])).await;
    one.issue("2026-10", "2026-11-05").await;
    assert_eq!(sealed(&db.app).await.len(), 1);
    two.issue("2026-10", "2026-11-05").await;
    let credit = json!({"reason": "Goodwill", "credits": "whole"});
    let invoice = db.get(&format!("{}/invoices", two.path)).await.body[0]["id"].clone();
    let path = format!("{}/invoices/{}/credit-notes", two.path, invoice.as_str().unwrap());
    let credited = db.post_json(&path, &credit).await;
    assert_eq!(credited.status, 201, "{credited:?}");
    one.send(payment("p1", "0.05")).await;
    assert_eq!(sealed(&db.app).await.len(), 1);
    let november = Record { start: "2026-11-02T10:00:00Z", ..Record::new("a3") };
    import_text(db, "switch", &Record::file(&[november])).await;
}

/// Seals all that waits; the numbers of rows.
pub(crate) async fn sealed(app: &App) -> Vec<i64> {
    let mut rows = Vec::new();
    // What was only seen is noted a moment later.
    app.audit.settle().await;
    loop {
        let mut tx = app.db.begin().await.unwrap();
        let sealed = seals::seal(&mut tx, app.clock.now(), SignedDuration::ZERO).await.unwrap();
        tx.commit().await.unwrap();
        let Sealed::New { seal, .. } = sealed else { return rows };
        rows.push(seal.rows);
    }
}

async fn faults(tx: &mut Tx) -> Vec<String> {
    seals::verify(tx).await.unwrap().faults
}

async fn assert_sealed(db: &TestApp) {
    assert_eq!(faults(&mut db.app.db.read().await.unwrap()).await, [""; 0]);
}

async fn change(db: &TestApp, sql: &str) {
    let mut tx = db.app.db.begin().await.unwrap();
    assert!(tx.execute(sql, &[]).await.unwrap() > 0, "{sql}");
    tx.commit().await.unwrap();
}

/// A call that looks like another, put in by hand.
pub(crate) fn inserted(id: &str, start: &str, batch: &str) -> String {
    let same = "call_id, content_hash, import_id, caller, called, dialled, disposition, answered_at, ended_at, talk_seconds,
                outcome, period_start, plan_id, tariff_id, tariff_version, prefix, destination, billed_seconds,
                included_seconds, exact, amount, currency";
    format!(
        "insert into calls (customer_id, source, record_id, started_at, seal_batch_id, {same})
         select customer_id, source, '{id}', {start}, {batch}, {same} from calls where record_id = 'a1'"
    )
}

/// What is done by hand, and what the check says of it.
fn damages() -> Vec<(String, &'static str)> {
    let both = "number in ('INV-2026-000001', 'INV-2026-000002')";
    let swapped = |column: &str| {
        format!(
            "{column} = (select cast(sum({column}) as bigint) from invoice_directory where {both}) - {column}"
        )
    };
    let swap = format!(
        "update invoice_directory set {}, {} where {both}",
        swapped("customer_id"),
        swapped("invoice_id")
    );
    let by_hand = [
        ("update calls set amount = amount + 1 where record_id = 'a1'", "call switch/a1 of cus_"),
        ("update calls set amount = amount + 1 where record_id = 'a3'", "call switch/a3 of cus_"),
        ("update calls set caller = '+49' where record_id = 'a2'", " was changed"),
        ("delete from calls where record_id = 'a1'", "that began at 2026-10-05T10:00:00Z was removed"),
        ("update calls set customer_id = customer_id + 1 where record_id = 'a1'", "call switch/a1 of cus_"),
        ("update calls set seal_batch_id = null where record_id = 'a1'", "call switch/a1 of cus_"),
        ("update calls set seal_batch_id = 1 where record_id = 'a1'", "is of batch 1, which was removed"),
        ("update postings set amount = amount + 1 where account = 'bank'", "ledger entry ent_"),
        ("delete from postings where account = 'revenue'", " was changed"),
        ("update ledger_entries set kind = 'refund' where kind = 'payment'", " was changed"),
        ("delete from ledger_entries where kind = 'payment'", " was removed"),
        ("update audit_entries set subject = 'nobody' where action = 'POST /v1/plans'", "audit entry aud_"),
        ("delete from audit_entries where action = 'POST /v1/plans'", " was removed"),
        (
            "update invoices set content = replace(content, 'Hundred', 'Fifty')",
            "the content of INV-2026-000002 was changed",
        ),
        (
            "update credit_notes set content = replace(content, 'Goodwill', 'None')",
            "the content of CN-2026-000001 was changed",
        ),
        (
            "update invoices set gross = gross + 1 where number = 'INV-2026-000001'",
            "document INV-2026-000001 was changed",
        ),
        (
            "update invoices set number = case number when 'INV-2026-000001' then 'INV-2026-000002' else 'INV-2026-000001' end",
            "says that its number is INV-2026-000001",
        ),
        (
            "update invoices set content = (select i.content from invoices i where i.number = 'INV-2026-000002')",
            "the content of INV-2026-000001 was changed",
        ),
        (
            "delete from invoice_directory where number = 'INV-2026-000002'",
            "number INV-2026-000002 was removed",
        ),
        (
            "update invoice_directory set chain_hash = null where number = 'INV-2026-000002'",
            "number INV-2026-000002 is not chained",
        ),
        ("delete from invoices where number = 'INV-2026-000002'", "document INV-2026-000002 was removed"),
        (
            "update invoice_series set last_number = 1, chain_hash = null where series = 'CN'",
            "its last number is not the one that was given",
        ),
        (
            "update invoices set content = '{}', purged_at = issued_at where number = 'INV-2026-000001'",
            "INV-2026-000001 was removed, and not by retention",
        ),
        ("delete from seal_batches where seal_number = 2", "which was removed"),
        (
            "delete from seal_batches where batch_id = (select min(batch_id) from seal_batches)",
            "seal 1 holds",
        ),
        ("delete from seals where number = 1", "seal 1 was removed"),
        ("delete from seals where number = 2", "seal 2 was removed"),
        ("update seals set row_count = row_count + 1 where number = 1", "seal 1 was changed"),
        (
            "update seals set previous_hash = root where number = 2",
            "seal 2 does not follow the one before it",
        ),
        (
            "update seal_batches set root = (select root from seals where number = 1) where seal_number = 1",
            "its leaves are not those that were sealed",
        ),
        ("update seal_batches set seal_number = 3 where seal_number = 2", "there are batches of seal 3"),
        ("update seal_batches set leaves = root where seal_number = 1", "its leaves cannot be read"),
        ("update seal_series set last_number = 9", "seals 3 to 9 were removed"),
    ];
    let mut all: Vec<_> = by_hand.map(|(sql, fault)| (sql.to_owned(), fault)).into();
    let inserted = [
        (inserted("x1", "started_at", "null"), "call switch/x1 of cus_"),
        (inserted("x1", "started_at", "seal_batch_id"), "call switch/x1 of cus_"),
        (inserted("x1", "ended_at", "seal_batch_id"), "call switch/x1 of cus_"),
        (swap, "document INV-2026-000001 was changed, or another took its place"),
    ];
    all.extend(inserted);
    all
}

on_both_databases! {
    async fn each_damage_is_named(db: TestApp) {
        books(&db).await;
        assert_sealed(&db).await;
        for (damage, fault) in damages() {
            // Not committed: the next damage begins from sound books.
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(&damage, &[]).await.unwrap() > 0, "{damage}");
            let found = faults(&mut tx).await;
            assert!(found.iter().any(|found| found.contains(fault)), "{damage}: {found:#?}");
        }
        assert_sealed(&db).await;
        let said = done(&db.url, &["check"]);
        assert!(said.contains("2 seals: each follows") && said.contains("3 invoices and credit notes: each is chained"), "{said}");
        assert!(!said.contains("not sealed"), "{said}");
    }

    async fn one_damage_does_not_hide_another(db: TestApp) {
        books(&db).await;
        change(&db, "update calls set amount = amount + 1 where record_id = 'a1'").await;
        change(&db, "delete from calls where record_id = 'a2'").await;
        change(&db, &inserted("x1", "started_at", "null")).await;
        change(&db, "update postings set amount = amount + 1 where account = 'bank'").await;
        change(&db, "update invoices set content = replace(content, 'Hundred', 'Fifty')").await;
        let found = faults(&mut db.app.db.read().await.unwrap()).await;
        assert_eq!(found.len(), 5, "{found:#?}");
    }

    async fn what_is_undone_leaves_no_leaf(db: TestApp) {
        operator(&db).await;
        let file = Record::file(&[Record::new("a1")]);
        import_text(&db, "switch", &file).await;
        // The batch is stored, found to hold a duplicate, undone and stored again.
        let more = Record::file(&[Record::new("a1"), Record { start: "2026-10-07T10:00:00Z", ..Record::new("a2") }]);
        assert_eq!(import_text(&db, "switch", &more).await.duplicate, 1);
        import_text(&db, "switch", &more).await;
        assert_sealed(&db).await;
        let rows = sealed(&db.app).await;
        let verified = seals::verify(&mut db.app.db.read().await.unwrap()).await.unwrap();
        assert_eq!((verified.rows, verified.waiting), (rows.iter().sum::<i64>().unsigned_abs(), 0));
        assert_eq!(sealed(&db.app).await, [0; 0], "nothing came since");
    }

    async fn programs_that_seal_at_once_make_one_chain(db: TestApp) {
        books(&db).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let app = db.app.clone();
            tasks.spawn(async move { sealed(&app).await });
        }
        let made: Vec<_> = tasks.join_all().await.concat();
        assert_eq!(made.len(), 1, "{made:?}");
        assert_sealed(&db).await;
    }

    async fn a_round_seals_when_it_is_time(db: TestApp) {
        operator(&db).await;
        import_text(&db, "switch", &Record::file(&[Record::new("a1")])).await;
        assert!(jobs::round(&db.app).await.unwrap().sealed_rows > 0);
        import_text(&db, "switch", &Record::file(&[Record::new("a2")])).await;
        db.app.clock.set("2026-11-05T12:09:59Z".parse().unwrap());
        assert_eq!(jobs::round(&db.app).await.unwrap().sealed_rows, 0);
        db.app.clock.set("2026-11-05T12:10:00Z".parse().unwrap());
        assert_eq!(jobs::round(&db.app).await.unwrap().sealed_rows, 1);
        assert_sealed(&db).await;
    }

    async fn rows_of_before_sealing_are_counted_and_no_others_may_come(db: TestApp) {
        books(&db).await;
        // As an upgrade finds them.
        let mut tx = db.app.db.begin().await.unwrap();
        for table in ["calls", "ledger_entries", "audit_entries", "invoice_directory", "tariff_versions", "rates"] {
            tx.execute(&format!("update {table} set seal_batch_id = null"), &[]).await.unwrap();
        }
        tx.script("update invoice_directory set chain_hash = null, content_hash = null; update invoice_series set chain_hash = null;
                   delete from seal_batches; delete from seals; delete from seal_series;
                   insert into seal_series (series, last_number, calls_before, entries_before, audit_entries_before, documents_before,
                                            versions_before, rates_before)
                     select 'seals', 0, (select count(*) from calls), (select count(*) from ledger_entries),
                       (select count(*) from audit_entries), (select count(*) from invoice_directory),
                       (select count(*) from tariff_versions), (select count(*) from rates)").await.unwrap();
        tx.commit().await.unwrap();
        let verified = seals::verify(&mut db.app.db.read().await.unwrap()).await.unwrap();
        assert_eq!(verified.faults, [""; 0]);
        assert!(verified.before > 8 && verified.rows == 0, "{verified:?}");
        // What comes from then on is sealed, and chained to nothing of before.
        import_text(&db, "switch", &Record::file(&[Record { start: "2026-11-03T10:00:00Z", ..Record::new("a4") }])).await;
        Account::of(&db, "C-1").await.issue("2026-11", "2026-12-05").await;
        assert_sealed(&db).await;
        assert!(!sealed(&db.app).await.is_empty());
        for counter in ["calls_before", "entries_before", "audit_entries_before", "documents_before"] {
            let mut tx = db.app.db.begin().await.unwrap();
            tx.execute(&format!("update seal_series set {counter} = {counter} + 1"), &[]).await.unwrap();
            let found = faults(&mut tx).await;
            assert!(found.iter().any(|found| found.contains("are not those that seal 1 begins with")), "{counter}: {found:#?}");
        }
        let mut tx = db.app.db.begin().await.unwrap();
        tx.execute(&inserted("x1", "started_at", "null"), &[]).await.unwrap();
        let found = faults(&mut tx).await;
        assert!(found.iter().any(|found| found.contains("1 rows of calls were inserted")), "{found:#?}");
        let mut tx = db.app.db.read().await.unwrap();
        assert_eq!(invoices::verify(&mut tx).await.unwrap().faults, [""; 0]);
    }
}

/// On SQLite there is one writer at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_late_is_in_the_next_seal() {
    let db = app(Engine::Postgres).await;
    operator(&db).await;
    let account = Account::of(&db, "C-2").await;
    let (clock, now) = (&db.app.clock, db.app.clock.now());
    let mut late = db.app.db.begin().await.unwrap();
    let amount = calculation::money::Amount::from_micros(5);
    let entry = Entry::payment(account.id, tollbook::id::PaymentId(1), euro(), amount, now);
    ledger::post(&mut late, &[entry], clock).await.unwrap();
    assert_eq!(sealed(&db.app).await.len(), 1);
    late.commit().await.unwrap();
    assert_eq!(sealed(&db.app).await, [1]);
    assert_sealed(&db).await;
}
