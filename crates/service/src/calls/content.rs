//! Does a record say the same as one that is there? What it says is compared, not how it is written.
//!
//! A record that comes again may come in another layout: other columns, an offset instead of `Z`, `60.000` for `60`.
//! Its hash is that of what was understood of it. Where hashes differ, the fields are compared, which also knows
//! records of earlier versions and times of another precision.

use calculation::cdr::{Cdr, Disposition};
use jiff::Timestamp;

use super::resolve::{Fate, Record};
use super::store::Known;
use crate::hash::{self, Hash};
use crate::id::{CustomerId, NOBODY};

/// What a record says, as far as it is kept with a call and can be compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    /// Who pays; unknown while a record could not be resolved.
    pub customer: Option<CustomerId>,
    pub record_id: &'a str,
    pub call_id: &'a str,
    pub caller: &'a str,
    pub called: &'a str,
    /// What was dialled, as understood.
    pub number: Option<&'a str>,
    pub disposition: &'a str,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    pub talk_seconds: Option<i64>,
    /// `charged`, or why it costs nothing.
    pub outcome: Option<&'a str>,
}

/// What a record says that could be read and yet cannot be charged.
#[derive(Debug)]
pub(crate) struct Said {
    pub record_id: String,
    pub(super) written_id: Option<String>,
    call_id: String,
    caller: String,
    called: String,
    disposition: Disposition,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Timestamp,
}

/// The hash of what a record says. Its own id is not in it, which is the key, nor what charges nothing: the leg, and the
/// length of the whole attempt.
pub(super) fn hash(cdr: &Cdr<'_>) -> Hash {
    let mut text = Vec::with_capacity(256);
    let mut put = |part: &[u8]| {
        text.extend_from_slice(part);
        // No text holds it, so no two lists of parts look alike.
        text.push(0);
    };
    let call_id = if cdr.call_id == cdr.record_id { "" } else { &*cdr.call_id };
    put(call_id.as_bytes());
    put(cdr.account_ref.as_deref().unwrap_or_default().as_bytes());
    let (party, service) = (cdr.charged_party.word(), cdr.service.word());
    for word in [cdr.direction.word(), party, service, cdr.disposition.word()] {
        put(word.as_bytes());
    }
    for number in [&*cdr.calling_number, &*cdr.called_number, cdr.redirecting_number.as_deref().unwrap_or("")]
    {
        put(&compact(number).collect::<Vec<_>>());
    }
    let answered = cdr.answer.map_or(i64::MIN, Timestamp::as_microsecond);
    for number in [cdr.start.as_microsecond(), answered, cdr.end.as_microsecond()] {
        put(&number.to_be_bytes());
    }
    put(&cdr.billsec_ms.unwrap_or(-1).to_be_bytes());
    hash::of(&text)
}

/// A number without what only pleases the eye.
fn compact(number: &str) -> impl Iterator<Item = u8> {
    number.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
}

impl Said {
    pub(super) fn of(cdr: &Cdr<'_>) -> Self {
        Self {
            record_id: cdr.record_id.clone().into_owned(),
            written_id: cdr.written_id.as_deref().map(str::to_owned),
            call_id: cdr.call_id.clone().into_owned(),
            caller: cdr.calling_number.clone().into_owned(),
            called: cdr.called_number.clone().into_owned(),
            disposition: cdr.disposition,
            started_at: cdr.start,
            answered_at: cdr.answer,
            ended_at: cdr.end,
        }
    }

    pub(super) fn content(&self) -> Content<'_> {
        Content {
            customer: None,
            record_id: &self.record_id,
            call_id: &self.call_id,
            caller: &self.caller,
            called: &self.called,
            number: None,
            disposition: self.disposition.word(),
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            talk_seconds: None,
            outcome: None,
        }
    }
}

impl Known {
    pub(super) fn content(&self) -> Content<'_> {
        Content {
            customer: Some(self.customer),
            record_id: &self.record_id,
            call_id: &self.call_id,
            caller: &self.caller,
            called: &self.called,
            number: self.number.as_deref(),
            disposition: &self.disposition,
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            talk_seconds: Some(self.talk_seconds),
            outcome: Some(&self.outcome),
        }
    }
}

impl Record {
    pub(super) fn content(&self) -> Content<'_> {
        let outcome = match &self.fate {
            Fate::Free(free) => free.code(),
            Fate::Bill(_) => "charged",
        };
        Content {
            customer: Some(self.customer),
            record_id: self.record_id(),
            call_id: self.call_id(),
            caller: self.caller(),
            called: self.called(),
            number: self.number(),
            disposition: self.disposition.word(),
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            talk_seconds: Some(self.talk_seconds.into()),
            outcome: Some(outcome),
        }
    }
}

impl Content<'_> {
    /// The fields, by the names of a record, in which two contents differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same_call =
            self.call_id.trim() == other.call_id.trim() || self.names_no_call() || other.names_no_call();
        let same_number = match (self.number, other.number) {
            (Some(one), Some(other)) => one == other,
            _ => compact(self.called).eq(compact(other.called)),
        };
        let same_answer = match (self.answered_at, other.answered_at) {
            (Some(one), Some(other)) => same_time(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let fields = [
            ("call_id", same_call),
            ("calling_number", same_caller(self.caller, other.caller)),
            ("called_number", same_number),
            ("start_time", same_time(self.started_at, other.started_at)),
            ("answer_time", same_answer),
            ("end_time", same_time(self.ended_at, other.ended_at)),
            ("billsec", same(self.talk_seconds, other.talk_seconds)),
            ("disposition", self.disposition == other.disposition),
        ];
        let mut differing: Vec<_> =
            fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect();
        let known = |customer: Option<CustomerId>| customer.filter(|customer| *customer != NOBODY);
        if !same(known(self.customer), known(other.customer)) {
            differing.push("account_ref");
        }
        if differing.is_empty() && !same(self.outcome, other.outcome) {
            differing.push("direction");
        }
        differing
    }

    /// Whether two records, each of a source of its own, tell of the same talk: from and to the same numbers, answered in the same
    /// second, as long as each other but for a part of a second. A source may name the account and no calling number.
    pub(super) fn is_same_talk(&self, other: &Self) -> bool {
        let names_no_caller = self.caller.is_empty() || other.caller.is_empty();
        let seconds = self.talk_seconds.zip(other.talk_seconds);
        let as_long = seconds.is_none_or(|(one, other)| one.abs_diff(other) <= 1);
        as_long
            && self.differences(other).into_iter().all(|field| match field {
                "calling_number" => names_no_caller,
                "called_number" | "answer_time" => false,
                _ => true,
            })
    }

    /// Whether two records of one source tell of a call that has no name but its numbers and times: a corrected record that came
    /// under an id of its own, or all ids made anew.
    pub(super) fn is_same_attempt(&self, other: &Self) -> bool {
        const OF_AN_ATTEMPT: [&str; 4] = ["calling_number", "called_number", "start_time", "answer_time"];
        !self.differences(other).iter().any(|field| OF_AN_ATTEMPT.contains(field))
    }

    /// Whether two talks were at the same time, as those of two legs of one call are. Clocks that count whole seconds
    /// make one talk begin in the second in which another ends.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        overlap(self.talk(), other.talk())
    }

    /// From when on it was talked, and for how many seconds.
    fn talk(&self) -> Option<(Timestamp, i64)> {
        let answered_at = self.answered_at?;
        let seconds =
            self.talk_seconds.unwrap_or_else(|| self.ended_at.as_second() - answered_at.as_second());
        Some((answered_at, seconds))
    }

    fn names_no_call(&self) -> bool {
        self.call_id == self.record_id
    }
}

/// Whether two talks, each from an instant on for some seconds, have more in common than the second in which one ends.
pub(crate) fn overlap(one: Option<(Timestamp, i64)>, other: Option<(Timestamp, i64)>) -> bool {
    let (Some((one, one_seconds)), Some((other, other_seconds))) = (one, other) else { return false };
    let milliseconds =
        |at: Timestamp, seconds: i64| at.as_millisecond().saturating_add(seconds.saturating_mul(1_000));
    let end = milliseconds(one, one_seconds).min(milliseconds(other, other_seconds));
    let common = end.saturating_sub(one.as_millisecond().max(other.as_millisecond()));
    let shortest = one_seconds.min(other_seconds);
    if shortest <= 2 { common > 0 } else { common > 1_000 }
}

/// Whether two texts name one calling number: with or without what only pleases the eye, the country code, or a prefix
/// before it. Who pays is compared apart, so that the end of the number tells enough.
fn same_caller(one: &str, other: &str) -> bool {
    if compact(one).eq(compact(other)) {
        return true;
    }
    let digits = |text: &str| {
        let user = text.split('@').next().unwrap_or_default();
        let digits: String = user.chars().filter(char::is_ascii_digit).collect();
        digits.trim_start_matches('0').to_owned()
    };
    let (one, other) = (digits(one), digits(other));
    let (shorter, longer) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    shorter.len() >= LEAST_TELLING_DIGITS && longer.ends_with(&shorter)
}

/// So many digits at the end of a customer's number tell which of their lines it is.
const LEAST_TELLING_DIGITS: usize = 6;

/// What is not known differs from nothing.
fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

/// Whether two times are the same, one perhaps cut to whole seconds by its layout.
fn same_time(one: Timestamp, other: Timestamp) -> bool {
    let whole = |at: Timestamp| at.subsec_nanosecond() == 0;
    let cut = whole(one) || whole(other);
    one.as_microsecond() == other.as_microsecond() || cut && one.as_second() == other.as_second()
}
