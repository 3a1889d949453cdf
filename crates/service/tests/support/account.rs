//! A customer's account: what tests of payments and of the ledger do to it, and how it then stands.

use calculation::money::{Amount, Currency};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollbook::customers;
use tollbook::db::Tx;
use tollbook::id::{CreditNoteId, CustomerId, InvoiceId};
use tollbook::ledger::{self, Entry};
use tollbook::payments::{self, NewReceivable};

use super::{Answer, TestApp};

/// A customer of the small operator. C-2 has a fee of 9.90: each month comes to 11.78 with tax.
pub(crate) struct Account<'a> {
    pub(crate) db: &'a TestApp,
    pub(crate) id: CustomerId,
    pub(crate) path: String,
}

impl<'a> Account<'a> {
    pub(crate) async fn of(db: &'a TestApp, reference: &str) -> Self {
        let mut tx = db.app.db.read().await.unwrap();
        let id = customers::by_reference(&mut tx, reference).await.unwrap().unwrap().id;
        Self { db, id, path: format!("/v1/customers/{id}") }
    }

    /// Issues the invoice of a month on the fifth of the next.
    pub(crate) async fn issue(&self, month: &str, on: &str) -> Value {
        self.db.app.clock.set(format!("{on}T12:00:00Z").parse().unwrap());
        let answer = self.db.post_json(&format!("{}/invoices", self.path), &json!({"month": month})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    pub(crate) async fn send(&self, payment: Value) -> Answer {
        self.db.post_json(&format!("{}/payments", self.path), &payment).await
    }

    /// Pays, which must succeed.
    pub(crate) async fn pay(&self, reference: &str, amount: &str) -> Value {
        let answer = self.send(payment(reference, amount)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Status and open amount of an invoice.
    pub(crate) async fn standing(&self, invoice: &Value) -> (String, String) {
        let path = format!("{}/invoices/{}", self.path, invoice["id"].as_str().unwrap());
        let body = self.db.get(&path).await.body;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["status"]), text(&body["open"]["amount"]))
    }

    /// Balance, open, overdue and credit.
    pub(crate) async fn balance(&self) -> [String; 4] {
        let body = self.db.get(&format!("{}/balance", self.path)).await.body;
        ["balance", "open", "overdue", "credit"].map(|name| body[name]["amount"].as_str().unwrap().to_owned())
    }

    /// What the service is suspended for.
    pub(crate) async fn suspended_for(&self) -> Value {
        self.db.get(&format!("{}/balance", self.path)).await.body["suspension"]["suspended_for"].clone()
    }

    /// Issues an invoice of any amount, due in some days, as billing does it.
    pub(crate) async fn invoice(&self, gross: i64, due_in_days: i64) -> InvoiceId {
        let (app, now) = (&self.db.app, self.db.app.clock.now());
        let id = InvoiceId(app.clock.id());
        let mut tx = app.db.begin().await.unwrap();
        customers::hold(&mut tx, self.id).await.unwrap();
        let start = tollbook::db::Ts(Timestamp::from_second(id.0).unwrap());
        let sql = "insert into invoices (customer_id, invoice_id, period_start, kind, issued_at, currency, net, tax,
                                         gross, content)
                   values ($1, $2, $3, 'invoice', $4, 'EUR', $5, 0, $5, '{}')";
        tx.execute(sql, &[&self.id.0, &id.0, &start, &tollbook::db::Ts(now), &gross]).await.unwrap();
        let (currency, gross) = (euro(), Amount::from_micros(gross));
        let entry = Entry::issue(self.id, id, currency, gross, Amount::ZERO, gross, now);
        ledger::post(&mut tx, &[entry], &app.clock).await.unwrap();
        let due_at = now.checked_add(SignedDuration::from_hours(24 * due_in_days)).unwrap();
        let new = NewReceivable { customer: self.id, invoice: id, currency, due_at, gross };
        payments::open_receivables(&mut tx, &[new], app.clock.now(), &app.clock).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Credits a part of an invoice, as billing does it.
    pub(crate) async fn credit(&self, invoice: InvoiceId, gross: i64) {
        let (app, now) = (&self.db.app, self.db.app.clock.now());
        let id = CreditNoteId(app.clock.id());
        let mut tx = app.db.begin().await.unwrap();
        customers::hold(&mut tx, self.id).await.unwrap();
        let sql = "insert into credit_notes (customer_id, credit_note_id, invoice_id, issued_at, issued_on, currency,
                                             net, tax, gross, content)
                   values ($1, $2, $3, $4, '2026-11-05', 'EUR', $5, 0, $5, '{}')";
        tx.execute(sql, &[&self.id.0, &id.0, &invoice.0, &tollbook::db::Ts(now), &gross]).await.unwrap();
        let gross = Amount::from_micros(gross);
        let entry = Entry::credit_note(self.id, id, euro(), gross, Amount::ZERO, gross, now);
        ledger::post(&mut tx, &[entry], &app.clock).await.unwrap();
        payments::settle_by_credit(&mut tx, self.id, invoice, id, gross, app.clock.now(), &app.clock)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

pub(crate) fn euro() -> Currency {
    "EUR".parse().unwrap()
}

/// A payment in euros on the day before the tests' now.
pub(crate) fn payment(reference: &str, amount: &str) -> Value {
    json!({"reference": reference, "amount": amount, "currency": "EUR", "paid_on": "2026-11-04"})
}

/// Every fault that the ledger, the payments and the prepaid balances have.
pub(crate) async fn faults(tx: &mut Tx) -> Vec<String> {
    let ledger = ledger::verify(tx).await.unwrap().faults;
    let payments = payments::verify(tx).await.unwrap().faults;
    let prepaid = tollbook::prepaid::verify(tx).await.unwrap().faults;
    [ledger, payments, prepaid].concat()
}

/// The ledger, the payments and the balances add up, and so do the invoices, unless a test made some up.
pub(crate) async fn assert_sound(db: &TestApp) {
    let mut tx = db.app.db.read().await.unwrap();
    let found = faults(&mut tx).await;
    assert!(found.is_empty(), "{found:#?}");
}

/// The id of an invoice in an answer.
pub(crate) fn id_of(invoice: &Value) -> InvoiceId {
    invoice["id"].as_str().unwrap().parse().unwrap()
}
