//! How is a month invoiced again whose invoice was credited in full? By a new invoice, which names the one before.

use super::store;
use super::{StoredInvoice, by_id};
use crate::adjustments;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::{self, Status};

/// An invoice, if it was credited in full.
pub(super) async fn void(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
    now: jiff::Timestamp,
) -> Result<Option<StoredInvoice>> {
    let standing = payments::standing(tx, customer, &[id], now).await?;
    if standing.get(&id).is_none_or(|standing| standing.status != Status::Void) {
        return Ok(None);
    }
    let found = by_id(tx, customer, id).await?;
    Ok(found.filter(|stored| stored.number.is_some() && stored.purged_at.is_none()))
}

/// Lets go of what a void invoice charged, so that the new one charges it.
pub(super) async fn release(tx: &mut Tx, void: &StoredInvoice) -> Result<()> {
    store::reverse_charges(tx, void.customer_id, void.id).await?;
    adjustments::release(tx, void.customer_id, void.id).await
}
