//! Tells the operator that an endpoint was disabled: by a job that stands among those given up until it is mended.

use jiff::Timestamp;

use super::{EndpointState, endpoint};
use crate::app::App;
use crate::error::Result;
use crate::id::EndpointId;
use crate::jobs::Tried;

/// Whether an endpoint that was disabled is in order again.
pub(crate) async fn report(app: &App, id: EndpointId, disabled_at: Timestamp) -> Result<Tried> {
    let mut tx = app.db.read().await?;
    let endpoint = endpoint(&mut tx, id).await?;
    let disabled = endpoint.filter(|endpoint| endpoint.state == EndpointState::Disabled);
    Ok(disabled.map_or(Tried::Done, |endpoint| {
        Tried::Failed(format!(
            "webhooks to {} are off since {disabled_at}, {}: mend the receiver, then `tollbook webhooks enable {id}` \
             and `tollbook webhooks replay {id}`",
            endpoint.url,
            endpoint.disabled_reason.unwrap_or_default(),
        ))
    }))
}
