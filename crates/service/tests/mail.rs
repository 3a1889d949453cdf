//! What is in a mail, and who gets none?

use serde_json::{Value, json};
use tollbook::db::Ts;
use tollbook::id::{CreditNoteId, InvoiceId};
use tollbook::invoices;
use tollbook::jobs::Job;

use crate::support::mailing::{
    DONE, FAILED, Invoiced, NOTHING, PUT_OFF, assert_error, enqueue, execute, invoiced, mailbox, mails, owe,
    parse, pass, retry, set_email, the_job, the_mail, work,
};
use crate::support::operator::{Record, create, import_text};
use crate::support::program::{done, failed};
use crate::support::{TestApp, on_both_databases};

async fn in_german(db: &TestApp, of: &Invoiced) {
    execute(db, "update customers set language = 'de' where customer_id = $1", &[&of.customer.0]).await;
    let sql = "update invoices set content = replace(content, '\"language\":\"en\"', '\"language\":\"de\"')
               where customer_id = $1";
    execute(db, sql, &[&of.customer.0]).await;
}

on_both_databases! {
    async fn a_folder_holds_one_whole_file_for_each_job_however_often_it_is_tried(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, DONE);
        // A program that died before it could commit tries the job again.
        execute(&db, "update jobs set state = 'ready' where kind = $1", &[&"send_invoice"]).await;
        pass(&db, 600);
        assert_eq!(work(&app).await, DONE);
        let job = the_job(&db).await;
        let [(name, mail)] = &mails(&folder)[..] else { panic!("one file") };
        assert_eq!(*name, format!("{}.eml", job["id"].as_str().unwrap()));
        let mail = parse(mail);
        // Without mail.from and operator.email a file needs no sender that anybody could answer to.
        assert_eq!(mail.from().unwrap().first().unwrap().address(), Some("tollbook@localhost"));
        assert_eq!(mail.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
        assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-11-05T12:10:00Z");
    }

    async fn a_folder_that_cannot_be_written_is_tried_again(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        std::fs::write(folder.path().join("mail"), "a file in the folder's place").unwrap();
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["cannot be written", folder.path().to_str().unwrap()]).await;
        std::fs::remove_file(folder.path().join("mail")).unwrap();
        // Something else has the mail's name: what was written under another is not left behind.
        let name = format!("{}.eml", the_job(&db).await["id"].as_str().unwrap());
        let taken = folder.path().join("mail").join(&name);
        std::fs::create_dir_all(&taken).unwrap();
        pass(&db, 60);
        assert_eq!(work(&app).await, PUT_OFF);
        let left: Vec<_> = std::fs::read_dir(folder.path().join("mail")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, std::slice::from_ref(&taken));
        std::fs::remove_dir(&taken).unwrap();
        pass(&db, 120);
        assert_eq!(work(&app).await, DONE);
        the_mail(&folder);
    }

    async fn what_waits_for_its_next_try_is_hurried_and_nothing_else(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        std::fs::write(folder.path().join("mail"), "a file in the folder's place").unwrap();
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, PUT_OFF);
        std::fs::remove_file(folder.path().join("mail")).unwrap();
        assert_eq!(work(&app).await, NOTHING);
        let id = the_job(&db).await["id"].as_str().unwrap().to_owned();
        // The command goes by this machine's clock.
        let far: jiff::Timestamp = "2199-01-01T00:00:00Z".parse().unwrap();
        execute(&db, "update jobs set run_at = $1", &[&Ts(far)]).await;
        done(&db.url, &["jobs", "--retry", &id]);
        assert!(the_job(&db).await["run_at"].as_str().unwrap() < "2199");
        execute(&db, "update jobs set run_at = $1", &[&Ts(far)]).await;
        let ask = async || db.post_json(&format!("/v1/jobs/{id}/retry"), &json!({})).await;
        // What is on its way is not sent beside itself.
        execute(&db, "update jobs set handed_over_at = $1", &[&Ts(db.app.clock.now())]).await;
        let refused = ask().await;
        assert!(refused.status == 409 && refused.body["detail"].as_str().unwrap().contains("handed over since"), "{refused:?}");
        assert_eq!(work(&app).await, NOTHING);
        execute(&db, "update jobs set handed_over_at = null where kind = $1", &[&"send_invoice"]).await;
        assert_eq!(ask().await.status, 202);
        assert_eq!(work(&app).await, DONE);
        the_mail(&folder);
        assert_eq!(ask().await.status, 409);
        assert!(failed(&db.url, &["jobs", "--retry", &id]).contains("is done"));
        assert!(failed(&db.url, &["jobs", "--retry", "job_0000000000007"]).contains("there is no job"));
    }

    async fn a_mail_is_in_the_language_of_its_document(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        in_german(&db, &of).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, DONE);
        let mail = the_mail(&folder);
        let mail = parse(&mail);
        assert_eq!(mail.subject(), Some("Rechnung INV-2026-000001 von Harbour Telecom GmbH"));
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("Guten Tag Änne Brandt & <Söhne>,"), "{text}");
        assert!(text.contains("Rechnung INV-2026-000001 für die Zeit vom 1. Oktober 2026 bis 31. Oktober 2026"), "{text}");
        assert!(text.contains("Bitte zahlen Sie 11,78 EUR bis zum 19. November 2026"), "{text}");
        let html = mail.body_html(0).unwrap();
        assert!(html.contains("Guten Tag Änne Brandt &amp; &lt;Söhne&gt;,") && html.contains("11,78 EUR"), "{html}");
        let attached: Vec<_> = mail.attachments().collect();
        assert!(attached.len() == 1 && attached[0].contents().starts_with(b"%PDF-"));
        let kinds: Vec<_> = mail.parts.iter().map(|part| part.body.len()).collect();
        assert_eq!(kinds.len(), 5, "mixed, alternative, text, HTML and PDF");
    }

    async fn what_has_no_number_yet_is_sent_when_it_has_one(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        invoiced(&db).await;
        let page = db.get("/v1/customers?limit=500").await.body;
        let customer = page["items"][1]["id"].as_str().unwrap().parse().unwrap();
        let mut tx = db.app.db.begin().await.unwrap();
        let issued = invoices::issue(&mut tx, &db.app.config, customer, "2026-10", &db.app.clock).await.unwrap();
        tx.commit().await.unwrap();
        let invoices::Issued::New(stored) = issued else { panic!("{issued:?}") };
        let unnumbered = Invoiced { customer, invoice: stored };
        set_email(&db, &unnumbered, Some("two@example.org")).await;
        enqueue(&db, &[unnumbered.job()]).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["has no number yet"]).await;
        assert_eq!(mails(&folder).len(), 0);
        invoices::number_all(&db.app).await.unwrap();
        pass(&db, 60);
        assert_eq!(work(&app).await, DONE);
        assert_eq!(parse(&the_mail(&folder)).to().unwrap().first().unwrap().address(), Some("two@example.org"));
    }

    async fn what_does_not_exist_is_given_up(db: TestApp) {
        let (_folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        let (customer_id, invoice_id) = (of.customer, InvoiceId(7));
        for job in [
            Job::SendInvoice { customer_id, invoice_id, again: None },
            Job::SendCreditNote { customer_id, credit_note_id: CreditNoteId(7), again: None },
            Job::SendReminder { customer_id, invoice_id, step: 1 },
        ] {
            enqueue(&db, &[job]).await;
            assert_eq!(work(&app).await, FAILED);
            assert_error(&db, &["_0000000000007"]).await;
            execute(&db, "delete from jobs where state = $1", &[&"failed"]).await;
        }
    }

    async fn a_reminder_names_what_is_open_unless_it_was_paid(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        let reminder = |step| Job::SendReminder { customer_id: of.customer, invoice_id: of.invoice, step };
        db.app.clock.set("2026-11-27T09:00:00Z".parse().unwrap());
        owe(&db, &of, 0).await;
        enqueue(&db, &[reminder(1)]).await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(mails(&folder).len(), 0);
        owe(&db, &of, 5_780_000).await;
        let overdue = folder.path().join("templates");
        std::fs::create_dir(&overdue).unwrap();
        std::fs::write(overdue.join("reminder.en.txt"), "Subject: {{ step }} {{ invoices[0].number }}\n\n{{ open }}, {{ invoices[0].days_overdue }} days").unwrap();
        let (own, owned) = mailbox(&db, &format!("templates = \"{}\"\n", overdue.display()));
        enqueue(&db, &[reminder(2)]).await;
        assert_eq!(work(&owned).await, DONE);
        let mail = the_mail(&own);
        let mail = parse(&mail);
        assert_eq!(mail.subject(), Some("2 INV-2026-000001"));
        assert_eq!(mail.body_text(0).unwrap().trim(), "5.78 EUR, 8 days");
        assert!(mail.body_html(0).unwrap().contains("5.78 EUR of it has not reached us"));
        assert_eq!(mail.attachments().count(), 1);
        enqueue(&db, &[reminder(3)]).await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(parse(&the_mail(&folder)).subject(), Some("Final reminder: invoice INV-2026-000001"));
    }

    async fn a_reminder_of_several_invoices_is_made_of_sentences_and_asks_to_pay_at_once(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        in_german(&db, &of).await;
        create(&db, &format!("/v1/customers/{}/invoices", of.customer), json!({"month": "2026-09"})).await;
        execute(&db, "delete from jobs where kind = $1", &[&"send_invoice"]).await;
        db.app.clock.set("2026-11-27T09:00:00Z".parse().unwrap());
        let on = "2026-11-27".parse().unwrap();
        enqueue(&db, &[Job::SendReminders { customer_id: of.customer, on, step: 1, last: false }]).await;
        assert_eq!(work(&app).await, DONE);
        let mail = the_mail(&folder);
        let mail = parse(&mail);
        let text = mail.body_text(0).unwrap();
        let html = mail.body_html(0).unwrap();
        for text in [&text, &html] {
            assert_eq!((text.matches("die Rechnung INV-").count(), text.matches("Die Rechnung INV-").count()), (1, 1), "{text}");
            assert!(text.contains("Vielleicht wurden sie übersehen"), "{text}");
        }
        assert_eq!(mail.attachments().count(), 2);
        for attached in mail.attachments() {
            let document = lopdf::Document::load_mem(attached.contents()).unwrap();
            let page = document.extract_text(&[1]).unwrap();
            assert!(page.contains("umgehend (fällig am 19. November 2026)") && !page.contains("bis zum 19. November"), "{page}");
        }
    }

    async fn a_credit_note_is_mailed_with_what_it_corrects(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        let path = format!("/v1/customers/{}/invoices/{}", of.customer, of.invoice);
        let mut content = db.get(&path).await.body["invoice"].take();
        content["kind"] = json!("credit_note");
        content["number"] = Value::Null;
        content["corrects"] = json!({"number": "INV-2026-000001", "issued_on": "2026-11-05", "reason": "A call was charged twice"});
        let sql = "insert into credit_notes (customer_id, credit_note_id, invoice_id, issued_at, issued_on, currency,
                     net, tax, gross, content, number)
                   values ($1, 77, $2, $3, '2026-11-05', 'EUR', 9900000, 1880000, 11780000, $4, null)";
        let now = Ts(db.app.clock.now());
        execute(&db, sql, &[&of.customer.0, &of.invoice.0, &now, &content.to_string()]).await;
        enqueue(&db, &[Job::SendCreditNote { customer_id: of.customer, credit_note_id: CreditNoteId(77), again: None }]).await;
        assert_eq!(work(&app).await, PUT_OFF);
        assert_error(&db, &["has no number yet"]).await;
        execute(&db, "update credit_notes set number = $2 where customer_id = $1", &[&of.customer.0, &"CN-2026-000001"]).await;
        pass(&db, 60);
        assert_eq!(work(&app).await, DONE);
        let mail = the_mail(&folder);
        let mail = parse(&mail);
        assert_eq!(mail.subject(), Some("Credit note CN-2026-000001 from Harbour Telecom GmbH"));
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("Corrects invoice INV-2026-000001 of 5 November 2026. Reason: A call was charged twice"), "{text}");
        assert_eq!(mail.attachments().count(), 1);
    }

    async fn a_spending_notice_says_how_much_is_used_while_there_is_a_cap(db: TestApp) {
        let (folder, app) = mailbox(&db, "");
        let of = invoiced(&db).await;
        let period_start = "2026-10-31T23:00:00Z".parse().unwrap();
        let notice = |percent| Job::SendSpendingNotice { customer_id: of.customer, period_start, percent };
        enqueue(&db, &[notice(50)]).await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(mails(&folder).len(), 0);
        let path = format!("/v1/customers/{}", of.customer);
        let line = json!({"number": "+493023125009", "valid_from": "2025-01-01T00:00:00Z"});
        create(&db, &format!("{path}/lines"), line).await;
        db.patch_json(&path, &json!({"billing": {"language": "de", "spending_cap": "3.60"}})).await;
        // 144 minutes to the United Kingdom are 2.88 EUR: the notice is asked for by charging them.
        let (from, start) = ("+493023125009", "2026-11-02T10:00:00Z");
        let call = Record { from, start, seconds: 144 * 60, ..Record::new("r1") };
        assert_eq!(import_text(&db, "switch", &Record::file(&[call])).await.charged, 1);
        assert_eq!(work(&app).await, DONE);
        let mail = the_mail(&folder);
        let mail = parse(&mail);
        assert_eq!(mail.subject(), Some("80 % Ihres Ausgabenlimits sind verbraucht"));
        let text = mail.body_text(0).unwrap();
        let said = "Limit von 3,60 EUR für die Zeit vom 1. November 2026 bis 30. November 2026 haben Sie 2,88 EUR";
        assert!(text.contains(said), "{text}");
        assert_eq!(mail.attachments().count(), 0);
    }

    async fn a_template_that_fails_on_a_customer_is_named(db: TestApp) {
        let templates = tempfile::tempdir().unwrap();
        // No sample has that name.
        let text = "Subject: Invoice\n\n{% if customer.name != 'Anna Brandt' %}{{ nmae }}{% endif %}\n";
        std::fs::write(templates.path().join("invoice.en.txt"), text).unwrap();
        let (_folder, app) = mailbox(&db, &format!("templates = \"{}\"\n", templates.path().display()));
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&app).await, FAILED);
        assert_error(&db, &["mail.templates", "invoice.en.txt line 3", "nmae"]).await;
        std::fs::remove_file(templates.path().join("invoice.en.txt")).unwrap();
        retry(&db).await;
        let (folder, mended) = mailbox(&db, &format!("templates = \"{}\"\n", templates.path().display()));
        assert_eq!(work(&mended).await, DONE);
        the_mail(&folder);
    }
}
