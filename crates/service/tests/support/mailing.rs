//! A customer with an invoice, and the mails and jobs that come of it.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use mail_parser::{Message, MessageParser};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollbook::app::App;
use tollbook::db::Param;
use tollbook::id::{CustomerId, InvoiceId};
use tollbook::jobs::{self, Job, Worked};

use super::TestApp;
use super::operator::{create, operator};

/// A customer with an invoice over 11.78 EUR for October.
pub(crate) struct Invoiced {
    pub(crate) customer: CustomerId,
    pub(crate) invoice: InvoiceId,
}

impl Invoiced {
    pub(crate) fn job(&self) -> Job {
        Job::SendInvoice { customer_id: self.customer, invoice_id: self.invoice, again: None }
    }
}

/// Issues an invoice to Änne Brandt, `anna@example.org`.
pub(crate) async fn invoiced(db: &TestApp) -> Invoiced {
    operator(db).await;
    let customer = json!({"reference": "M-1", "currency": "EUR", "zone": "Europe/Berlin",
        "party": {"name": "Änne Brandt & <Söhne>", "country": "DE", "email": "anna@example.org"},
        "subscription": {"plan": "Hundred", "valid_from": "2026-01-01T00:00:00Z"}});
    let customer = create(db, "/v1/customers", customer).await;
    let id = customer["id"].as_str().unwrap();
    let invoice = create(db, &format!("/v1/customers/{id}/invoices"), json!({"month": "2026-10"})).await;
    // A test asks for its mails itself.
    let mut tx = db.app.db.begin().await.unwrap();
    tx.execute("delete from jobs", &[]).await.unwrap();
    tx.commit().await.unwrap();
    Invoiced { customer: id.parse().unwrap(), invoice: invoice["id"].as_str().unwrap().parse().unwrap() }
}

pub(crate) async fn enqueue(db: &TestApp, wanted: &[Job]) {
    let mut tx = db.app.db.begin().await.unwrap();
    jobs::enqueue(&mut tx, wanted, &db.app.clock).await.unwrap();
    tx.commit().await.unwrap();
}

/// Changes by SQL what no door changes.
pub(crate) async fn execute(db: &TestApp, sql: &str, params: &[&dyn Param]) {
    let mut tx = db.app.db.begin().await.unwrap();
    assert_eq!(tx.execute(sql, params).await.unwrap(), 1, "{sql}");
    tx.commit().await.unwrap();
}

/// Lets an invoice have so much open, in millionths.
pub(crate) async fn owe(db: &TestApp, of: &Invoiced, micros: i64) {
    let sql = "insert into receivables (customer_id, invoice_id, currency, due_at, gross, open, reminders)
               values ($1, $2, 'EUR', $3, 11780000, $4, 0)
               on conflict (customer_id, invoice_id) do update set open = excluded.open";
    let now = tollbook::db::Ts(db.app.clock.now());
    execute(db, sql, &[&of.customer.0, &of.invoice.0, &now, &micros]).await;
    // What is open is what nothing settled.
    let sql = "insert into allocations (customer_id, allocation_id, invoice_id, source, source_id, amount,
                                        allocated_at)
               values ($1, 1, $2, 'write_off', 1, $3, $4)
               on conflict (customer_id, allocation_id) do update set amount = excluded.amount";
    execute(db, sql, &[&of.customer.0, &of.invoice.0, &(11_780_000 - micros), &now]).await;
}

pub(crate) async fn set_email(db: &TestApp, of: &Invoiced, email: Option<&str>) {
    let party = json!({"name": "Änne Brandt", "country": "DE", "email": email}).to_string();
    let sql = "update customers set party = $2 where customer_id = $1";
    execute(db, sql, &[&of.customer.0, &party]).await;
}

pub(crate) const DONE: Worked = Worked { done: 1, put_off: 0, failed: 0 };
pub(crate) const PUT_OFF: Worked = Worked { done: 0, put_off: 1, failed: 0 };
pub(crate) const FAILED: Worked = Worked { done: 0, put_off: 0, failed: 1 };
pub(crate) const NOTHING: Worked = Worked { done: 0, put_off: 0, failed: 0 };

/// Works off what is ready.
pub(crate) async fn work(app: &App) -> Worked {
    jobs::work_off(app).await.unwrap()
}

/// The only job of its kind, as the API shows it.
pub(crate) async fn the_job(db: &TestApp) -> Value {
    let answer = db.get("/v1/jobs").await;
    let all = answer.body["items"].as_array().unwrap();
    let sending = |job: &&Value| job["job"]["kind"].as_str().unwrap().starts_with("send_");
    let mut found: Vec<_> = all.iter().filter(sending).collect();
    assert_eq!(found.len(), 1, "{all:?}");
    found.remove(0).clone()
}

/// Asks for the only job again, which was given up.
pub(crate) async fn retry(db: &TestApp) {
    let job = the_job(db).await;
    let answer = db.post_json(&format!("/v1/jobs/{}/retry", job["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(answer.status, 202, "{job}: {answer:?}");
}

/// Whether the only job's last error says so.
pub(crate) async fn assert_error(db: &TestApp, parts: &[&str]) {
    let job = the_job(db).await;
    let error = job["last_error"].as_str().unwrap_or_default();
    assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} should be in {job}");
}

pub(crate) fn pass(db: &TestApp, seconds: i64) {
    let later = db.app.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
    db.app.clock.set(later);
}

pub(crate) fn parse(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).expect("the mail is well-formed")
}

/// An application that mails into a folder, under further settings.
pub(crate) fn mailbox(db: &TestApp, further: &str) -> (TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("[mail]\nfolder = \"{}\"\n{further}", folder.path().join("mail").display());
    let app = db.configured(&settings).unwrap();
    (folder, app)
}

/// The mails in it, with the names of all its files.
pub(crate) fn mails(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder.path().join("mail")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    };
    paths.map(read).collect()
}

/// The only mail in it.
pub(crate) fn the_mail(folder: &TempDir) -> Vec<u8> {
    let mut mails = mails(folder);
    assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|(name, _)| name).collect::<Vec<_>>());
    mails.remove(0).1
}

/// Settings that send links, signed with the secret in the folder.
pub(crate) fn links(folder: &Path) -> String {
    let secret = folder.join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    format!(
        "[delivery]\ninvoices = \"link\"\npublic_url = \"https://bill.example.org/\"\nsecret_file = \"{}\"\n",
        secret.display()
    )
}

/// The path of the link in a text.
pub(crate) fn link_in(text: &str) -> String {
    let start = text.find("https://bill.example.org/d/").unwrap_or_else(|| panic!("no link in {text}"));
    let link = text[start..].split_whitespace().next().unwrap();
    link["https://bill.example.org".len()..].to_owned()
}
