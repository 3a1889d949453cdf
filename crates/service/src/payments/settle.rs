//! Settles invoices by what a customer is given: a payment, a credit note, an invoice below zero.

use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::{Allocation, Credit, allocate};
use super::announce::announce_allocated;
use super::{Source, store};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};

/// Settles an invoice by a credit note of a positive amount, in the transaction that issues it; the caller
/// holds the customer. What exceeds what is open of the invoice goes to the customer's other open invoices,
/// oldest due first, and is credit with what is left.
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

/// Allocates at an instant what is new to the customer's open invoices: `first`, if it is one of them, then those due
/// earliest. What is left is kept as credit.
pub(super) async fn give(
    tx: &mut Tx,
    customer: CustomerId,
    given: Credit,
    first: Option<InvoiceId>,
    at: Timestamp,
    clock: &Clock,
) -> Result<Vec<Allocation>> {
    let mut invoices = store::open_invoices(tx, customer).await?;
    // The sort is stable: the others stay in the order of their due dates.
    invoices.sort_by_key(|open| Some(open.invoice) != first);
    let mut credits = [given];
    let allocations = allocate(&mut credits, &mut invoices);
    store::save_allocations(tx, customer, &allocations, at, clock).await?;
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

/// Restores a service that was suspended for what was overdue, once nothing is.
pub(super) async fn restore_if_settled(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<()> {
    if store::position(tx, customer, now).await?.overdue == Amount::ZERO {
        customers::restore_overdue(tx, customer).await?;
    }
    Ok(())
}
