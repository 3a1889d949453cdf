//! Which records are charged, and which deny themselves?

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
    let answered_when = |lasted: i64| {
        verdict(|cdr| {
            cdr.answer = None;
            cdr.billsec_ms = Some(0);
            cdr.end = cdr.start + jiff::SignedDuration::from_millis(lasted);
            cdr.duration_ms = None;
        })
    };
    assert_eq!(answered_when(2_000), Ok(Verdict::Free(Free::NotAnswered, 0)));
    assert_eq!(answered_when(2_001), contradiction("billsec"));
    let by_duration = verdict(|cdr| {
        (cdr.answer, cdr.billsec_ms, cdr.end) = (None, Some(0), cdr.start);
        cdr.duration_ms = Some(600_000);
    });
    assert_eq!(by_duration, contradiction("billsec"));
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
