//! Takes back what a customer was given: a payment that bounced, a credit note that was a mistake.

use calculation::allocation::{Left, allocate};
use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::{Allocation, Credit};
use super::save::save;
use super::{Source, settle, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};

/// What taking something back came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// Which invoices are open again, and by how much.
    pub reopened: Vec<(InvoiceId, Amount)>,
}

/// Takes back at an instant all of a payment or credit note that came to `amount`; the caller holds the customer, and posts the
/// entry.
///
/// What it settled is open again, wherever it went. What is left of its credit goes. What was paid back to the customer of
/// it is taken off their other credit and, as far as there is none, stays as credit below zero, which the next money fills
/// first. So the balance is what is open less the credit, as always. Other credit settles then what is open again.
///
/// An invoice keeps its place on the ladder; the days for which it counted as paid do not count.
pub(super) async fn take_back(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    id: i64,
    amount: Amount,
    now: Timestamp,
    clock: &Clock,
) -> Result<TakenBack> {
    let settled = store::allocated_by(tx, customer, source, id).await?;
    let mut reopened = Vec::new();
    for (invoice, part) in settled {
        if let Some(paid_at) = store::paid_since(tx, customer, invoice).await? {
            store::pause_ladder(tx, customer, invoice, paid_at, now).await?;
        }
        let less = Amount::from_micros(part.micros().saturating_neg());
        let allocation = Allocation { invoice, source, source_id: id, amount: less };
        save(tx, customer, &[allocation], now, clock).await?;
        reopened.push((invoice, part));
    }
    let left = store::drop_credit(tx, customer, source, id).await?;
    let gone = reopened.iter().map(|(_, part)| part.micros()).fold(left.micros(), i64::saturating_add);
    let paid_back = Amount::from_micros(amount.micros().saturating_sub(gone));
    owe(tx, customer, (source, id), paid_back, now).await?;
    settle::take_credit(tx, customer, now, clock).await?;
    Ok(TakenBack { reopened })
}

/// Takes back at an instant a credit note of a positive amount that was a mistake; the caller holds the customer, and posts the entry.
pub async fn take_back_credit(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    credit_note: CreditNoteId,
    amount: Amount,
    now: Timestamp,
    clock: &Clock,
) -> Result<TakenBack> {
    let less = Amount::from_micros(amount.micros().saturating_neg());
    store::count_credited(tx, customer, invoice, less).await?;
    take_back(tx, customer, Source::CreditNote, credit_note.0, amount, now, clock).await
}

/// Takes an amount off the customer's credit, the oldest first; what is missing is credit below zero.
async fn owe(
    tx: &mut Tx,
    customer: CustomerId,
    (source, source_id): (Source, i64),
    amount: Amount,
    now: Timestamp,
) -> Result<()> {
    let credits = store::credits(tx, customer).await?;
    let credit = |credit: &Credit| Left { id: (credit.source, credit.source_id), amount: credit.remaining };
    let mut left: Vec<_> = credits.iter().map(credit).collect();
    let mut owed = [Left { id: (), amount }];
    for part in allocate(&mut left, &mut owed) {
        let (source, source_id) = part.credit;
        store::use_credit(tx, customer, source, source_id, part.amount).await?;
    }
    let [missing] = owed;
    if missing.amount > Amount::ZERO {
        let remaining = Amount::from_micros(missing.amount.micros().saturating_neg());
        store::insert_credit(tx, customer, &Credit { source, source_id, remaining }, now).await?;
    }
    Ok(())
}
