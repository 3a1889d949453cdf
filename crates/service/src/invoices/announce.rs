//! Tells those who want to know that invoices were issued: once they have their numbers.

use super::store;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments;
use crate::webhooks::events::InvoiceIssued;
use crate::webhooks::listeners;

/// Invoices that were given their numbers. One that credit paid while it had none is told to be paid as well.
pub(super) async fn numbered(tx: &mut Tx, invoices: &[(CustomerId, InvoiceId)], clock: &Clock) -> Result<()> {
    if invoices.is_empty() {
        return Ok(());
    }
    if let Some(listeners) = listeners::<InvoiceIssued>(tx).await? {
        let issued = store::issued(tx, invoices).await?;
        listeners.tell(tx, &issued, clock).await?;
    }
    payments::announce_paid(tx, invoices, clock).await
}
