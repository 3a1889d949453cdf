//! Is what somebody changes past the program named where the books alone tell it, and is an honest operator named nothing?

use serde_json::json;
use tollbook::app::App;
use tollbook::db::{Cell, Tx};
use tollbook::{check, retention, seals};

use crate::seals::sealed;
use crate::support::account::Account;
use crate::support::charging::{Caller, UK, record, released, send_record};
use crate::support::cycle::{at, customer, round_at};
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::purse::{minutes, prepaid_plan};
use crate::support::{TestApp, on_both_databases};

/// Billed months with a corrected call, a credited one and minutes that were included; a prepaid call that its record confirmed,
/// a month that granted minutes, and vouchers.
async fn books(db: &TestApp) {
    let caller = Caller::first(db).await;
    let german = Record { from: "+493023125002", to: "+493012345678", ..Record::new("g1") };
    let second = |seconds| Record { start: "2026-10-06T10:00:00Z", seconds, ..Record::new("a2") };
    import_text(db, "switch", &Record::file(&[Record::new("a1"), second(61), german])).await;
    for _ in 0..2 {
        assert_eq!(import_text(db, "switch", &Record::file(&[second(600)])).await.suspended, 1);
    }
    let replaced = json!({"source": "switch", "record_id": "a2", "reason": "The switch's clock was wrong"});
    create(db, "/v1/suspense/replacements", replaced).await;
    let one = Account::of(db, "C-1").await;
    let invoice = one.issue("2026-10", "2026-11-05").await;
    Account::of(db, "C-2").await.issue("2026-10", "2026-11-05").await;
    let path = format!("{}/invoices/{}/credit-notes", one.path, invoice["id"].as_str().unwrap());
    create(
        db,
        &path,
        json!({"reason": "Never made", "credits": {"call": {"source": "switch", "record_id": "a1"}}}),
    )
    .await;
    create(db, "/v1/vouchers", json!({"batch": "kiosk", "count": 2, "amount": "5.00", "currency": "EUR"}))
        .await;
    caller.give(json!({"seconds": 600, "destinations": ["44"]})).await;
    let answered = db.app.clock.now();
    let session = caller.granted("call-1", UK, 600).await;
    db.app.clock.set("2026-11-05T12:02:00Z".parse().unwrap());
    released(db, &session, 1, 61).await;
    send_record(db, &record("p1", "call-1", &caller.line, UK, answered, 61)).await;
    prepaid_plan(db, "Minutes", "0", json!({"allowances": minutes(3100)})).await;
    customer(db, "C-5", "Europe/Berlin", ("Minutes", "2026-11-01T00:00:00Z"), json!({})).await;
    round_at(db, at("2026-11-05T12:05:00Z")).await;
    // Bills November, of which C-3 has nothing to pay.
    round_at(db, at("2026-12-05T12:00:00Z")).await;
    db.app.audit.settle().await;
}

async fn faults(tx: &mut Tx, app: &App) -> Vec<String> {
    check::verify(tx, app).await.unwrap().faults
}

/// What is done by hand, and what the check says of it.
const DAMAGES: [(&str, &str); 25] = [
    (
        "insert into periods (customer_id, starts_at, ends_at, closed_at)
         select customer_id, period_start, ended_at, ended_at from calls where record_id = 'a3'",
        "a month is closed, and calls that were charged in it are on no invoice",
    ),
    ("delete from credited_calls", "credit note CN-2026-000001: the calls that it credited are not those"),
    (
        "update credited_calls set net = net + 1",
        "credit note CN-2026-000001: the calls that it credited are not those",
    ),
    (
        "delete from periods where customer_id in (select customer_id from invoices)",
        "a month was billed, and nothing says",
    ),
    (
        "delete from periods where customer_id in (select customer_id from customers where reference = 'C-3')",
        "a month was billed, and nothing says that it is closed",
    ),
    (
        "update customers set calls_kept_from = (select max(next_end) from cycles) where reference = 'C-1'",
        "calls are to be billed, and it says that they are not kept any more",
    ),
    (
        "update rates set connection_fee = connection_fee + 1 where prefix = '44'",
        " (44) of version 1 of tar_",
    ),
    ("update rates set blocked = not blocked where prefix = '44'", " (44) of version 1 of tar_"),
    ("delete from rates where prefix = '44'", "a rate of version 1 of tar_"),
    ("delete from rates where prefix = '44'", ": a version has not as many rates as were imported"),
    ("update tariff_versions set terms = replace(terms, 'EUR', 'USD')", "version 1 of tar_"),
    ("update tariff_versions set seal_batch_id = null", "was inserted: nothing of it is sealed"),
    ("update voucher_batches set amount = 2 * amount", "voucher batch kiosk was changed"),
    ("update voucher_batches set vouchers = 1", "a batch of 2 vouchers that were made at"),
    ("delete from voucher_batches", "batch kiosk has not as many vouchers as were made"),
    (
        "update call_replacements set old_hash = new_hash",
        "a correction is about other contents than its calls have",
    ),
    ("update call_replacements set reason = 'x'", "the correction of call switch/a2 of cus_"),
    ("delete from call_replacements", "the correction of a call of cus_"),
    ("update suspense set content = 'x'", "the record in suspense of line 2 of source switch was changed"),
    ("delete from suspense", "a record in suspense of line 2 that came at 2026-11-05T12:00:00Z was removed"),
    (
        "update balances set floor = -1000000 where not main",
        "has a credit limit, and only a main balance may",
    ),
    (
        "update receivables set due_at = (select min(created_at) from tariffs)",
        "it is not overdue when it says that it is due",
    ),
    ("update call_allowances set seconds = seconds + 1", "call switch/g1 took other seconds of allowances"),
    (
        "update charging_sessions set included_seconds = included_seconds + 1 where record_id = 'p1'",
        "the seconds that it took of balances are not those it says",
    ),
    (
        "update charging_sessions set charged = -1, loss = 0 where record_id = 'p1'",
        "was charged other than call pbx/p1 says",
    ),
];

/// What keeps the balances themselves in order.
const OF_BALANCES: [(&str, &str); 2] = [
    (
        "update charging_sessions set included_seconds = 0 where record_id = 'p1'; update reservations set taken = 0;
         delete from movements where kind = 'call'; update balances set amount = 600 where amount = 480",
        "was charged other than call pbx/p1 says",
    ),
    (
        "update movements set amount = 6200, balance_after = 6200
           where movement_id = (select max(movement_id) from movements where kind = 'allowance');
         update balances set amount = 6200 where amount = 3100",
        "6200 s of “Germany” are more than the plan includes",
    ),
];

/// Notes a removal of a customer's calls as retention would, sealed with its own transaction.
async fn forge(account: &Account<'_>, happened_at: &str, before: &str, rows: u32) {
    let app = &account.db.app;
    let (id, happened_at) = (app.clock.id(), at(happened_at));
    let mut tx = app.db.begin().await.unwrap();
    let target = format!("before={before} rows={rows}");
    let batch = tx.seal_batch(|| (id, happened_at));
    let text = Cell::Text;
    let entry = [
        Cell::Int(id),
        Cell::Time(happened_at),
        text("tollbook"),
        text("retention"),
        text("remove calls"),
        text(&target),
        Cell::Int(account.id.0),
        Cell::Int(0),
        text(""),
        Cell::Int(batch),
    ];
    seals::insert(&mut tx, &seals::AUDIT, &[entry]).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn each_damage_to_what_hangs_together_is_named(db: TestApp) {
        books(&db).await;
        // Of a month that is not billed yet.
        import_text(&db, "switch", &Record::file(&[Record { start: "2026-12-02T10:00:00Z", ..Record::new("a3") }])).await;
        assert_eq!(faults(&mut db.app.db.read().await.unwrap(), &db.app).await, [""; 0]);
        for (damage, fault) in DAMAGES {
            // Not committed: the next damage begins from sound books.
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(damage, &[]).await.unwrap() > 0, "{damage}");
            let found = faults(&mut tx, &db.app).await;
            assert!(found.iter().any(|found| found.contains(fault)), "{damage}: {found:#?}");
        }
        for (damage, fault) in OF_BALANCES {
            let mut tx = db.app.db.begin().await.unwrap();
            tx.script(damage).await.unwrap();
            let found = faults(&mut tx, &db.app).await;
            assert!(found.len() == 1 && found[0].contains(fault), "{damage}: {found:#?}");
        }
        assert_eq!(faults(&mut db.app.db.read().await.unwrap(), &db.app).await, [""; 0]);
    }

    async fn what_retention_removed_is_not_missed(db: TestApp) {
        books(&db).await;
        sealed(&db.app).await;
        db.app.clock.set(at("2027-09-01T12:00:00Z"));
        let app = db.configured("[retention]\ncall_detail_months = 6\naudit_months = 6\nkeep_unpaid = false\n").unwrap();
        let purged = retention::purge(&app).await.unwrap();
        assert!(purged.calls == 4 && purged.audit_entries > 0, "{purged:?}");
        let mut tx = app.db.read().await.unwrap();
        let left = "select (select count(*) from calls) + (select count(*) from replaced_calls)
                      + (select count(*) from call_replacements) + (select count(*) from suspense) as left_over";
        assert_eq!(tx.counted(left, &[], "left_over").await.unwrap(), 0);
        assert_eq!(faults(&mut tx, &app).await, [""; 0]);
    }

    async fn an_entry_that_retention_cannot_have_made_excuses_nothing(db: TestApp) {
        operator(&db).await;
        let later = Record { start: "2026-10-06T10:00:00Z", ..Record::new("a2") };
        import_text(&db, "switch", &Record::file(&[Record::new("a1"), later])).await;
        sealed(&db.app).await;
        let account = Account::of(&db, "C-1").await;
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script("delete from calls").await.unwrap();
        tx.commit().await.unwrap();
        let found = || async { seals::verify(&mut db.app.db.read().await.unwrap()).await.unwrap().faults };
        let are_missed = |found: &[String]| found.len() == 2 && found.iter().all(|found| found.ends_with("was removed"));
        // Nothing of an entry is sealed, though it names a batch.
        let mut tx = db.app.db.begin().await.unwrap();
        let sql = "insert into audit_entries (audit_id, happened_at, subject, role, action, target, customer_id, status, request_id, seal_batch_id)
                   select 77, $1, 'tollbook', 'retention', 'remove calls', 'before=2026-10-31T23:00:00Z rows=2', $2, 0, '', min(batch_id)
                   from seal_batches";
        let long_after = tollbook::db::Ts(at("2027-03-31T22:00:00Z"));
        tx.execute(sql, &[&long_after, &account.id.0]).await.unwrap();
        let kept = "update customers set calls_kept_from = $1 where customer_id = $2";
        tx.execute(kept, &[&tollbook::db::Ts(at("2026-10-31T23:00:00Z")), &account.id.0]).await.unwrap();
        tx.execute("update seals set sealed_at = $1", &[&long_after]).await.unwrap();
        let removed = seals::verify(&mut tx).await.unwrap().faults;
        assert_eq!(removed.iter().filter(|found| found.ends_with("was removed")).count(), 2, "{removed:#?}");
        drop(tx);
        // The month that runs, and the one before it, are never removed.
        forge(&account, "2026-11-05T12:00:00Z", "2026-11-05T12:00:00Z", 9).await;
        assert!(are_missed(&found().await), "{:#?}", found().await);
        // It was not known from when on calls are kept.
        forge(&account, "2099-01-01T00:00:00Z", "2026-10-31T23:00:00Z", 9).await;
        assert!(are_missed(&found().await), "{:#?}", found().await);
        let mut tx = db.app.db.begin().await.unwrap();
        let sql = "update customers set calls_kept_from = $1 where customer_id = $2";
        tx.execute(sql, &[&tollbook::db::Ts(at("2026-10-31T23:00:00Z")), &account.id.0]).await.unwrap();
        tx.commit().await.unwrap();
        // Nor did it happen after it was sealed.
        sealed(&db.app).await;
        assert!(are_missed(&found().await), "{:#?}", found().await);
        // So much is gone, and less was removed.
        db.app.clock.set(at("2027-03-31T22:00:00Z"));
        forge(&account, "2027-03-31T22:00:00Z", "2026-10-31T23:00:00Z", 1).await;
        let said = format!("2 calls and corrections of {} are gone, of which retention removed 1", account.id);
        assert_eq!(found().await, [said]);
    }
}
