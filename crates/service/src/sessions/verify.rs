//! Does each call that was asked for have its record, and each record its session?

use jiff::{SignedDuration, Timestamp};

use super::store;
use crate::db::Tx;
use crate::error::Result;

/// What was checked and what is to be seen to.
#[derive(Debug, Default)]
pub struct Verified {
    pub sessions: u64,
    /// Sessions that hold something though they are over, or were charged other than their reservations say.
    pub faults: Vec<String>,
    /// Calls that were granted and are over, and whose record has not come.
    pub without_record: Vec<String>,
    /// How many prepaid calls were charged by their record alone, and the first of them.
    pub without_session: u64,
    pub first_without_session: Vec<String>,
}

/// Verifies sessions. A record may take `record_hours` to come.
pub async fn verify(tx: &mut Tx, now: Timestamp, record_hours: u32) -> Result<Verified> {
    let waited = SignedDuration::from_hours(record_hours.into());
    let before = now.checked_sub(waited).unwrap_or(now);
    let mut verified = Verified { sessions: store::count(tx).await?, ..Verified::default() };
    for id in store::holding_though_over(tx).await? {
        verified.faults.push(format!("session {id} is over and still holds a part of a balance"));
    }
    for id in store::charged_otherwise(tx).await? {
        verified.faults.push(format!("session {id} was charged other than its reservations took"));
    }
    for id in store::included_otherwise(tx).await? {
        verified
            .faults
            .push(format!("session {id}: the seconds that it took of balances are not those it says"));
    }
    for (id, record) in store::recorded_otherwise(tx).await? {
        verified.faults.push(format!("session {id} was charged other than call {record} says"));
    }
    for (id, record) in store::charged_besides(tx).await? {
        verified.faults.push(format!("session {id} was charged besides record {record} of the same call"));
    }
    for customer in store::lost_otherwise(tx).await? {
        verified
            .faults
            .push(format!("the calls of {customer} lost something else than the ledger has as bad debt"));
    }
    for (id, call_id) in store::without_record(tx, before).await? {
        verified.without_record.push(format!("session {id}: the record of call {call_id} has not come"));
    }
    verified.without_session = store::count_without_session(tx).await?;
    for (id, record) in store::without_session(tx).await? {
        verified.first_without_session.push(format!("record {record} had no session: charged alone as {id}"));
    }
    Ok(verified)
}
