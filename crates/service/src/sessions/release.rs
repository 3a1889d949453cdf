//! A call is over: takes what it cost and gives back the rest.

use calculation::call::Billable;
use calculation::money::{Amount, Money};
use jiff::{SignedDuration, Timestamp};

use super::authorise::again;
use super::desk::Bench;
use super::pay::{self, Cost, Way};
use super::till::{Till, day};
use super::{Answer, Refusal, Release, Session, Settled, State};
use crate::calls::Account;
use crate::clock::{Clock, after};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::SessionId;

/// Releases a session. One that expired meanwhile is charged what it really used.
pub(super) fn release(
    till: &mut Till,
    bench: &Bench<'_>,
    id: SessionId,
    asked: &Release,
    hash: Hash,
) -> Result<Answer> {
    let refused = |refusal| Ok(Answer::Refused(refusal));
    let Some(session) = till.session(id) else { return refused(Refusal::UnknownSession) };
    if asked.sequence <= session.last_sequence {
        return Ok(again(session, asked.sequence, hash));
    }
    // Its record was there first, and is the truth: what the switch says late is told what it came to.
    if !matches!(session.state, State::Open | State::Expired) && session.record.is_none() {
        return refused(Refusal::Closed { state: session.state });
    }
    let by_record = session.record.is_some();
    let (used_seconds, answered_at) = match check_use(bench, session, asked.used_seconds, asked.answered_at) {
        None => (asked.used_seconds, asked.answered_at),
        Some(refusal @ Refusal::UsedLess { .. }) if !by_record => return refused(refusal),
        // Some clock is wrong, ours or the switch's. The call is over all the same: it is charged no more than was granted, and
        // its record tells the rest.
        Some(_) => (asked.used_seconds.min(session.granted_seconds).max(session.used_seconds), None),
    };
    let mut session = session.clone();
    session.last_sequence = asked.sequence;
    if !by_record {
        session.answered_at = answered_at.or(session.answered_at);
        let Some(account) = bench.directory.account(id.customer) else {
            return refused(Refusal::UnknownLine);
        };
        if let Err(refusal) = close(till, bench.clock, &mut session, account, used_seconds, State::Released)?
        {
            return refused(refusal);
        }
    }
    let answer = Answer::Settled(session.settled());
    session.request_hash = hash;
    session.answer = Some(answer.clone());
    till.put(session);
    Ok(answer)
}

/// What a session that is over came to, and the price of all of it.
pub(super) type Closed = std::result::Result<Option<Cost>, Refusal>;

/// Ends a session: charges what it used and holds nothing any more. Which plan pays it, the answer decides: on a
/// postpaid one its record is charged, and balances get back what they gave.
pub(super) fn close(
    till: &mut Till,
    clock: &Clock,
    session: &mut Session,
    account: &Account,
    used_seconds: u32,
    state: State,
) -> Result<Closed> {
    let Some(dialled) = session.dialled else { return Ok(Err(Refusal::UnknownLine)) };
    let answered_at = session.priced_at();
    let mut cost = None;
    match Way::find(account, &dialled, answered_at) {
        Ok(way) => {
            let before = session.cost_so_far(way);
            session.follow(way);
            let purse = till.purse(session.id.customer)?;
            if session.prepaid {
                let talk = Billable { answered_at, talk_seconds: used_seconds };
                cost = Some(pay::settle(purse, session, way, talk, clock)?);
            } else {
                pay::give_back(purse, session, clock)?;
                session.used_seconds = used_seconds;
            }
            session.state = state;
            if way.plan.terms.limits.day_amount.is_some() {
                let more = session.cost_so_far(way).micros().saturating_sub(before.micros());
                till.spend(account.id, day(account, answered_at), Amount::from_micros(more))?;
            }
        }
        Err(refusal) if session.prepaid => return Ok(Err(refusal)),
        Err(_) => (session.used_seconds, session.state) = (used_seconds, state),
    }
    session.closed_at = Some(after(clock.now(), session.opened_at));
    Ok(Ok(cost))
}

/// Refuses a use that cannot be.
pub(super) fn check_use(
    bench: &Bench<'_>,
    session: &Session,
    used_seconds: u32,
    answered_at: Option<Timestamp>,
) -> Option<Refusal> {
    let skew = SignedDuration::from_secs(bench.config.calls.clock_skew_seconds.into());
    // Another program, whose clock is ahead of this one's, may have opened it, and heard of it last.
    let used = SignedDuration::from_secs(session.used_seconds.into());
    let now = bench.now.max(session.opened_at.checked_add(used).unwrap_or(session.opened_at));
    let since = |at: Timestamp| now.duration_since(at).as_secs();
    if let Some(answered_at) = answered_at {
        let early = session.started_at.duration_since(answered_at) > skew;
        if early || answered_at.duration_since(now) > skew {
            return Some(Refusal::AnsweredOutside);
        }
    }
    if used_seconds < session.used_seconds {
        return Some(Refusal::UsedLess { before: session.used_seconds });
    }
    let most = since(session.started_at).saturating_add(skew.as_secs());
    (i64::from(used_seconds) > most).then_some(Refusal::UsedTooMuch)
}

impl Session {
    /// What was taken for it, and what nobody paid. Of a postpaid call that is over, what it costs when nothing
    /// is included: what is, its record tells.
    fn cost_so_far(&self, way: Way<'_>) -> Amount {
        match self.state {
            State::Released | State::Expired if !self.prepaid => way.price(self.used_seconds),
            _ => Amount::from_micros(self.charged.micros().saturating_add(self.loss.micros())),
        }
    }

    /// What may still be spent for a call under way: what is held or, of a postpaid one, what was granted.
    pub(super) fn at_stake(&self, account: &Account) -> Amount {
        let way = self
            .dialled
            .filter(|_| !self.prepaid)
            .map(|dialled| Way::find(account, &dialled, self.priced_at()));
        way.and_then(std::result::Result::ok).map_or(self.held_money(), |way| way.price(self.granted_seconds))
    }

    /// What is held of money.
    pub(super) fn held_money(&self) -> Amount {
        let money = self.reservations.iter().filter(|own| own.unit == crate::prepaid::Unit::Money);
        Amount::from_micros(money.map(|own| own.held).sum())
    }

    /// What it came to.
    pub(super) fn settled(&self) -> Settled {
        let money = |amount| Some(Money { amount, currency: self.currency });
        Settled {
            session_id: self.id.to_string(),
            call_id: self.call_id.clone(),
            sequence: self.last_sequence,
            state: self.state,
            used_seconds: self.used_seconds,
            billed_seconds: self.billed_seconds,
            included_seconds: self.included_seconds,
            charged: money(self.charged),
            loss: money(self.loss),
        }
    }
}
