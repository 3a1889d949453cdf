//! Reverses a write-off as far as a payment or credit note goes that names its invoice: so much is no bad debt after all.

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::allocate::Allocation;
use super::save::{later_than_issue, save};
use super::{Source, WriteOff, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId, WriteOffId};
use crate::ledger::{self, Entry};

/// Opens again of an invoice what was written off of it, as far as an amount goes beyond what is open; the caller holds
/// the customer and settles it then. What is appended is a write-off below zero.
pub(super) async fn recover(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    given: Amount,
    at: Timestamp,
    clock: &Clock,
) -> Result<()> {
    let Some((currency, facts)) = store::facts_one(tx, customer, invoice).await? else { return Ok(()) };
    let beyond = Amount::from_micros(given.micros().saturating_sub(facts.open.micros()));
    let amount = facts.written_off.min(beyond);
    if amount <= Amount::ZERO {
        return Ok(());
    }
    let (id, at) = (WriteOffId(clock.id()), later_than_issue(tx, customer, invoice, at).await?);
    let less = Amount::from_micros(amount.micros().saturating_neg());
    let recovered = WriteOff {
        id,
        customer_id: customer,
        invoice_id: invoice,
        amount: Money { amount: less, currency },
        reason: "settled after all".to_owned(),
        written_at: at,
    };
    store::insert_write_off(tx, &recovered).await?;
    let allocation = Allocation { invoice, source: Source::WriteOff, source_id: id.0, amount: less };
    save(tx, customer, &[allocation], at, clock).await?;
    ledger::post(tx, &[Entry::recovery(customer, id, currency, amount, at)], clock).await
}
