//! Which calls does the document of an invoice show?

use calculation::invoice::DocumentKind;

use super::StoredInvoice;
use super::document::ItemisedCall;
use crate::calls;
use crate::db::Tx;
use crate::error::Result;

/// The calls behind an invoice; none behind a credit note, which charges none.
pub async fn itemise(tx: &mut Tx, stored: &StoredInvoice) -> Result<Vec<ItemisedCall>> {
    let period = &stored.invoice.period;
    match stored.invoice.kind {
        DocumentKind::Invoice => {
            calls::itemised(tx, stored.customer_id, period.starts_at, period.ends_at).await
        }
        DocumentKind::CreditNote => Ok(Vec::new()),
    }
}
