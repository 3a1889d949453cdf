//! What is known of customers' months before their invoices are composed? Read for many at once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use calculation::bill::{Charged, ChargedFor, LateUsage, Minimums, Tax, Usage};
use calculation::invoice::{Days, InvoiceLine, LineKind};
use calculation::period::{Calendar, Period, PeriodError};
use calculation::tax::{TaxClass, TaxRate, TaxTreatment};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{store, tax};
use crate::adjustments::{self, Discount, OneOffCharge};
use crate::calls::{self, MonthUse};
use crate::customers::{self, Customer, Seat, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, PlanId};
use crate::plans::{self, Plan};

/// A customer's month that is to be composed.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) customer: Customer,
    pub(super) calendar: Calendar,
    pub(super) period: Period,
    /// Calls that were credited later count.
    pub(super) credited_until: Timestamp,
    /// Whether it takes the place of an invoice that was credited in full.
    pub(super) anew: bool,
}

/// What is known of a customer's month.
pub(super) struct Facts {
    pub(super) customer: Customer,
    pub(super) calendar: Calendar,
    pub(super) period: Period,
    /// The plans the customer is or was on, oldest first.
    pub(super) plans: Vec<(Subscription, Arc<Plan>)>,
    pub(super) usage: Vec<Usage>,
    /// Earlier months that were billed and whose fees may be corrected.
    pub(super) billed: Vec<Period>,
    pub(super) charged: ChargedBefore,
    pub(super) charges: Vec<OneOffCharge>,
    pub(super) discounts: Vec<Discount>,
    /// Where the customer was taxed, and how.
    pub(super) seats: Vec<Seat>,
    /// Earlier months of which more is known now.
    pub(super) reopened: Vec<Reopened>,
}

/// What was charged before.
pub(super) type ChargedBefore = BTreeMap<(ChargedFor, Date), Vec<Charged>>;

/// A month that was billed before, and of which more is known now.
pub(super) struct Reopened {
    pub(super) period: Period,
    pub(super) lines: Vec<InvoiceLine>,
    pub(super) before: Vec<Usage>,
    pub(super) late: Vec<LateUsage>,
    /// With the uses that count for this month.
    pub(super) discounts: Vec<Discount>,
    pub(super) minimums: Minimums,
}

/// The tax rates of every country, by class and the day they hold from.
pub(super) struct TaxRates(BTreeMap<(String, TaxClass, Date), TaxRate>);

impl TaxRates {
    pub(super) async fn load(tx: &mut Tx) -> Result<Self> {
        let rates = tax::tax_rates(tx).await?.into_iter();
        Ok(Self(rates.map(|entry| ((entry.country, entry.class, entry.valid_from), entry.rate)).collect()))
    }

    /// The rate of a country on a day: the one that came into force last.
    pub(super) fn on(&self, country: &str, class: TaxClass, day: Date) -> Option<TaxRate> {
        let key = |day| (country.to_owned(), class, day);
        self.0.range(key(Date::MIN)..=key(day)).next_back().map(|(_, rate)| *rate)
    }
}

/// Where and how a customer was taxed on a day.
pub(super) fn seat_on(seats: &[Seat], day: Date) -> Option<&Seat> {
    seats.iter().rev().find(|seat| seat.from <= day).or(seats.first())
}

impl TaxRates {
    /// The tax of a class on a day, by where and how the customer was taxed then.
    pub(super) fn tax(&self, seats: &[Seat], class: TaxClass, day: Date) -> Option<Tax> {
        let seat = seat_on(seats, day)?;
        let rate = match seat.treatment {
            TaxTreatment::Standard => self.on(&seat.country, class, day)?,
            TaxTreatment::Exempt | TaxTreatment::ReverseCharge => TaxRate::ZERO,
        };
        Some(seat.treatment.apply(rate))
    }
}

/// So far back fees are corrected; farther where a customer's plans changed.
const CORRECTED_DAYS: i64 = 400;
const MONTH_DAYS: i64 = 32;

fn days_before(at: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() - days * 86_400).unwrap_or(at)
}

/// Reads what is known of some months, one a customer.
pub(super) async fn load(tx: &mut Tx, asked: Vec<Asked>) -> Result<Vec<Facts>> {
    let ids: Vec<CustomerId> = asked.iter().map(|asked| asked.customer.id).collect();
    let mut subscriptions = customers::subscriptions_of(tx, &ids).await?;
    let mut plans_known: BTreeMap<PlanId, Arc<Plan>> = BTreeMap::new();
    for subscription in subscriptions.values().flatten() {
        if let Entry::Vacant(new) = plans_known.entry(subscription.plan_id) {
            let plan = plans::by_id(tx, subscription.plan_id).await?;
            let missing = || Error::Contradiction(format!("no plan {}", subscription.plan_id));
            new.insert(Arc::new(plan.ok_or_else(missing)?));
        }
    }
    let months: Vec<_> = asked.iter().map(|asked| (asked.customer.id, asked.period)).collect();
    let mut uses = calls::usage(tx, &months).await?;
    let changed = store::changed_from(tx, &ids).await?;
    let since = months.iter().map(|(_, period)| period.starts_at).min().unwrap_or_default();
    let late = uses.values().flatten().filter_map(|used| used.late_for);
    let changed_since = changed.values().copied().chain(late).map(|at| days_before(at, MONTH_DAYS));
    let since = changed_since.chain([days_before(since, CORRECTED_DAYS)]).min().unwrap_or(since);
    let mut closed = store::billed_months(tx, &ids, since).await?;
    let mut charged = store::charged(tx, &ids, since).await?;
    let mut charges = adjustments::open_charges(tx, &ids).await?;
    let mut discounts = adjustments::discounts_of(tx, &ids).await?;
    let known: Vec<_> = asked.iter().map(|asked| asked.customer.clone()).collect();
    let mut seats = customers::seats(tx, &known).await?;
    let mut facts = Vec::with_capacity(asked.len());
    for Asked { customer, calendar, period, credited_until, anew } in asked {
        let id = customer.id;
        let plans = subscriptions.remove(&id).unwrap_or_default().into_iter().filter_map(|subscription| {
            let plan = plans_known.get(&subscription.plan_id)?.clone();
            Some((subscription, plan))
        });
        let plans = plans.collect();
        let closed = closed.remove(&id).unwrap_or_default();
        let mut billed = Vec::new();
        for starts_at in closed.into_iter().filter(|starts_at| *starts_at < period.starts_at) {
            billed.push(calendar.holding(starts_at).map_err(|error| contradiction(&error))?);
        }
        let (mut usage, mut late) = (Vec::new(), BTreeMap::<Timestamp, Vec<LateUsage>>::new());
        let used = if anew {
            calls::usage_left(tx, id, period, credited_until).await?
        } else {
            uses.remove(&(id, period.starts_at)).unwrap_or_default()
        };
        for used in used {
            match used.late_for {
                Some(late_for) => late.entry(late_for).or_default().push(late_usage(used, &calendar)?),
                None => usage.push(usage_of(used)),
            }
        }
        let mut discounts = discounts.remove(&id).unwrap_or_default();
        let of_plans = changed.get(&id).copied();
        let changed_months = billed.iter().filter(|month| of_plans.is_some_and(|from| month.ends_at > from));
        let again: BTreeSet<_> =
            late.keys().copied().chain(changed_months.map(|month| month.starts_at)).collect();
        let mut reopened = Vec::new();
        for starts_at in again {
            let month = calendar.holding(starts_at).map_err(|error| contradiction(&error))?;
            let late = late.remove(&starts_at).unwrap_or_default();
            let is_billed = billed.contains(&month);
            reopened
                .push(reopen(tx, id, (month, is_billed), late, (&discounts, period, credited_until)).await?);
        }
        let mut charges = charges.remove(&id).unwrap_or_default();
        charges.retain(|charge| charge.charged_at < period.ends_at);
        discounts.retain(|discount| overlaps(discount, period));
        let charged = charged.remove(&id).unwrap_or_default();
        let seats = seats.remove(&id).unwrap_or_default();
        facts.push(Facts {
            customer,
            calendar,
            period,
            plans,
            usage,
            billed,
            charged,
            charges,
            discounts,
            seats,
            reopened,
        });
    }
    Ok(facts)
}

fn contradiction(error: &PeriodError) -> Error {
    Error::Contradiction(error.to_string())
}

fn overlaps(discount: &Discount, month: Period) -> bool {
    discount.valid_from < month.ends_at && discount.valid_to.is_none_or(|to| to > month.starts_at)
}

/// What a billed month was made of.
async fn reopen(
    tx: &mut Tx,
    customer: CustomerId,
    (month, is_billed): (Period, bool),
    late: Vec<LateUsage>,
    (discounts, now, credited_until): (&[Discount], Period, Timestamp),
) -> Result<Reopened> {
    let before = calls::usage_before(tx, customer, month, now.starts_at, credited_until).await?;
    let (lines, discounts) = made_of(tx, customer, month, discounts).await?;
    let minimums = match is_billed {
        false => Minimums::NotCharged,
        true if store::remembers_minimums(tx, customer, month.starts_at).await? => Minimums::Remembered,
        true => Minimums::Reckoned,
    };
    let before = before.into_iter().map(usage_of).collect();
    Ok(Reopened { period: month, lines, before, late, discounts, minimums })
}

/// The fees and one-off charges on a month's invoice, and the discounts that it had.
pub(super) async fn made_of(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    discounts: &[Discount],
) -> Result<(Vec<InvoiceLine>, Vec<Discount>)> {
    let invoice = match store::of_period(tx, customer, month.starts_at).await? {
        Some(id) => store::by_id(tx, customer, id).await?,
        None => None,
    };
    let used = match &invoice {
        Some(stored) => adjustments::used_on(tx, customer, stored.id).await?,
        None => BTreeSet::new(),
    };
    // What was used by the month's own invoice for the month itself was not used before it.
    let is_own = |discount: &Discount| {
        let own = |line: &InvoiceLine| {
            line.kind == LineKind::Discount && line.days.is_none() && line.description == discount.description
        };
        used.contains(&discount.id)
            && invoice.as_ref().is_some_and(|stored| stored.invoice.lines.iter().any(own))
    };
    let uses = |discount: &Discount| if is_own(discount) { 0 } else { discount.uses };
    let discounts = discounts.iter().filter(|discount| overlaps(discount, month));
    let discounts = discounts.map(|discount| Discount { uses: uses(discount), ..discount.clone() }).collect();
    let own = |line: &InvoiceLine| {
        matches!(line.kind, LineKind::Fee | LineKind::OneOff)
            && line.days.is_none_or(|days| days.last >= month.first_day)
    };
    let lines = invoice.map(|stored| stored.invoice.lines).unwrap_or_default();
    Ok((lines.into_iter().filter(own).collect(), discounts))
}

fn late_usage(used: MonthUse, calendar: &Calendar) -> Result<LateUsage> {
    let day = |at| day_of(calendar, at).map_err(|error| contradiction(&error));
    let days = Days { first: day(used.first_at)?, last: day(used.last_at)? };
    Ok(LateUsage { used: usage_of(used), days })
}

pub(super) fn usage_of(used: MonthUse) -> Usage {
    Usage {
        plan: used.plan_id.0,
        destination: used.destination,
        month_pricing: used.month_pricing,
        calls: used.calls,
        seconds: used.seconds,
        included_seconds: used.included_seconds,
        amount: used.amount,
    }
}

/// The customer's local day of an instant.
pub(super) fn day_of(calendar: &Calendar, at: Timestamp) -> std::result::Result<Date, PeriodError> {
    let month = calendar.holding(at)?;
    Ok(month.local_day(at, calendar.zone_of(month.first_day)))
}
