//! Which document does a mail carry, and how is it drawn?

use std::fmt;
use std::str::FromStr;

use calculation::invoice::Invoice;

use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId, NotAnId};
use crate::{credit_notes, invoices};

/// A document that a customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    Invoice(InvoiceId),
    CreditNote(CreditNoteId),
}

/// A document by its id, with its number if it has one.
pub(super) async fn read(tx: &mut Tx, customer: CustomerId, document: Document) -> Result<Option<Invoice>> {
    match document {
        Document::Invoice(id) => Ok(invoices::by_id(tx, customer, id).await?.map(|stored| stored.invoice)),
        Document::CreditNote(id) => {
            Ok(credit_notes::by_id(tx, customer, id).await?.map(|note| note.credit_note))
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(id) => id.fmt(out),
            Self::CreditNote(id) => id.fmt(out),
        }
    }
}

impl FromStr for Document {
    type Err = NotAnId;

    fn from_str(text: &str) -> std::result::Result<Self, NotAnId> {
        let credit_note = text.parse().map(Self::CreditNote);
        credit_note.or_else(|_| text.parse().map(Self::Invoice))
    }
}
