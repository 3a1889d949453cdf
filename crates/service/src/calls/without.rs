//! What do a month's calls come to without some of them?
//!
//! Seconds of allowances that the missing calls took cover the others, in the order in which they were answered.

use std::collections::{BTreeMap, BTreeSet};

use calculation::allowance::{Allowance, take};
use calculation::money::Amount;
use calculation::phone_number::{Dialled, E164};
use calculation::rating;
use jiff::Timestamp;

use super::MonthUse;
use super::explain::rate_of;
use super::store::{self, StoredCall, StoredCharge};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, PlanId};
use crate::plans::{self, Plan};
use crate::tariffs::TariffBook;
use calculation::period::{Calendar, Period};

/// The source and the id of a call's record.
pub type RecordKey = (String, String);

/// The charged calls that a customer's month was invoiced with, on its own invoice or late.
pub struct InvoicedCalls {
    calendar: Calendar,
    calls: Vec<(StoredCall, BTreeMap<i64, i64>)>,
    plans: BTreeMap<PlanId, Plan>,
    /// Those that were credited.
    credited: BTreeSet<RecordKey>,
    /// Those in whose place another record stands: it took what they took of allowances.
    replaced: BTreeSet<RecordKey>,
    now: Option<Timestamp>,
}

impl InvoicedCalls {
    /// Those of a month; those too that the month which begins then is invoiced with, apart.
    pub async fn load(
        tx: &mut Tx,
        customer: CustomerId,
        calendar: Calendar,
        (month, now): (Period, Option<Timestamp>),
    ) -> Result<Self> {
        let mut calls = store::invoiced(tx, customer, month, now).await?;
        calls.sort_by_key(|(stored, _)| (answered(stored), key(stored)));
        let mut plans = BTreeMap::new();
        for id in calls.iter().filter_map(|(stored, _)| Some(stored.charge.as_ref()?.plan_id)) {
            if let std::collections::btree_map::Entry::Vacant(new) = plans.entry(id) {
                let plan = plans::by_id(tx, id).await?;
                new.insert(plan.ok_or_else(|| Error::Contradiction(format!("no plan {id}")))?);
            }
        }
        let [credited, replaced] = store::credited_and_replaced(tx, customer).await?;
        Ok(Self { calendar, calls, plans, credited, replaced, now })
    }

    /// Credits more calls. A corrected record may take what they took of allowances: then that covers no other call.
    pub fn credit(&mut self, calls: &BTreeSet<RecordKey>, are_replaced: bool) {
        self.credited.extend(calls.iter().cloned());
        if are_replaced {
            self.replaced.extend(calls.iter().cloned());
        }
    }

    /// What they come to without those that were credited; apart those that are invoiced now.
    pub async fn left(&self, tx: &mut Tx, tariffs: &TariffBook) -> Result<[Vec<MonthUse>; 2]> {
        let (missing, kept) = (&self.credited, &self.replaced);
        let mut freed: BTreeMap<PlanId, Vec<u64>> = BTreeMap::new();
        for (stored, taken) in &self.calls {
            let (Some(charge), key) = (&stored.charge, key(stored)) else { continue };
            if !missing.contains(&key) || kept.contains(&key) {
                continue;
            }
            let allowances = self.plans.get(&charge.plan_id).map_or(0, |plan| plan.allowances.len());
            let pool = freed.entry(charge.plan_id).or_insert_with(|| vec![0; allowances]);
            for (place, seconds) in taken {
                let of = usize::try_from(*place).ok().and_then(|place| pool.get_mut(place));
                if let (Some(of), Ok(seconds)) = (of, u64::try_from(*seconds)) {
                    *of = of.saturating_add(seconds);
                }
            }
        }
        let mut sums = [Sums::new(), Sums::new()];
        for (stored, _) in &self.calls {
            let Some(charge) = stored.charge.as_ref().filter(|_| !missing.contains(&key(stored))) else {
                continue;
            };
            let (included, amount) = self.covered(tx, tariffs, (stored, charge), &mut freed).await?;
            let is_now = self.now.is_some() && stored.call.period_start == self.now;
            add(&mut sums[usize::from(is_now)], (stored, charge), included, amount)?;
        }
        Ok(sums.map(|sums| sums.into_values().collect()))
    }

    /// How many seconds of a call are included and what it costs, once freed seconds cover it too.
    async fn covered(
        &self,
        tx: &mut Tx,
        tariffs: &TariffBook,
        (stored, charge): (&StoredCall, &StoredCharge),
        freed: &mut BTreeMap<PlanId, Vec<u64>>,
    ) -> Result<(u64, Amount)> {
        let call = &stored.call;
        let count = |seconds: Option<i64>| seconds.and_then(|seconds| u32::try_from(seconds).ok());
        let (billed, included) = (count(call.billed_seconds), count(call.included_seconds));
        let (billed, included) = billed.zip(included).ok_or_else(|| no_longer_fits(stored))?;
        let amount = call.amount.map_or(Amount::ZERO, |money| money.amount);
        let plan = self.plans.get(&charge.plan_id);
        let pool = freed.get_mut(&charge.plan_id).filter(|pool| pool.iter().any(|seconds| *seconds > 0));
        let number = call.number.as_ref().and_then(|number| number.parse::<E164>().ok()).map(Dialled::Number);
        let (Some(plan), Some(pool), Some(dialled)) = (plan, pool, number) else {
            return Ok((included.into(), amount));
        };
        let left: Vec<_> = plan
            .allowances
            .iter()
            .zip(&*pool)
            .map(|(allowance, seconds)| {
                let seconds = u32::try_from(*seconds).unwrap_or(u32::MAX);
                Allowance { seconds, ..allowance.clone() }
            })
            .collect();
        let uncovered = billed.saturating_sub(included);
        let mut all = included;
        for taken in take(&left, &vec![0; left.len()], &dialled, uncovered) {
            all = all.saturating_add(taken.seconds);
            if let Some(seconds) = pool.get_mut(taken.allowance) {
                *seconds = seconds.saturating_sub(taken.seconds.into());
            }
        }
        if all == included || charge.month_pricing.is_some() {
            return Ok((all.into(), amount));
        }
        let tariff = tariffs.version(tx, charge.tariff_id, charge.tariff_version).await?;
        let tariff = tariff.ok_or_else(|| no_longer_fits(stored))?;
        let zone = self.calendar.zone_at(answered(stored));
        let zone = zone.map_err(|error| Error::Contradiction(error.to_string()))?;
        let rate = rate_of(&tariff, zone, call, charge)?;
        let priced = rating::price(&tariff, rate, billed, all).ok_or_else(|| no_longer_fits(stored))?;
        Ok((all.into(), priced.1))
    }
}

type Sums = BTreeMap<(PlanId, String, Option<usize>), MonthUse>;

fn add(
    sums: &mut Sums,
    (stored, charge): (&StoredCall, &StoredCharge),
    included: u64,
    amount: Amount,
) -> Result<()> {
    let (call, at) = (&stored.call, answered(stored));
    let destination = call.destination.clone().unwrap_or_default();
    let billed = call.billed_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let billed = billed.ok_or_else(|| no_longer_fits(stored))?;
    let key = (charge.plan_id, destination.clone(), charge.month_pricing);
    let used = sums.entry(key).or_insert_with(|| MonthUse {
        plan_id: charge.plan_id,
        destination,
        month_pricing: charge.month_pricing,
        late_for: None,
        calls: 0,
        seconds: 0,
        included_seconds: 0,
        amount: Amount::ZERO,
        first_at: at,
        last_at: at,
    });
    used.calls += 1;
    used.seconds = used.seconds.saturating_add(billed);
    used.included_seconds = used.included_seconds.saturating_add(included);
    used.amount = used.amount.checked_add(amount).ok_or_else(|| no_longer_fits(stored))?;
    (used.first_at, used.last_at) = (used.first_at.min(at), used.last_at.max(at));
    Ok(())
}

fn key(stored: &StoredCall) -> RecordKey {
    (stored.call.source.clone(), stored.call.record_id.clone())
}

fn answered(stored: &StoredCall) -> Timestamp {
    stored.call.answered_at.unwrap_or(stored.call.started_at)
}

fn no_longer_fits(stored: &StoredCall) -> Error {
    Error::Contradiction(format!(
        "call {}/{}: its charge no longer fits",
        stored.call.source, stored.call.record_id
    ))
}
