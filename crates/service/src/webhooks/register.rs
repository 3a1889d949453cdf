//! Makes an endpoint, with a secret that is shown once.

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::signature::new_secret;
use super::store::{self, Stored};
use super::{Endpoint, EndpointState, Kind, MOST_ENDPOINTS};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::EndpointId;

/// An endpoint to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Where messages go: https, on a public address.
    #[schema(example = "https://crm.example.org/hooks/tollbook")]
    pub url: String,
    /// The events it is told of, one or more.
    pub events: Vec<Kind>,
    /// For people, up to 200 characters.
    #[serde(default)]
    #[schema(example = "CRM")]
    pub description: String,
}

/// An endpoint and its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WithSecret {
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// What messages are signed with. It is shown here only, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub secret: Option<String>,
}

/// What became of it.
#[derive(Debug)]
pub enum Registered {
    Endpoint(WithSecret),
    NoEvents,
    TooMany,
}

/// Makes an endpoint at an address that was checked.
pub async fn register(tx: &mut Tx, new: NewEndpoint, url: &Url, clock: &Clock) -> Result<Registered> {
    let events = each_once(new.events);
    if events.is_empty() {
        return Ok(Registered::NoEvents);
    }
    if store::all(tx).await?.len() >= MOST_ENDPOINTS {
        return Ok(Registered::TooMany);
    }
    let endpoint = Endpoint {
        id: EndpointId(clock.id()),
        url: url.to_string(),
        events,
        description: new.description,
        state: EndpointState::Enabled,
        disabled_reason: None,
        disabled_at: None,
        failing_since: None,
        previous_secret_until: None,
        created_at: clock.now(),
    };
    let stored = Stored { endpoint, secret: new_secret()?, previous_secret: None, failures: 0 };
    store::insert(tx, &stored).await?;
    let Stored { endpoint, secret, .. } = stored;
    Ok(Registered::Endpoint(WithSecret { endpoint, secret: Some(secret) }))
}

pub(super) fn each_once(mut events: Vec<Kind>) -> Vec<Kind> {
    events.sort_unstable();
    events.dedup();
    events
}
