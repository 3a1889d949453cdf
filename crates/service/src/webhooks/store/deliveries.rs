//! Deliveries in the database: what is due, what became of it, and what is old.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::db::{self, Hold, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{EndpointId, MessageId};
use crate::log::Concealed;
use crate::webhooks::{Delivery, DeliveryState};

const DELIVERIES: Place = Place::new("webhook_deliveries", &["endpoint_id", "message_id"]);

/// A delivery that nobody else tries until its lease is over.
#[derive(Debug, Clone)]
pub(in crate::webhooks) struct Claimed {
    pub(in crate::webhooks) message: MessageId,
    pub(in crate::webhooks) payload: String,
    /// This one included.
    pub(in crate::webhooks) attempts: u32,
}

impl Claimed {
    /// Tells one claim from another.
    pub(in crate::webhooks) fn key(&self) -> (MessageId, u32) {
        (self.message, self.attempts)
    }
}

/// Endpoints that something is to be sent to now.
pub(in crate::webhooks) async fn due(tx: &mut Tx, now: Timestamp) -> Result<Vec<EndpointId>> {
    let sql = "select e.endpoint_id from webhook_endpoints e
               where e.state = 'enabled' and (e.rest_until is null or e.rest_until <= $1)
                 and exists (select 1 from webhook_deliveries d
                             where d.endpoint_id = e.endpoint_id and d.state = 'ready' and d.next_try_at <= $1)
               order by e.endpoint_id";
    let due = |row: &Row| row.get("endpoint_id").map(EndpointId);
    Ok(tx.rows(sql, &[&Ts(now)]).await?.iter().map(due).collect::<db::Result<_>>()?)
}

/// Takes deliveries that are due and that no other worker has: they are not due again before the lease is over.
pub(in crate::webhooks) async fn claim(
    tx: &mut Tx,
    endpoint: EndpointId,
    limit: i64,
    now: Timestamp,
    lease: Timestamp,
) -> Result<Vec<Claimed>> {
    let sql = format!(
        "update webhook_deliveries set next_try_at = $3, attempts = attempts + 1
         where endpoint_id = $1 and message_id in
           (select message_id from webhook_deliveries
            where endpoint_id = $1 and state = 'ready' and next_try_at <= $2
            order by next_try_at, message_id limit $4 {})
         returning message_id, attempts",
        tx.hold(Hold::Free, "webhook_deliveries")
    );
    let rows = tx.rows(&sql, &[&endpoint.0, &Ts(now), &Ts(lease), &limit]).await?;
    let mut claimed = BTreeMap::new();
    for row in rows {
        let attempts = DELIVERIES.read(&row, |row| row.count("attempts"))?;
        claimed.insert(row.get::<i64>("message_id")?, attempts);
    }
    let mut found = Vec::new();
    for (message, attempts) in claimed {
        let sql = "select payload from webhook_messages where message_id = $1";
        let Some(row) = tx.row(sql, &[&message]).await? else { continue };
        found.push(Claimed { message: MessageId(message), payload: row.get("payload")?, attempts });
    }
    Ok(found)
}

/// Holds deliveries longer, but those that another worker has claimed since.
pub(in crate::webhooks) async fn renew(
    tx: &mut Tx,
    endpoint: EndpointId,
    claimed: &[(MessageId, u32)],
    lease: Timestamp,
) -> Result<()> {
    let sql = "update webhook_deliveries set next_try_at = $4
               where endpoint_id = $1 and message_id = $2 and attempts = $3 and state = 'ready'";
    for (message, attempts) in claimed {
        tx.execute(sql, &[&endpoint.0, &message.0, &i64::from(*attempts), &Ts(lease)]).await?;
    }
    Ok(())
}

/// Settles a delivery; one whose lease was over and that another has claimed since is left to that one.
pub(in crate::webhooks) async fn finish(
    tx: &mut Tx,
    endpoint: EndpointId,
    claimed: &Claimed,
    state: DeliveryState,
    (status, error): (Option<u16>, Option<&str>),
    now: Timestamp,
) -> Result<()> {
    let sql = "update webhook_deliveries set state = $4, last_status = $5, last_error = $6, finished_at = $7
               where endpoint_id = $1 and message_id = $2 and attempts = $3 and state = 'ready'";
    let (attempts, status) = (i64::from(claimed.attempts), status.map(i64::from));
    let error = error.map(|error| Concealed(error).to_string());
    let params: [&dyn Param; 7] =
        [&endpoint.0, &claimed.message.0, &attempts, &state.code(), &status, &error, &Ts(now)];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(in crate::webhooks) async fn put_off(
    tx: &mut Tx,
    endpoint: EndpointId,
    claimed: &Claimed,
    (status, error): (Option<u16>, &str),
    next_try_at: Timestamp,
) -> Result<()> {
    let sql = "update webhook_deliveries set next_try_at = $4, last_status = $5, last_error = $6
               where endpoint_id = $1 and message_id = $2 and attempts = $3 and state = 'ready'";
    let (attempts, status) = (i64::from(claimed.attempts), status.map(i64::from));
    let error = Concealed(error).to_string();
    let params: [&dyn Param; 6] =
        [&endpoint.0, &claimed.message.0, &attempts, &Ts(next_try_at), &status, &error];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Gives up what waits for an endpoint.
pub(in crate::webhooks) async fn fail_ready(
    tx: &mut Tx,
    endpoint: EndpointId,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "update webhook_deliveries set state = 'failed', finished_at = $3, last_error = coalesce(last_error, $2)
               where endpoint_id = $1 and state = 'ready'";
    tx.execute(sql, &[&endpoint.0, &why, &Ts(now)]).await?;
    Ok(())
}

const REPLAY: &str =
    "update webhook_deliveries set state = 'ready', attempts = 0, next_try_at = $3, finished_at = null";

/// Makes a settled delivery ready again; answers whether there was one.
pub(in crate::webhooks) async fn replay(
    tx: &mut Tx,
    endpoint: EndpointId,
    message: MessageId,
    now: Timestamp,
) -> Result<bool> {
    let sql = format!("{REPLAY} where endpoint_id = $1 and message_id = $2 and state <> 'ready'");
    Ok(tx.execute(&sql, &[&endpoint.0, &message.0, &Ts(now)]).await? == 1)
}

/// Makes the dead letters of an endpoint ready again that are of messages since an instant.
pub(in crate::webhooks) async fn replay_failed(
    tx: &mut Tx,
    endpoint: EndpointId,
    since: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    let sql = format!(
        "{REPLAY} where endpoint_id = $1 and state = 'failed' and message_id in
           (select m.message_id from webhook_messages m where m.created_at >= $2)"
    );
    Ok(tx.execute(&sql, &[&endpoint.0, &Ts(since), &Ts(now)]).await?)
}

/// What a list of deliveries shows, and where it comes from.
const SHOWN: &str =
    "d.endpoint_id, d.message_id, m.event, d.state, d.attempts, d.next_try_at, d.last_status, d.last_error,
    m.created_at, d.finished_at";
const FROM: &str = "webhook_deliveries d join webhook_messages m on m.message_id = d.message_id";

pub(in crate::webhooks) async fn deliveries(
    tx: &mut Tx,
    endpoint: EndpointId,
    state: Option<DeliveryState>,
    before: MessageId,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "select {SHOWN} from {FROM}
         where d.endpoint_id = $1 and d.message_id < $2 and d.state = coalesce(cast($3 as text), d.state)
         order by d.message_id desc limit $4"
    );
    let (state, limit) = (state.map(DeliveryState::code), db::limit(limit));
    let rows = tx.rows(&sql, &[&endpoint.0, &before.0, &state, &limit]).await?;
    Ok(DELIVERIES.all(&rows, shown)?)
}

pub(in crate::webhooks) async fn delivery(
    tx: &mut Tx,
    endpoint: EndpointId,
    message: MessageId,
) -> Result<Option<(Delivery, String)>> {
    let sql = format!("select {SHOWN}, m.payload from {FROM} where d.endpoint_id = $1 and d.message_id = $2");
    let row = tx.row(&sql, &[&endpoint.0, &message.0]).await?;
    Ok(DELIVERIES.one(row.as_ref(), |row| Ok((shown(row)?, row.get("payload")?)))?)
}

fn shown(row: &Row) -> db::Result<Delivery> {
    let states = [DeliveryState::Ready, DeliveryState::Done, DeliveryState::Failed];
    let state = row.choice("state", &states.map(|state| (state.code(), state)))?;
    let next_try_at = row.time("next_try_at")?;
    Ok(Delivery {
        message_id: MessageId(row.get("message_id")?),
        event: row.get("event")?,
        state,
        attempts: row.count("attempts")?,
        next_try_at: (state == DeliveryState::Ready).then_some(next_try_at),
        last_status: row.optional_count("last_status")?,
        last_error: row.get("last_error")?,
        created_at: row.time("created_at")?,
        finished_at: row.optional_time("finished_at")?,
    })
}

/// Removes some of the messages from before an instant; answers how many. Ids sort by time.
pub(in crate::webhooks) async fn expired(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    let oldest = "select message_id, created_at from webhook_messages order by message_id limit $1";
    let mut last = None;
    // Mostly nothing is old, which the first row tells.
    for limit in [1, limit] {
        last = None;
        for row in tx.rows(oldest, &[&limit]).await? {
            if row.time("created_at")? >= before {
                break;
            }
            last = Some(row.get::<i64>("message_id")?);
        }
        if last.is_none() {
            return Ok(0);
        }
    }
    let Some(last) = last else { return Ok(0) };
    let endpoints = tx.rows("select endpoint_id from webhook_endpoints", &[]).await?;
    for row in endpoints {
        let sql = "delete from webhook_deliveries where endpoint_id = $1 and message_id <= $2";
        tx.execute(sql, &[&row.get::<i64>("endpoint_id")?, &last]).await?;
    }
    Ok(tx.execute("delete from webhook_messages where message_id <= $1", &[&last]).await?)
}
