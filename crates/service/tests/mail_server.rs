//! What becomes of a mail, whatever the mail server does with it?

use serde_json::json;
use tollbook::jobs::Job;

use crate::support::mailing::{
    DONE, FAILED, Invoiced, NOTHING, PUT_OFF, assert_error, enqueue, execute, invoiced, owe, parse, pass,
    retry, set_email, the_job, work,
};
use crate::support::smtp::{Certificate, SmtpServer};
use crate::support::{TestApp, on_both_databases};

/// An invoice that is to be mailed.
async fn asked_for(db: &TestApp) -> Invoiced {
    let of = invoiced(db).await;
    enqueue(db, &[of.job()]).await;
    of
}

on_both_databases! {
    async fn an_invoice_is_mailed_once_with_its_pdf(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(work(&app).await, NOTHING);
        let [taken] = &server.taken()[..] else { panic!("one mail") };
        assert_eq!(taken.envelope["from"], "billing@harbour.example");
        assert_eq!(taken.envelope["to"], json!(["anna@example.org"]));
        let mail = parse(&taken.content);
        let job = the_job(&db).await;
        let id = format!("{}@harbour.example", job["id"].as_str().unwrap());
        assert_eq!((mail.message_id(), mail.subject()), (Some(id.as_str()), Some("Invoice INV-2026-000001 from Harbour Telecom GmbH")));
        let from = mail.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("Harbour Telecom GmbH"), Some("billing@harbour.example")));
        let to = mail.to().unwrap().first().unwrap();
        assert_eq!((to.name(), to.address()), (Some("Änne Brandt & <Söhne>"), Some("anna@example.org")));
        assert!(mail.body_text(0).unwrap().contains("Please pay 11.78 EUR by 19 November 2026 to DE02120300000000202051"));
        let attached: Vec<_> = mail.attachments().collect();
        assert!(attached.len() == 1 && attached[0].contents().starts_with(b"%PDF-"), "{attached:?}");
        assert!(lopdf::Document::load_mem(attached[0].contents()).is_ok());
        assert_eq!(job["state"], "done");
    }

    async fn what_is_refused_for_now_is_sent_once_when_it_is_taken(db: TestApp) {
        let server = SmtpServer::start("later,later,accept");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["451", "4.7.1 Greylisted, come back later", "anna@example.org"]).await;
        pass(&db, 59);
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(work(&app).await, PUT_OFF);
        pass(&db, 119);
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(work(&app).await, DONE);
        assert_eq!(server.taken().len(), 1);
        assert_eq!(the_job(&db).await["attempts"], 3);
    }

    async fn a_mail_is_sent_again_when_the_connection_ends_over_it(db: TestApp) {
        let server = SmtpServer::start("drop,accept");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_eq!(server.taken().len(), 0);
        pass(&db, 899);
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(work(&app).await, DONE);
        assert_eq!(server.taken().len(), 1);
    }

    async fn a_mail_that_was_taken_unheard_comes_twice_under_one_id(db: TestApp) {
        let server = SmtpServer::start("lost,accept");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        pass(&db, 899);
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(work(&app).await, DONE);
        let taken = server.taken();
        let ids: Vec<_> = taken.iter().map(|taken| parse(&taken.content).message_id().unwrap().to_owned()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    }

    async fn a_mail_that_is_never_said_to_be_taken_comes_three_times_at_most(db: TestApp) {
        let server = SmtpServer::start("lost");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        pass(&db, 15 * 60);
        assert_eq!(work(&app).await, PUT_OFF);
        pass(&db, 2 * 60 * 60 - 1);
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(work(&app).await, FAILED);
        pass(&db, 24 * 60 * 60);
        assert_eq!((work(&app).await, server.taken().len()), (NOTHING, 3));
        assert_error(&db, &["did not answer", "handed over 3 times and may have arrived each time"]).await;
    }

    async fn an_address_that_nobody_has_is_given_up_until_it_is_mended(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        set_email(&db, &of, Some("nobody@example.org")).await;
        assert_eq!(work(&app).await, FAILED);
        assert_error(&db, &["550", "5.1.1 No such user here", "nobody@example.org"]).await;
        pass(&db, 86_400);
        assert_eq!(work(&app).await, NOTHING);
        assert_eq!(db.get("/v1/jobs?state=failed").await.body["items"], json!([the_job(&db).await]));
        set_email(&db, &of, Some("anna@example.net")).await;
        retry(&db).await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(server.taken()[0].envelope["to"], json!(["anna@example.net"]));
    }

    async fn a_customer_without_a_sound_address_is_named(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        // Who chose nothing gets letters without an address.
        execute(&db, "update customers set delivery = 'email' where customer_id = $1", &[&of.customer.0]).await;
        let cases = [
            (None, "customer M-1 has no e-mail address: set one, then retry the job"),
            (Some(" "), "customer M-1 has no e-mail address"),
            (Some("anna"), "`anna` of customer M-1 is no e-mail address"),
            (Some("a@example.org, b@example.org"), "is no e-mail address"),
            (Some("a@example.org\r\nBcc: b@example.org"), "is no e-mail address"),
            (Some("ännchen@example.org"), "beyond ASCII"),
        ];
        for (email, part) in cases {
            set_email(&db, &of, email).await;
            assert_eq!(work(&app).await, FAILED, "{email:?}");
            assert_error(&db, &[part]).await;
            retry(&db).await;
        }
        assert_eq!(server.taken().len(), 0);
    }

    async fn an_address_beyond_ascii_is_written_to_where_that_is_understood(db: TestApp) {
        let server = SmtpServer::start_with(&["--utf8"]);
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        set_email(&db, &of, Some("ännchen@example.org")).await;
        assert_eq!(work(&app).await, DONE, "{}", the_job(&db).await);
        assert_eq!(server.taken()[0].envelope["to"], json!(["ännchen@example.org"]));
    }

    async fn a_domain_beyond_ascii_needs_nothing_of_the_server(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        set_email(&db, &of, Some("anna@bücher.example")).await;
        assert_eq!(work(&app).await, DONE, "{}", the_job(&db).await);
        assert_eq!(server.taken()[0].envelope["to"], json!(["anna@xn--bcher-kva.example"]));
    }

    async fn the_command_line_shows_what_was_given_up_and_tries_it_again(db: TestApp) {
        let server = SmtpServer::start("gone,accept");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, FAILED);
        let tollbook = |arguments: &[&str]| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tollbook"));
            let output = command.args(["--database-url", &db.url, "jobs"]).args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let shown = tollbook(&[]);
        assert!(shown.contains("failed after 1 attempt,") && shown.contains("5.1.1 No such user here"), "{shown}");
        tollbook(&["--retry", the_job(&db).await["id"].as_str().unwrap()]);
        assert_eq!(tollbook(&[]).trim(), "no job was given up");
        // The command's clock is the machine's.
        db.app.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(work(&app).await, DONE);
        assert_eq!(server.taken().len(), 1);
    }

    async fn content_that_is_refused_for_good_is_given_up(db: TestApp) {
        let server = SmtpServer::start("spam");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, FAILED);
        assert_error(&db, &["554", "5.6.0 Content is not welcome"]).await;
    }

    async fn what_is_the_operators_fault_fails_no_customers_mail(db: TestApp) {
        let server = SmtpServer::start("sender,accept");
        let app = db.configured(&server.settings("")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["550", "5.7.1 Sender is not allowed here"]).await;
        pass(&db, 60);
        assert_eq!(work(&app).await, DONE);
    }

    async fn a_server_that_does_not_answer_in_time_is_asked_again(db: TestApp) {
        let server = SmtpServer::start("slow,accept");
        let app = db.configured(&server.settings("timeout_seconds = 1")).unwrap();
        asked_for(&db).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["more than 1 s (mail.timeout_seconds)"]).await;
        pass(&db, 60);
        assert_eq!(work(&app).await, DONE);
        assert_eq!(server.taken().len(), 1);
    }

    async fn a_server_that_is_not_there_is_asked_for_two_days(db: TestApp) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = format!(
            "[mail]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"a@b.example\"\n"
        );
        let app = db.configured(&settings).unwrap();
        asked_for(&db).await;
        for _ in 0..11 {
            assert_eq!(work(&app).await, PUT_OFF);
            pass(&db, 8 * 3600);
        }
        assert_eq!(work(&app).await, FAILED);
        assert_error(&db, &[&format!("127.0.0.1:{port}"), "refused"]).await;
    }

    async fn a_server_that_cannot_be_spoken_to_is_asked_once_for_many_mails(db: TestApp) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = calls.clone();
        // Whoever calls is hung up on.
        std::thread::spawn(move || {
            for call in listener.incoming() {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                drop(call);
            }
        });
        let settings = format!(
            "[mail]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"a@b.example\"\n"
        );
        let app = db.configured(&settings).unwrap();
        let of = asked_for(&db).await;
        owe(&db, &of, 11_780_000).await;
        let reminder = |step| Job::SendReminder { customer_id: of.customer, invoice_id: of.invoice, step };
        enqueue(&db, &[1, 2, 3, 4].map(reminder)).await;
        for round in 1..=2 {
            assert_eq!(work(&app).await.put_off, 5);
            assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), round);
            pass(&db, 60);
        }
    }

    async fn four_that_work_at_once_send_each_mail_once(db: TestApp) {
        let server = SmtpServer::start("accept");
        let app = db.configured(&server.settings("")).unwrap();
        let of = asked_for(&db).await;
        owe(&db, &of, 11_780_000).await;
        let reminder = |step| Job::SendReminder { customer_id: of.customer, invoice_id: of.invoice, step };
        enqueue(&db, &[1, 2, 3, 4, 5].map(reminder)).await;
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let app = app.clone();
            workers.spawn(async move { work(&app).await });
        }
        let worked = workers.join_all().await;
        assert_eq!(worked.iter().map(|worked| worked.done).sum::<u64>(), 6, "{worked:?}");
        let taken = server.taken();
        let ids: std::collections::BTreeSet<_> =
            taken.iter().map(|taken| parse(&taken.content).message_id().unwrap().to_owned()).collect();
        assert_eq!((taken.len(), ids.len()), (6, 6));
    }

    async fn a_login_is_given_and_a_wrong_one_is_the_operators_to_mend(db: TestApp) {
        let server = SmtpServer::start_with(&["--login", "billing:correct horse"]);
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        let settings = server.settings(&format!("user = \"billing\"\npassword_file = \"{}\"", password.display()));
        asked_for(&db).await;
        std::fs::write(&password, "wrong horse\n").unwrap();
        assert_eq!(work(&db.configured(&settings).unwrap()).await, PUT_OFF);
        assert_error(&db, &["535"]).await;
        pass(&db, 60);
        assert_eq!(work(&db.configured(&server.settings("")).unwrap()).await, PUT_OFF);
        assert_error(&db, &["530"]).await;
        pass(&db, 120);
        std::fs::write(&password, "correct horse\n").unwrap();
        assert_eq!(work(&db.configured(&settings).unwrap()).await, DONE);
        assert_eq!(server.taken()[0].envelope["user"], "billing");
    }

    async fn tls_is_spoken_as_set_and_only_with_a_known_authority(db: TestApp) {
        let certificate = Certificate::new();
        let (file, key) = (certificate.file(), certificate.key());
        let of = invoiced(&db).await;
        for tls in ["starttls", "tls"] {
            let server = SmtpServer::start_with(&["--tls", tls, "--certificate", &file, "--key", &key]);
            let known = db.configured(&server.settings(&format!("tls = \"{tls}\"\nca_file = \"{file}\""))).unwrap();
            let unknown = db.configured(&server.settings(&format!("tls = \"{tls}\""))).unwrap();
            enqueue(&db, &[of.job()]).await;
            assert_eq!(work(&unknown).await, PUT_OFF);
            assert_error(&db, &["certificate"]).await;
            pass(&db, 60);
            assert_eq!(work(&known).await, DONE, "{}", the_job(&db).await);
            assert_eq!(server.taken()[0].envelope["tls"], true);
            execute(&db, "delete from jobs where kind = $1", &[&"send_invoice"]).await;
        }
        // A server that cannot speak TLS is not spoken to in clear.
        let server = SmtpServer::start("accept");
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&db.configured(&server.settings("tls = \"starttls\"")).unwrap()).await, PUT_OFF);
        assert_error(&db, &["STARTTLS"]).await;
        assert_eq!(server.taken().len(), 0);
    }

    async fn a_copy_goes_to_the_archive_and_its_refusal_stops_no_mail(db: TestApp) {
        let server = SmtpServer::start("accept");
        let of = asked_for(&db).await;
        let archived = db.configured(&server.settings("bcc = \"archive@harbour.example\"")).unwrap();
        assert_eq!(work(&archived).await, DONE);
        execute(&db, "delete from jobs where kind = $1", &[&"send_invoice"]).await;
        enqueue(&db, &[of.job()]).await;
        let refused = db.configured(&server.settings("bcc = \"nobody@harbour.example\"")).unwrap();
        assert_eq!(work(&refused).await, DONE);
        let taken = server.taken();
        assert_eq!(taken[0].envelope["to"], json!(["anna@example.org", "archive@harbour.example"]));
        assert_eq!(taken[1].envelope["to"], json!(["anna@example.org"]));
        assert!(!String::from_utf8_lossy(&taken[0].content).contains("archive@"));
    }
}
