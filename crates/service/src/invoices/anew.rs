//! How is a month invoiced again whose invoice was credited in full? By a new invoice, which names the one before.

use super::{StoredInvoice, by_id, documents, store};
use crate::adjustments;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

/// An invoice, if it was credited in full: what later ones gave back of it cannot be.
pub(super) async fn void(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<StoredInvoice>> {
    let Some(found) = by_id(tx, customer, id).await? else { return Ok(None) };
    let stands = found.number.is_some() && found.purged_at.is_none();
    Ok(if stands && documents::is_credited(tx, &found).await? { Some(found) } else { None })
}

/// Lets go of what a void invoice charged, so that the new one charges it.
pub(super) async fn release(tx: &mut Tx, void: &StoredInvoice) -> Result<()> {
    store::reverse_charges(tx, void.customer_id, void.id).await?;
    adjustments::release(tx, void.customer_id, void.id).await
}
