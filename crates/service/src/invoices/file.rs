//! Which file does a customer get? The drawn document, with its electronic invoice inside where it can be one.

use super::document::{self, Brand, DocumentError, ItemisedCall};
use super::{Drawing, einvoice, itemise};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::CustomerId;

/// The document of a customer as a PDF file, with the calls behind it, in today's brand.
pub async fn of(app: &App, customer: CustomerId, drawing: &Drawing) -> Result<Vec<u8>> {
    let mut tx = app.db.read().await?;
    let calls = itemise(&mut tx, customer, &drawing.invoice).await?;
    drop(tx);
    tokio::task::block_in_place(|| pdf(drawing, &calls, &app.config.brand))
}

/// The document as a PDF/A-3b file with `factur-x.xml` inside.
///
/// An invoice that lacks what the standard requires still goes out, as PDF alone; the log says what lacks.
pub fn pdf(drawing: &Drawing, calls: &[ItemisedCall], brand: &Brand) -> Result<Vec<u8>> {
    let drawn = document::pdf(drawing, calls, brand);
    let number = drawing.invoice.number.as_deref().unwrap_or_default();
    let drawn = drawn.map_err(|error| match error {
        DocumentError::Letters(_) => Error::Letters(format!("{number} cannot be drawn: {error}")),
        error => Error::Document(error.to_string()),
    })?;
    Ok(einvoice::embed(&drawn, drawing).unwrap_or_else(|error| {
        tracing::warn!(%error, number, "no XML in the PDF");
        drawn
    }))
}
