//! Sends again what was settled: one message, or all that were given up since an instant.

use jiff::Timestamp;

use super::{EndpointState, endpoint, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{EndpointId, MessageId};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// So many are sent again soon, under their ids.
    Messages(u64),
    Unknown,
    Disabled,
    /// It waits for its next attempt, or was never for this endpoint.
    NotSettled,
}

async fn refused(tx: &mut Tx, id: EndpointId) -> Result<Option<Replayed>> {
    Ok(match endpoint(tx, id).await? {
        None => Some(Replayed::Unknown),
        Some(endpoint) if endpoint.state == EndpointState::Disabled => Some(Replayed::Disabled),
        Some(_) => None,
    })
}

/// Sends a message again that was delivered or given up.
pub async fn replay(tx: &mut Tx, id: EndpointId, message: MessageId, now: Timestamp) -> Result<Replayed> {
    if let Some(refused) = refused(tx, id).await? {
        return Ok(refused);
    }
    let replayed = store::replay(tx, id, message, now).await?;
    Ok(if replayed { Replayed::Messages(1) } else { Replayed::NotSettled })
}

/// Sends the messages again that were given up: all, or those since an instant.
pub async fn replay_failed(
    tx: &mut Tx,
    id: EndpointId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Replayed> {
    if let Some(refused) = refused(tx, id).await? {
        return Ok(refused);
    }
    Ok(Replayed::Messages(store::replay_failed(tx, id, since.unwrap_or(Timestamp::UNIX_EPOCH), now).await?))
}
