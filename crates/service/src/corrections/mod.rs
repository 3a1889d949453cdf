//! How is a call put right that was charged by a wrong record?
//!
//! The wrong record is never edited. What it charged is given back, the corrected record is charged, and both stay in the history.

pub mod cli;
pub mod http;
mod replace;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use replace::{Replaced, replace};

use crate::calls::Call;
use crate::id::{CreditNoteId, CustomerId, ImportId};

/// A record in suspense is to take the place of the one that stands under its id.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// The source of both records.
    #[schema(example = "switch-a")]
    pub source: String,
    /// The id of both records.
    #[schema(example = "A000123")]
    pub record_id: String,
    /// On which line the right one stood, if several wait under the id.
    pub line: Option<i64>,
    /// Of which import it is, if several do.
    #[schema(value_type = Option<String>, example = "imp_01h2x3y4z5a6b")]
    pub import_id: Option<ImportId>,
    /// Why, as the history shows it, and a credit note if the call was invoiced.
    #[schema(example = "The switch's clock was wrong")]
    pub reason: String,
}

/// A corrected record took the place of a wrong one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Replacement {
    /// Whose call was reversed.
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub reversed_customer_id: CustomerId,
    /// Whose the corrected call is.
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    /// As it was charged.
    pub reversed: Call,
    /// As it is charged now.
    pub call: Call,
    /// What gives back the reversed charge, when it was invoiced.
    #[schema(value_type = Option<String>, example = "crn_01h2x3y4z5a6b")]
    pub credit_note_id: Option<CreditNoteId>,
}
