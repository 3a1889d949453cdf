//! Renews the running month of prepaid plans: takes the fee from the balances and grants the included seconds.
//!
//! Once for each subscription and month, all or nothing. With too little money it waits: it is tried again
//! hourly, and as soon as there is enough. A month that is over is never renewed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use calculation::money::{Amount, Currency};
use calculation::period::{Calendar, Period};
use calculation::prepaid::{Part, pay_fee};
use calculation::renewal::{self, Agreed, Due};
use jiff::{SignedDuration, Timestamp};

use super::book::Booking;
use super::{Balance, MovementKind, Purse, Unit, hold, save, store};
use crate::clock::Clock;
use crate::customers::{self, Subscription};
use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::hash;
use crate::id::{BalanceId, BookingId, CustomerId, PlanId, SubscriptionId};
use crate::ledger::{self, Account, EntryKind};
use crate::plans::{self, Payment, Plan};

/// What lacked money, or met a fault, is tried again after so long.
pub(super) const RETRY: SignedDuration = SignedDuration::from_hours(1);
/// No month is longer, not even after a move between zones.
const LONGEST_MONTH: SignedDuration = SignedDuration::from_hours(33 * 24);

/// A month of a subscription that was paid, and its deed.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) customer: CustomerId,
    pub(super) subscription: SubscriptionId,
    pub(super) period_start: Timestamp,
    pub(super) booking: Booking,
    pub(super) fee: Amount,
}

/// What renewing some customers came to.
#[derive(Debug, Default)]
pub(super) struct Renewed {
    pub(super) renewed: u64,
    pub(super) waiting: u64,
}

/// Customers' subscriptions to prepaid plans, oldest first.
type PrepaidPlans = BTreeMap<CustomerId, Vec<(Subscription, Arc<Plan>)>>;

/// Renews what is due of some customers, who are held; their accounts are held after them.
pub(super) async fn renew(tx: &mut Tx, ids: &[CustomerId], clock: &Clock) -> Result<Renewed> {
    let now = clock.now();
    let customers = customers::hold_some(tx, ids).await?;
    let calendars = customers::calendars(tx, &customers).await?;
    let plans = prepaid_plans(tx, ids).await?;
    let mut purses = hold(tx, ids).await?;
    let since = now.checked_sub(LONGEST_MONTH).unwrap_or(now);
    let done = store::renewals(tx, ids, since).await?;
    let (mut renewals, mut waiting) = (Vec::new(), 0);
    for customer in &customers {
        let (Some(purse), Some(calendar)) = (purses.get_mut(&customer.id), calendars.get(&customer.id))
        else {
            continue;
        };
        // Who was quicker has moved it.
        if purse.account().renew_at.is_none_or(|due| due > now) {
            continue;
        }
        let plans = plans.get(&customer.id).map_or(&[][..], Vec::as_slice);
        let month = Month::of(calendar, now)?;
        match month.renew(purse, plans, &done, customer.currency, clock)? {
            Outcome::Renewed(renewal) => renewals.push(*renewal),
            Outcome::Waits => waiting += 1,
            Outcome::Nothing => {}
        }
        purse.close_used_up(now);
    }
    let bookings: Vec<_> = renewals.iter().map(|renewal| (renewal.customer, &renewal.booking)).collect();
    store::insert_bookings(tx, &bookings).await?;
    store::insert_renewals(tx, &renewals).await?;
    save(tx, &mut purses, clock).await?;
    Ok(Renewed { renewed: renewals.len() as u64, waiting })
}

async fn prepaid_plans(tx: &mut Tx, ids: &[CustomerId]) -> Result<PrepaidPlans> {
    let mut known: BTreeMap<PlanId, Arc<Plan>> = BTreeMap::new();
    let mut found = PrepaidPlans::new();
    for (customer, subscriptions) in customers::subscriptions_of(tx, ids).await? {
        for subscription in subscriptions {
            let id = subscription.plan_id;
            if let Entry::Vacant(new) = known.entry(id) {
                let missing = || Error::Contradiction(format!("no plan {id}"));
                new.insert(Arc::new(plans::by_id(tx, id).await?.ok_or_else(missing)?));
            }
            let prepaid = known.get(&id).filter(|plan| plan.payment == Payment::Prepaid);
            found.entry(customer).or_default().extend(prepaid.cloned().map(|plan| (subscription, plan)));
        }
    }
    Ok(found)
}

/// The running month of a customer.
struct Month<'a> {
    calendar: &'a Calendar,
    period: Period,
    now: Timestamp,
}

enum Outcome {
    Renewed(Box<Renewal>),
    Waits,
    /// There is nothing to pay and nothing to grant, or it was done before.
    Nothing,
}

impl<'a> Month<'a> {
    fn of(calendar: &'a Calendar, now: Timestamp) -> Result<Self> {
        let period = calendar.holding(now).map_err(|error| Error::Other(error.to_string()))?;
        Ok(Self { calendar, period, now })
    }

    fn renew(
        &self,
        purse: &mut Purse,
        plans: &[(Subscription, Arc<Plan>)],
        done: &BTreeSet<(SubscriptionId, Timestamp)>,
        currency: Currency,
        clock: &Clock,
    ) -> Result<Outcome> {
        let holds_now = |held: &&(Subscription, Arc<Plan>)| {
            held.0.valid_from <= self.now && held.0.valid_to.is_none_or(|end| self.now < end)
        };
        let running = plans.iter().find(holds_now);
        let running = running.filter(|(held, _)| !done.contains(&(held.id, self.period.starts_at)));
        let due = match running {
            Some((subscription, plan)) => self.due(subscription, plan)?.map(|due| (subscription, plan, due)),
            None => None,
        };
        let Some((subscription, plan, due)) = due else {
            self.move_on(purse, plans);
            return Ok(Outcome::Nothing);
        };
        let Some(parts) = parts(purse, due.fee, self.now) else {
            let account = purse.account_mut();
            account.renewal_fee = Some(due.fee);
            let again = self.now.checked_add(RETRY).unwrap_or(self.now);
            account.renew_at = Some(again.min(self.period.ends_at));
            return Ok(Outcome::Waits);
        };
        let fee = due.fee;
        let booking = self.booking(subscription, plan, fee, BookingId(clock.id()));
        for Part { balance, quantity } in parts {
            let less = quantity.saturating_neg();
            purse.add(BalanceId(balance), less, (MovementKind::Fee, booking.id.0), self.now)?;
        }
        if fee > Amount::ZERO {
            let paid = (Account::Revenue, Amount::from_micros(fee.micros().saturating_neg()));
            let customer = purse.customer();
            purse.post(ledger::Entry::booking(
                customer,
                EntryKind::Fee,
                booking.id,
                paid,
                currency,
                self.now,
            ));
        }
        self.grant(purse, &due, &booking, clock)?;
        self.move_on(purse, plans);
        let (customer, period_start) = (purse.customer(), self.period.starts_at);
        let renewal = Renewal { customer, subscription: subscription.id, period_start, booking, fee };
        Ok(Outcome::Renewed(Box::new(renewal)))
    }

    /// What the month costs and grants by what is known now; nothing if that is nothing.
    fn due<'p>(&self, held: &Subscription, plan: &'p Plan) -> Result<Option<Due<'p>>> {
        let Plan { monthly_fee, currency, allowances, terms, .. } = plan;
        let agreed = Agreed { monthly_fee: *monthly_fee, currency: *currency, allowances, terms };
        let zone = self.calendar.zone_of(self.period.first_day);
        let due = renewal::due(agreed, (held.valid_from, held.valid_to), self.period, zone);
        due.map_err(|error| Error::Contradiction(format!("{}: {error}", plan.name)))
    }

    fn booking(&self, held: &Subscription, plan: &Plan, fee: Amount, id: BookingId) -> Booking {
        let month = self.period.month();
        Booking {
            id,
            kind: if fee > Amount::ZERO { MovementKind::Fee } else { MovementKind::Allowance },
            reference: None,
            reason: Some(format!("{}, {month}", plan.name)),
            content_hash: hash::of(format!("{} {month} {fee}", held.id).as_bytes()),
            booked_at: self.now,
        }
    }

    /// Opens a balance for each allowance, in the order of the plan.
    fn grant(&self, purse: &mut Purse, due: &Due<'_>, booking: &Booking, clock: &Clock) -> Result<()> {
        for (allowance, seconds) in &due.allowances {
            let id = BalanceId(clock.id());
            purse.open(Balance {
                id,
                line: None,
                name: allowance.name.clone(),
                unit: Unit::Seconds,
                main: false,
                destinations: allowance.destinations.clone(),
                priority: 0,
                expires_at: Some(due.expires_at),
                floor: 0,
                amount: 0,
                reserved: 0,
                created_at: self.now,
                closed_at: None,
            });
            purse.add(id, (*seconds).into(), (MovementKind::Allowance, booking.id.0), self.now)?;
        }
        Ok(())
    }

    /// Sets when the account is due next: with the next month, or when another plan begins.
    fn move_on(&self, purse: &mut Purse, plans: &[(Subscription, Arc<Plan>)]) {
        let next = |(held, _): &(Subscription, Arc<Plan>)| {
            let goes_on = held.valid_to.is_none_or(|end| end > self.period.ends_at);
            if held.valid_from > self.now {
                return Some(held.valid_from);
            }
            goes_on.then_some(self.period.ends_at)
        };
        let account = purse.account_mut();
        account.renew_at = plans.iter().filter_map(next).min();
        account.renewal_fee = None;
    }
}

/// What each balance pays of a fee; nothing when all of them have too little.
fn parts(purse: &Purse, fee: Amount, now: Timestamp) -> Option<Vec<Part>> {
    let open = purse.balances().iter().filter(|balance| balance.closed_at.is_none());
    pay_fee(&open.map(|balance| balance.payer(0)).collect::<Vec<_>>(), fee, now)
}

/// Lets a renewal that waits for money be tried at once when there is enough.
pub(super) fn wake(purse: &mut Purse, now: Timestamp) {
    let enough = |fee| parts(purse, fee, now).is_some();
    if purse.account().renewal_fee.is_some_and(enough) {
        let account = purse.account_mut();
        account.renew_at = account.renew_at.map(|at| at.min(now));
    }
}

/// Lets the months of a prepaid plan that begins at an instant be renewed.
pub(crate) async fn begin_renewals(tx: &mut Tx, customer: CustomerId, from: Timestamp) -> Result<()> {
    store::renew_from(tx, customer, from).await
}

/// Lets the seconds that a subscription granted end with it. A fee that was paid stays paid.
pub(crate) async fn end_renewals(
    tx: &mut Tx,
    customer: CustomerId,
    subscription: SubscriptionId,
    at: Timestamp,
) -> Result<()> {
    store::accounts(tx, &[customer], Some(Hold::Exclusive)).await?;
    store::end_allowances(tx, customer, subscription, at).await
}
