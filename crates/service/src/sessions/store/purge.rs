//! Sessions that tell no numbers any more.

use jiff::Timestamp;

use crate::db::{self, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// Whoever is called has a number: a session without is done. A call's id names it at the switch; the session's own number
/// takes its place.
pub(in crate::sessions) async fn blank(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
    limit: usize,
) -> Result<u64> {
    let sql = "update charging_sessions set called = '', line = null, answer = '', request_hash = $4,
           call_id = 'purged ' || cast(session_id as text)
         where customer_id = $1 and session_id in (
           select s.session_id from charging_sessions s
           where s.customer_id = $1 and s.opened_at < $2 and s.state <> 'open' and s.called <> ''
           order by s.session_id limit $3)";
    let limit = db::limit(limit);
    Ok(tx.execute(sql, &[&customer.0, &Ts(before), &limit, &Vec::<u8>::new()]).await?)
}

pub(in crate::sessions) async fn count_telling(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<u64> {
    let sql = "select count(*) as sessions from charging_sessions s
               where s.customer_id = $1 and s.opened_at < $2 and s.state <> 'open' and s.called <> ''";
    Ok(tx.counted(sql, &[&customer.0, &Ts(before)], "sessions").await?)
}
