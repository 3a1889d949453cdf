//! Changes the secret of an endpoint: for a day the one before signs as well.

use jiff::SignedDuration;

use super::register::WithSecret;
use super::signature::new_secret;
use super::store::{self, Stored};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::EndpointId;

/// So long a receiver has to take the new secret.
const BOTH: SignedDuration = SignedDuration::from_hours(24);

/// Gives an endpoint a new secret, if there is such an endpoint. Of two changes within a day the last two secrets
/// sign.
pub async fn rotate(tx: &mut Tx, id: EndpointId, clock: &Clock) -> Result<Option<WithSecret>> {
    let Some(mut stored) = store::hold(tx, id).await? else { return Ok(None) };
    stored.previous_secret = Some(std::mem::replace(&mut stored.secret, new_secret()?));
    stored.endpoint.previous_secret_until = clock.now().checked_add(BOTH).ok();
    store::update(tx, &stored).await?;
    let Stored { endpoint, secret, .. } = stored;
    Ok(Some(WithSecret { endpoint, secret: Some(secret) }))
}
