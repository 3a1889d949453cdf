//! Changes an endpoint, disables or enables it, or removes it.

use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use super::register::each_once;
use super::settle::give_up;
use super::{Endpoint, EndpointState, Kind, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::EndpointId;

/// What is to be another; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where messages go, those that wait too.
    #[schema(example = "https://crm.example.org/hooks/tollbook")]
    pub url: Option<String>,
    pub events: Option<Vec<Kind>>,
    pub description: Option<String>,
    /// Who is disabled is told nothing, and what waits is given up. Enabled again, they are told of what
    /// happens from then on; what was given up can be sent again.
    pub enabled: Option<bool>,
}

/// What became of it.
#[derive(Debug)]
pub enum Changed {
    Endpoint(Endpoint),
    Unknown,
    NoEvents,
}

/// The endpoint, which nobody else may change until the transaction ends.
pub async fn hold(tx: &mut Tx, id: EndpointId) -> Result<Option<Endpoint>> {
    Ok(store::hold(tx, id).await?.map(|stored| stored.endpoint))
}

/// Changes an endpoint; `url` is the address of the change, checked.
pub async fn change(
    tx: &mut Tx,
    id: EndpointId,
    change: Change,
    url: Option<&Url>,
    clock: &Clock,
) -> Result<Changed> {
    let Some(mut stored) = store::hold(tx, id).await? else { return Ok(Changed::Unknown) };
    let endpoint = &mut stored.endpoint;
    let was_enabled = endpoint.state == EndpointState::Enabled;
    if let Some(events) = change.events {
        endpoint.events = each_once(events);
        if endpoint.events.is_empty() {
            return Ok(Changed::NoEvents);
        }
    }
    if let Some(description) = change.description {
        endpoint.description = description;
    }
    if let Some(url) = url {
        endpoint.url = url.to_string();
        // Another receiver begins anew.
        endpoint.failing_since = None;
    }
    match change.enabled {
        Some(true) if !was_enabled => {
            endpoint.state = EndpointState::Enabled;
            (endpoint.disabled_at, endpoint.disabled_reason, endpoint.failing_since) = (None, None, None);
        }
        Some(false) if was_enabled => {
            endpoint.state = EndpointState::Disabled;
            endpoint.disabled_at = Some(clock.now());
            endpoint.disabled_reason = Some("by hand".to_owned());
            give_up(tx, id, clock.now()).await?;
        }
        _ => {}
    }
    if stored.endpoint.failing_since.is_none() {
        stored.failures = 0;
    }
    store::update(tx, &stored).await?;
    Ok(Changed::Endpoint(stored.endpoint))
}

/// Removes an endpoint and what became of its messages; answers what it was.
pub async fn remove(tx: &mut Tx, id: EndpointId) -> Result<Option<Endpoint>> {
    let Some(stored) = store::hold(tx, id).await? else { return Ok(None) };
    store::remove(tx, id).await?;
    Ok(Some(stored.endpoint))
}
