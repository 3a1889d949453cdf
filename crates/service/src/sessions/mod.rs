//! May this call go on, and for how long? Calls that are charged while they happen.
//!
//! A switch asks before a call and is granted seconds; it says how many were used and asks for more, and in the
//! end releases what is left (3GPP TS 32.291, RFC 8506). What is granted is reserved at its price and nothing
//! is taken until the end: then the call costs what it costs, by the same rounding as any other.
//!
//! Requests of many switches are gathered and committed together (`desk.rs`). The record that comes later is the
//! truth: it finds its session and corrects it.

mod authorise;
mod desk;
mod expire;
mod extend;
pub mod http;
mod longest;
mod pay;
mod purge;
mod reconcile;
mod release;
mod store;
mod take_back;
mod till;
mod verify;

use calculation::money::{Amount, Currency, Money};
use calculation::phone_number::{Dialled, E164, Region};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use desk::Desk;
pub use expire::expire;
pub(crate) use longest::longest;
pub(crate) use pay::Cost;
pub use purge::{count_purgeable, purge};
pub(crate) use reconcile::Reconciling;
pub(crate) use take_back::take_back;
pub use verify::{Verified, verify};

use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::Result;
use crate::hash::Hash;
use crate::id::{BalanceId, CustomerId, PlanId, SessionId, TariffId};
use crate::prepaid::Unit;

/// A call that is about to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuthoriseCall)]
pub struct Authorise {
    /// What the switch calls the call. Its record must have the same, and no other call of the customer.
    #[schema(example = "a84b4c76e66710@pc33.example.com")]
    pub call_id: String,
    /// Counts the requests of a session; this is its first.
    #[serde(default)]
    pub sequence: u32,
    /// E.164 with `+`: the line that pays.
    #[schema(example = "+493023125001")]
    pub calling_number: String,
    /// As dialled.
    #[schema(example = "+442079460123")]
    pub called_number: String,
    /// When the call began to ring; now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// For how many seconds; the setting's when absent.
    #[schema(example = 3600)]
    pub requested_seconds: Option<u32>,
    /// The reference of the customer who pays, when it is not the holder of the line.
    #[schema(example = "C-1001")]
    pub account_ref: Option<String>,
}

/// A call goes on: what was used, and how much more is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExtendCall)]
pub struct Extend {
    /// Greater than that of the request before.
    #[schema(example = 1)]
    pub sequence: u32,
    /// Seconds of talk since the answer, in all.
    #[schema(example = 120)]
    pub used_seconds: u32,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    /// For how many seconds more; the setting's when absent.
    #[schema(example = 600)]
    pub requested_seconds: Option<u32>,
}

/// A call is over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReleaseCall)]
pub struct Release {
    /// Greater than that of the request before.
    #[schema(example = 2)]
    pub sequence: u32,
    /// Seconds of talk since the answer, in all; 0 when nobody answered.
    #[schema(example = 130)]
    pub used_seconds: u32,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
}

/// What a switch asks.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    Authorise(Authorise),
    Extend { session: SessionId, asked: Extend },
    Release { session: SessionId, asked: Release },
}

impl Request {
    fn code(&self) -> &'static str {
        match self {
            Self::Authorise(_) => "authorise",
            Self::Extend { .. } => "extend",
            Self::Release { .. } => "release",
        }
    }
}

/// A call may be talked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CallGrant)]
pub struct Grant {
    #[schema(example = "ses_01h2x3y4z5a6b01h2x3y4z5a6c")]
    pub session_id: String,
    pub call_id: String,
    pub sequence: u32,
    /// Seconds of talk from the answer, in all.
    #[schema(example = 600)]
    pub granted_seconds: u32,
    /// Whether no more can be granted: end the call then.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Unless something is heard of the call until then, it is taken for over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// E.164, or the short code.
    #[schema(example = "+442079460123")]
    pub number: String,
    #[schema(example = "United Kingdom")]
    pub destination: Option<String>,
    /// Of the first step.
    #[schema(example = "0.02")]
    pub price_per_minute: Option<String>,
    #[schema(example = "0.00")]
    pub connection_fee: Option<String>,
    #[schema(example = "60/60")]
    pub increments: Option<String>,
    /// What is held for the granted seconds.
    #[schema(value_type = Option<MoneySchema>)]
    pub reserved: Option<Money>,
    pub emergency: bool,
}

/// A call that is over, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SettledCall)]
pub struct Settled {
    #[schema(example = "ses_01h2x3y4z5a6b01h2x3y4z5a6c")]
    pub session_id: String,
    pub call_id: String,
    pub sequence: u32,
    pub state: State,
    #[schema(example = 130)]
    pub used_seconds: u32,
    #[schema(example = 180)]
    pub billed_seconds: u32,
    /// Billed seconds that balances of seconds covered.
    pub included_seconds: u32,
    /// What was taken from balances of money.
    #[schema(value_type = Option<MoneySchema>)]
    pub charged: Option<Money>,
    /// What the call cost beyond what was there.
    #[schema(value_type = Option<MoneySchema>)]
    pub loss: Option<Money>,
}

/// Why a call is not granted, or a request about one not heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Refusal {
    // The call must not be made: kept as a refused session.
    InsufficientBalance,
    Barred { destination: String },
    Suspended,
    TooManyCalls { most: u32 },
    DayAmountReached,
    NoRate { detail: String },
    NoPlan,
    Recorded { record: String },
    // Nobody can say whose it is, or what is meant.
    UnknownLine,
    NotANumber { detail: String },
    ClockSkew { seconds: u32 },
    // The request does not fit the session.
    UnknownSession,
    OutOfOrder { last: u32 },
    OtherContent,
    Closed { state: State },
    UsedTooMuch,
    UsedLess { before: u32 },
    AnsweredOutside,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Granted(Grant),
    Settled(Settled),
    Refused(Refusal),
}

impl Answer {
    fn code(&self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Settled(_) => "settled",
            Self::Refused(_) => "refused",
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionState)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionState)]
pub enum State {
    /// The call goes on.
    Open,
    /// The call was over, and is charged.
    Released,
    /// Nothing was heard of it: what was reported is charged.
    Expired,
    /// The call was not to be made.
    Refused,
}

/// Who told of a call first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionOrigin)]
pub enum Origin {
    /// A switch, before it was made.
    Switch,
    /// Its record, after it was made.
    Record,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub call_id: String,
    pub origin: Origin,
    pub state: State,
    /// The line that pays, if it could be told.
    pub line: Option<E164>,
    /// As dialled and, when it was understood, what is meant by it in the caller's region.
    pub called: String,
    pub region: Option<Region>,
    pub dialled: Option<Dialled>,
    pub destination: Option<String>,
    pub plan_id: PlanId,
    /// The tariff and its version.
    pub tariff: Option<(TariffId, i64)>,
    /// Whether balances pay it. Calls on a postpaid plan are charged by their record.
    pub prepaid: bool,
    pub currency: Currency,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub granted_seconds: u32,
    pub used_seconds: u32,
    pub billed_seconds: u32,
    pub included_seconds: u32,
    /// What was taken from balances of money.
    pub charged: Amount,
    /// What nobody paid.
    pub loss: Amount,
    pub last_sequence: u32,
    pub request_hash: Hash,
    pub answer: Option<Answer>,
    pub valid_until: Timestamp,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Source and id of its record, once that came.
    pub record: Option<(String, String)>,
    /// What is held and was taken of which balance.
    pub reservations: Vec<Reservation>,
}

/// What is held of a balance for a session, and what the session took of it in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub balance: BalanceId,
    pub unit: Unit,
    pub held: i64,
    pub taken: i64,
}

impl Session {
    /// One that begins now, to be told of whom and how.
    fn new(id: SessionId, dialled: Dialled, currency: Currency, now: Timestamp) -> Self {
        Self {
            id,
            call_id: String::new(),
            origin: Origin::Switch,
            state: State::Open,
            line: None,
            called: String::new(),
            region: None,
            dialled: Some(dialled),
            destination: None,
            plan_id: PlanId(0),
            tariff: None,
            prepaid: false,
            currency,
            started_at: now,
            answered_at: None,
            granted_seconds: 0,
            used_seconds: 0,
            billed_seconds: 0,
            included_seconds: 0,
            charged: Amount::ZERO,
            loss: Amount::ZERO,
            last_sequence: 0,
            request_hash: Hash::default(),
            answer: None,
            valid_until: now,
            opened_at: now,
            closed_at: None,
            record: None,
            reservations: Vec::new(),
        }
    }

    /// The instant that decides plan, price and time band.
    fn priced_at(&self) -> Timestamp {
        self.answered_at.unwrap_or(self.started_at)
    }
}

impl State {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = [Self::Open, Self::Released, Self::Expired, Self::Refused];
        known
            .into_iter()
            .find(|state| state.code() == text)
            .ok_or_else(|| format!("`{text}` is no state of a session"))
    }
}

/// A session by its id.
pub async fn by_id(tx: &mut Tx, id: SessionId) -> Result<Option<Session>> {
    Ok(store::by_ids(tx, &[id]).await?.pop())
}

/// Whether a call that was asked for is under way.
pub async fn is_any_open(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    store::is_any_open(tx, now).await
}

/// A customer's sessions before a cursor, newest first.
pub async fn of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Session>> {
    store::of_customer(tx, customer, before.unwrap_or(i64::MAX), limit).await
}
