//! Was a call charged by its record already?

use jiff::{SignedDuration, Timestamp};

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// A talk that a record was charged for.
#[derive(Debug, Clone)]
pub(crate) struct RecordedTalk {
    pub customer: CustomerId,
    pub call_id: String,
    /// Its source and id, for a message.
    pub record: String,
    pub ended_at: Timestamp,
}

/// The talks of some customers' calls that were charged to the caller.
pub(crate) async fn recorded_talks(tx: &mut Tx, calls: &[(CustomerId, &str)]) -> Result<Vec<RecordedTalk>> {
    let talks = store::talks_of_calls(tx, calls).await?;
    let own = talks.into_iter().filter(|talk| talk.charged_party.is_none());
    let recorded = own.map(|talk| RecordedTalk {
        customer: talk.customer,
        record: format!("{}/{}", talk.source, talk.record_id),
        ended_at: talk
            .answered_at
            .saturating_add(SignedDuration::from_secs(talk.seconds))
            .unwrap_or(Timestamp::MAX),
        call_id: talk.call_id,
    });
    Ok(recorded.collect())
}
