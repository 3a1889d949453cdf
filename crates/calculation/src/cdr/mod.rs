//! What does a switch say about a call? One line of a feed becomes one [`Cdr`].
//!
//! A [`Feed`] says what the operator knows about a source, a [`Reader`] made from it reads the
//! source's lines: our own record as CSV or NDJSON, and the records of Asterisk (see [`Format`]).
//! One physical line is one record: an unclosed quote makes one line unreadable, never the rest of
//! a file. What an operator needs to know is in `docs/cdr-formats.md`.
//!
//! # The key of an Asterisk record
//!
//! Asterisk writes several records for one call (queue members, retries over other trunks,
//! transfers), and their durations overlap. So the key is made such that one call to one number is
//! charged once:
//!
//! - An outbound record that was answered and has a billed time is `{call_id}>{dst}`. A second
//!   answered leg of the same call to the same number gets the same key, and the ledger refuses it.
//!   A second talk (the call was transferred back, or dialled again) is told by its times; it is
//!   `{call_id}>{dst}@{answer}`.
//! - Every other record is `{linkedid}/{uniqueid}/{sequence}`, of which the feed has what it has.
//!   Without a sequence these repeat within a call, so the start and the far channel take its place:
//!   `{uniqueid}/{start}/{dstchannel}`.
//! - Sixteen columns hold no id at all: the call is `{start}/{channel}`, an uncharged record
//!   `{start}/{channel}/{dstchannel}`.
//!
//! The call is the `linkedid`, else the `uniqueid`.

mod asterisk;
mod canonical;
mod header;
mod json;
mod line;
mod reader;
mod settle;
mod time;
mod warning;

use std::borrow::Cow;

use jiff::Timestamp;

pub use reader::{Feed, FirstLine, Format, Reader, Seventeenth, UnknownFormat, detect, other_separator};
pub use settle::ClockProof;
pub(crate) use settle::{ANSWER_EARLY_MS, TOLERANCE_MS};
pub use warning::{Warning, Warnings};

/// A call detail record, read but not yet judged: what the switch said, in one shape for all formats.
///
/// Field names follow the canonical record of `docs/cdr-formats.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cdr<'l> {
    /// Unique within the source; with the source it is the key that prevents charging twice.
    pub record_id: Cow<'l, str>,
    /// The same as it was written, when blanks stood at its ends: calls may be stored under it.
    pub written_id: Option<Cow<'l, str>>,
    /// The key of a further talk of the same call to the same number, for switches whose record ids cannot tell the
    /// two apart: it counts when the talk under `record_id` is another one.
    pub second_id: Option<Cow<'l, str>>,
    /// Ties the legs and retries of one call together; the record's id when the switch names none.
    pub call_id: Cow<'l, str>,
    /// Whether the switch itself named the call.
    pub names_call: bool,
    /// Which part of the call the record is about.
    pub leg: Leg,
    /// The account the switch itself names; when absent the charged number decides who pays.
    pub account_ref: Option<Cow<'l, str>>,
    /// As the subscriber sees it.
    pub direction: Direction,
    /// Whose number pays.
    pub charged_party: ChargedParty,
    /// As received; empty when withheld.
    pub calling_number: Cow<'l, str>,
    /// As dialled or routed.
    pub called_number: Cow<'l, str>,
    /// Who forwarded the call, when it was forwarded.
    pub redirecting_number: Option<Cow<'l, str>>,
    /// What was used.
    pub service: Service,
    /// Setup (seizure) of the call.
    pub start: Timestamp,
    /// When it was answered; absent when it never was.
    pub answer: Option<Timestamp>,
    /// When it ended.
    pub end: Timestamp,
    /// Milliseconds from start to end as the switch says, which may disagree with the times.
    pub duration_ms: Option<i64>,
    /// Milliseconds from answer to end as the switch says, which may disagree with the times.
    pub billsec_ms: Option<i64>,
    /// How the attempt ended.
    pub disposition: Disposition,
    /// What was unusual when it was read.
    pub warnings: Warnings,
}

impl Cdr<'_> {
    /// The same record with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Cdr<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let Cdr {
            record_id,
            written_id,
            second_id,
            call_id,
            names_call,
            leg,
            account_ref,
            calling_number,
            ..
        } = self;
        let Cdr { called_number, redirecting_number, direction, charged_party, service, start, .. } = self;
        let Cdr { answer, end, duration_ms, billsec_ms, disposition, warnings, .. } = self;
        Cdr {
            record_id: own(record_id),
            written_id: written_id.map(own),
            second_id: second_id.map(own),
            call_id: own(call_id),
            names_call,
            leg,
            account_ref: account_ref.map(own),
            direction,
            charged_party,
            calling_number: own(calling_number),
            called_number: own(called_number),
            redirecting_number: redirecting_number.map(own),
            service,
            start,
            answer,
            end,
            duration_ms,
            billsec_ms,
            disposition,
            warnings,
        }
    }
}

impl Cdr<'_> {
    /// The record as a line of NDJSON, which [`Reader::written`] reads again whatever its format was.
    ///
    /// ```
    /// use calculation::cdr::{Feed, Format, Reader};
    /// let (reader, _) = Reader::new(Feed::new(Format::CanonicalNdjson), b"{}")?;
    /// let line = br#"{"record_id":"a-1","direction":"outbound","calling_number":"+4930123456","called_number":"112",
    ///     "start_time":"2026-03-01T12:00:00Z","end_time":"2026-03-01T12:00:20Z","disposition":"BUSY"}"#;
    /// let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
    /// let cdr = reader.read(&line)?;
    /// assert_eq!(Reader::written().read(cdr.to_json().as_bytes())?, cdr);
    /// # Ok::<(), calculation::cdr::Flaw>(())
    /// ```
    pub fn to_json(&self) -> String {
        json::write(self)
    }
}

/// Which way a call went, from the subscriber's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a subscriber to the network.
    Outbound,
    /// From the network to a subscriber.
    Inbound,
    /// Inside the operator's own switch.
    Internal,
    /// From the network to the network, through the operator's switch: forwarded, transferred, called back.
    /// The account or the redirecting number that the record names pays, never the caller.
    Transit,
}

/// Whose number pays for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChargedParty {
    /// The caller, as usual.
    Calling,
    /// The called party: toll-free and reverse-charged calls.
    Called,
    /// Who forwarded the call, for the forwarded leg.
    Redirecting,
}

/// Which part of a call a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Leg {
    /// The switch does not say.
    #[default]
    Unknown,
    /// From the caller to the switch: A.
    Originating,
    /// From the switch to the called party: B.
    Terminating,
    /// To the number that the called party forwards to.
    Forwarded,
    /// To the number that a party transferred the call to.
    Transferred,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// A voice call.
    Voice,
    /// A text message.
    Sms,
    /// A multimedia message.
    Mms,
    /// A data session.
    Data,
    /// A fax call.
    Fax,
    /// A video call.
    Video,
}

/// How a call attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Somebody answered.
    Answered,
    /// It rang and nobody answered.
    NoAnswer,
    /// The called party was busy.
    Busy,
    /// The attempt failed.
    Failed,
    /// The caller gave up.
    Cancelled,
    /// No circuit was free.
    Congestion,
}

/// Why a record or a call cannot be charged: what was wrong, in which field, and what to do.
///
/// A flawed record is kept in suspense with these three; it is never charged by guess.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Flaw {
    /// The kind of trouble, stable for programs.
    pub reason: Reason,
    /// The field of the record, or `line` when the line as a whole is unreadable.
    pub field: &'static str,
    /// What was wrong and what to do about it, for a person.
    pub message: String,
}

impl Flaw {
    /// A flaw in `field` for `reason`.
    pub fn new(reason: Reason, field: &'static str, message: impl Into<String>) -> Self {
        Self { reason, field, message: message.into() }
    }

    pub(crate) fn missing(field: &'static str) -> Self {
        Self::new(Reason::MissingField, field, "is empty or absent and must be given")
    }
}

/// The kinds of trouble that keep a record from being charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The line is no record of this format: quotes, columns, JSON, text encoding, length.
    MalformedLine,
    /// A required field is absent or empty.
    MissingField,
    /// A field holds what it cannot hold.
    InvalidField,
    /// A kind of record that is not charged yet: partial records, corrections, services other than voice.
    UnsupportedRecord,
    /// The times contradict each other: end before answer, answer before start.
    ImpossibleTimes,
    /// A duration that is negative, contradicts the times, or is longer than any call may be.
    ImpossibleDuration,
    /// The call lies in the future.
    InFuture,
    /// The called number is no telephone number.
    NotANumber,
    /// No customer holds the charged number or account at that time.
    UnknownNumber,
    /// The customer has no plan at that time.
    NoSubscription,
    /// The plan's tariff has no rate for the destination at that time.
    NoRate,
    /// The tariff blocks the destination, and yet it was called.
    BlockedDestination,
    /// The charge does not fit an amount.
    AmountTooLarge,
    /// A record with this key and other content was charged before.
    Conflict,
    /// Another record of the same call was charged for the same time: a further leg of it.
    AnotherLeg,
    /// What the record says is denied by its own times, or by what the switch said of the call while it lasted.
    Contradiction,
    /// The detail of calls of that time was purged: nothing tells whether this one was charged.
    DetailPurged,
}

impl Reason {
    /// The stable code, as stored and as the API shows it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MalformedLine => "malformed_line",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::UnsupportedRecord => "unsupported_record",
            Self::ImpossibleTimes => "impossible_times",
            Self::ImpossibleDuration => "impossible_duration",
            Self::InFuture => "in_future",
            Self::NotANumber => "not_a_number",
            Self::UnknownNumber => "unknown_number",
            Self::NoSubscription => "no_subscription",
            Self::NoRate => "no_rate",
            Self::BlockedDestination => "blocked_destination",
            Self::AmountTooLarge => "amount_too_large",
            Self::Conflict => "conflict",
            Self::AnotherLeg => "another_leg",
            Self::Contradiction => "contradiction",
            Self::DetailPurged => "detail_purged",
        }
    }
}

impl Direction {
    /// The word of the canonical record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Transit => "transit",
        }
    }
}

impl ChargedParty {
    /// The word of the canonical record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Called => "called",
            Self::Redirecting => "redirecting",
        }
    }
}

impl Service {
    /// The word of the canonical record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Data => "data",
            Self::Fax => "fax",
            Self::Video => "video",
        }
    }
}

impl Disposition {
    /// The word of the canonical record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Congestion => "congestion",
        }
    }
}
