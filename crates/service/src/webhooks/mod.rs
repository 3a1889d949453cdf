//! Who is told what happened? Endpoints, the messages they are sent, and what became of each.
//!
//! A message is stored with the deed that it tells of, once, and a delivery for each endpoint that wants its kind
//! (`announce`). Deliveries leave in lanes, one an endpoint (`lanes`), signed by the Standard Webhooks
//! specification (`signature`), at least once: a receiver knows a repetition by the message's id.

mod announce;
mod attempt;
mod change;
pub mod cli;
mod client;
mod describe;
pub mod events;
pub mod http;
mod lanes;
mod ping;
mod purge;
mod register;
mod replay;
mod report;
mod rotate;
mod settle;
mod signature;
mod store;
pub mod target;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use announce::{Event, listeners};
pub use attempt::Courier;
pub use change::{Change, Changed, change, hold, remove};
pub(crate) use client::{Answer, Client, Outgoing, Resolver, Unanswered};
pub use describe::describe;
pub use lanes::{Delivered, deliver, run};
pub use ping::{Pinged, ping};
pub use purge::purge;
pub use register::{NewEndpoint, Registered, WithSecret, register};
pub use replay::{Replayed, replay, replay_failed};
pub(crate) use report::report;
pub use rotate::rotate;
pub(crate) use signature::Signer;

use crate::db::Tx;
use crate::error::Result;
use crate::id::{EndpointId, MessageId};

/// So many endpoints there may be: an event is stored for each that wants it.
pub const MOST_ENDPOINTS: usize = 50;

/// What an endpoint may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    #[serde(rename = "call.charged")]
    CallCharged,
    #[serde(rename = "invoice.issued")]
    InvoiceIssued,
    #[serde(rename = "invoice.paid")]
    InvoicePaid,
    #[serde(rename = "payment.reversed")]
    PaymentReversed,
    #[serde(rename = "balance.low")]
    BalanceLow,
    #[serde(rename = "spending.threshold")]
    SpendingThreshold,
    #[serde(rename = "import.finished")]
    ImportFinished,
    #[serde(rename = "record.suspended")]
    RecordSuspended,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CallCharged,
        Self::InvoiceIssued,
        Self::InvoicePaid,
        Self::PaymentReversed,
        Self::BalanceLow,
        Self::SpendingThreshold,
        Self::ImportFinished,
        Self::RecordSuspended,
    ];

    /// As the API writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CallCharged => "call.charged",
            Self::InvoiceIssued => "invoice.issued",
            Self::InvoicePaid => "invoice.paid",
            Self::PaymentReversed => "payment.reversed",
            Self::BalanceLow => "balance.low",
            Self::SpendingThreshold => "spending.threshold",
            Self::ImportFinished => "import.finished",
            Self::RecordSuspended => "record.suspended",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.code() == text);
        known
            .ok_or_else(|| format!("`{text}` is no event: they are {}", Self::ALL.map(Self::code).join(", ")))
    }
}

/// Where webhooks go, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Endpoint {
    #[schema(value_type = String, example = "whe_01h2x3y4z5a6b")]
    pub id: EndpointId,
    #[schema(example = "https://crm.example.org/hooks/tollbook")]
    pub url: String,
    /// The events it is told of.
    pub events: Vec<Kind>,
    #[schema(example = "CRM")]
    pub description: String,
    pub state: EndpointState,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Since when every attempt has failed; absent when the last one succeeded.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// Until then messages are signed with the secret of before as well.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_secret_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Whether an endpoint is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    Enabled,
    /// By hand, by its own answer 410, or after days of failure. What happens meanwhile is not kept for it.
    Disabled,
}

impl EndpointState {
    fn code(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// What became of a message to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// The header `webhook-id`.
    #[schema(value_type = String, example = "msg_01h2x3y4z5a6b")]
    pub message_id: MessageId,
    #[schema(example = "invoice.issued")]
    pub event: String,
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, if it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try_at: Option<Timestamp>,
    /// The status of the last answer, if there was one.
    #[schema(example = 503)]
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, at `next_try_at`.
    Ready,
    Done,
    /// Given up: a dead letter. It can be sent again.
    Failed,
}

impl DeliveryState {
    fn code(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// All endpoints, the oldest first.
pub async fn endpoints(tx: &mut Tx) -> Result<Vec<Endpoint>> {
    Ok(store::all(tx).await?.into_iter().map(|stored| stored.endpoint).collect())
}

/// An endpoint.
pub async fn endpoint(tx: &mut Tx, id: EndpointId) -> Result<Option<Endpoint>> {
    Ok(store::by_id(tx, id).await?.map(|stored| stored.endpoint))
}

/// What became of the messages to an endpoint, the newest first, before a cursor.
pub async fn deliveries(
    tx: &mut Tx,
    endpoint: EndpointId,
    state: Option<DeliveryState>,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Delivery>> {
    store::deliveries(tx, endpoint, state, before.unwrap_or(MessageId(i64::MAX)), limit).await
}

/// What became of a message to an endpoint, and its payload as it was signed.
pub async fn delivery(
    tx: &mut Tx,
    endpoint: EndpointId,
    message: MessageId,
) -> Result<Option<(Delivery, String)>> {
    store::delivery(tx, endpoint, message).await
}
