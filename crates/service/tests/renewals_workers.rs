//! Is each month of a prepaid plan paid once, however many workers renew it?

use serde_json::json;
use tokio::task::JoinSet;
use tollbook::app::App;
use tollbook::config::Config;
use tollbook::{db::Param, jobs, prepaid};

use crate::support::cycle::{at, customer, provider};
use crate::support::purse::{assert_purses_add_up, minutes, posted, prepaid_plan};
use crate::support::{TestApp, on_both_databases};

const MONTHS: [&str; 3] = ["2026-10-15T08:00:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"];

on_both_databases! {
    async fn four_workers_take_one_fee(db: TestApp) {
        const CUSTOMERS: u64 = 8;
        provider(&db).await;
        prepaid_plan(&db, "Pre", "10.00", json!({"allowances": minutes(600)})).await;
        db.app.clock.set(at(MONTHS[0]));
        let mut accounts = Vec::new();
        for number in 0..CUSTOMERS {
            let reference = format!("C{number}");
            let account = customer(&db, &reference, "Europe/Berlin", ("Pre", "2026-09-30T22:00:00Z"), json!({})).await;
            account.top_up(&reference, "30.00", json!({})).await;
            accounts.push(account);
        }
        let mut workers = Vec::new();
        for _ in 0..4 {
            // Each has connections of its own, as another program has.
            workers.push(App::open(&db.url, db.app.clock.clone(), Config::from_toml("").unwrap()).await.unwrap());
        }
        for (months, now) in (0..).zip(MONTHS) {
            db.app.clock.set(at(now));
            let rounds = workers.iter().cloned().map(|app| async move { jobs::round(&app).await.unwrap().prepaid });
            let rounds = rounds.collect::<JoinSet<_>>().join_all().await;
            let sum = |count: fn(&prepaid::Kept) -> u64| rounds.iter().map(count).sum::<u64>();
            let expired = if months == 0 { 0 } else { CUSTOMERS };
            let came_to = [sum(|kept| kept.renewed), sum(|kept| kept.expired), sum(|kept| kept.failed)];
            assert_eq!(came_to, [CUSTOMERS, expired, 0], "{now}: {rounds:?}");
        }
        for account in &accounts {
            assert_eq!(account.renewals().await.len(), MONTHS.len());
            assert_eq!(account.seconds().await.len(), 1);
        }
        assert_eq!(posted(&db).await["revenue"], -240_000_000);
        assert_purses_add_up(&db).await;
    }

    async fn top_ups_and_plan_changes_meanwhile_lose_nothing(db: TestApp) {
        provider(&db).await;
        prepaid_plan(&db, "Pre", "10.00", json!({"allowances": minutes(600)})).await;
        prepaid_plan(&db, "Other", "10.00", json!({"allowances": minutes(600)})).await;
        db.app.clock.set(at(MONTHS[0]));
        let mut accounts = Vec::new();
        for number in 0..6 {
            let reference = format!("C{number}");
            let from = ("Pre", "2026-09-30T22:00:00Z");
            accounts.push(customer(&db, &reference, "Europe/Berlin", from, json!({})).await);
        }
        let meanwhile = async {
            for (number, account) in accounts.iter().enumerate() {
                account.top_up(&format!("t{number}"), "25.00", json!({})).await;
                let body = json!({"plan": "Other", "valid_from": MONTHS[0]});
                let answer = db.post_json(&format!("{}/subscriptions", account.path), &body).await;
                assert_eq!(answer.status, 201, "{answer:?}");
            }
        };
        let rounds = async {
            for _ in 0..12 {
                assert_eq!(prepaid::round(&db.app).await.unwrap().failed, 0);
            }
        };
        tokio::join!(meanwhile, rounds);
        prepaid::round(&db.app).await.unwrap();
        for account in &accounts {
            let seconds = account.seconds().await;
            assert_eq!(seconds.len(), 1, "{seconds:?}");
            // The first plan was paid whole if it was seen before the change, the second for 17 of 31 days.
            let fees: i64 = account.renewals().await.iter().map(|(_, fee)| fee).sum();
            assert!([5_480_000, 15_480_000].contains(&fees), "{fees}");
        }
        let waiting = "select count(*) as waiting from charging_accounts where renewal_fee is not null";
        let none: [&dyn Param; 0] = [];
        let row = db.app.db.read().await.unwrap().row(waiting, &none).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("waiting").unwrap(), 0);
        assert_purses_add_up(&db).await;
    }
}
