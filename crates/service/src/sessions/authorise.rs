//! May a call be made, and for how long? Grants seconds and holds what they cost.

use calculation::money::{Amount, Money};
use calculation::phone_number::{Dialled, E164, dialled, emergency_dialled};

use super::desk::Bench;
use super::http::EMERGENCY;
use super::pay::{self, Way};
use super::till::{Till, day};
use super::{Answer, Authorise, Grant, Refusal, Session, State};
use crate::calls::Account;
use crate::error::Result;
use crate::hash::Hash;
use crate::id::SessionId;

/// An emergency call is granted so many seconds: a day, since some switches take no larger number.
const ENDLESS: u32 = 86_400;

/// Authorises a call, once by its id: sent again it is answered as it was.
pub(super) fn authorise(till: &mut Till, bench: &Bench<'_>, asked: &Authorise, hash: Hash) -> Result<Answer> {
    let refused = |refusal| Ok(Answer::Refused(refusal));
    let Ok(line) = asked.calling_number.parse::<E164>() else { return refused(Refusal::UnknownLine) };
    let at = asked.started_at.unwrap_or(bench.now);
    let Some(account) = bench.payer(asked, line, at) else { return refused(Refusal::UnknownLine) };
    let region = bench.region(account, line, at);
    // Whatever else is to be said of it.
    if let Some(number) = emergency_dialled(&asked.called_number, region) {
        return Ok(Answer::Granted(emergency(&asked.call_id, asked.sequence, Some(number))));
    }
    if let Some(known) = till.of_call(account.id, &asked.call_id) {
        return Ok(again(known, asked.sequence, hash));
    }
    if bench.is_skewed(at) {
        return refused(Refusal::ClockSkew { seconds: bench.config.calls.clock_skew_seconds });
    }
    let dialled = match dialled(&asked.called_number, region) {
        Ok(dialled) => dialled,
        Err(reason) => return refused(Refusal::NotANumber { detail: reason.to_string() }),
    };
    let id = SessionId { customer: account.id, number: bench.clock.id() };
    let mut session = Session {
        call_id: asked.call_id.clone(),
        line: Some(line),
        called: asked.called_number.clone(),
        region,
        started_at: at,
        last_sequence: asked.sequence,
        request_hash: hash,
        ..Session::new(id, dialled, account.currency, bench.now)
    };
    let answer = match grant_first(till, bench, &mut session, account, asked)? {
        Ok(grant) => Answer::Granted(grant),
        Err(refusal) => {
            session.state = State::Refused;
            session.closed_at = Some(bench.now);
            Answer::Refused(refusal)
        }
    };
    session.answer = Some(answer.clone());
    till.put(session);
    Ok(answer)
}

/// The grant of an emergency call: without end, free, and without a session.
pub(super) fn emergency(call_id: &str, sequence: u32, number: Option<Dialled>) -> Grant {
    Grant {
        session_id: EMERGENCY.to_owned(),
        call_id: call_id.to_owned(),
        sequence,
        granted_seconds: ENDLESS,
        is_final: false,
        valid_until: None,
        number: number.map_or_else(String::new, |number| number.to_string()),
        destination: None,
        price_per_minute: None,
        connection_fee: None,
        increments: None,
        reserved: None,
        emergency: true,
    }
}

/// The answer to a request that has the place of one before: the same if it is the same.
pub(super) fn again(session: &Session, sequence: u32, hash: Hash) -> Answer {
    if session.state == State::Expired {
        return Answer::Refused(Refusal::Closed { state: session.state });
    }
    if session.last_sequence != sequence {
        return Answer::Refused(Refusal::OutOfOrder { last: session.last_sequence });
    }
    let stored = session.answer.clone().filter(|_| session.request_hash == hash);
    stored.unwrap_or(Answer::Refused(Refusal::OtherContent))
}

fn grant_first(
    till: &mut Till,
    bench: &Bench<'_>,
    session: &mut Session,
    account: &Account,
    asked: &Authorise,
) -> Result<std::result::Result<Grant, Refusal>> {
    if account.suspended {
        return Ok(Err(Refusal::Suspended));
    }
    let Some(dialled) = session.dialled else { return Ok(Err(Refusal::UnknownLine)) };
    let way = match Way::find(account, &dialled, session.started_at) {
        Ok(way) => way,
        Err(refusal) => return Ok(Err(refusal)),
    };
    session.follow(way);
    // The request took long, and the call is over: it would be charged once more.
    if session.prepaid
        && let Some(record) = till.charged_by_record(account.id, asked)
    {
        return Ok(Err(Refusal::Recorded { record: record.to_owned() }));
    }
    if way.bars(&dialled) {
        return Ok(Err(Refusal::Barred { destination: way.rate.destination.to_string() }));
    }
    let limits = &way.plan.terms.limits;
    if let Some(most) = limits.calls_at_once {
        let at_once = till.others(session.id).filter(|other| other.line == session.line).count();
        if u32::try_from(at_once).unwrap_or(u32::MAX) >= most {
            return Ok(Err(Refusal::TooManyCalls { most }));
        }
    }
    let room = room_today(till, bench, session, account, way);
    if room.is_some_and(|room| room <= Amount::ZERO) {
        return Ok(Err(Refusal::DayAmountReached));
    }
    let grant = grant(till, bench, session, account, way, asked.requested_seconds)?;
    if grant.granted_seconds > 0 {
        return Ok(Ok(grant));
    }
    let purse = till.purse(session.id.customer)?;
    let (without_cap, _) = pay::afford(purse, session, way, 1, limits.call_amount);
    let by_day = room.is_some() && without_cap.talk_seconds > 0;
    Ok(Err(if by_day { Refusal::DayAmountReached } else { Refusal::InsufficientBalance }))
}

/// What a customer with a cap for the day may still spend, calls under way taken for spent.
fn room_today(
    till: &Till,
    bench: &Bench<'_>,
    session: &Session,
    account: &Account,
    way: Way<'_>,
) -> Option<Amount> {
    let cap = way.plan.terms.limits.day_amount?;
    let spent = till.spent(account.id, day(account, bench.now));
    let left = till.others(session.id).fold(cap.micros().saturating_sub(spent.micros()), |left, other| {
        left.saturating_sub(other.at_stake(account).micros())
    });
    Some(Amount::from_micros(left))
}

/// Grants a session as much more as is wanted and can be paid, and holds what it costs in all.
pub(super) fn grant(
    till: &mut Till,
    bench: &Bench<'_>,
    session: &mut Session,
    account: &Account,
    way: Way<'_>,
    requested: Option<u32>,
) -> Result<Grant> {
    let limits = &way.plan.terms.limits;
    let longest = limits.call_seconds.unwrap_or(u32::MAX).min(bench.config.charging.longest_call_seconds);
    let more = requested.unwrap_or(bench.config.charging.quantum_seconds);
    let wanted = session.used_seconds.saturating_add(more).min(longest);
    let room = room_today(till, bench, session, account, way);
    let most = [limits.call_amount, room].into_iter().flatten().min();
    let purse = till.purse(session.id.customer)?;
    let (affordable, parts) = pay::afford(purse, session, way, wanted, most);
    pay::hold(purse, session, &parts)?;
    session.granted_seconds = affordable.talk_seconds;
    let left = session.granted_seconds.saturating_sub(session.used_seconds);
    session.valid_until = bench.later(left);
    Ok(Grant {
        session_id: session.id.to_string(),
        call_id: session.call_id.clone(),
        sequence: session.last_sequence,
        granted_seconds: session.granted_seconds,
        is_final: affordable.is_limit || affordable.talk_seconds < wanted || wanted == longest,
        valid_until: Some(session.valid_until),
        number: session.dialled.map_or_else(String::new, |dialled| dialled.to_string()),
        destination: session.destination.clone(),
        price_per_minute: way.rate.steps.first().map(|step| step.price.to_string()),
        connection_fee: Some(way.rate.connection_fee.to_string()),
        increments: Some(way.rate.increments.to_string()),
        reserved: Some(Money { amount: session.held_money(), currency: session.currency }),
        emergency: false,
    })
}

impl Session {
    /// Notes what decides its price.
    pub(super) fn follow(&mut self, way: Way<'_>) {
        self.destination = Some(way.rate.destination.to_string());
        self.plan_id = way.plan.id;
        self.tariff = Some((way.version.tariff_id, way.version.version));
        self.prepaid = way.is_prepaid();
    }
}
