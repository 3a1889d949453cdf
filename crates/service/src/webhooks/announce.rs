//! Stores what endpoints are to be told, in the transaction of the deed itself.
//!
//! Who wants an event is asked first: when nobody does, that small query is all it costs.

use std::marker::PhantomData;

use serde::Serialize;

use super::events::Payload;
use super::store;
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{EndpointId, MessageId};

/// What happened, as a receiver reads it.
pub(crate) trait Event: Serialize {
    /// Its type.
    const CODE: &'static str;
}

/// The endpoints that want an event.
pub(crate) struct Listeners<E> {
    endpoints: Vec<EndpointId>,
    event: PhantomData<E>,
}

/// Who wants an event, if anybody does.
pub(crate) async fn listeners<E: Event>(tx: &mut Tx) -> Result<Option<Listeners<E>>> {
    let wanted = store::wanted(tx).await?;
    let endpoints = wanted.into_iter().filter(|(_, events)| events.iter().any(|kind| kind.code() == E::CODE));
    let endpoints: Vec<_> = endpoints.map(|(id, _)| id).collect();
    Ok(Some(Listeners { endpoints, event: PhantomData }).filter(|listeners| !listeners.endpoints.is_empty()))
}

impl<E: Event> Listeners<E> {
    /// One endpoint, whatever it wants.
    pub(super) fn only(endpoint: EndpointId) -> Self {
        Self { endpoints: vec![endpoint], event: PhantomData }
    }

    /// Stores a message about each event.
    pub(crate) async fn tell(&self, tx: &mut Tx, events: &[E], clock: &Clock) -> Result<Vec<MessageId>> {
        let now = clock.now();
        let mut messages = Vec::with_capacity(events.len());
        for data in events {
            let payload = Payload { event: E::CODE, timestamp: now, data };
            let text = serde_json::to_string(&payload).map_err(|error| Error::Other(error.to_string()))?;
            messages.push((MessageId(clock.id()), text));
        }
        store::insert_messages(tx, E::CODE, &messages, &self.endpoints, now).await?;
        Ok(messages.into_iter().map(|(id, _)| id).collect())
    }
}
