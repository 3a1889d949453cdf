//! Which calls does the document of an invoice show?

use calculation::invoice::{DocumentKind, Invoice};

use crate::calls;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use documents::ItemisedCall;

/// The calls behind an invoice; none behind a credit note, which charges none.
pub async fn itemise(tx: &mut Tx, customer: CustomerId, invoice: &Invoice) -> Result<Vec<ItemisedCall>> {
    let period = &invoice.period;
    match invoice.kind {
        DocumentKind::Invoice => calls::itemised(tx, customer, period.starts_at, period.ends_at).await,
        DocumentKind::CreditNote => Ok(Vec::new()),
    }
}
