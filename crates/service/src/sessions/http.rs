//! The API of calls under way.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use calculation::phone_number::{E164, Region, emergency_dialled, region_of};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authorise::emergency;
use super::{Answer, Authorise, Extend, Grant, Origin, Refusal, Release, Request, Session, Settled, State};
use crate::app::SharedApp;
use crate::customers;
use crate::http::{Key, Kind, Page, PageQuery, Params, Problem, check_instant, check_name, json};
use crate::id::{CustomerId, SessionId};

/// As long as the texts of a call may be.
const LONGEST_CALL_ID: usize = 200;
const LONGEST_NUMBER: usize = 64;
/// What stands for the session of an emergency call, which has none.
pub(super) const EMERGENCY: &str = "emergency";

pub fn routes() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(authorise))
        .routes(routes!(extend))
        .routes(routes!(release))
        .routes(routes!(read))
        .routes(routes!(list))
}

/// A call that is or was under way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChargingSession)]
pub struct Shown {
    #[serde(flatten)]
    settled: Settled,
    origin: Origin,
    calling_number: Option<String>,
    called_number: String,
    destination: Option<String>,
    prepaid: bool,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_at: Option<Timestamp>,
    granted_seconds: u32,
    #[schema(value_type = String, format = DateTime)]
    valid_until: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// Source and id of its record, once that came.
    record: Option<String>,
    /// Why it was refused.
    refused: Option<String>,
}

impl From<Session> for Shown {
    fn from(session: Session) -> Self {
        let refused = match &session.answer {
            Some(Answer::Refused(refusal)) => Some(refusal.to_string()),
            _ => None,
        };
        Self {
            settled: session.settled(),
            origin: session.origin,
            calling_number: session.line.map(|line| line.to_string()),
            called_number: session.called,
            destination: session.destination,
            prepaid: session.prepaid,
            started_at: session.started_at,
            answered_at: session.answered_at,
            granted_seconds: session.granted_seconds,
            valid_until: session.valid_until,
            closed_at: session.closed_at,
            record: session.record.map(|(source, id)| format!("{source}/{id}")),
            refused,
        }
    }
}

/// Ask whether a call may be made
///
/// Grants seconds and holds what they cost. Sent again with the same content it gets the same answer and holds
/// nothing twice. An emergency call is always granted, whoever makes it. 402: there is too little money. 403: the
/// call must not be made. A refusal is kept too, and the call refused again.
#[utoipa::path(post, path = "/v1/charging/sessions", tag = "charging",
    security(("oauth" = ["charging:write"])), request_body = Authorise,
    responses((status = 201, body = Grant), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn authorise(Shared(app): Shared<SharedApp>, body: Bytes) -> Result<Response, Problem> {
    let asked = json::<Authorise>(&body);
    let home: Option<Region> = app.config.operator.party.country.parse().ok();
    let urgent = match &asked {
        Ok(Authorise { call_id, sequence, calling_number, called_number, .. }) => {
            urgent([call_id, calling_number, called_number], *sequence, home)
        }
        Err(_) => serde_json::from_slice(&body).ok().and_then(|least: Least| least.urgent(home)),
    };
    // Asked before anything else, so that it is granted though all else fails.
    if let Some(grant) = urgent {
        return Ok((StatusCode::CREATED, Json(grant)).into_response());
    }
    let mut asked = asked?;
    // As the ids of its record are read.
    asked.call_id = asked.call_id.trim().to_owned();
    asked.account_ref = asked.account_ref.map(|reference| reference.trim().to_owned());
    check_name("/call_id", &asked.call_id, LONGEST_CALL_ID)?;
    check_name("/calling_number", &asked.calling_number, LONGEST_NUMBER)?;
    check_name("/called_number", &asked.called_number, LONGEST_NUMBER)?;
    if asked.calling_number.parse::<E164>().is_err() {
        let detail = "is no number in the form of E.164: write + and the country code, such as +493023125001";
        return Err(Problem::invalid("/calling_number", detail));
    }
    if let Some(reference) = &asked.account_ref {
        check_name("/account_ref", reference, 100)?;
    }
    if let Some(at) = asked.started_at {
        check_instant("/started_at", at)?;
    }
    if asked.requested_seconds == Some(0) {
        return Err(Problem::invalid("/requested_seconds", "is not above zero"));
    }
    respond(app.desk.ask(&app.config, Request::Authorise(asked)).await?, StatusCode::CREATED)
}

/// Report what was used and ask for more
///
/// Seconds count from the answer, in all. `granted_seconds` may be less than was used when the money is gone: end
/// the call. Sent again with the same sequence and content it gets the same answer.
#[utoipa::path(post, path = "/v1/charging/sessions/{session_id}/update", tag = "charging",
    security(("oauth" = ["charging:write"])),
    params(("session_id" = String, Path)), request_body = Extend,
    responses((status = 200, body = Grant), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn extend(
    Shared(app): Shared<SharedApp>,
    Key(id): Key<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Extend = json(&body)?;
    if id == EMERGENCY {
        return Ok(Json(emergency("", asked.sequence, None)).into_response());
    }
    let session = find(&id)?;
    check_answered(asked.answered_at)?;
    if asked.requested_seconds == Some(0) {
        return Err(Problem::invalid("/requested_seconds", "is not above zero"));
    }
    respond(app.desk.ask(&app.config, Request::Extend { session, asked }).await?, StatusCode::OK)
}

/// Report the end of a call
///
/// Takes what it cost and gives back the rest. More than was granted is charged as far as there is money; what
/// nobody can pay is noted as a loss. A call that had expired is charged what it really used.
#[utoipa::path(post, path = "/v1/charging/sessions/{session_id}/release", tag = "charging",
    security(("oauth" = ["charging:write"])),
    params(("session_id" = String, Path)), request_body = Release,
    responses((status = 200, body = Settled), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn release(
    Shared(app): Shared<SharedApp>,
    Key(id): Key<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Release = json(&body)?;
    if id == EMERGENCY {
        return Ok(Json(free(&asked)).into_response());
    }
    let session = find(&id)?;
    check_answered(asked.answered_at)?;
    respond(app.desk.ask(&app.config, Request::Release { session, asked }).await?, StatusCode::OK)
}

/// Read a call that is or was under way
#[utoipa::path(get, path = "/v1/charging/sessions/{session_id}", tag = "charging",
    security(("oauth" = ["charging:read"])),
    params(("session_id" = String, Path)),
    responses((status = 200, body = Shown), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(Shared(app): Shared<SharedApp>, Key(id): Key<SessionId>) -> Result<Json<Shown>, Problem> {
    let mut tx = app.db.read().await?;
    let session = super::by_id(&mut tx, id).await?;
    session.map(|session| Json(session.into())).ok_or_else(|| Refusal::UnknownSession.into())
}

/// List a customer's calls that were asked for, newest first
#[utoipa::path(get, path = "/v1/customers/{customer_id}/sessions", tag = "charging",
    security(("oauth" = ["charging:read"])),
    params(("customer_id" = String, Path), PageQuery),
    responses((status = 200, body = Page<Shown>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
async fn list(
    Shared(app): Shared<SharedApp>,
    Key(customer): Key<CustomerId>,
    Params(page): Params<PageQuery>,
) -> Result<Page<Shown>, Problem> {
    let (limit, before): (_, Option<SessionId>) = (page.limit()?, page.after()?);
    let mut tx = app.db.read().await?;
    if customers::by_id(&mut tx, customer).await?.is_none() {
        return Err(Problem::not_found(format!("there is no customer {customer}")));
    }
    let before = before.map(|before| before.number);
    let sessions = super::of_customer(&mut tx, customer, before, limit + 1).await?;
    let shown: Vec<Shown> = sessions.into_iter().map(Into::into).collect();
    Ok(Page::new(shown, limit, |shown| shown.settled.session_id.clone()))
}

fn find(id: &str) -> Result<SessionId, Problem> {
    id.parse().map_err(|_| Refusal::UnknownSession.into())
}

fn check_answered(at: Option<Timestamp>) -> Result<(), Problem> {
    at.map_or(Ok(()), |at| check_instant("/answered_at", at))
}

fn respond(answer: Answer, status: StatusCode) -> Result<Response, Problem> {
    match answer {
        Answer::Granted(grant) => Ok((status, Json(grant)).into_response()),
        Answer::Settled(settled) => Ok((status, Json(settled)).into_response()),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}

/// What can be told of a request that is wrong somewhere.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Least {
    call_id: Value,
    sequence: Value,
    calling_number: Value,
    called_number: Value,
}

impl Least {
    fn urgent(&self, home: Option<Region>) -> Option<Grant> {
        let Self { call_id, sequence, calling_number, called_number } = self;
        let texts = [call_id, calling_number, called_number].map(|text| text.as_str().unwrap_or_default());
        let sequence = sequence.as_u64().and_then(|sequence| u32::try_from(sequence).ok());
        urgent(texts, sequence.unwrap_or_default(), home)
    }
}

/// The grant of a call to what is an emergency number in the country of the caller's number, or in ours: where
/// the caller is, nobody knows.
fn urgent(
    [call_id, calling_number, called_number]: [&str; 3],
    sequence: u32,
    home: Option<Region>,
) -> Option<Grant> {
    let own = calling_number.parse::<E164>().ok().and_then(region_of);
    let number = [own, home].into_iter().find_map(|region| emergency_dialled(called_number, region))?;
    Some(emergency(call_id, sequence, Some(number)))
}

/// The end of an emergency call.
fn free(asked: &Release) -> Settled {
    Settled {
        session_id: EMERGENCY.to_owned(),
        call_id: String::new(),
        sequence: asked.sequence,
        state: State::Released,
        used_seconds: asked.used_seconds,
        billed_seconds: 0,
        included_seconds: 0,
        charged: None,
        loss: None,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        let kind = match refusal {
            Refusal::InsufficientBalance => Kind::InsufficientBalance,
            Refusal::Barred { .. } => Kind::CallBarred,
            Refusal::Suspended => Kind::ServiceSuspended,
            Refusal::TooManyCalls { .. } => Kind::TooManyCalls,
            Refusal::DayAmountReached => Kind::DayAmountReached,
            Refusal::NoRate { .. } => Kind::NoRate,
            Refusal::NoPlan => Kind::NoPlan,
            Refusal::UnknownLine | Refusal::UnknownSession => Kind::NotFound,
            Refusal::NotANumber { .. } => return Self::invalid("/called_number", words),
            Refusal::ClockSkew { .. } => return Self::invalid("/started_at", words),
            Refusal::OutOfOrder { .. } => Kind::SequenceOutOfOrder,
            Refusal::OtherContent => Kind::SequenceReused,
            Refusal::Closed { .. } | Refusal::Recorded { .. } => Kind::SessionClosed,
            Refusal::UsedTooMuch | Refusal::UsedLess { .. } => return Self::invalid("/used_seconds", words),
            Refusal::AnsweredOutside => return Self::invalid("/answered_at", words),
        };
        Self::of_kind(kind, words)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InsufficientBalance => out.write_str("not a second can be paid: top up first"),
            Self::Barred { destination } => write!(out, "{destination} must not be called"),
            Self::Suspended => out.write_str("the customer's service is suspended"),
            Self::TooManyCalls { most } => write!(out, "the line has {most} calls already, and no more at once"),
            Self::DayAmountReached => out.write_str("the customer has spent what the plan allows in a day"),
            Self::NoRate { detail } | Self::NotANumber { detail } => out.write_str(detail),
            Self::NoPlan => out.write_str("the customer is on no plan at that time: subscribe them"),
            Self::UnknownLine => out.write_str("nobody holds the calling number, or has the reference"),
            Self::ClockSkew { seconds } => {
                write!(out, "is more than {seconds} s from our clock: set the switch's clock")
            }
            Self::UnknownSession => out.write_str("there is no such session"),
            Self::OutOfOrder { last } => write!(out, "request {last} of this session was heard already"),
            Self::OtherContent => out.write_str(
                "a request with this call_id or sequence had other content: another call needs another call_id, \
                 the next request a greater sequence",
            ),
            Self::Closed { state } => write!(out, "the session is {}", state.code()),
            Self::Recorded { record } => write!(
                out,
                "the call is over, and was charged by its record {record}: another call needs a `call_id` of its own, or a \
                 `started_at` after the end of that one"
            ),
            Self::UsedTooMuch => out.write_str("is more than the time since the call began"),
            Self::UsedLess { before } => write!(out, "is less than the {before} s reported before"),
            Self::AnsweredOutside => out.write_str("is before the call began or in the future"),
        }
    }
}
