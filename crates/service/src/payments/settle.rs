//! Settles invoices by what a customer is given: a payment, a credit note, an invoice below zero.

use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::{Allocation, Credit, allocate};
use super::announce::announce_allocated;
use super::recover::recover;
use super::save::save;
use super::{Source, store, turn};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};

/// Settles an invoice by a credit note of a positive amount, in the transaction that issues it; the caller
/// holds the customer. What exceeds what is open of the invoice, and what was written off of it, goes to the customer's
/// other open invoices, oldest due first, and is credit with what is left.
pub async fn settle_by_credit(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    credit_note: CreditNoteId,
    amount: Amount,
    at: Timestamp,
    clock: &Clock,
) -> Result<()> {
    store::count_credited(tx, customer, invoice, amount).await?;
    let credit = Credit { source: Source::CreditNote, source_id: credit_note.0, remaining: amount };
    give(tx, customer, credit, Some(invoice), at, clock).await?;
    Ok(())
}

/// Allocates at an instant what is new to what the customer owes: first to what was paid back to them of a payment that was taken back
/// since, then to their open invoices: `first`, if it is one of them, then those due earliest, and what is contested last.
/// What is left is kept as credit.
pub(super) async fn give(
    tx: &mut Tx,
    customer: CustomerId,
    mut given: Credit,
    first: Option<InvoiceId>,
    at: Timestamp,
    clock: &Clock,
) -> Result<Vec<Allocation>> {
    fill(tx, customer, &mut given).await?;
    if let Some(named) = first {
        // What was given up is not given back as money: the debt is less, not the customer richer.
        recover(tx, customer, named, given.remaining, at, clock).await?;
    }
    let mut invoices = turn::in_order(tx, customer, first).await?;
    let mut credits = [given];
    let allocations = allocate(&mut credits, &mut invoices);
    save(tx, customer, &allocations, at, clock).await?;
    announce_allocated(tx, customer, &allocations, clock).await?;
    let [left] = credits;
    if left.remaining > Amount::ZERO {
        store::insert_credit(tx, customer, &left, at).await?;
    }
    if !allocations.is_empty() {
        restore_if_settled(tx, customer, clock.now()).await?;
    }
    Ok(allocations)
}

/// Fills credit below zero: money that was paid back, and then taken back by the bank it came from.
async fn fill(tx: &mut Tx, customer: CustomerId, given: &mut Credit) -> Result<()> {
    for owed in store::owed_back(tx, customer).await? {
        let missing = Amount::from_micros(owed.remaining.micros().saturating_neg());
        let part = missing.min(given.remaining);
        if part <= Amount::ZERO {
            break;
        }
        store::fill_credit(tx, customer, owed.source, owed.source_id, part).await?;
        given.remaining = Amount::from_micros(given.remaining.micros().saturating_sub(part.micros()));
    }
    Ok(())
}

/// Allocates at an instant a customer's credit to their open invoices.
pub(super) async fn take_credit(
    tx: &mut Tx,
    customer: CustomerId,
    at: Timestamp,
    clock: &Clock,
) -> Result<()> {
    let mut credits = store::credits(tx, customer).await?;
    if credits.is_empty() {
        return Ok(());
    }
    let mut invoices = turn::in_order(tx, customer, None).await?;
    let allocations = allocate(&mut credits, &mut invoices);
    for allocation in &allocations {
        store::use_credit(tx, customer, allocation.source, allocation.source_id, allocation.amount).await?;
    }
    save(tx, customer, &allocations, at, clock).await?;
    announce_allocated(tx, customer, &allocations, clock).await
}

/// Restores a service that was suspended for what was overdue, and withdraws a suspension that was announced, once what is
/// overdue and not contested is less than a service is suspended for.
pub(crate) async fn restore_if_settled(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<()> {
    let overdue = turn::uncontested_overdue(tx, customer, now).await?;
    let least = store::least(tx, customer).await?;
    if overdue == Amount::ZERO || overdue < least {
        customers::restore_overdue(tx, customer).await?;
        store::withdraw_suspension(tx, customer).await?;
    }
    Ok(())
}
