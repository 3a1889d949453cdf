//! What becomes of mails and webhooks whose program dies? Another takes them over, and knows what may have arrived already.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::db::Ts;
use tollbook::jobs;

use crate::support::charging::second_clock;
use crate::support::mailing::{
    DONE, FAILED, NOTHING, PUT_OFF, assert_error, enqueue, execute, invoiced, parse, retry, the_job, work,
};
use crate::support::program::done;
use crate::support::receiver::{Receiver, Reply, deliver, endpoint, local_with, messages, ping};
use crate::support::smtp::SmtpServer;
use crate::support::{Engine, TestApp, on_both_databases};

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// When the claim on the only job ends.
async fn claimed_until(db: &TestApp) -> Timestamp {
    instant(&the_job(db).await["run_at"])
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The program itself at work, by the machine's clock.
fn start(db: &TestApp, settings: &str) -> (Child, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollbook.toml");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.args(["--database-url", &db.url, "work", "--config"]).arg(file);
    (command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(), folder)
}

on_both_databases! {
    async fn a_mail_is_handed_over_three_times_at_most_though_each_program_dies_over_it(db: TestApp) {
        let server = SmtpServer::start("hang,hang,hang,accept");
        let app = db.configured(&server.settings("")).unwrap();
        enqueue(&db, &[invoiced(&db).await.job()]).await;
        for (times, pause, became) in [(1, 15, PUT_OFF), (2, 120, PUT_OFF), (3, 0, FAILED)] {
            let sender = App::open(&db.url, second_clock(db.app.clock.now()), (*app.config).clone()).await.unwrap();
            let faults = sender.db.faults().clone();
            let sending = tokio::spawn(async move { jobs::work_off(&sender).await });
            while server.taken().len() < times {
                a_moment().await;
            }
            let job = the_job(&db).await;
            assert_eq!((instant(&job["handed_over_at"]), &job["state"]), (db.app.clock.now(), &"ready".into()), "{job}");
            faults.kill();
            sending.abort();
            let until = claimed_until(&db).await;
            db.app.clock.set(until - SignedDuration::from_micros(1));
            assert_eq!(work(&app).await, NOTHING);
            db.app.clock.set(until);
            assert_eq!(work(&app).await, became);
            assert_error(&db, &["the program that handed it over at", "noted no answer"]).await;
            let job = the_job(&db).await;
            assert_eq!((&job["unanswered"], &job["handed_over_at"]), (&times.into(), &Value::Null), "{job}");
            if became == PUT_OFF {
                assert_eq!(instant(&job["run_at"]), until + SignedDuration::from_mins(pause));
                db.app.clock.set(instant(&job["run_at"]));
            }
        }
        let job = the_job(&db).await;
        let id = job["id"].as_str().unwrap();
        let way_back = format!("may have arrived each time: ask whether it did, and send it again with `tollbook jobs --retry {id}`");
        assert_error(&db, &["handed over 3 times", &way_back]).await;
        assert!(done(&db.url, &["jobs"]).contains("3 of them unanswered"));
        assert_eq!((server.taken().len(), &job["state"]), (3, &"failed".into()));
        // By hand it goes on from the start.
        retry(&db).await;
        assert_eq!(work(&app).await, DONE);
        let taken = server.taken();
        let ids: std::collections::BTreeSet<_> =
            taken.iter().map(|taken| parse(&taken.content).message_id().unwrap().to_owned()).collect();
        assert_eq!((taken.len(), ids.len()), (4, 1));
        assert_eq!(the_job(&db).await["unanswered"], 0);
    }

    async fn a_mail_whose_job_another_has_by_now_is_not_handed_over(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        enqueue(&db, &[invoiced(&db).await.job()]).await;
        // Whoever claims it first loses the claim at once, as when the lease was over before the mail was written.
        let steal = match db.engine {
            Engine::Sqlite => "create trigger steal after update of run_at on jobs when new.attempts = 1
                               begin update jobs set attempts = 7 where job_id = new.job_id; end",
            Engine::Postgres => "create function steal() returns trigger as $$ begin
                                   update jobs set attempts = 7 where job_id = new.job_id; return new; end $$ language plpgsql;
                                 create trigger steal after update of run_at on jobs for each row when (new.attempts = 1)
                                   execute function steal()",
        };
        let mut tx = db.app.db.begin().await.unwrap();
        tx.script(steal).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(work(&app).await, PUT_OFF);
        assert_eq!(server.taken().len(), 0);
        let job = the_job(&db).await;
        assert_eq!((&job["attempts"], &job["handed_over_at"], &job["last_error"]), (&7.into(), &Value::Null, &Value::Null), "{job}");
    }

    async fn what_a_killed_program_was_at_is_anothers_within_a_minute(db: TestApp) {
        let server = SmtpServer::start("slow,accept");
        let receiver = Receiver::start(&[Reply::Never, Reply::Status(204)]).await;
        let mailing = server.settings("timeout_seconds = 300");
        let hooking = "[webhooks]\nallow_private = true\ntimeout_seconds = 60\n";
        let app = local_with(&db, &format!("timeout_seconds = 60\n{mailing}"));
        enqueue(&db, &[invoiced(&db).await.job()]).await;
        let (hook, _) = endpoint(&app, &receiver.url(), &["invoice.paid"]).await;
        ping(&db, &hook).await;
        // The program has the machine's clock, whatever that says, and nothing else to do.
        let long_ago = Ts("2020-01-01T00:00:00Z".parse().unwrap());
        execute(&db, "update jobs set run_at = $1", &[&long_ago]).await;
        execute(&db, "update webhook_deliveries set next_try_at = $1", &[&long_ago]).await;
        let (mut program, _folder) = start(&db, &format!("{mailing}{hooking}[reminders]\nsteps = []\n"));
        receiver.wait_for(1).await;
        let delivery = async || instant(&messages(&db, &hook).await[0]["next_try_at"]);
        while claimed_until(&db).await == long_ago.0 {
            a_moment().await;
        }
        // It has not come to an end while the claims were renewed.
        let first = (claimed_until(&db).await, delivery().await);
        while claimed_until(&db).await == first.0 || delivery().await == first.1 {
            a_moment().await;
        }
        program.kill().unwrap();
        program.wait().unwrap();
        let killed_at = Clock::system().now();
        let (mail, hooked) = (claimed_until(&db).await, delivery().await);
        for until in [mail, hooked] {
            assert!(until.duration_since(killed_at) <= SignedDuration::from_secs(60), "{until} {killed_at}");
        }
        let job = the_job(&db).await;
        assert_eq!((&job["state"], &job["handed_over_at"]), (&"ready".into(), &Value::Null), "{job}");
        // Until the claims end nobody has either, and then another has both.
        db.app.clock.set(mail.min(hooked) - SignedDuration::from_micros(1));
        assert_eq!((work(&app).await, deliver(&app).await), (NOTHING, [0, 0, 0]));
        db.app.clock.set(mail.max(hooked));
        assert_eq!((work(&app).await, deliver(&app).await), (DONE, [1, 0, 0]));
        assert_eq!((server.taken().len(), receiver.got().len()), (1, 2));
    }
}
