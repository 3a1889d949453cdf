//! Which file does a customer get? The drawn invoice, with its electronic one inside where it can be one.

use calculation::invoice::Invoice;

use super::document::{self, Brand, ItemisedCall};
use super::{einvoice, itemise};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::CustomerId;

/// The document of a customer as a PDF file, with the calls behind it, in today's brand.
pub async fn of(app: &App, customer: CustomerId, invoice: &Invoice) -> Result<Vec<u8>> {
    let mut tx = app.db.read().await?;
    let calls = itemise(&mut tx, customer, invoice).await?;
    drop(tx);
    tokio::task::block_in_place(|| pdf(invoice, &calls, &app.config.brand))
}

/// The invoice as a PDF/A-3b file with `factur-x.xml` inside.
///
/// An invoice that lacks what the standard requires still goes out, as PDF alone; the log says what lacks.
pub fn pdf(invoice: &Invoice, calls: &[ItemisedCall], brand: &Brand) -> Result<Vec<u8>> {
    let drawn = document::pdf(invoice, calls, brand);
    let drawn = drawn.map_err(|error| Error::Document(error.to_string()))?;
    let number = invoice.number.as_deref().unwrap_or_default();
    Ok(einvoice::embed(&drawn, invoice).unwrap_or_else(|error| {
        tracing::warn!(%error, number, "no XML in the PDF");
        drawn
    }))
}
