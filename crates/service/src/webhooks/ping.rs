//! Sends an endpoint a message of no meaning, to see whether it arrives.

use super::announce::Listeners;
use super::events::Test;
use super::{EndpointState, endpoint};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{EndpointId, MessageId};

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Pinged {
    /// It is delivered soon, as any other message.
    Message(MessageId),
    Unknown,
    Disabled,
}

/// Stores a `webhook.test` for one endpoint.
pub async fn ping(tx: &mut Tx, id: EndpointId, clock: &Clock) -> Result<Pinged> {
    match endpoint(tx, id).await? {
        None => return Ok(Pinged::Unknown),
        Some(endpoint) if endpoint.state == EndpointState::Disabled => return Ok(Pinged::Disabled),
        Some(_) => {}
    }
    let test = Test { message: "Does this arrive?" };
    let messages = Listeners::only(id).tell(tx, &[test], clock).await?;
    Ok(messages.first().map_or(Pinged::Unknown, |message| Pinged::Message(*message)))
}
