//! Which document does a mail carry, and how is it drawn?

use std::fmt;
use std::str::FromStr;

use documents::Drawing;

use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId, NotAnId};
use crate::invoices::Subject;
use crate::{credit_notes, invoices};

/// A document that a customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    Invoice(InvoiceId),
    CreditNote(CreditNoteId),
}

/// A document by its id as it stands, with its number if it has one.
pub(super) async fn read(tx: &mut Tx, customer: CustomerId, document: Document) -> Result<Option<Drawing>> {
    match document {
        Document::Invoice(id) => match invoices::by_id(tx, customer, id).await? {
            Some(stored) => Ok(Some(invoices::drawing(tx, &stored, false).await?)),
            None => Ok(None),
        },
        Document::CreditNote(id) => match credit_notes::by_id(tx, customer, id).await? {
            Some(note) => Ok(Some(credit_notes::drawing(tx, &note, false).await?)),
            None => Ok(None),
        },
    }
}

impl From<Subject> for Document {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Invoice(id) => Self::Invoice(id),
            Subject::CreditNote(id) => Self::CreditNote(id),
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
