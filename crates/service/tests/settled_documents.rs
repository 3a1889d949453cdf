//! Do PDF, payment code, mail, XML and reminder ask for the same, which is what is open?

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::jobs::Job;
use tower::ServiceExt;

use crate::support::account::{Account, assert_sound, faults, id_of};
use crate::support::mailing::{DONE, enqueue, execute, parse, work};
use crate::support::operator::operator;
use crate::support::{TestApp, arithmetic, on_both_databases};

/// What a path answers.
async fn file(db: &TestApp, path: &str) -> Vec<u8> {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = tollbook::http::router(db.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

/// The words of a PDF, with one space between them.
fn words(pdf: &[u8]) -> String {
    let document = lopdf::Document::load_mem(pdf).unwrap();
    let pages: Vec<u32> = document.get_pages().keys().copied().collect();
    let text = document.extract_text(&pages).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn pdf(db: &TestApp, path: &str) -> String {
    words(&file(db, &format!("{path}/pdf")).await)
}

async fn xml(db: &TestApp, path: &str, query: &str) -> String {
    let text = String::from_utf8(file(db, &format!("{path}/xml?{query}")).await).unwrap();
    assert_eq!(arithmetic::faults(&text, 2), Vec::<String>::new());
    text
}

/// A folder that mails go to, and an application that writes there.
fn mailbox(db: &TestApp) -> (tempfile::TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let app = db.configured(&format!("[mail]\nfolder = \"{}\"\n", folder.path().display())).unwrap();
    (folder, app)
}

/// Text and HTML of the only mail in a folder, and the words of what it carries; the folder is empty then.
fn the_mail(folder: &tempfile::TempDir) -> (String, Vec<String>) {
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let raw = std::fs::read(file).unwrap();
    std::fs::remove_file(file).unwrap();
    let mail = parse(&raw);
    let text = [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()].concat();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (text, mail.attachments().map(|part| words(part.contents())).collect())
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

async fn no_jobs(db: &TestApp) {
    let mut tx = db.app.db.begin().await.unwrap();
    tx.execute("delete from jobs", &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn with_address(db: &TestApp, account: &Account<'_>) {
    let answer = db.patch_json(&account.path, &json!({"party": {"email": "anna@example.org"}})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Credits a net amount of the first line; answers the credit note's path.
async fn credit(account: &Account<'_>, invoice: &Value, net: &str) -> String {
    let path = format!("{}/invoices/{}/credit-notes", account.path, id_of(invoice));
    let credits = json!({"line": {"number": 1, "net": net}});
    let note = account.db.post_json(&path, &json!({"reason": "fault", "credits": credits})).await;
    assert_eq!(note.status, 201, "{note:?}");
    format!("{}/credit-notes/{}", account.path, note.body["id"].as_str().unwrap())
}

on_both_databases! {
    async fn credit_at_hand_is_taken_off_the_next_invoice_wherever_it_asks(db: TestApp) {
        operator(&db).await;
        let (folder, app) = mailbox(&db);
        let account = Account::of(&db, "C-2").await;
        with_address(&db, &account).await;
        account.issue("2026-09", "2026-11-05").await;
        account.pay("b1", "16.78").await;
        no_jobs(&db).await;
        let october = account.issue("2026-10", "2026-11-06").await;
        let path = format!("{}/invoices/{}", account.path, id_of(&october));
        assert_eq!(db.get(&path).await.body["open"]["amount"], "6.78");
        let said = xml(&db, &path, "").await;
        assert_says(&said, &["TotalPrepaidAmount>5.00<", "DuePayableAmount>6.78<", "GrandTotalAmount>11.78<"]);
        let page = pdf(&db, &path).await;
        assert_says(&page, &["Paid on", "-5.00 EUR", "Still to pay 6.78 EUR", "Please pay 6.78 EUR by"]);
        assert_eq!(work(&app).await, DONE);
        let (mail, attached) = the_mail(&folder);
        assert_says(&mail, &["Please pay 6.78 EUR by", "The invoice comes to 11.78 EUR."]);
        assert_eq!(attached, [page]);
        // What happens later is on the document as it stands, not on the one that was issued.
        db.app.clock.set("2026-11-10T12:00:00Z".parse().unwrap());
        account.pay("b2", "2.00").await;
        assert_says(&pdf(&db, &path).await, &["Please pay 4.78 EUR by"]);
        assert_says(&xml(&db, &path, "syntax=cii").await, &["DuePayableAmount>4.78<"]);
        let as_issued = words(&file(&db, &format!("{path}/pdf?as_issued=true")).await);
        assert_says(&as_issued, &["Please pay 6.78 EUR by"]);
        assert_says(&xml(&db, &path, "as_issued=true").await, &["DuePayableAmount>6.78<"]);
        assert_sound(&db).await;
        // What is settled before it is there is found.
        let early = tollbook::db::Ts("2026-11-06T11:59:59Z".parse().unwrap());
        execute(&db, "update allocations set allocated_at = $1 where amount = 2000000", &[&early]).await;
        let found = faults(&mut db.app.db.read().await.unwrap()).await;
        let [fault] = &found[..] else { panic!("{found:?}") };
        assert_says(fault, &["something settled it before it was issued", &id_of(&october).to_string()]);
    }

    async fn a_credit_note_of_an_open_invoice_lowers_what_is_owed(db: TestApp) {
        operator(&db).await;
        let (folder, app) = mailbox(&db);
        let account = Account::of(&db, "C-2").await;
        with_address(&db, &account).await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.pay("b1", "5.00").await;
        no_jobs(&db).await;
        let note = credit(&account, &october, "2.00").await;
        let said = "2.38 EUR lowers what is owed of invoice INV-2026-000001. 4.40 EUR of that invoice is still to be paid.";
        let page = pdf(&db, &note).await;
        assert_says(&page, &["We credit you 2.38 EUR.", said]);
        assert!(!page.contains("Nothing is to be paid"), "{page}");
        assert_eq!(work(&app).await, DONE);
        let (mail, attached) = the_mail(&folder);
        assert_says(&mail, &["credit note CN-2026-000001", said]);
        assert_eq!(attached, [page]);
        // The reminder carries the invoice as it stands.
        let path = format!("{}/invoices/{}", account.path, id_of(&october));
        let page = pdf(&db, &path).await;
        assert_says(&page, &["Credit note CN-2026-000001 -2.38 EUR", "Still to pay 4.40 EUR", "Please pay 4.40 EUR"]);
        db.app.clock.set("2026-11-24T12:00:00Z".parse().unwrap());
        let invoice_id = id_of(&october);
        enqueue(&db, &[Job::SendReminder { customer_id: account.id, invoice_id, step: 1 }]).await;
        assert_eq!(work(&app).await, DONE);
        let (mail, attached) = the_mail(&folder);
        assert_says(&mail, &["4.40 EUR of it has not reached us"]);
        assert_eq!(attached.len(), 1);
        assert_says(&attached[0], &["Credit note CN-2026-000001 -2.38 EUR", "Still to pay 4.40 EUR", "Please pay 4.40 EUR at once"]);
        // The rest is paid: nothing asks any more, and the credit note says so.
        account.pay("b2", "4.40").await;
        let page = pdf(&db, &path).await;
        assert_says(&page, &["Nothing is to be paid."]);
        assert!(!page.contains("Please pay") && !page.contains("Due date") && !page.contains("Scan to pay"), "{page}");
        let said = xml(&db, &path, "").await;
        assert_says(&said, &["TotalPrepaidAmount>11.78<", "DuePayableAmount>0.00<"]);
        assert!(!said.contains("DueDateDateTime"), "{said}");
        assert_says(&pdf(&db, &note).await, &["Nothing of that invoice is to be paid any more."]);
        assert_sound(&db).await;
    }

    async fn what_exceeds_an_invoice_stays_as_credit_or_is_paid_out(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.pay("b1", "11.78").await;
        let note = credit(&account, &october, "2.00").await;
        let kept = "We credit you 2.38 EUR. 2.38 EUR stays as credit for your next invoices.";
        assert_says(&pdf(&db, &note).await, &[kept]);
        db.app.clock.set("2026-11-12T12:00:00Z".parse().unwrap());
        let refund = json!({"reference": "r1", "amount": "1.38", "currency": "EUR", "paid_on": "2026-11-12", "kind": "refund"});
        assert_eq!(account.send(refund).await.status, 201);
        let said = "1.38 EUR was paid out to you. 1.00 EUR stays as credit for your next invoices.";
        assert_says(&pdf(&db, &note).await, &[said]);
        let as_issued = words(&file(&db, &format!("{note}/pdf?as_issued=true")).await);
        assert_says(&as_issued, &[kept]);
        assert_sound(&db).await;
    }

    async fn a_document_is_sent_once_more_to_whom_is_named(db: TestApp) {
        operator(&db).await;
        let (folder, app) = mailbox(&db);
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        no_jobs(&db).await;
        let path = format!("{}/invoices/{}/mail", account.path, id_of(&october));
        let nobody = db.post_json(&path, &json!({})).await;
        assert_eq!(nobody.status, 422, "{nobody:?}");
        assert!(nobody.body.to_string().contains("name one"), "{nobody:?}");
        for two in ["a@example.org, b@example.org", "Anna <a@example.org>", "anna"] {
            assert_eq!(db.post_json(&path, &json!({"to": two})).await.status, 422, "{two}");
        }
        for _ in 0..2 {
            let asked = db.post_json(&path, &json!({"to": "tax@example.org"})).await;
            assert_eq!((asked.status.as_u16(), &asked.body["to"]), (202, &json!("tax@example.org")));
            assert_eq!(work(&app).await, DONE);
            assert_says(&the_mail(&folder).0, &["Attached is your invoice INV-2026-000001"]);
        }
        assert_eq!(db.post_json(&path.replace("inv_", "inv_1"), &json!({})).await.status, 404);
        // What has no number yet is not sent.
        execute(&db, "update invoices set number = null where customer_id = $1", &[&account.id.0]).await;
        assert_eq!(db.post_json(&path, &json!({"to": "tax@example.org"})).await.status, 409);
    }
}
