//! Tells those who want to know that invoices are paid in full.

use super::allocate::Allocation;
use super::status::{Status, status};
use super::store;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices;
use crate::webhooks::events::InvoicePaid;
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
