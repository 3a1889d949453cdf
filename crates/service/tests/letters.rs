//! Do customers who get letters make a list of documents to print, and no failed job?

use jiff::SignedDuration;
use serde_json::{Value, json};
use tollbook::jobs;
use tollbook::payments::remind;

use crate::support::account::Account;
use crate::support::cycle::patch;
use crate::support::mailing::execute;
use crate::support::operator::operator;
use crate::support::program::done;
use crate::support::{TestApp, on_both_databases};

/// The letters that wait, or are printed, by the API.
async fn letters(db: &TestApp, printed: bool) -> Vec<Value> {
    let answer = db.get(&format!("/v1/letters?printed={printed}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"].as_array().unwrap().clone()
}

fn titles(letters: &[Value]) -> Vec<&str> {
    letters.iter().map(|letter| letter["title"].as_str().unwrap()).collect()
}

async fn failed_jobs(db: &TestApp) -> usize {
    db.get("/v1/jobs?state=failed").await.body["items"].as_array().unwrap().len()
}

fn pass(db: &TestApp, days: i64) {
    db.app.clock.set(db.app.clock.now().checked_add(SignedDuration::from_hours(24 * days)).unwrap());
}

async fn mark(db: &TestApp, letters: &[Value]) -> u64 {
    let ids: Vec<_> = letters.iter().map(|letter| letter["id"].clone()).collect();
    let answer = db.post_json("/v1/letters/printed", &json!({"letters": ids})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["printed"].as_u64().unwrap()
}

on_both_databases! {
    async fn documents_without_an_address_are_printed_once_and_fail_no_job(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        assert_eq!(db.get("/v1/letters/pdf").await.status, 404);
        let invoice = account.issue("2026-10", "2026-11-05").await;
        let path = format!("{}/invoices/{}/credit-notes", account.path, invoice["id"].as_str().unwrap());
        assert_eq!(db.post_json(&path, &json!({"reason": "Noise", "credits": {"line": {"number": 1, "net": "1.00"}}})).await.status, 201);
        jobs::work_off(&db.app).await.unwrap();
        let waiting = letters(&db, false).await;
        assert_eq!(titles(&waiting), ["Invoice INV-2026-000001 from Harbour Telecom GmbH", "Credit note CN-2026-000001 from Harbour Telecom GmbH"]);
        assert_eq!((&waiting[0]["customer_reference"], failed_jobs(&db).await), (&json!("C-2"), 0));
        let file = db.get("/v1/letters/pdf").await;
        assert_eq!((file.status.as_u16(), &file.headers["content-type"]), (200, &"application/pdf".parse().unwrap()));
        assert_eq!(mark(&db, &waiting[..1]).await, 1);
        assert_eq!(mark(&db, &waiting).await, 1);
        assert_eq!((letters(&db, false).await.len(), letters(&db, true).await.len()), (0, 2));
        for wrong in [json!({"letters": []}), json!({"letters": ["let_1"]}), json!({})] {
            assert_eq!(db.post_json("/v1/letters/printed", &wrong).await.status, 422, "{wrong}");
        }
    }

    async fn who_gets_mails_makes_no_letter_and_who_chose_letters_no_mail(db: TestApp) {
        operator(&db).await;
        let (chosen, mailed) = (Account::of(&db, "C-2").await, Account::of(&db, "C-1").await);
        assert_eq!(patch(&db, &chosen.path, json!({"party": {"email": "anna@example.org"}})).await.status, 200);
        execute(&db, "update customers set delivery = 'letter' where customer_id = $1", &[&chosen.id.0]).await;
        assert_eq!(patch(&db, &mailed.path, json!({"party": {"email": "b@example.org"}})).await.status, 200);
        let folder = tempfile::tempdir().unwrap();
        let app = db.configured(&format!("[mail]\nfolder = \"{}\"\n", folder.path().display())).unwrap();
        chosen.issue("2026-10", "2026-11-05").await;
        let charge = json!({"description": "Router", "amount": {"amount": "5.00", "currency": "EUR"}, "charged_at": "2026-10-10T00:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/charges", mailed.path), &charge).await.status, 201);
        mailed.issue("2026-10", "2026-11-05").await;
        jobs::work_off(&app).await.unwrap();
        assert_eq!(titles(&letters(&db, false).await), ["Invoice INV-2026-000001 from Harbour Telecom GmbH"]);
        assert_eq!((std::fs::read_dir(folder.path()).unwrap().count(), failed_jobs(&db).await), (1, 0));
    }

    async fn a_clerk_prints_all_in_one_file(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-09", "2026-11-05").await;
        account.issue("2026-10", "2026-11-05").await;
        pass(&db, 20);
        remind(&db.app).await.unwrap();
        jobs::work_off(&db.app).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letters.pdf");
        let settings = folder.path().join("t.toml");
        std::fs::write(&settings, "[operator]\nname = \"Harbour Telecom GmbH\"\ncountry = \"DE\"\n").unwrap();
        let with = ["--config", settings.to_str().unwrap()];
        let said = done(&db.url, &[&with[..], &["letters", "--pdf", file.to_str().unwrap(), "--printed"]].concat());
        assert!(said.contains("Reminder: 2 invoices, 23.56 EUR") && said.ends_with("marked as printed: 3 letters\n"), "{said}");
        let pdf = std::fs::read(&file).unwrap();
        assert!(pdf.starts_with(b"%PDF"));
        // Two invoices, the reminder's page, and its two invoices.
        let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count() + String::from_utf8_lossy(&pdf).matches("/Type/Page/").count();
        assert!(pages == 0 || pages >= 5, "{pages} pages");
        assert_eq!(done(&db.url, &[&with[..], &["letters"]].concat()), "nothing is to be printed\n");
    }

    async fn a_suspension_is_announced_when_its_letter_is_printed(db: TestApp) {
        let mut db = db;
        db.app = db.configured("[reminders]\nleast = \"0\"\nsteps = [{after_days = 1}, {after_days = 2, suspend = true}]\n").unwrap();
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        account.issue("2026-10", "2026-11-05").await;
        pass(&db, 16);
        for _ in 0..2 {
            assert_eq!(remind(&db.app).await.unwrap().suspended, 0);
            jobs::work_off(&db.app).await.unwrap();
            pass(&db, 30);
        }
        // Nobody has printed it for two months.
        assert_eq!(account.suspended_for().await, Value::Null);
        mark(&db, &letters(&db, false).await).await;
        pass(&db, 13);
        assert_eq!(remind(&db.app).await.unwrap().suspended, 0);
        pass(&db, 1);
        assert_eq!(remind(&db.app).await.unwrap().suspended, 1);
        assert_eq!(account.suspended_for().await, "overdue");
    }
}
