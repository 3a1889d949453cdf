//! Does the ledger agree with what was done, and is every damage to it found?

use calculation::money::Amount;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;
use tollbook::error::Error;
use tollbook::id::{InvoiceId, PaymentId};
use tollbook::ledger::{self, Entry};

use crate::support::account::{Account, assert_sound, euro, faults, payment};
use crate::support::operator::{create, operator};
use crate::support::{TestApp, on_both_databases};

const CENT: i64 = 10_000;

/// Something that is done to an account; places choose among its invoices.
#[derive(Debug, Clone)]
enum Step {
    Issue {
        cents: i64,
        due_in_days: i64,
    },
    Pay {
        cents: i64,
        first: Option<usize>,
    },
    Refund {
        cents: i64,
    },
    Credit {
        place: usize,
        cents: i64,
    },
    WriteOff {
        place: usize,
    },
    /// A payment is taken back; places choose among them.
    Reverse {
        place: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    use proptest::option::of;
    proptest::prop_oneof![
        4 => (-2_000..6_000_i64, -40..40_i64).prop_map(|(cents, due_in_days)| Step::Issue { cents, due_in_days }),
        4 => (1..8_000_i64, of(0..9_usize)).prop_map(|(cents, first)| Step::Pay { cents, first }),
        2 => (1..3_000_i64).prop_map(|cents| Step::Refund { cents }),
        2 => (0..9_usize, 1..6_000_i64).prop_map(|(place, cents)| Step::Credit { place, cents }),
        1 => (0..9_usize).prop_map(|place| Step::WriteOff { place }),
        2 => (0..9_usize).prop_map(|place| Step::Reverse { place }),
    ]
}

/// An invoice of the model.
#[derive(Debug, Clone, Copy)]
struct Owed {
    id: InvoiceId,
    due: i64,
    open: i64,
    written_off: i64,
}

/// A payment, credit note or invoice below zero of the model: what of it went to which invoice, and what is left.
#[derive(Debug, Default)]
struct Given {
    cents: i64,
    parts: Vec<(InvoiceId, i64)>,
    /// Below zero when it was paid back and then taken back.
    left: i64,
    /// Its path, if it is a payment that was not taken back.
    payment: Option<String>,
}

/// What an account must be like, in cents.
#[derive(Debug, Default)]
struct Model {
    invoices: Vec<Owed>,
    given: Vec<Given>,
}

impl Model {
    /// Settles by what is left of something: the first, then by their due days.
    fn settle(&mut self, place: usize, first: Option<InvoiceId>) {
        let given = &mut self.given[place];
        let mut order: Vec<_> = self.invoices.iter_mut().collect();
        order.sort_by_key(|owed| (Some(owed.id) != first, owed.due, owed.id));
        for owed in order {
            let part = given.left.min(owed.open).max(0);
            (owed.open, given.left) = (owed.open - part, given.left - part);
            given.parts.extend((part > 0).then_some((owed.id, part)));
        }
    }

    fn give(&mut self, cents: i64, first: Option<InvoiceId>, payment: Option<String>) {
        let mut left = cents;
        for owing in self.given.iter_mut().filter(|given| given.left < 0) {
            let part = left.min(-owing.left);
            (owing.left, left) = (owing.left + part, left - part);
        }
        if let Some(first) = first {
            self.recover(first, left);
        }
        self.given.push(Given { cents, left, payment, parts: Vec::new() });
        self.settle(self.given.len() - 1, first);
    }

    /// Takes off credit, the oldest first; answers what was missing.
    fn take(&mut self, mut cents: i64) -> i64 {
        for given in self.given.iter_mut().filter(|given| given.left > 0) {
            let part = cents.min(given.left);
            (given.left, cents) = (given.left - part, cents - part);
        }
        cents
    }

    fn take_credit(&mut self) {
        for place in 0..self.given.len() {
            self.settle(place, None);
        }
    }

    fn recover(&mut self, id: InvoiceId, cents: i64) {
        let owed = self.invoices.iter_mut().find(|owed| owed.id == id).unwrap();
        let part = owed.written_off.min(cents - owed.open).max(0);
        (owed.written_off, owed.open) = (owed.written_off - part, owed.open + part);
    }

    fn reverse(&mut self, place: usize) {
        let given = &mut self.given[place];
        let (parts, left) = (std::mem::take(&mut given.parts), std::mem::take(&mut given.left));
        given.payment = None;
        let mut paid_back = given.cents - left;
        for (id, part) in parts {
            self.invoices.iter_mut().find(|owed| owed.id == id).unwrap().open += part;
            paid_back -= part;
        }
        let missing = self.take(paid_back);
        self.given[place].left = -missing;
        self.take_credit();
    }

    fn at(&mut self, place: usize) -> Option<&mut Owed> {
        let count = self.invoices.len().max(1);
        self.invoices.get_mut(place % count)
    }

    fn open(&self) -> i64 {
        self.invoices.iter().map(|owed| owed.open).sum()
    }

    fn credit(&self) -> i64 {
        self.given.iter().map(|given| given.left).sum()
    }
}

fn text(cents: i64) -> String {
    Amount::from_micros(cents * CENT).to_string()
}

/// Does a step to the account and the model.
async fn take(step: Step, reference: &str, account: &Account<'_>, model: &mut Model) {
    let pay = |kind: &str, cents: i64, first: Option<InvoiceId>| {
        let mut payment = payment(reference, &text(cents));
        payment["kind"] = json!(kind);
        payment["invoice"] = json!(first.map(|id| id.to_string()));
        account.send(payment)
    };
    match step {
        Step::Issue { cents, due_in_days } => {
            let id = account.invoice(cents * CENT, due_in_days).await;
            model.invoices.push(Owed { id, due: due_in_days, open: cents.max(0), written_off: 0 });
            model.take_credit();
            if cents < 0 {
                model.give(-cents, None, None);
            }
        }
        Step::Pay { cents, first } => {
            let first = first.and_then(|place| model.at(place)).map(|owed| owed.id);
            let paid = pay("payment", cents, first).await;
            assert_eq!(paid.status, 201);
            let path = format!("{}/payments/{}/reverse", account.path, paid.body["id"].as_str().unwrap());
            model.give(cents, first, Some(path));
        }
        Step::Refund { cents } => {
            let expected = if cents <= model.credit() { 201 } else { 409 };
            assert_eq!(pay("refund", cents, None).await.status, expected);
            if expected == 201 {
                assert_eq!(model.take(cents), 0);
            }
        }
        Step::Credit { place, cents } => {
            let Some(Owed { id, .. }) = model.at(place).copied() else { return };
            account.credit(id, cents * CENT).await;
            model.give(cents, Some(id), None);
        }
        Step::WriteOff { place } => {
            let Some(owed) = model.at(place) else { return };
            let expected = if owed.open > 0 { 201 } else { 409 };
            let path = format!("{}/invoices/{}/write-off", account.path, owed.id);
            assert_eq!(account.db.post_json(&path, &json!({"reason": "lost"})).await.status, expected);
            (owed.written_off, owed.open) = (owed.written_off + owed.open, 0);
        }
        Step::Reverse { place } => {
            let paid: Vec<_> =
                (0..model.given.len()).filter(|place| model.given[*place].payment.is_some()).collect();
            let Some(chosen) = paid.get(place % paid.len().max(1)).copied() else { return };
            let path = model.given[chosen].payment.clone().unwrap();
            let reason = json!({"reason": "MD06"});
            assert_eq!(account.db.post_json(&path, &reason).await.status, 200);
            assert_eq!(account.db.post_json(&path, &reason).await.status, 409);
            model.reverse(chosen);
        }
    }
}

/// One account with an invoice of 10.00, of which 4.00 were paid and 1.00 credited, and one with credit.
async fn small_ledger(db: &TestApp) {
    operator(db).await;
    let account = Account::of(db, "C-2").await;
    let invoice = account.invoice(1_000 * CENT, 14).await;
    account.pay("p1", "4.00").await;
    account.credit(invoice, 100 * CENT).await;
    let other = Account::of(db, "C-1").await;
    other.pay("p2", "5.00").await;
    let mut refund = payment("r1", "2.00");
    refund["kind"] = json!("refund");
    assert_eq!(other.send(refund).await.status, 201);
    let lost = other.invoice(900 * CENT, 14).await;
    let path = format!("{}/invoices/{lost}/write-off", other.path);
    assert_eq!(db.post_json(&path, &json!({"reason": "lost"})).await.status, 201);
    other.invoice(-50 * CENT, 14).await;
    // A payment that was taken back after it was paid back, and a write-off that was paid in part.
    let third = Account::of(db, "C-3").await;
    let bounced = third.pay("p3", "7.00").await;
    let mut refund = payment("r2", "7.00");
    refund["kind"] = json!("refund");
    assert_eq!(third.send(refund).await.status, 201);
    let path = format!("{}/payments/{}/reverse", third.path, bounced["id"].as_str().unwrap());
    assert_eq!(db.post_json(&path, &json!({"reason": "MD06"})).await.status, 200);
    let lost = third.invoice(800 * CENT, 14).await;
    let path = format!("{}/invoices/{lost}/write-off", third.path);
    assert_eq!(db.post_json(&path, &json!({"reason": "lost"})).await.status, 201);
    let mut late = payment("p4", "10.00");
    late["invoice"] = json!(lost.to_string());
    assert_eq!(third.send(late).await.status, 201);
    assert_sound(db).await;
}

on_both_databases! {
    async fn whatever_is_done_balance_and_open_invoices_agree_with_a_simple_model(db: TestApp) {
        operator(&db).await;
        let mut runner = TestRunner::deterministic();
        for case in 0..8 {
            let reference = format!("P-{case}");
            create(&db, "/v1/customers", json!({"reference": reference, "currency": "EUR", "zone": "Europe/Berlin",
                "party": {"name": "Any", "country": "DE"}})).await;
            let account = Account::of(&db, &reference).await;
            let mut model = Model::default();
            let sequence = proptest::collection::vec(step(), 10..40).new_tree(&mut runner).unwrap().current();
            for (place, step) in sequence.iter().enumerate() {
                take(step.clone(), &format!("{case}-{place}"), &account, &mut model).await;
                let [balance, open, _, credit] = account.balance().await;
                let [owed, left] = [model.open(), model.credit()];
                let expected = (text(owed - left), text(owed), text(left));
                assert_eq!((balance, open, credit), expected, "{case}: {:?}", &sequence[..=place]);
            }
            let mut tx = db.app.db.read().await.unwrap();
            let ids: Vec<_> = model.invoices.iter().map(|owed| owed.id).collect();
            let standing = tollbook::payments::standing(&mut tx, account.id, &ids, db.app.clock.now()).await.unwrap();
            for Owed { id, open, .. } in &model.invoices {
                assert_eq!(standing[id].open.amount, Amount::from_micros(open * CENT), "{case}: {sequence:?}");
            }
        }
        assert_sound(&db).await;
    }

    async fn every_damage_is_found(db: TestApp) {
        small_ledger(&db).await;
        for (damage, fault) in [
            ("update postings set amount = amount + 1 where account = 'bank'", "sum to"),
            ("delete from postings where account = 'revenue'", "sum to"),
            ("delete from ledger_entries where kind = 'payment'", "is not there"),
            ("delete from ledger_entries where kind = 'issue'", "no issue entry"),
            ("update ledger_entries set subject_id = 1 where kind = 'credit_note'", "no credit_note entry"),
            ("update ledger_entries set subject_id = 1 where kind = 'refund'", "has a refund entry, but is not there"),
            ("update postings set amount = 2 * amount", "no write_off entry"),
            ("update postings set account = 'tax' where account = 'revenue'", "no issue entry"),
            ("delete from invoices where gross > 9500000", "has a issue entry, but is not there"),
            ("delete from receivables where gross > 9500000", "no receivable has its amount"),
            ("update receivables set gross = gross + 1", "no receivable has its amount"),
            ("update receivables set open = open - 1 where open > 0", "what is open is not its amount"),
            ("update receivables set open = -1 where open = 0", "what is open is not its amount"),
            ("delete from allocations where source = 'payment'", "what is open is not its amount"),
            ("update receivables set credited = 0", "credited or written off"),
            ("update receivables set written_off = 1", "credited or written off"),
            ("update allocations set amount = amount + 1 where source = 'payment'", "settles more than it comes to"),
            ("update allocations set source_id = 1 where source = 'credit_note'", "settles more than it comes to"),
            ("update allocations set amount = -amount", "settles more than it comes to"),
            ("update credits set remaining = remaining - 1", "the credit is not what was given"),
            ("delete from credits", "the balance is not the open invoices less the credit"),
            ("update payments set amount = 1 where kind = 'refund'", "no refund entry"),
            ("update payments set reversed_at = null", "has a reversal entry, but is not there"),
            ("delete from ledger_entries where kind = 'reversal'", "no reversal entry has its amounts"),
            ("delete from ledger_entries where kind = 'recovery'", "no recovery entry has its amounts"),
            ("update payments set reversed_at = recorded_at where reference = 'p1'", "settles more than it comes to"),
            ("update write_offs set amount = amount - 1 where amount < 0", "credited or written off"),
            ("update credits set remaining = -1 where remaining = 0 and customer_id in (select customer_id from credits where remaining > 0)", "one fills the other"),
            ("update payments set reference = 'p3' where reference = 'p1'", "its reference does not lead to it"),
            ("update customers set suspended_for = 'overdue', suspended_at = created_at", "is suspended for what is overdue, and nothing is open"),
            ("update payment_directory set payment_id = 1", "its reference does not lead to it"),
        ] {
            // Not committed: the next damage begins from a sound ledger.
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(damage, &[]).await.unwrap() > 0, "{damage}");
            let found = faults(&mut tx).await;
            assert!(found.iter().any(|found| found.contains(fault)), "{damage}: {found:#?}");
        }
        assert_sound(&db).await;
    }

    async fn an_entry_that_does_not_balance_or_is_there_is_a_fault(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let (clock, now) = (&db.app.clock, db.app.clock.now());
        let amount = Amount::from_micros;
        let good = Entry::payment(account.id, PaymentId(1), euro(), amount(5), now);
        let bad = Entry::issue(account.id, InvoiceId(1), euro(), amount(10), amount(1), amount(12), now);
        let mut tx = db.app.db.begin().await.unwrap();
        let refused = ledger::post(&mut tx, &[good.clone(), bad], clock).await.unwrap_err();
        assert!(matches!(refused, Error::Contradiction(_)) && refused.to_string().contains("inv_"), "{refused}");
        assert_eq!(ledger::balance(&mut tx, account.id).await.unwrap(), Amount::ZERO);
        ledger::post(&mut tx, &[], clock).await.unwrap();
        ledger::post(&mut tx, std::slice::from_ref(&good), clock).await.unwrap();
        assert_eq!(ledger::balance(&mut tx, account.id).await.unwrap(), amount(-5));
        let twice = ledger::post(&mut tx, &[good], clock).await.unwrap_err();
        assert!(matches!(&twice, Error::Database(error) if error.is_unique_violation()), "{twice}");
    }

    async fn invoices_of_before_the_ledger_are_adopted(db: TestApp) {
        operator(&db).await;
        let account = Account::of(&db, "C-2").await;
        let october = account.issue("2026-10", "2026-11-05").await;
        account.invoice(-2_000_000, 14).await;
        // As if the third migration had not run yet.
        let mut tx = db.app.db.begin().await.unwrap();
        for later in [
            "charging_accounts", "balances", "movements", "bookings", "booking_directory", "voucher_batches",
            "vouchers", "renewals", "charging_sessions", "reservations", "day_spending",
            "clients", "client_secrets", "access_tokens", "webhook_endpoints", "webhook_messages", "webhook_deliveries",
            "audit_entries", "disputes", "call_replacements", "replaced_calls", "reminded_customers", "letters",
            "seal_batches", "seals", "seal_series",
            "document_links", "program_time",
        ] {
            tx.script(&format!("drop table {later}")).await.unwrap();
        }
        for index in ["invoices_kept", "credit_notes_kept", "idempotency_keys_age", "suspense_of_record", "calls_of_call", "receivables_next_step",
            "invoices_of_month", "ledger_entries_by_time", "cycles_open", "cycles_reviewed", "cycles_approved", "cycles_held",
            "invoice_directory_documents", "customer_directory_looks"] {
            tx.script(&format!("drop index {index}")).await.unwrap();
        }
        for (table, column) in [
            ("customers", "calls_kept_from"), ("customers", "erased_at"), ("imports", "purged"), ("invoices", "purged_at"),
            ("credit_notes", "purged_at"), ("tariff_versions", "withdrawn_at"), ("tariff_versions", "withdrawn_from"),
            ("calls", "charged_party"), ("suspense", "understood"), ("payments", "reversed_at"), ("payments", "reversal_reason"),
            ("receivables", "ladder_from"), ("customers", "delivery"),
            ("cycles", "held_at"), ("cycles", "held_reason"), ("cycles", "approved_until"), ("cycles", "review_until"),
            ("calls", "seal_batch_id"), ("ledger_entries", "seal_batch_id"), ("invoice_directory", "content_hash"),
            ("invoice_directory", "chain_hash"), ("invoice_directory", "seal_batch_id"), ("invoice_series", "chain_hash"),
            ("jobs", "unanswered"),
            ("jobs", "handed_over_at"), ("customer_directory", "look"),
            ("tariff_versions", "seal_batch_id"), ("rates", "seal_batch_id"), ("suspense", "seal_batch_id"),
            ("suspense", "suspended_at"), ("suspense", "renewals"),
        ] {
            tx.script(&format!("alter table {table} drop column {column}")).await.unwrap();
        }
        // As it was before the taxes of fees were remembered.
        tx.script("create table old_charges as select customer_id, subscription_id, month, invoice_id, amount,
                     discounted as given_back, line from fee_charges;
                   drop table fee_charges; alter table old_charges rename to fee_charges; drop table settled_parts;
                   drop table party_versions; drop index credited_calls_of_invoice;
                   alter table credited_calls drop column net; alter table credited_calls drop column credited_at;
                   alter table cycles drop column changed_from;
                   alter table credit_notes drop column takes_back_id; alter table invoices drop column replaced_by_id").await.unwrap();
        tx.script("delete from migrations where name >= '0003'; delete from ledger_entries; delete from postings;
                   delete from receivables; delete from allocations; drop table credits;
                   drop index receivables_to_remind; alter table receivables drop column credited;
                   alter table receivables drop column written_off; alter table customers drop column suspended_reason;
                   create index receivables_open on receivables (due_at) where open > 0;
                   create index cycles_due on cycles (next_end, customer_id)").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.app.db.migrate(db.app.clock.now()).await.unwrap()[0], "0003_ledger");
        assert_sound(&db).await;
        assert_eq!(account.balance().await, ["9.78", "11.78", "0.00", "2.00"]);
        let statement = db.get(&format!("{}/statement", account.path)).await.body;
        assert_eq!(statement["items"][0]["subject"], october["id"], "{statement}");
        // Due 14 days after it was issued, as far as anybody knows, and nobody is reminded of it.
        db.app.clock.set("2027-11-05T00:00:00Z".parse().unwrap());
        assert_eq!(account.balance().await[2], "11.78");
        assert_eq!(tollbook::payments::remind(&db.app).await.unwrap().reminded, 0);
    }
}
