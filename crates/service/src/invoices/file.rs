//! Which file does a customer get? The drawn invoice, with its electronic one inside where it can be one.

use calculation::invoice::Invoice;

use super::document::{self, Brand};
use super::einvoice;
use crate::error::{Error, Result};

/// The invoice as a PDF/A-3b file with `factur-x.xml` inside.
///
/// An invoice that lacks what the standard requires still goes out, as PDF alone; the log says what lacks.
pub fn pdf(invoice: &Invoice) -> Result<Vec<u8>> {
    let drawn = document::pdf(invoice, &Brand::default());
    let drawn = drawn.map_err(|error| Error::Document(error.to_string()))?;
    let number = invoice.number.as_deref().unwrap_or_default();
    Ok(einvoice::embed(&drawn, invoice).unwrap_or_else(|error| {
        tracing::warn!(%error, number, "no XML in the PDF");
        drawn
    }))
}
