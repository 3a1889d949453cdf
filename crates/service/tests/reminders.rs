//! Are customers reminded of what is overdue, a step at a time, and is service suspended only after it was announced?

use mail_parser::MessageParser;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollbook::app::App;
use tollbook::jobs::{self, Job};
use tollbook::payments::{Reminded, remind};

use crate::disputes::{contested, settled};
use crate::support::account::{Account, assert_sound, payment};
use crate::support::cycle::patch;
use crate::support::mailing::execute;
use crate::support::operator::operator;
use crate::support::{TestApp, on_both_databases};

/// The October invoice, issued on 5 November, is due on the 19th: until the end of that day in Berlin.
const DUE_AT: &str = "2026-11-19T23:00:00Z";
/// Service is suspended for any amount, as these invoices are small.
pub(crate) const ANY: &str = "least = \"0\"\n";

/// Moves the clock to some seconds after so many days after the due day.
pub(crate) fn move_clock(db: &TestApp, days: i64, seconds: i64) {
    let due: jiff::Timestamp = DUE_AT.parse().unwrap();
    let at = due.checked_add(jiff::SignedDuration::from_secs(days * 86_400 + seconds)).unwrap();
    db.app.clock.set(at);
}

pub(crate) fn reminded(reminded: u64, suspended: u64) -> Reminded {
    Reminded { reminded, suspended, failed: 0 }
}

/// An application whose mails go to a folder, under further settings of `[reminders]`.
pub(crate) struct Post {
    folder: TempDir,
    app: App,
}

impl Post {
    pub(crate) fn of(db: &TestApp, reminders: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = format!("[mail]\nfolder = \"{}\"\n", folder.path().display());
        let app = db.configured(&format!("{mail}[reminders]\n{reminders}")).unwrap();
        Self { folder, app }
    }

    /// What a round does about reminders, and the mails that it asks for.
    pub(crate) async fn round(&self) -> Reminded {
        let reminded = remind(&self.app).await.unwrap();
        jobs::work_off(&self.app).await.unwrap();
        reminded
    }

    /// Subject and text of the reminders that left so far, in their order.
    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            let mail = MessageParser::default().parse(&bytes).unwrap();
            let text = mail.body_text(0).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            (mail.subject().unwrap().to_owned(), text)
        };
        let all = files.iter().map(read);
        all.filter(|(subject, _)| subject.contains("eminder") || subject.contains("erinnerung")).collect()
    }

    fn subjects(&self) -> Vec<String> {
        self.mails().into_iter().map(|(subject, _)| subject).collect()
    }
}

/// Gives a customer an address.
async fn with_address(account: &Account<'_>) {
    let answer = patch(account.db, &account.path, json!({"party": {"email": "anna@example.org"}})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// C-2, who has an address.
pub(crate) async fn debtor(db: &TestApp) -> Account<'_> {
    operator(db).await;
    let account = Account::of(db, "C-2").await;
    with_address(&account).await;
    account
}

/// The reminders that were asked for: step, and whether it is the last.
pub(crate) async fn steps(db: &TestApp) -> Vec<(u32, bool)> {
    let mut tx = db.app.db.read().await.unwrap();
    let mut jobs = jobs::list(&mut tx, None, 100).await.unwrap();
    jobs.reverse();
    let step = |stored: &jobs::StoredJob| match stored.job {
        Job::SendReminders { step, last, .. } => Some((step, last)),
        _ => None,
    };
    jobs.iter().filter_map(step).collect()
}

on_both_databases! {
    async fn each_step_is_taken_once_and_the_service_suspended_on_the_day_that_was_announced(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        let october = account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 0, -1);
        assert_eq!(account.standing(&october).await.0, "open");
        move_clock(&db, 0, 0);
        assert_eq!(account.standing(&october).await.0, "overdue");
        for (days, seconds, expected) in [
            (3, -1, reminded(0, 0)), (3, 0, reminded(1, 0)), (3, 1, reminded(0, 0)), (14, -1, reminded(0, 0)),
            (14, 0, reminded(1, 0)), (20, 0, reminded(0, 0)), (30, -1, reminded(0, 0)), (30, 0, reminded(1, 1)), (400, 0, reminded(0, 0)),
        ] {
            move_clock(&db, days, seconds);
            assert_eq!(post.round().await, expected, "{days} days {seconds} s");
        }
        assert_eq!(steps(&db).await, [(1, false), (2, false), (3, true)]);
        let mails = post.mails();
        assert_eq!(post.subjects(), ["Reminder: invoice INV-2026-000001", "Second reminder: invoice INV-2026-000001",
            "Final reminder: invoice INV-2026-000001"]);
        // The second says on which day, what is to be paid until then, and who may be asked for help.
        assert!(!mails[0].1.contains("suspend"), "{}", mails[0].1);
        for part in ["20 December 2026", "suspend", "11.78 EUR", "court", "Emergency calls"] {
            assert!(mails[1].1.contains(part), "{part}: {}", mails[1].1);
        }
        assert!(mails[2].1.contains("last time we ask") && mails[2].1.contains("suspended"), "{}", mails[2].1);
        assert_eq!(account.suspended_for().await, "overdue");
        // Paid in part it stays suspended, paid whole it is restored at once.
        account.pay("p1", "11.77").await;
        assert_eq!(account.suspended_for().await, "overdue");
        account.pay("p2", "0.01").await;
        assert_eq!(account.suspended_for().await, Value::Null);
        assert_sound(&db).await;
    }

    async fn after_days_of_downtime_one_step_is_taken_and_those_after_it_move(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        account.issue("2026-10", "2026-11-05").await;
        for (days, expected) in [(40, 1), (50, 0), (51, 1), (66, 0), (67, 1), (68, 0)] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await.reminded, expected, "{days} days");
        }
        assert_eq!(steps(&db).await, [(1, false), (2, false), (3, true)]);
        assert_eq!(account.suspended_for().await, "overdue");
    }

    async fn no_first_mail_suspends_and_a_suspension_is_announced_long_enough_before(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, &format!("{ANY}steps = [{{after_days = 1, suspend = true}}, {{after_days = 9}}]\n"));
        account.issue("2026-10", "2026-11-05").await;
        for (days, expected) in [(1, reminded(1, 0)), (8, reminded(0, 0)), (9, reminded(1, 0)), (14, reminded(0, 0)), (15, reminded(0, 1))] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, expected, "{days} days");
        }
        let mails = post.mails();
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|(_, text)| text.contains("5 December 2026")), "{mails:?}");
    }

    async fn a_mail_that_waited_moves_the_suspension(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, &format!("{ANY}steps = [{{after_days = 1}}, {{after_days = 2, suspend = true}}]\n"));
        account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 1, 0);
        assert_eq!(remind(&post.app).await.unwrap(), reminded(1, 0));
        // The mail server was away for three days.
        move_clock(&db, 4, 0);
        assert_eq!(post.round().await, reminded(1, 0));
        assert!(post.mails()[0].1.contains("8 December 2026"), "{:?}", post.mails());
        for (days, expected) in [(15, reminded(0, 0)), (18, reminded(0, 1))] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, expected, "{days} days");
        }
    }

    async fn a_mail_that_cannot_leave_suspends_nobody(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        account.issue("2026-10", "2026-11-05").await;
        for days in [3, 14, 30, 60] {
            move_clock(&db, days, 0);
            assert_eq!(remind(&post.app).await.unwrap().suspended, 0, "{days}");
        }
        assert_eq!(account.suspended_for().await, Value::Null);
        // Once it has left it goes on.
        jobs::work_off(&post.app).await.unwrap();
        move_clock(&db, 74, 1);
        assert_eq!(post.round().await, reminded(0, 1));
    }

    async fn service_is_suspended_for_no_less_than_the_settings_say(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, "");
        account.invoice(60_000_000, 0).await;
        let start = db.app.clock.now();
        let at = |days: i64| start.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        // 60.00 is not 100.00: the last reminder goes out, and nothing is announced or suspended.
        for (days, expected) in [(3, reminded(1, 0)), (14, reminded(1, 0)), (30, reminded(1, 0)), (60, reminded(0, 0))] {
            db.app.clock.set(at(days));
            assert_eq!(remind(&post.app).await.unwrap(), expected, "{days}");
        }
        execute_all(&db).await;
        // With another of 40.00 it is, but what is not due yet does not count.
        account.invoice(40_000_000, 0).await;
        account.invoice(500_000_000, 300).await;
        // The first invoice has had all its steps: the next mail announces it.
        for (days, expected) in [(63, reminded(1, 0)), (74, reminded(1, 0)), (76, reminded(0, 0)), (77, reminded(0, 1)), (90, reminded(1, 0))] {
            db.app.clock.set(at(days));
            assert_eq!(remind(&post.app).await.unwrap(), expected, "{days}");
            execute_all(&db).await;
        }
        assert_eq!(account.suspended_for().await, "overdue");
        // Below the least amount the reason is gone.
        account.send(payment("p1", "0.01")).await;
        assert_eq!(account.suspended_for().await, Value::Null);
        assert_sound(&db).await;
    }

    async fn a_country_may_have_a_least_amount_of_its_own(db: TestApp) {
        operator(&db).await;
        for (reference, settings, announced) in [
            ("C-1", "least = \"11.79\"\n", false),
            ("C-2", "least = \"11.79\"\nleast_by_country = { AT = \"1.00\" }\n", false),
            ("C-3", "least_by_country = { DE = \"11.78\" }\n", true),
        ] {
            let (account, post) = (Account::of(&db, reference).await, Post::of(&db, settings));
            account.invoice(11_780_000, 0).await;
            let start = db.app.clock.now();
            for days in [3, 14] {
                db.app.clock.set(start.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap());
                assert!(remind(&post.app).await.unwrap().reminded > 0, "{settings} {days}");
            }
            let mut tx = db.app.db.read().await.unwrap();
            let sql = "select suspends_at from reminded_customers where customer_id = $1";
            let row = tx.row(sql, &[&account.id.0]).await.unwrap().unwrap();
            assert_eq!(row.optional_time("suspends_at").unwrap().is_some(), announced, "{settings}");
        }
    }

    async fn nobody_is_reminded_of_a_cent(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        account.issue("2026-10", "2026-11-05").await;
        account.pay("p1", "11.77").await;
        move_clock(&db, 50, 0);
        assert_eq!(post.round().await, reminded(0, 0));
        // 0.99 is less than 1.00, and 1.00 is not.
        account.invoice(990_000, -60).await;
        assert_eq!(post.round().await, reminded(0, 0));
        account.invoice(1_000_000, -60).await;
        assert_eq!(remind(&post.app).await.unwrap(), reminded(1, 0));
        assert_eq!(account.suspended_for().await, Value::Null);
    }

    async fn rests_are_written_off_when_the_settings_say_so(db: TestApp) {
        let account = debtor(&db).await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.pay("p1", "11.29").await;
        let whole = account.invoice(400_000, 0).await;
        move_clock(&db, 1, 0);
        let keep = Post::of(&db, "");
        keep.round().await;
        assert_eq!(account.standing(&october).await, ("overdue".into(), "0.49".into()));
        let dispute = contested(&account, json!({"invoice": {"number": october["number"]}})).await;
        let post = Post::of(&db, "write_off_below = \"0.50\"\n");
        post.round().await;
        assert_eq!(account.standing(&october).await, ("overdue".into(), "0.49".into()));
        settled(&db, &dispute, "rejected").await;
        post.round().await;
        assert_eq!(account.standing(&october).await, ("written_off".into(), "0.00".into()));
        // An invoice of which nothing was paid is no rest.
        let mut tx = db.app.db.read().await.unwrap();
        let standing = tollbook::payments::standing(&mut tx, account.id, &[whole], db.app.clock.now()).await.unwrap();
        assert_eq!(standing[&whole].open.amount.to_string(), "0.40");
        drop(tx);
        assert_sound(&db).await;
    }

    async fn one_mail_a_day_tells_of_all_that_is_overdue(db: TestApp) {
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        account.issue("2026-09", "2026-11-05").await;
        account.issue("2026-10", "2026-11-05").await;
        move_clock(&db, 3, 0);
        assert_eq!(post.round().await, reminded(2, 0));
        let mails = post.mails();
        assert_eq!(mails.len(), 1);
        assert!(["INV-2026-000001", "INV-2026-000002", "23.56 EUR"].iter().all(|part| mails[0].1.contains(part)), "{mails:?}");
        // What is due for a step later that day waits until the next.
        account.issue("2026-08", "2026-11-08").await;
        move_clock(&db, 6, 60);
        assert_eq!(post.round().await, reminded(1, 0));
        execute(&db, "update receivables set ladder_from = due_at where reminders = 1 and due_at > $1", &[&tollbook::db::Ts("2026-11-20T00:00:00Z".parse().unwrap())]).await;
        move_clock(&db, 6, 3_600);
        assert_eq!(post.round().await, reminded(0, 0));
        move_clock(&db, 14, 0);
        assert_eq!(post.round().await, reminded(3, 0));
        assert_eq!(post.mails().len(), 3);
        assert!(post.mails()[1].1.contains("INV-2026-000001"), "{:?}", post.mails());
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
        assert_eq!((all, steps(&db).await), (3, vec![(1, false); 3]));
    }

    async fn what_is_paid_or_never_due_is_not_reminded_of(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        account.invoice(-1_000_000, -10).await;
        account.pay("p1", "10.78").await;
        move_clock(&db, 50, 0);
        assert_eq!(remind(&db.app).await.unwrap(), reminded(0, 0));
        let nobody = Post::of(&db, "steps = []\n");
        account.invoice(1_000_000, -50).await;
        assert_eq!(remind(&nobody.app).await.unwrap(), reminded(0, 0));
        assert_eq!(steps(&db).await, []);
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
        let account = debtor(&db).await;
        let post = Post::of(&db, ANY);
        let (suspend, restore) = (format!("{}/suspend", account.path), format!("{}/restore", account.path));
        let reason = json!({"reason": "misuse"});
        assert_eq!(db.post_json(&restore, &json!({})).await.status, 409);
        let october = account.issue("2026-10", "2026-11-05").await;
        for days in [3, 14, 30] {
            move_clock(&db, days, 0);
            post.round().await;
        }
        assert_eq!(account.suspended_for().await, "overdue");
        assert_eq!(db.post_json(&suspend, &json!({"reason": ""})).await.status, 422);
        let hand = db.post_json(&suspend, &reason).await;
        assert_eq!((hand.status.as_u16(), &hand.body["suspended_for"], &hand.body["reason"]),
            (200, &json!("hand"), &json!("misuse")));
        assert_eq!(db.post_json(&suspend, &reason).await.status, 409);
        // Neither a dispute nor a payment ends it, nor a reminder changes it.
        contested(&account, json!({"invoice": {"number": october["number"]}})).await;
        account.pay("p1", "11.78").await;
        assert_eq!(account.suspended_for().await, "hand");
        account.issue("2026-09", "2026-12-20").await;
        for days in [60, 71, 87] {
            move_clock(&db, days, 0);
            assert_eq!(post.round().await, reminded(1, 0));
        }
        assert_eq!(account.suspended_for().await, "hand");
        assert_eq!(db.post_json(&restore, &json!({})).await.status, 200);
        assert_eq!(account.suspended_for().await, Value::Null);
        for path in [suspend, restore] {
            let nobody = path.replace(&account.id.to_string(), "cus_0000000000011");
            assert_eq!(db.post_json(&nobody, &reason).await.status, 404);
        }
    }
}

/// As if every mail had left a month ago.
async fn execute_all(db: &TestApp) {
    let mut tx = db.app.db.begin().await.unwrap();
    let long_ago = db.app.clock.now().checked_sub(jiff::SignedDuration::from_hours(24 * 20)).unwrap();
    let sql = "update jobs set state = 'done', finished_at = $1 where state = 'ready'";
    tx.execute(sql, &[&tollbook::db::Ts(long_ago)]).await.unwrap();
    tx.commit().await.unwrap();
}
