//! When does something settle an invoice? After it was issued, whatever the clock of the program says that records it.

use jiff::Timestamp;

use super::allocate::Allocation;
use super::store;
use crate::clock::{Clock, after};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices;

/// Stores allocations, each at an instant or, if its invoice was issued later than that, right after it was issued.
pub(super) async fn save(
    tx: &mut Tx,
    customer: CustomerId,
    allocations: &[Allocation],
    at: Timestamp,
    clock: &Clock,
) -> Result<()> {
    for allocation in allocations {
        let at = later_than_issue(tx, customer, allocation.invoice, at).await?;
        store::save_allocation(tx, customer, *allocation, clock.id(), at).await?;
    }
    Ok(())
}

/// The instant of a deed on an invoice. A program whose clock is ahead of this one may have issued it: then right after that.
pub(super) async fn later_than_issue(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    at: Timestamp,
) -> Result<Timestamp> {
    Ok(invoices::issued_at(tx, customer, invoice).await?.map_or(at, |issued_at| after(at, issued_at)))
}
