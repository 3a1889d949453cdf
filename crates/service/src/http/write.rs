//! How is a write done once, however often it is sent?
//!
//! A write with an `Idempotency-Key` stores its answer in the transaction of the deed itself: the same
//! request again gets the first answer, another request under the same key is refused.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use calculation::period::YEARS;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::kind::Kind;
use super::problem::Problem;
use super::strict::Strict;
use super::tag;
use super::turns::Turn;
use crate::access::{Caller, SharedCaller};
use crate::app::App;
use crate::audit::{self, Deed, Noted};
use crate::clock::Clock;
use crate::db::{self, Place, Ts, Tx};
use crate::error::Error;
use crate::hash::{self, Hash};

const KEY: &str = "idempotency-key";
const KEYS: Place = Place::new("idempotency_keys", &["key"]);
const LONGEST_KEY: usize = 200;

/// A request that writes, as it was sent.
pub struct Sent {
    /// All but the body.
    pub parts: Parts,
    pub body: Bytes,
    /// Who sent it.
    pub caller: SharedCaller,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let caller = request.extensions().get::<SharedCaller>().cloned().ok_or_else(|| {
            Problem::from(Error::Other("a write came past the guard".to_owned())).into_response()
        })?;
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self { parts, body, caller })
    }
}

impl Sent {
    /// Its JSON body; what is wrong is named by its JSON pointer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json(&self.body)
    }

    /// Whether it has a key that makes it safe to send again.
    pub fn has_key(&self) -> bool {
        self.parts.headers.contains_key(KEY)
    }

    /// Refuses to change a thing that is not any more as the client saw it.
    pub fn check_match(&self, now: &impl Serialize) -> Result<(), Problem> {
        tag::check_match(&self.parts.headers, now)
    }
}

/// A write under way.
pub struct Write {
    /// The transaction of the deed.
    pub tx: Tx,
    key: Option<String>,
    deed: Deed,
    clock: Clock,
    _turn: Option<Turn>,
}

/// Whether a write is new or was done before.
pub enum Begun {
    /// It is new: do it, then [`Write::finish`].
    New(Write),
    /// It was done: this was the answer.
    Done(Response),
}

impl Write {
    /// Begins a write. While many about the same customer are under way, it waits without a connection.
    pub async fn begin(app: &App, sent: &Sent) -> Result<Begun, Problem> {
        let key = idempotency_key(&sent.parts.headers)?.map(|key| of_caller(key, &sent.caller));
        let turn = app.turns.take(&sent.parts.uri, app.config.database).await?;
        let tx = app.db.begin().await?;
        Self::begun(app, sent, key, (tx, turn)).await
    }

    /// Begins a write of many records.
    pub async fn begin_batch(app: &App, sent: &Sent) -> Result<Begun, Problem> {
        let key = idempotency_key(&sent.parts.headers)?.map(|key| of_caller(key, &sent.caller));
        let tx = app.db.begin_batch().await?;
        Self::begun(app, sent, key, (tx, None)).await
    }

    async fn begun(
        app: &App,
        sent: &Sent,
        key: Option<String>,
        (mut tx, turn): (Tx, Option<Turn>),
    ) -> Result<Begun, Problem> {
        let (deed, clock) = (Deed::of(&sent.parts), app.clock.clone());
        let new = |tx, key| Begun::New(Self { tx, key, deed, clock, _turn: turn });
        let Some(key) = key else { return Ok(new(tx, None)) };
        let request_hash = hash_request(&sent.parts.method, &sent.parts.uri, &sent.body);
        let insert = "insert into idempotency_keys (key, request_hash, status, body, created_at)
                      values ($1, $2, 0, '', $3) on conflict (key) do nothing";
        let fresh = tx.execute(insert, &[&key, &request_hash.to_vec(), &Ts(app.clock.now())]).await?;
        if fresh == 1 {
            return Ok(new(tx, Some(key)));
        }
        let select = "select key, request_hash, status, body from idempotency_keys where key = $1";
        let row = tx.row(select, &[&key]).await?;
        let row = row.ok_or_else(|| Problem::conflict("a request with this Idempotency-Key is under way"))?;
        let (known, status) = KEYS
            .read(&row, |row| Ok((row.hash::<16>("request_hash")?, row.count::<u16>("status")?)))
            .map_err(Error::from)?;
        if known != request_hash {
            let detail = "this Idempotency-Key was used for another request: choose a new one";
            return Err(Problem::of_kind(Kind::KeyReused, detail));
        }
        let status = StatusCode::from_u16(status).map_err(|_| {
            Error::Contradiction(format!("the answer under an Idempotency-Key has the status {status}"))
        })?;
        let mut response = json_text(status, row.get("body")?);
        // It was noted when it was done.
        response.extensions_mut().insert(Noted);
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        Ok(Begun::Done(response))
    }

    /// Commits the deed and answers it.
    pub async fn finish(mut self, status: StatusCode, answer: &impl Serialize) -> Result<Response, Problem> {
        let body =
            serde_json::to_string(answer).map_err(|error| Problem::from(Error::Other(error.to_string())))?;
        if let Some(key) = &self.key {
            let update = "update idempotency_keys set status = $2, body = $3 where key = $1";
            self.tx.execute(update, &[key, &i64::from(status.as_u16()), &body]).await?;
        }
        self.deed.about(&body);
        audit::note(&mut self.tx, &self.deed, status.as_u16(), &self.clock).await?;
        self.tx.commit().await?;
        let mut response = json_text(status, body);
        response.extensions_mut().insert(Noted);
        Ok(response)
    }
}

/// Removes some of the keys of before an instant, with their answers; answers how many. The same request is new then.
pub(crate) async fn purge_keys(tx: &mut Tx, before: Timestamp, limit: usize) -> crate::error::Result<u64> {
    let limit = db::limit(limit);
    let sql = "delete from idempotency_keys where key in (
                 select key from idempotency_keys where created_at < $1 order by created_at, key limit $2)";
    Ok(tx.execute(sql, &[&Ts(before), &limit]).await?)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let sound = |text: &&str| {
        (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = value.to_str().ok().filter(sound);
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::malformed("Idempotency-Key must be 1 to 200 visible ASCII characters"))
}

/// Each caller has keys of their own. No key has a line break, so none looks like another caller's.
fn of_caller(key: String, caller: &Caller) -> String {
    if caller.is_known() { format!("{key}\n{}", caller.subject) } else { key }
}

fn hash_request(method: &Method, uri: &Uri, body: &[u8]) -> Hash {
    let mut request = format!("{method} {uri}").into_bytes();
    request.push(0);
    request.extend_from_slice(body);
    hash::of(&request)
}

fn json_text(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Reads a JSON body; what is wrong is named by its JSON pointer.
pub fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::malformed("the body is a JSON array: send an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut reader)).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |pointer, segment| match segment {
            Segment::Seq { index } => pointer + &format!("/{index}"),
            named => pointer + &format!("/{named}"),
        });
        let text = error.inner().to_string();
        // The pointer says where; the line and column of a one-line body say nothing.
        let detail = text.rsplit_once(" at line ").map_or(text.clone(), |(detail, _)| detail.to_owned());
        match error.inner().classify() {
            serde_json::error::Category::Data => Problem::invalid(pointer, detail),
            _ => Problem::malformed(format!("the body is no JSON: {detail}")),
        }
    })?;
    reader.end().map_err(|_| Problem::malformed("the body goes on after its JSON value"))?;
    Ok(value)
}

/// Refuses text that no database holds or nobody can mean: NUL, or more than `longest` characters.
pub fn check_text(pointer: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(pointer, "has a control character"));
    }
    if text.chars().count() > longest {
        return Err(Problem::invalid(pointer, format!("is longer than {longest} characters")));
    }
    Ok(())
}

/// Refuses empty text as well.
pub fn check_name(pointer: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::invalid(pointer, "is empty"));
    }
    check_text(pointer, text, longest)
}

/// Refuses an instant that no call, line or tariff can have; databases differ in how far they reach.
pub fn check_instant(pointer: &str, at: Timestamp) -> Result<(), Problem> {
    if !YEARS.contains(&TimeZone::UTC.to_datetime(at).year()) {
        let years = format!("lies outside the years {} to {}", YEARS.start(), YEARS.end());
        return Err(Problem::invalid(pointer, years));
    }
    if at.subsec_nanosecond() % 1_000 != 0 {
        return Err(Problem::invalid(pointer, "is finer than a millionth of a second"));
    }
    Ok(())
}
