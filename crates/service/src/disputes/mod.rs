//! What does a customer contest? An invoice, or one call.
//!
//! While a dispute is open nobody is reminded of its invoice, money that names no invoice goes to others first, and what
//! could prove who is right is not purged. What is given back in the end is a credit note.

pub mod cli;
mod contested;
pub mod http;
mod open;
mod settle;
mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use contested::{Contested, contested};
pub use open::{Opened, open};
pub use settle::{Settled, settle};

use crate::calls::CallKey;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, DisputeId, InvoiceId};

/// Something that a customer contests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dispute {
    #[schema(value_type = String, example = "dsp_01h2x3y4z5a6b")]
    pub id: DisputeId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    /// The invoice, or the one that the call is on.
    #[schema(value_type = Option<String>)]
    pub invoice_id: Option<InvoiceId>,
    /// The call, if it is about one.
    pub call: Option<CallKey>,
    /// What the customer says.
    #[schema(example = "I was not at home that evening")]
    pub reason: String,
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// The detail of calls from then on is kept as long as the dispute is open.
    #[schema(value_type = String, format = DateTime)]
    pub keeps_from: Timestamp,
    /// How it ended; absent while it is open.
    pub settlement: Option<Settlement>,
}

/// How a dispute ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settlement {
    pub outcome: Outcome,
    #[schema(example = "Half of the call is credited: CN-2026-000001")]
    pub note: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub settled_at: Timestamp,
}

/// Who was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The customer, at least in part.
    Upheld,
    /// The operator: what was asked is to be paid.
    Rejected,
    /// The customer contests it no longer.
    Withdrawn,
}

impl Outcome {
    fn code(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = [Self::Upheld, Self::Rejected, Self::Withdrawn].into_iter().find(|it| it.code() == text);
        named.ok_or_else(|| format!("`{text}` is no outcome: upheld, rejected or withdrawn"))
    }
}

/// A dispute to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDispute {
    pub about: About,
    /// What the customer says.
    #[schema(example = "I was not at home that evening")]
    pub reason: String,
}

/// What is contested.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum About {
    /// An invoice, by its number.
    Invoice { number: String },
    /// One call.
    Call(CallKey),
}

/// A customer's disputes, the newest first.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Dispute>> {
    store::of_customer(tx, customer).await
}

/// From when on a customer's open disputes keep the detail of calls.
pub async fn keep_from(tx: &mut Tx, customer: CustomerId) -> Result<Option<Timestamp>> {
    store::keep_from(tx, customer).await
}

/// When which invoice of a customer was contested, and until when, if it is over.
pub async fn spans(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<Vec<(InvoiceId, Timestamp, Option<Timestamp>)>> {
    store::spans(tx, customer).await
}
