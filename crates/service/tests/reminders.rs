//! Are customers reminded of what is overdue, once a step, and is their service suspended and restored?

use std::sync::Arc;

use serde_json::{Value, json};
use tollbook::config::Config;
use tollbook::jobs::{self, Job};
use tollbook::payments::{Reminded, remind};

use crate::support::account::{Account, assert_sound, id_of};
use crate::support::operator::operator;
use crate::support::{TestApp, on_both_databases};

/// The October invoice, issued on 5 November, is due on the 19th: until the end of that day in Berlin.
const DUE_AT: &str = "2026-11-19T23:00:00Z";

/// Moves the clock to some seconds after so many days after the due day.
fn move_clock(db: &TestApp, days: i64, seconds: i64) {
    let due: jiff::Timestamp = DUE_AT.parse().unwrap();
    let at = due.checked_add(jiff::SignedDuration::from_secs(days * 86_400 + seconds)).unwrap();
    db.app.clock.set(at);
}

fn reminded(reminded: u64, suspended: u64) -> Reminded {
    Reminded { reminded, suspended, failed: 0 }
}

/// The steps of the reminders that were asked for, in that order.
async fn steps(db: &TestApp) -> Vec<u32> {
    let mut tx = db.app.db.read().await.unwrap();
    let mut jobs = jobs::list(&mut tx, None, 100).await.unwrap();
    jobs.reverse();
    let step = |stored: &jobs::StoredJob| match stored.job {
        Job::SendReminder { step, .. } => Some(step),
        _ => None,
    };
    jobs.iter().filter_map(step).collect()
}

on_both_databases! {
    async fn each_step_of_the_ladder_is_taken_once_when_it_is_due(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 0, -1);
        assert_eq!(account.standing(&october).await.0, "open");
        move_clock(&db, 0, 0);
        assert_eq!(account.standing(&october).await.0, "overdue");
        for (days, seconds, expected) in [
            (3, -1, reminded(0, 0)), (3, 0, reminded(1, 0)), (3, 1, reminded(0, 0)), (14, -1, reminded(0, 0)),
            (14, 0, reminded(1, 0)), (20, 0, reminded(0, 0)), (30, 0, reminded(1, 1)), (400, 0, reminded(0, 0)),
        ] {
            move_clock(&db, days, seconds);
            assert_eq!(remind(&db.app).await.unwrap(), expected, "{days} days {seconds} s");
        }
        assert_eq!(steps(&db).await, [1, 2, 3]);
        assert_eq!(account.suspended_for().await, "overdue");
        // Paid in part it stays suspended, paid whole it is restored at once.
        account.pay("p1", "11.77").await;
        assert_eq!(account.suspended_for().await, "overdue");
        account.pay("p2", "0.01").await;
        assert_eq!(account.suspended_for().await, Value::Null);
        assert_sound(&db).await;
    }

    async fn after_days_of_downtime_only_the_highest_step_is_taken(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let september = account.issue("2026-09", "2026-10-05").await;
        account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 5, 0);
        let round = jobs::round(&db.app).await.unwrap();
        assert_eq!(round.reminders, reminded(2, 1));
        assert!(round.to_string().contains("reminders: 2 due, 1 customers suspended"), "{round}");
        assert_eq!(steps(&db).await, [3, 1]); // September is 36 days overdue, October 5.
        // The service stays suspended until nothing is overdue.
        db.post_json(&format!("{}/invoices/{}/write-off", account.path, id_of(&september)), &json!({"reason": "lost"})).await;
        assert_eq!(account.suspended_for().await, "overdue");
        account.pay("p1", "11.78").await;
        assert_eq!(account.suspended_for().await, Value::Null);
        // A step that suspends is not left out when a later one is taken.
        let mut app = db.app.clone();
        let ladder = "[reminders]\nsteps = [{after_days = 1, suspend = true}, {after_days = 9}]\n";
        app.config = Arc::new(Config::from_toml(ladder).unwrap());
        let other = Account::of(&db, "C-1").await;
        other.invoice(1_000_000, -10).await;
        assert_eq!(remind(&app).await.unwrap(), reminded(1, 1));
        assert_eq!((steps(&db).await, other.suspended_for().await), (vec![3, 1, 2], json!("overdue")));
    }

    async fn however_many_remind_at_once_each_customer_hears_it_once(db: TestApp) {
        operator(&db).await;
        for reference in ["C-1", "C-2", "C-3"] {
            Account::of(&db, reference).await.invoice(1_000_000, -4).await;
        }
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let app = db.app.clone();
            runs.spawn(async move { remind(&app).await.unwrap() });
        }
        let mut all = 0;
        while let Some(run) = runs.join_next().await {
            all += run.unwrap().reminded;
        }
        assert_eq!((all, steps(&db).await), (3, vec![1, 1, 1]));
    }

    async fn what_is_paid_or_never_due_is_not_reminded_of(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        account.invoice(-1_000_000, -10).await;
        account.pay("p1", "10.78").await;
        move_clock(&db, 50, 0);
        assert_eq!(remind(&db.app).await.unwrap(), reminded(0, 0));
        let mut app = db.app.clone();
        app.config = Arc::new(Config::from_toml("[reminders]\nsteps = []\n").unwrap());
        account.invoice(1_000_000, -50).await;
        assert_eq!(remind(&app).await.unwrap(), reminded(0, 0));
        assert_eq!(steps(&db).await, [0; 0]);
    }

    async fn one_customers_fault_does_not_keep_others_from_being_reminded(db: TestApp) {
        operator(&db).await;
        let (broken, sound) = (Account::of(&db, "C-1").await, Account::of(&db, "C-2").await);
        broken.invoice(1_000_000, -4).await;
        sound.invoice(1_000_000, -4).await;
        let mut tx = db.app.db.begin().await.unwrap();
        // A time that no calendar has.
        let column = if db.engine == crate::support::Engine::Sqlite { "9223372036854775807" } else { "'infinity'" };
        tx.execute(&format!("update customers set created_at = {column} where customer_id = {}", broken.id.0), &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(remind(&db.app).await.unwrap(), Reminded { reminded: 1, suspended: 0, failed: 1 });
    }

    async fn what_is_suspended_by_hand_is_restored_by_hand(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let (suspend, restore) = (format!("{}/suspend", account.path), format!("{}/restore", account.path));
        let reason = json!({"reason": "misuse"});
        assert_eq!(db.post_json(&restore, &json!({})).await.status, 409);
        account.invoice(1_000_000, -30).await;
        assert_eq!(remind(&db.app).await.unwrap(), reminded(1, 1));
        assert_eq!(db.post_json(&suspend, &json!({"reason": ""})).await.status, 422);
        let suspended = db.post_json(&suspend, &reason).await;
        assert_eq!((suspended.status.as_u16(), &suspended.body["suspended_for"], &suspended.body["reason"]),
            (200, &json!("hand"), &json!("misuse")));
        assert_eq!(db.post_json(&suspend, &reason).await.status, 409);
        account.pay("p1", "1.00").await;
        assert_eq!(account.suspended_for().await, "hand");
        // A reminder that suspends leaves it as it is.
        account.invoice(1_000_000, -30).await;
        assert_eq!(remind(&db.app).await.unwrap(), reminded(1, 0));
        assert_eq!(account.suspended_for().await, "hand");
        assert_eq!(db.post_json(&restore, &json!({})).await.status, 200);
        assert_eq!(account.suspended_for().await, Value::Null);
        for path in [suspend, restore] {
            let nobody = path.replace(&account.id.to_string(), "cus_0000000000011");
            assert_eq!(db.post_json(&nobody, &reason).await.status, 404);
        }
    }
}
