//! Tells those who want to know that invoices are paid in full, and that a payment was taken back.

use super::allocate::Allocation;
use super::reverse::ReversedPayment;
use super::status::{Status, status};
use super::{Payment, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices;
use crate::webhooks::events::{InvoicePaid, PaymentReversed};
use crate::webhooks::listeners;

/// Of a customer's invoices that something went to, those that it paid in full.
pub(super) async fn announce_allocated(
    tx: &mut Tx,
    customer: CustomerId,
    allocations: &[Allocation],
    clock: &Clock,
) -> Result<()> {
    let mut touched: Vec<_> = allocations.iter().map(|part| (customer, part.invoice)).collect();
    touched.sort_unstable();
    touched.dedup();
    announce_paid(tx, &touched, clock).await
}

/// Of some invoices those that are paid now and have their number: one without is told of when it gets it. Who pays
/// has changed what is open before asking for the number, and who numbers the other way round, so that one of them
/// sees both.
pub(crate) async fn announce_paid(tx: &mut Tx, of: &[(CustomerId, InvoiceId)], clock: &Clock) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let Some(listeners) = listeners::<InvoicePaid>(tx).await? else { return Ok(()) };
    let numbers = invoices::numbers_of(tx, of).await?;
    let mut paid = Vec::new();
    for (customer_id, invoice_id, gross, facts) in store::facts_of(tx, of).await? {
        // What is given up, credited as a whole or was never owed is not paid.
        let is_paid = facts.gross.micros() > 0 && status(&facts, clock.now()) == Status::Paid;
        let Some(number) = numbers.get(&invoice_id).filter(|_| is_paid) else { continue };
        paid.push(InvoicePaid { invoice_id, customer_id, number: number.clone(), gross });
    }
    listeners.tell(tx, &paid, clock).await?;
    Ok(())
}

/// That a payment was taken back, and which invoices are open again.
pub(super) async fn announce_reversed(tx: &mut Tx, reversed: &ReversedPayment, clock: &Clock) -> Result<()> {
    let Some(listeners) = listeners::<PaymentReversed>(tx).await? else { return Ok(()) };
    let Payment { id, customer_id, reference, amount, reversal, .. } = reversed.payment.clone();
    let reason = reversal.map(|reversal| reversal.reason).unwrap_or_default();
    let reopened = reversed.reopened.clone();
    let event = PaymentReversed { payment_id: id, customer_id, reference, amount, reason, reopened };
    listeners.tell(tx, &[event], clock).await?;
    Ok(())
}
