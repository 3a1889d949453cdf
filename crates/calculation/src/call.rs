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
        let rang = milliseconds_between(cdr.start, cdr.end);
        return if cdr.billsec_ms.is_none() && is_talk(rang) {
            let message = "answered, but neither the time of the answer nor billsec tells how long the talk was: \
                           send one of them";
            Err(Flaw::new(Reason::MissingField, "answer_time", message))
        } else {
            Ok(())
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
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::cdr::Leg;

    const NOW: &str = "2026-11-01T00:00:00Z";

    fn at(time: &str) -> Timestamp {
        format!("2026-10-05T{time}Z").parse().unwrap()
    }

    /// Rings at 10:00:00, answered at 10:00:05, ends at 10:01:05.
    fn answered_call() -> Cdr<'static> {
        Cdr {
            record_id: Cow::Borrowed("r1"),
            written_id: None,
            second_id: None,
            call_id: Cow::Borrowed("c1"),
            names_call: true,
            leg: Leg::Unknown,
            account_ref: None,
            direction: Direction::Outbound,
            charged_party: ChargedParty::Calling,
            calling_number: Cow::Borrowed("+4930123456"),
            called_number: Cow::Borrowed("+442079460000"),
            redirecting_number: None,
            service: Service::Voice,
            start: at("10:00:00"),
            answer: Some(at("10:00:05")),
            end: at("10:01:05"),
            duration_ms: Some(65_000),
            billsec_ms: Some(60_000),
            disposition: Disposition::Answered,
            warnings: Warnings::default(),
        }
    }

    fn verdict(change: impl FnOnce(&mut Cdr<'static>)) -> Result<Verdict, (Reason, &'static str)> {
        let mut cdr = answered_call();
        change(&mut cdr);
        let mut warnings = Warnings::default();
        judge(&cdr, NOW.parse().unwrap(), Limits::default(), &mut warnings)
            .map_err(|flaw| (flaw.reason, flaw.field))
    }

    fn talk(change: impl FnOnce(&mut Cdr<'static>)) -> Option<u32> {
        match verdict(change) {
            Ok(Verdict::Billable(billable)) => Some(billable.talk_seconds),
            _ => None,
        }
    }

    #[test]
    fn an_answered_outbound_call_is_billable_by_the_second() {
        assert_eq!(talk(|_| ()), Some(60));
        assert_eq!(talk(|cdr| cdr.billsec_ms = Some(60_001)), Some(61));
        assert_eq!(talk(|cdr| cdr.billsec_ms = None), Some(60));
    }

    #[test]
    fn when_the_switch_contradicts_itself_the_lower_duration_counts() {
        assert_eq!(talk(|cdr| cdr.billsec_ms = Some(61_000)), Some(61)); // truncation: as sent
        assert_eq!(talk(|cdr| cdr.billsec_ms = Some(65_000)), Some(60));
        assert_eq!(talk(|cdr| cdr.billsec_ms = Some(50_000)), Some(50));
    }

    #[test]
    fn what_nobody_answered_or_nobody_paid_for_is_free() {
        let free = |free, talk| Ok(Verdict::Free(free, talk));
        let never_answered = |disposition| {
            verdict(|cdr| {
                cdr.disposition = disposition;
                cdr.answer = None;
                cdr.billsec_ms = Some(0);
            })
        };
        assert_eq!(never_answered(Disposition::NoAnswer), free(Free::NotAnswered, 0));
        assert_eq!(never_answered(Disposition::Answered), free(Free::NotAnswered, 0));
        let hung_up_at_once = verdict(|cdr| {
            cdr.end = at("10:00:06");
            cdr.duration_ms = Some(6_000);
            cdr.billsec_ms = Some(0);
        });
        assert_eq!(hung_up_at_once, free(Free::ZeroSeconds, 0));
        assert_eq!(verdict(|cdr| cdr.direction = Direction::Inbound), free(Free::Inbound, 60));
        assert_eq!(verdict(|cdr| cdr.direction = Direction::Internal), free(Free::Internal, 60));
        let toll_free = talk(|cdr| {
            cdr.direction = Direction::Inbound;
            cdr.charged_party = ChargedParty::Called;
        });
        assert_eq!(toll_free, Some(60));
    }

    #[test]
    fn no_talk_against_minutes_of_the_times_is_a_contradiction() {
        let contradiction = |field| Err((Reason::Contradiction, field));
        for billsec in [0, 1_000, 5_700] {
            assert_eq!(verdict(|cdr| cdr.billsec_ms = Some(billsec)), contradiction("billsec"), "{billsec}");
        }
        let no_time_to_talk = verdict(|cdr| {
            cdr.answer = Some(at("10:01:04"));
            cdr.billsec_ms = Some(60_000);
        });
        assert_eq!(no_time_to_talk, contradiction("billsec"));
        for disposition in [Disposition::Failed, Disposition::Busy, Disposition::NoAnswer] {
            assert_eq!(verdict(|cdr| cdr.disposition = disposition), contradiction("disposition"));
        }
        let billed_only = verdict(|cdr| {
            cdr.disposition = Disposition::Failed;
            cdr.answer = None;
        });
        assert_eq!(billed_only, contradiction("disposition"));
        // Nobody pays for it either way.
        let inbound = verdict(|cdr| {
            cdr.disposition = Disposition::Failed;
            cdr.direction = Direction::Inbound;
        });
        assert_eq!(inbound, Ok(Verdict::Free(Free::NotAnswered, 0)));
        let neither = verdict(|cdr| {
            cdr.answer = None;
            cdr.billsec_ms = None;
        });
        assert_eq!(neither, Err((Reason::MissingField, "answer_time")));
    }

    #[test]
    fn what_is_unusual_is_charged_under_a_warning() {
        let warned = |change: fn(&mut Cdr<'static>)| {
            let mut cdr = answered_call();
            change(&mut cdr);
            let mut warnings = Warnings::default();
            judge(&cdr, NOW.parse().unwrap(), Limits::default(), &mut warnings).unwrap();
            warnings.iter().map(Warning::code).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(warned(|_| ()), "");
        assert_eq!(warned(|cdr| cdr.billsec_ms = Some(50_000)), "durations_differ");
        assert_eq!(warned(|cdr| cdr.duration_ms = Some(68_000)), "durations_differ");
        let early = warned(|cdr| {
            cdr.start = at("10:00:06");
            cdr.duration_ms = None;
        });
        assert_eq!(early, "answered_before_start");
    }

    #[test]
    fn what_contradicts_itself_is_suspended() {
        use Reason::{ImpossibleDuration, ImpossibleTimes, InFuture, UnsupportedRecord};
        assert_eq!(verdict(|cdr| cdr.end = at("09:00:00")), Err((ImpossibleTimes, "end_time")));
        assert_eq!(verdict(|cdr| cdr.end = at("10:00:02")), Err((ImpossibleTimes, "end_time")));
        assert_eq!(verdict(|cdr| cdr.answer = Some(at("09:59:58"))), Err((ImpossibleTimes, "answer_time")));
        assert_eq!(verdict(|cdr| cdr.billsec_ms = Some(-1)), Err((ImpossibleDuration, "billsec")));
        assert_eq!(verdict(|cdr| cdr.duration_ms = Some(-1)), Err((ImpossibleDuration, "duration")));
        assert_eq!(verdict(|cdr| cdr.duration_ms = Some(30_000)), Err((ImpossibleDuration, "billsec")));
        assert_eq!(verdict(|cdr| cdr.answer = None), Err((Reason::MissingField, "answer_time")));
        assert_eq!(verdict(|cdr| cdr.service = Service::Sms), Err((UnsupportedRecord, "service")));
        let too_long = verdict(|cdr| {
            cdr.end = "2026-10-06T11:00:00Z".parse().unwrap();
            cdr.duration_ms = None;
            cdr.billsec_ms = None;
        });
        assert_eq!(too_long, Err((ImpossibleDuration, "billsec")));
        let endless_ring = verdict(|cdr| cdr.start = "2026-10-04T09:00:00Z".parse().unwrap());
        assert_eq!(endless_ring, Err((ImpossibleTimes, "start_time")));
        let before_time = verdict(|cdr| {
            cdr.start = "1969-12-31T23:59:59Z".parse().unwrap();
            cdr.answer = None;
            cdr.end = cdr.start;
        });
        assert_eq!(before_time, Err((ImpossibleTimes, "start_time")));
        let future = verdict(|cdr| {
            cdr.start = "2026-11-01T00:05:01Z".parse().unwrap();
            cdr.answer = None;
            cdr.end = cdr.start;
        });
        assert_eq!(future, Err((InFuture, "start_time")));
    }
}
