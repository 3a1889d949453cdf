//! What is billable about a record?
//!
//! Only an answered, outbound call with seconds in it is charged. What contradicts itself is a [`Flaw`];
//! what is sound but costs nothing is [`Free`], kept for the history.

use jiff::{Timestamp, ToSpan};

use crate::cdr::{
    ANSWER_EARLY_MS, Cdr, ChargedParty, Direction, Disposition, Flaw, Reason, Service, TOLERANCE_MS, Warning,
    Warnings,
};

/// What a sound record comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be charged.
    Billable(Billable),
    /// It costs nothing, and why; the talk there was is kept for the history.
    Free(Free, TalkSeconds),
}

/// Seconds of talk, a started second counted whole.
pub type TalkSeconds = u32;

/// The part of a call that is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billable {
    /// When it was answered: this instant chooses tariff, rate, time band and month.
    pub answered_at: Timestamp,
    /// Seconds of talk, a started second counted whole.
    pub talk_seconds: TalkSeconds,
}

/// Why a call costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Free {
    /// Nobody answered.
    NotAnswered,
    /// Answered and ended within the same instant.
    ZeroSeconds,
    /// The subscriber was called and does not pay for that.
    Inbound,
    /// It never left the operator's switch.
    Internal,
    /// An emergency call.
    Emergency,
}

impl Free {
    /// The stable code, as stored and as the API shows it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAnswered => "not_answered",
            Self::ZeroSeconds => "zero_seconds",
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Emergency => "emergency",
        }
    }
}

/// What no sound call exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest talk, in seconds; a longer one is suspended.
    pub longest_call_seconds: u32,
    /// How far a switch's clock may run ahead of ours, in seconds.
    pub clock_skew_seconds: u32,
}

impl Default for Limits {
    /// A day of talk, five minutes of clock skew.
    fn default() -> Self {
        Self { longest_call_seconds: 86_400, clock_skew_seconds: 300 }
    }
}

const MILLISECONDS: i64 = 1_000;
/// No telephone rings longer than a day. A call that is answered in a month began at most so long before it.
pub const LONGEST_RING_SECONDS: i64 = 86_400;

/// Judges a record: is it sound, and if so, is it to be charged?
///
/// Where the switch's own `billsec` and its times disagree by more than a second, the lower of the two
/// counts: the customer is never charged for seconds that one of them denies. Where one says that there was
/// no talk, or next to none, and the other minutes, the record contradicts itself, and so does a call that
/// failed with a talk in it. What is unusual is added to `warnings`.
pub fn judge(
    cdr: &Cdr<'_>,
    now: Timestamp,
    limits: Limits,
    warnings: &mut Warnings,
) -> Result<Verdict, Flaw> {
    if cdr.service != Service::Voice {
        let message = "only voice calls are charged: remove the record or rate it elsewhere";
        return Err(Flaw::new(Reason::UnsupportedRecord, "service", message));
    }
    check_times(cdr, now, limits)?;
    let by_times = cdr.answer.map(|answer| milliseconds_between(answer, cdr.end));
    let is_paid = match cdr.direction {
        Direction::Outbound | Direction::Transit => true,
        Direction::Inbound => cdr.charged_party == ChargedParty::Called,
        Direction::Internal => false,
    };
    if is_paid {
        refuse_contradiction(cdr, by_times.unwrap_or_default())?;
    }
    let talk_ms = talk_milliseconds(cdr, by_times, limits)?;
    let claims_talk = cdr.disposition == Disposition::Answered && talk_ms > 0;
    if claims_talk && cdr.answer.is_none() {
        let message = "answered, with seconds to bill, but without the time of the answer: send it, or the duration \
                       besides, which tells it";
        return Err(Flaw::new(Reason::MissingField, "answer_time", message));
    }
    let answered = cdr.answer.filter(|_| cdr.disposition == Disposition::Answered);
    let Some(answered_at) = answered else {
        return Ok(Verdict::Free(Free::NotAnswered, 0));
    };
    warnings.add_all(unusual(cdr, answered_at, by_times));
    let started = talk_ms.saturating_add(MILLISECONDS.saturating_sub(1)).checked_div(MILLISECONDS);
    let talk_seconds = started.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or_default();
    Ok(match cdr.direction {
        Direction::Internal => Verdict::Free(Free::Internal, talk_seconds),
        Direction::Inbound if !is_paid => Verdict::Free(Free::Inbound, talk_seconds),
        _ if talk_seconds == 0 => Verdict::Free(Free::ZeroSeconds, 0),
        _ => Verdict::Billable(Billable { answered_at, talk_seconds }),
    })
}

/// Refuses a record of a call that somebody pays for and that denies the talk it claims.
fn refuse_contradiction(cdr: &Cdr<'_>, by_times: i64) -> Result<(), Flaw> {
    let contradiction = |field, message: String| Err(Flaw::new(Reason::Contradiction, field, message));
    let billsec = cdr.billsec_ms.unwrap_or(by_times);
    let is_talk = |milliseconds: i64| milliseconds > 0 && milliseconds.unsigned_abs() > TOLERANCE_MS;
    if cdr.disposition != Disposition::Answered {
        return if is_talk(billsec.max(by_times)) {
            let seconds = seconds(billsec.max(by_times));
            contradiction(
                "disposition",
                format!(
                    "not answered, and yet {seconds} s of talk: find out which is true and send the record mended; of \
                     an Asterisk that answers in a queue, name the trunks"
                ),
            )
        } else {
            Ok(())
        };
    }
    if cdr.answer.is_none() {
        // Seconds to bill without the time of the answer are refused later, with what would help.
        let lasted = milliseconds_between(cdr.start, cdr.end).max(cdr.duration_ms.unwrap_or_default());
        return match cdr.billsec_ms {
            None if is_talk(lasted) => {
                let message = "answered, but neither the time of the answer nor billsec tells how long the talk was: \
                               send one of them";
                Err(Flaw::new(Reason::MissingField, "answer_time", message))
            }
            Some(0) if is_talk(lasted) => contradiction(
                "billsec",
                format!(
                    "answered, in a call of {} s, yet without the time of the answer and with 0 s of talk: find out whether \
                     anybody talked, and send the time of the answer, or how the call really ended",
                    seconds(lasted)
                ),
            ),
            _ => Ok(()),
        };
    }
    // Less than a tenth of what the times say is as good as nothing: 0, or minutes in place of seconds.
    let denies = billsec >= 0 && is_talk(by_times.saturating_sub(billsec.saturating_mul(10)));
    let is_denied = !is_talk(by_times) && is_talk(billsec.saturating_sub(by_times));
    if denies || is_denied {
        return contradiction(
            "billsec",
            format!(
                "{} s of talk by billsec, {} s from the answer to the end: find out which is true and send the record \
                 mended",
                seconds(billsec),
                seconds(by_times)
            ),
        );
    }
    Ok(())
}

/// What is unusual about an answered call.
fn unusual(cdr: &Cdr<'_>, answered_at: Timestamp, by_times: Option<i64>) -> Warnings {
    let mut warnings = Warnings::default();
    if answered_at < cdr.start {
        warnings.add(Warning::AnsweredBeforeStart);
    }
    let differ = |one: Option<i64>, other: Option<i64>| {
        one.zip(other).is_some_and(|(one, other)| one.abs_diff(other) > TOLERANCE_MS)
    };
    let total = milliseconds_between(cdr.start, cdr.end);
    if differ(cdr.billsec_ms, by_times) || differ(cdr.duration_ms, Some(total)) {
        warnings.add(Warning::DurationsDiffer);
    }
    warnings
}

/// Milliseconds as decimal seconds.
fn seconds(milliseconds: i64) -> String {
    let (whole, rest) = (milliseconds.div_euclid(MILLISECONDS), milliseconds.rem_euclid(MILLISECONDS));
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}") }
}

fn check_times(cdr: &Cdr<'_>, now: Timestamp, limits: Limits) -> Result<(), Flaw> {
    let impossible = |field, message: String| Err(Flaw::new(Reason::ImpossibleTimes, field, message));
    if cdr.end < cdr.start {
        return impossible("end_time", format!("the end {} lies before the start {}", cdr.end, cdr.start));
    }
    if let Some(answer) = cdr.answer {
        if cdr.end < answer {
            return impossible("end_time", format!("the end {} lies before the answer {answer}", cdr.end));
        }
        // The clocks of two proxies may differ by a little.
        if milliseconds_between(answer, cdr.start) > ANSWER_EARLY_MS {
            return impossible("answer_time", format!("answered {answer}, before the start {}", cdr.start));
        }
    }
    let ring = cdr.answer.unwrap_or(cdr.end).as_second().saturating_sub(cdr.start.as_second());
    if ring > LONGEST_RING_SECONDS {
        return impossible("start_time", format!("it rang for {ring} s before it was answered or given up"));
    }
    if cdr.start < Timestamp::UNIX_EPOCH {
        return impossible(
            "start_time",
            format!("the call starts {}, before there were such records", cdr.start),
        );
    }
    let latest = now.saturating_add(i64::from(limits.clock_skew_seconds).seconds());
    if latest.is_ok_and(|latest| cdr.start > latest) {
        let message =
            format!("the call starts {}, in the future: check the switch's clock and zone", cdr.start);
        return Err(Flaw::new(Reason::InFuture, "start_time", message));
    }
    Ok(())
}

/// The talk in milliseconds, or what is wrong with the durations.
fn talk_milliseconds(cdr: &Cdr<'_>, by_times: Option<i64>, limits: Limits) -> Result<i64, Flaw> {
    let impossible = |field, message: String| Err(Flaw::new(Reason::ImpossibleDuration, field, message));
    for (field, value) in [("duration", cdr.duration_ms), ("billsec", cdr.billsec_ms)] {
        if value.is_some_and(|milliseconds| milliseconds < 0) {
            return impossible(field, "a duration below zero".to_owned());
        }
    }
    if let (Some(billsec), Some(duration)) = (cdr.billsec_ms, cdr.duration_ms)
        && billsec > duration.saturating_add(MILLISECONDS)
    {
        let message = format!("{billsec} ms of talk in a call of {duration} ms");
        return impossible("billsec", message);
    }
    let talk = match (cdr.billsec_ms, by_times) {
        (Some(billsec), Some(by_times)) if billsec.abs_diff(by_times) > 1_000 => billsec.min(by_times),
        (Some(billsec), _) => billsec,
        (None, by_times) => by_times.unwrap_or_default(),
    };
    let longest = i64::from(limits.longest_call_seconds).saturating_mul(MILLISECONDS);
    if talk > longest {
        let message = format!("a talk of {talk} ms is longer than a call may be ({longest} ms)");
        return impossible("billsec", message);
    }
    Ok(talk)
}

fn milliseconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond().saturating_sub(from.as_millisecond())
}

#[cfg(test)]
mod tests;
