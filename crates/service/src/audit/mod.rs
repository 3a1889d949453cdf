//! Who saw or changed what? A log that is only added to.
//!
//! A change is noted in its own transaction: neither is there without the other. What was only seen is noted a moment
//! later, many at once, so that reading costs no write of its own. A command is noted before it begins.

pub mod cli;
mod command;
pub mod http;
mod queue;
mod store;
mod watch;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use command::Spoken;
pub(crate) use command::note_command;
pub use queue::Queue;
pub use store::{Asked, list, purge};
pub(crate) use watch::{Deed, Noted, watch};

use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AuditId, CustomerId, NOBODY};
use crate::seals::{self, Removal};

/// Something that was seen or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    #[schema(value_type = String, example = "aud_01h2x3y4z5a6b")]
    pub id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    pub happened_at: Timestamp,
    /// The client, the subject of an OpenID Connect token, or `user:` and who typed a command; empty when nobody has to
    /// authenticate.
    #[schema(example = "cli_01h2x3y4z5a6b")]
    pub subject: String,
    #[schema(example = "support")]
    pub role: String,
    /// The operation, or the command.
    #[schema(example = "GET /v1/customers/{customer_id}/calls")]
    pub action: String,
    /// The path that was asked for, or what a command named.
    #[schema(example = "/v1/customers/cus_01h2x3y4z5a6b/calls")]
    pub target: String,
    /// Whose data it was, if it was one customer's.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
    /// The HTTP status of the answer; 0 of a command, which is noted before it begins.
    pub status: u16,
    pub request_id: String,
}

/// Notes that something was removed because it was kept long enough, or forgotten on request, in the transaction that does it.
pub(crate) async fn note_removal(
    tx: &mut Tx,
    removal: Removal,
    customer: Option<CustomerId>,
    before: Timestamp,
    rows: u64,
    clock: &Clock,
) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let entry = Entry {
        id: AuditId(clock.id()),
        happened_at: clock.now(),
        subject: "tollbook".to_owned(),
        role: seals::REMOVER.to_owned(),
        action: removal.action().to_owned(),
        target: Removal::target(before, rows),
        customer_id: customer.filter(|customer| *customer != NOBODY),
        status: 0,
        request_id: String::new(),
    };
    store::insert(tx, &[entry]).await
}

/// Notes a deed in its own transaction.
pub(crate) async fn note(tx: &mut Tx, deed: &Deed, status: u16, clock: &Clock) -> Result<()> {
    store::insert(tx, &[deed.entry(status, clock)]).await
}
