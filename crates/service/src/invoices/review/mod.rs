//! Which invoices go out by themselves, and which wait until somebody has looked? Drafts, approvals and holds.

mod approve;
pub mod cli;
mod draft;
mod flags;
mod hold;
pub mod http;
mod preview;

use calculation::period::Period;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

pub use approve::{Approval, Approved, approve};
pub use draft::{Draft, DraftState, Flag};
pub use hold::{Ahead, Hold, Release, ahead, forget_reason, held, hold, hold_of, release};
pub use preview::{Look, Looked, last_month, look};

use super::store::{self, Cycle};
use crate::config::{BillingMode, Config};
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// Since when no invoice of a customer is issued, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BillingHold)]
pub struct Held {
    #[schema(value_type = String, format = DateTime)]
    pub held_at: Timestamp,
    #[schema(example = "The calls of October are disputed: case 4711")]
    pub reason: String,
}

impl Held {
    /// Why no invoice is issued, and what to do about it.
    pub(super) fn refusal(&self) -> String {
        let Self { held_at, reason } = self;
        format!(
            "the customer's invoices are held since {held_at}: {reason}. Release them first (`tollbook bill release`)"
        )
    }
}

/// A customer whose invoices are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldCustomer {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    pub hold: Held,
}

/// How many customers somebody has to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// With a month that is over and waits for approval.
    pub waiting: u64,
    /// Whose invoices are held.
    pub held: u64,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} wait for approval, {} are held", self.waiting, self.held)
    }
}

/// How many customers wait or are held.
pub async fn standing(tx: &mut Tx, config: &Config, now: Timestamp) -> Result<Standing> {
    let waiting = store::count_waiting(tx, config.invoices.mode, over_by(config, now)).await?;
    Ok(Standing { waiting, held: store::count_held(tx).await? })
}

/// Months that ended by then are billed now: late records had time to come.
pub(super) fn over_by(config: &Config, now: Timestamp) -> Timestamp {
    let grace = SignedDuration::from_hours(config.invoices.grace_hours.into());
    now.checked_sub(grace).unwrap_or(now)
}

impl Cycle {
    /// Whether a month that is over may be billed by itself.
    pub(super) fn goes_out(&self, month: Period, mode: Option<BillingMode>) -> bool {
        let by_then = |instant: Option<Timestamp>| instant.is_some_and(|instant| month.ends_at <= instant);
        match mode {
            Some(BillingMode::Automatic) => true,
            None => by_then(self.approved_until) || !by_then(self.review_until),
            Some(BillingMode::Review) => by_then(self.approved_until),
        }
    }
}
