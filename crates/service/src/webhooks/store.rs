//! Endpoints and messages in the database.

mod deliveries;

use jiff::Timestamp;

pub(super) use deliveries::{
    Claimed, claim, deliveries, delivery, due, expired, fail_ready, finish, put_off, renew, replay,
    replay_failed,
};

use super::{Endpoint, EndpointState, Kind};
use crate::db::{self, Cell, Hold, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{EndpointId, MessageId};

const ENDPOINTS: Place = Place::new("webhook_endpoints", &["endpoint_id"]);

const COLUMNS: &str = "endpoint_id, url, events, description, state, secret, previous_secret, previous_until,
    disabled_at, disabled_reason, failing_since, failures, rest_until, created_at";

/// An endpoint with what nobody is shown.
pub(super) struct Stored {
    pub(super) endpoint: Endpoint,
    pub(super) secret: String,
    pub(super) previous_secret: Option<String>,
    /// Attempts that failed one after the other.
    pub(super) failures: i64,
}

pub(super) async fn insert(tx: &mut Tx, stored: &Stored) -> Result<()> {
    let Endpoint { id, url, events, description, state, created_at, .. } = &stored.endpoint;
    let sql = "insert into webhook_endpoints
                 (endpoint_id, url, events, description, state, secret, failures, created_at)
               values ($1, $2, $3, $4, $5, $6, 0, $7)";
    let params: [&dyn Param; 7] =
        [&id.0, url, &json(events)?, description, &state.code(), &stored.secret, &Ts(*created_at)];
    tx.execute(sql, &params).await?;
    Ok(())
}

fn json(events: &[Kind]) -> db::Result<String> {
    db::json_text(&events)
}

/// All endpoints, the oldest first.
pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Stored>> {
    let sql = format!("select {COLUMNS} from webhook_endpoints order by endpoint_id");
    Ok(ENDPOINTS.all(&tx.rows(&sql, &[]).await?, stored)?)
}

pub(super) async fn by_id(tx: &mut Tx, id: EndpointId) -> Result<Option<Stored>> {
    let sql = format!("select {COLUMNS} from webhook_endpoints where endpoint_id = $1");
    Ok(ENDPOINTS.one(tx.row(&sql, &[&id.0]).await?.as_ref(), stored)?)
}

/// An endpoint, which nobody else changes until the transaction ends.
pub(super) async fn hold(tx: &mut Tx, id: EndpointId) -> Result<Option<Stored>> {
    let hold = tx.hold(Hold::Exclusive, "webhook_endpoints");
    let sql = format!("select {COLUMNS} from webhook_endpoints where endpoint_id = $1 {hold}");
    Ok(ENDPOINTS.one(tx.row(&sql, &[&id.0]).await?.as_ref(), stored)?)
}

fn stored(row: &Row) -> db::Result<Stored> {
    let states = [EndpointState::Enabled, EndpointState::Disabled].map(|state| (state.code(), state));
    let endpoint = Endpoint {
        id: EndpointId(row.get("endpoint_id")?),
        url: row.get("url")?,
        events: row.json("events")?,
        description: row.get("description")?,
        state: row.choice("state", &states)?,
        disabled_reason: row.get("disabled_reason")?,
        disabled_at: row.optional_time("disabled_at")?,
        failing_since: row.optional_time("failing_since")?,
        previous_secret_until: row.optional_time("previous_until")?,
        created_at: row.time("created_at")?,
    };
    let (secret, previous_secret) = (row.get("secret")?, row.get("previous_secret")?);
    Ok(Stored { endpoint, secret, previous_secret, failures: row.get("failures")? })
}

/// What the endpoints that are enabled want.
pub(super) async fn wanted(tx: &mut Tx) -> Result<Vec<(EndpointId, Vec<Kind>)>> {
    let sql =
        "select endpoint_id, events from webhook_endpoints where state = 'enabled' order by endpoint_id";
    let wanted = |row: &Row| Ok((EndpointId(row.get("endpoint_id")?), row.json("events")?));
    Ok(ENDPOINTS.all(&tx.rows(sql, &[]).await?, wanted)?)
}

/// Stores an endpoint that was changed.
pub(super) async fn update(tx: &mut Tx, stored: &Stored) -> Result<()> {
    let Endpoint { id, url, events, description, state, .. } = &stored.endpoint;
    let sql = "update webhook_endpoints set url = $2, events = $3, description = $4, state = $5, secret = $6,
                 previous_secret = $7, previous_until = $8, disabled_at = $9, disabled_reason = $10,
                 failing_since = $11, failures = $12, rest_until = null
               where endpoint_id = $1";
    let params: [&dyn Param; 12] = [
        &id.0,
        url,
        &json(events)?,
        description,
        &state.code(),
        &stored.secret,
        &stored.previous_secret,
        &stored.endpoint.previous_secret_until.map(Ts),
        &stored.endpoint.disabled_at.map(Ts),
        &stored.endpoint.disabled_reason,
        &stored.endpoint.failing_since.map(Ts),
        &stored.failures,
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Forgets the failures of an endpoint that has answered.
pub(super) async fn answered(tx: &mut Tx, id: EndpointId) -> Result<()> {
    let sql = "update webhook_endpoints set failing_since = null, failures = 0, rest_until = null
               where endpoint_id = $1 and failures > 0";
    tx.execute(sql, &[&id.0]).await?;
    Ok(())
}

/// Counts a failure of an endpoint, which rests for a while; answers since when it has been failing.
pub(super) async fn failed(
    tx: &mut Tx,
    id: EndpointId,
    now: Timestamp,
    rest_until: Timestamp,
) -> Result<Option<Timestamp>> {
    let sql =
        "update webhook_endpoints set failing_since = coalesce(failing_since, $2), failures = failures + 1,
                 rest_until = $3
               where endpoint_id = $1 returning failing_since";
    let row = tx.row(sql, &[&id.0, &Ts(now), &Ts(rest_until)]).await?;
    Ok(row.map(|row| row.time("failing_since")).transpose()?)
}

/// Disables an endpoint; answers whether it was enabled.
pub(super) async fn disable(tx: &mut Tx, id: EndpointId, reason: &str, now: Timestamp) -> Result<bool> {
    let sql = "update webhook_endpoints set state = 'disabled', disabled_at = $2, disabled_reason = $3
               where endpoint_id = $1 and state = 'enabled'";
    Ok(tx.execute(sql, &[&id.0, &Ts(now), &reason]).await? == 1)
}

/// Removes an endpoint and what became of its messages.
pub(super) async fn remove(tx: &mut Tx, id: EndpointId) -> Result<()> {
    for table in ["webhook_deliveries", "webhook_endpoints"] {
        tx.execute(&format!("delete from {table} where endpoint_id = $1"), &[&id.0]).await?;
    }
    Ok(())
}

/// Stores messages, and a delivery of each to each endpoint.
pub(super) async fn insert_messages(
    tx: &mut Tx,
    event: &str,
    messages: &[(MessageId, String)],
    endpoints: &[EndpointId],
    now: Timestamp,
) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows = messages
        .iter()
        .map(|(id, payload)| [Cell::Int(id.0), Cell::Text(event), Cell::Text(payload), Cell::Time(now)]);
    let columns = ["message_id", "event", "payload", "created_at"];
    tx.insert_rows("webhook_messages", &columns, &rows.collect::<Vec<_>>()).await?;
    let pairs = endpoints.iter().flat_map(|to| messages.iter().map(move |(id, _)| (to, id)));
    let rows = pairs.map(|(to, id)| {
        [Cell::Int(to.0), Cell::Int(id.0), Cell::Text("ready"), Cell::Int(0), Cell::Time(now)]
    });
    let columns = ["endpoint_id", "message_id", "state", "attempts", "next_try_at"];
    Ok(tx.insert_rows("webhook_deliveries", &columns, &rows.collect::<Vec<_>>()).await?)
}
