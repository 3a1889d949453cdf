//! What may be granted to a call, what is held for it, and what it takes in the end.

use calculation::call::Billable;
use calculation::money::Amount;
use calculation::phone_number::Dialled;
use calculation::prepaid::{self, Affordable, Balance, Means, Part, Unit};
use calculation::rating;
use calculation::settlement::{self, Gone, Settled};
use calculation::tariff::Rate;
use jiff::Timestamp;

use super::{Refusal, Reservation, Session};
use crate::calls::Account;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::{BalanceId, EntryId};
use crate::ledger::Entry;
use crate::plans::{Payment, Plan};
use crate::prepaid::{self as prepaid_balance, MovementKind, Purse};
use crate::tariffs::Version;

/// What decides the price of a call: plan, price list, and the rate in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'d> {
    pub plan: &'d Plan,
    pub version: &'d Version,
    pub rate: &'d Rate,
}

impl<'d> Way<'d> {
    /// Finds it, or why the call must not be made.
    pub(super) fn find(
        account: &'d Account,
        dialled: &Dialled,
        at: Timestamp,
    ) -> std::result::Result<Self, Refusal> {
        let subscribed = account.plan(account.place_of_plan(at).ok_or(Refusal::NoPlan)?);
        let plan = &*subscribed.plan;
        let no_rate = |detail: &str| Refusal::NoRate { detail: detail.to_owned() };
        let place = subscribed.place_of_version(at).ok_or_else(|| no_rate("no tariff is in force"))?;
        let version = subscribed.version(place);
        let rate = version.tariff.rate_for(dialled, at, account.zone(at));
        let rate = rate.ok_or_else(|| no_rate(&format!("the tariff has no rate for {dialled}")))?;
        Ok(Self { plan, version, rate })
    }

    /// Whether calls there must not be made.
    pub(super) fn bars(&self, dialled: &Dialled) -> bool {
        self.rate.blocked || self.plan.terms.limits.bars(dialled)
    }

    fn costs(&self) -> bool {
        let Rate { connection_fee, steps, minimum_charge, .. } = self.rate;
        let priced = steps.iter().any(|step| step.price.nanos() != 0);
        priced || connection_fee.nanos() != 0 || *minimum_charge != Amount::ZERO
    }

    /// What so much talk costs when nothing is included.
    pub(super) fn price(&self, talk_seconds: u32) -> Amount {
        let billed_seconds = self.rate.increments.billed(talk_seconds);
        let priced =
            billed_seconds.and_then(|billed| rating::price(&self.version.tariff, self.rate, billed, 0));
        priced.map_or(Amount::from_micros(i64::MAX), |(_, amount)| amount)
    }

    pub(super) fn is_prepaid(&self) -> bool {
        self.plan.payment == Payment::Prepaid
    }
}

/// What pays a session: the balances in the order they are drawn, its own part of them included.
fn payers<'p>(purse: &'p Purse, session: &Session) -> Vec<Balance<'p>> {
    let own = |id: BalanceId| {
        let own = session.reservations.iter().find(|own| own.balance == id);
        own.map_or(0, |own| own.held.saturating_add(own.taken))
    };
    purse.balances().iter().map(|balance| balance.payer(own(balance.id))).collect()
}

/// How long a session may last in all, and which balances pay that; `most` is the most it may cost.
pub(super) fn afford(
    purse: &Purse,
    session: &Session,
    way: Way<'_>,
    wanted_seconds: u32,
    most: Option<Amount>,
) -> (Affordable, Vec<Part>) {
    let Some(dialled) = &session.dialled else { return (Affordable::default(), Vec::new()) };
    let tariff = &way.version.tariff;
    if !session.prepaid {
        let means = Means { seconds: 0, money: most.unwrap_or(Amount::from_micros(i64::MAX)) };
        return (prepaid::longest(tariff, way.rate, means, wanted_seconds), Vec::new());
    }
    let balances = payers(purse, session);
    // A balance that expires during the call pays the whole of it.
    let usable = prepaid::usable(&balances, session.line, dialled, session.priced_at());
    let means = prepaid::means(&usable);
    let money = most.map_or(means.money, |most| most.min(means.money));
    let mut affordable = prepaid::longest(tariff, way.rate, Means { money, ..means }, wanted_seconds);
    if money <= Amount::ZERO && affordable.billed_seconds > affordable.included_seconds && way.costs() {
        // Seconds that come to nothing only because they are rounded are not given to an empty balance.
        affordable = prepaid::covered(way.rate, means.seconds, wanted_seconds);
    }
    let mut parts = prepaid::draw(&usable, Unit::Seconds, affordable.included_seconds.into());
    parts.extend(prepaid::draw(&usable, Unit::Money, affordable.amount.micros()));
    (affordable, parts)
}

/// Holds just these parts for a session, in place of what was held.
pub(super) fn hold(purse: &mut Purse, session: &mut Session, parts: &[Part]) -> Result<()> {
    for own in &mut session.reservations {
        if own.held != 0 {
            purse.reserve(own.balance, -own.held)?;
            own.held = 0;
        }
    }
    for part in parts {
        let own = own_part(session, purse, BalanceId(part.balance));
        own.held = part.quantity;
        purse.reserve(own.balance, part.quantity)?;
    }
    Ok(())
}

fn own_part<'s>(session: &'s mut Session, purse: &Purse, balance: BalanceId) -> &'s mut Reservation {
    let place = session.reservations.iter().position(|own| own.balance == balance);
    let place = place.unwrap_or_else(|| {
        let found = purse.balances().iter().find(|known| known.id == balance);
        let unit = found.map_or(prepaid_balance::Unit::Money, |known| known.unit);
        session.reservations.push(Reservation { balance, unit, held: 0, taken: 0 });
        session.reservations.len() - 1
    });
    &mut session.reservations[place]
}

/// What a call came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub billed_seconds: u32,
    pub included_seconds: u32,
    pub amount: Amount,
    pub exact: calculation::money::Exact,
}

/// Takes what a session's talk costs from the balances, in place of what it took before: what is not there is a
/// loss. Nothing is held for it any more.
pub(super) fn settle(
    purse: &mut Purse,
    session: &mut Session,
    way: Way<'_>,
    talk: Billable,
    clock: &Clock,
) -> Result<Cost> {
    let dialled =
        session.dialled.ok_or_else(|| Error::Contradiction(format!("{} has no number", session.id)))?;
    // What was taken from a balance that is closed by now stays taken.
    let is_open = |own: &Reservation| purse.balances().iter().any(|balance| balance.id == own.balance);
    let gone = |unit| taken(session, unit, |own| !is_open(own)).ok_or_else(|| too_large(session));
    let gone = Gone {
        seconds: gone(prepaid_balance::Unit::Seconds)?,
        money: Amount::from_micros(gone(prepaid_balance::Unit::Money)?),
    };
    let balances = payers(purse, session);
    let usable = prepaid::usable(&balances, session.line, &dialled, session.priced_at());
    let settled = settlement::settle(&way.version.tariff, way.rate, talk.talk_seconds, &usable, gone);
    let settled = settled.ok_or_else(|| too_large(session))?;
    take(purse, session, &settled.parts, clock)?;
    note(purse, session, settled.charged, settled.loss, clock)?;
    session.used_seconds = talk.talk_seconds;
    let Settled { billed_seconds, included_seconds, amount, exact, .. } = settled;
    (session.billed_seconds, session.included_seconds) = (billed_seconds, included_seconds);
    Ok(Cost { billed_seconds, included_seconds, amount, exact })
}

fn too_large(session: &Session) -> Error {
    Error::Contradiction(format!("what {} costs does not fit an amount", session.id))
}

/// What a session took of some balances of a unit; nothing when it does not fit.
fn taken(session: &Session, unit: prepaid_balance::Unit, of: impl Fn(&Reservation) -> bool) -> Option<i64> {
    let mut those = session.reservations.iter().filter(|own| own.unit == unit && of(own));
    those.try_fold(0_i64, |sum, own| sum.checked_add(own.taken))
}

/// Gives back what a session took and held: no balance pays it. What was taken from a balance that is closed by
/// now stays taken.
pub(super) fn give_back(purse: &mut Purse, session: &mut Session, clock: &Clock) -> Result<()> {
    take(purse, session, &[], clock)?;
    let taken = |unit| taken(session, unit, |_| true).ok_or_else(|| too_large(session));
    let seconds = u32::try_from(taken(prepaid_balance::Unit::Seconds)?).map_err(|_| too_large(session))?;
    let charged = Amount::from_micros(taken(prepaid_balance::Unit::Money)?);
    note(purse, session, charged, Amount::ZERO, clock)?;
    (session.billed_seconds, session.included_seconds) = (seconds, seconds);
    Ok(())
}

/// Notes what a session was charged and lost in all, and posts by how much that is more than before.
fn note(
    purse: &mut Purse,
    session: &mut Session,
    charged: Amount,
    loss: Amount,
    clock: &Clock,
) -> Result<()> {
    let more = |now: Amount, before| now.checked_sub(before).ok_or_else(|| too_large(session));
    let (more_paid, more_lost) = (more(charged, session.charged)?, more(loss, session.loss)?);
    if (more_paid, more_lost) != (Amount::ZERO, Amount::ZERO) {
        let entry = EntryId(clock.id());
        let customer = session.id.customer;
        purse.post(Entry::call(customer, entry, session.currency, more_paid, more_lost, clock.now()));
    }
    (session.charged, session.loss) = (charged, loss);
    Ok(())
}

/// Moves the balances by the difference between these parts and what the session took before.
fn take(purse: &mut Purse, session: &mut Session, parts: &[Part], clock: &Clock) -> Result<()> {
    hold(purse, session, &[])?;
    let kind = (MovementKind::Call, session.id.number);
    let open: Vec<_> = purse.balances().iter().map(|balance| balance.id).collect();
    for part in parts {
        own_part(session, purse, BalanceId(part.balance));
    }
    for own in session.reservations.iter_mut().filter(|own| open.contains(&own.balance)) {
        let part = parts.iter().find(|part| part.balance == own.balance.0);
        let taken = part.map_or(0, |part| part.quantity);
        if taken != own.taken {
            purse.add(own.balance, own.taken - taken, kind, clock.now())?;
            own.taken = taken;
        }
    }
    Ok(())
}
