//! How is an issued invoice corrected? By a credit note for all of it, a line, or one disputed call.
//!
//! An invoice is never changed, and what is credited is not billed again.

pub mod cli;
mod credit;
pub mod http;
mod less;
mod store;
mod take_back;
mod verify;

use calculation::invoice::Invoice;
use calculation::money::{Amount, Money};
use documents::Drawing;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use credit::{Credited, credit, credit_replaced};
pub use take_back::{TakenBack, take_back};
pub use verify::{Verified, verify};

use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices::{self, Subject};

/// An issued credit note.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreditNote {
    #[schema(value_type = String, example = "crn_01h2x3y4z5a6b")]
    pub id: CreditNoteId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    /// The invoice that it corrects.
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub invoice_id: InvoiceId,
    /// The legal number; absent for the moment between issuing and numbering.
    #[schema(example = "CN-2026-000001")]
    pub number: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// The credit note that it takes back: then its amounts are below zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "crn_01h2x3y4z5a6b")]
    pub takes_back: Option<CreditNoteId>,
    /// What is given back.
    #[schema(value_type = MoneySchema)]
    pub gross: Money,
    /// Since when nothing is left of the document but its number, days and totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub purged_at: Option<Timestamp>,
    /// All that the document shows. Its amounts are positive.
    #[schema(value_type = crate::invoices::described::InvoiceSchema)]
    pub credit_note: Invoice,
}

/// A credit note to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredit {
    /// Why, as the document shows it.
    #[schema(example = "The line was out of order")]
    pub reason: String,
    pub credits: Credits,
}

/// What is credited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credits {
    /// All that is left of the invoice.
    Whole,
    /// A line.
    Line {
        /// Its place on the invoice, from 1.
        number: usize,
        /// Net, above zero; all that is left of it when absent.
        #[schema(value_type = Option<String>, example = "5.00")]
        net: Option<Amount>,
    },
    /// One call, once.
    Call { source: String, record_id: String },
}

/// A credit note by its id.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: CreditNoteId) -> Result<Option<CreditNote>> {
    store::by_id(tx, customer, id).await
}

/// A credit note as it stands, or as it stood when it was issued.
pub async fn drawing(tx: &mut Tx, note: &CreditNote, as_issued: bool) -> Result<Drawing> {
    let (content, at) = (note.credit_note.clone(), as_issued.then_some(note.issued_at));
    invoices::draw(tx, note.customer_id, Subject::CreditNote(note.id), content, at).await
}

/// A credit note by its legal number.
pub async fn by_number(tx: &mut Tx, number: &str) -> Result<Option<CreditNote>> {
    store::by_number(tx, number).await
}

/// A customer's credit notes, newest first.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<CreditNote>> {
    store::of_customer(tx, customer).await
}
