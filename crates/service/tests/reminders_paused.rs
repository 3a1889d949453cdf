//! Does the ladder wait while an invoice is contested or counts as paid, and is an announced suspension withdrawn?

use serde_json::{Value, json};

use crate::disputes::{contested, settled};
use crate::reminders::{ANY, Post, debtor, move_clock, reminded, steps};
use crate::support::account::assert_sound;
use crate::support::{TestApp, on_both_databases};

on_both_databases! {
    async fn a_dispute_pauses_the_ladder_and_lifts_what_was_suspended_for_it(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        let october = account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 3, 0);
        assert_eq!(post.round().await, reminded(1, 0));
        move_clock(&db, 5, 0);
        let dispute = contested(&account, json!({"invoice": {"number": october["number"]}})).await;
        move_clock(&db, 40, 0);
        assert_eq!(post.round().await, reminded(0, 0));
        settled(&db, &dispute, "rejected").await;
        // Of the eleven days to the second step two were over.
        for (days, expected) in [(48, reminded(0, 0)), (49, reminded(1, 0)), (64, reminded(0, 0)), (65, reminded(1, 1))] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, expected, "{days}");
        }
        assert_eq!(account.suspended_for().await, "overdue");
        let again = contested(&account, json!({"invoice": {"number": october["number"]}})).await;
        assert_eq!(account.suspended_for().await, Value::Null);
        settled(&db, &again, "rejected").await;
        // Settled, it is not suspended at once: all steps are done, and a new one is announced first.
        move_clock(&db, 80, 0);
        assert_eq!(post.round().await, reminded(0, 0));
        assert_eq!(account.suspended_for().await, Value::Null);
        assert_sound(&db).await;
    }

    async fn what_is_announced_is_withdrawn_when_it_is_paid_or_contested(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        let october = account.issue("2026-10", "2026-11-05").await;
        for days in [3, 14] {
            move_clock(&db, days, 0);
            post.round().await;
        }
        let dispute = contested(&account, json!({"invoice": {"number": october["number"]}})).await;
        settled(&db, &dispute, "withdrawn").await;
        // The last reminder announces it anew.
        move_clock(&db, 30, 0);
        assert_eq!(post.round().await, reminded(1, 0));
        assert!(post.mails()[2].1.contains("3 January 2027"), "{:?}", post.mails());
        move_clock(&db, 43, 0);
        assert_eq!(post.round().await, reminded(0, 0));
        account.pay("p1", "11.78").await;
        let september = account.issue("2026-09", "2027-01-20").await;
        assert_eq!(september["gross"]["amount"], "11.78");
        move_clock(&db, 90, 0);
        assert_eq!(post.round().await, reminded(1, 0));
        assert_eq!(account.suspended_for().await, Value::Null);
    }

    async fn a_reversal_keeps_the_place_on_the_ladder_and_its_paid_days_do_not_count(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 3, 0);
        assert_eq!(post.round().await, reminded(1, 0));
        move_clock(&db, 5, 0);
        let paid = account.pay("debit", "11.78").await;
        move_clock(&db, 25, 0);
        let path = format!("{}/payments/{}/reverse", account.path, paid["id"].as_str().unwrap());
        assert_eq!(db.post_json(&path, &json!({"reason": "MD06"})).await.status, 200);
        for (days, expected) in [(33, reminded(0, 0)), (34, reminded(1, 0)), (50, reminded(1, 1))] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, expected, "{days}");
        }
        // Paid and bounced after the last step, that one comes once more, and announces the suspension anew.
        let paid = account.pay("debit 2", "11.78").await;
        assert_eq!(account.suspended_for().await, Value::Null);
        move_clock(&db, 60, 0);
        let path = format!("{}/payments/{}/reverse", account.path, paid["id"].as_str().unwrap());
        assert_eq!(db.post_json(&path, &json!({"reason": "MD06"})).await.status, 200);
        for (days, expected) in [(75, reminded(0, 0)), (76, reminded(1, 0)), (89, reminded(0, 0)), (90, reminded(0, 1))] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, expected, "{days}");
        }
        assert_eq!(steps(&db).await.last(), Some(&(3, true)));
        assert_sound(&db).await;
    }
}
