//! What is known of customers' months before their invoices are composed? Read for many at once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use calculation::bill::{FeeCharged, Late, Usage};
use calculation::invoice::Days;
use calculation::period::{Calendar, Period, PeriodError};
use calculation::tax::{TaxClass, TaxRate};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{store, tax};
use crate::adjustments::{self, Discount, OneOffCharge};
use crate::calls::{self, MonthUse};
use crate::customers::{self, Customer, Subscription};
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
    pub(super) fees_charged: FeesCharged,
    pub(super) charges: Vec<OneOffCharge>,
    pub(super) discounts: Vec<Discount>,
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

/// So far back fees are corrected.
const CORRECTED_DAYS: i64 = 400;

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
    let since = months.iter().map(|(_, period)| period.starts_at).min().unwrap_or_default();
    let since = Timestamp::from_second(since.as_second() - CORRECTED_DAYS * 86_400).unwrap_or(since);
    let mut closed = store::billed_months(tx, &ids, since).await?;
    let mut fees = store::fees_charged(tx, &ids, since).await?;
    let mut charges = adjustments::open_charges(tx, &ids).await?;
    let mut discounts = adjustments::discounts_of(tx, &ids).await?;
    let mut facts = Vec::with_capacity(asked.len());
    for Asked { customer, calendar, period } in asked {
        let id = customer.id;
        let plans = subscriptions.remove(&id).unwrap_or_default().into_iter().filter_map(|subscription| {
            let plan = plans_known.get(&subscription.plan_id)?.clone();
            Some((subscription, plan))
        });
        let plans = plans.collect();
        let mut usage = Vec::new();
        for used in uses.remove(&(id, period.starts_at)).unwrap_or_default() {
            let before = calls::seconds_before(tx, id, &used, period.starts_at).await?;
            usage.push(usage_of(used, before, &calendar)?);
        }
        let closed = closed.remove(&id).unwrap_or_default();
        let mut billed = Vec::new();
        for starts_at in closed.into_iter().filter(|starts_at| *starts_at < period.starts_at) {
            billed
                .push(calendar.holding(starts_at).map_err(|error| Error::Contradiction(error.to_string()))?);
        }
        let mut charges = charges.remove(&id).unwrap_or_default();
        charges.retain(|charge| charge.charged_at < period.ends_at);
        let mut discounts = discounts.remove(&id).unwrap_or_default();
        discounts.retain(|discount| {
            discount.valid_from < period.ends_at && discount.valid_to.is_none_or(|to| to > period.starts_at)
        });
        let fees_charged = fees.remove(&id).unwrap_or_default();
        facts.push(Facts {
            customer,
            calendar,
            period,
            plans,
            usage,
            billed,
            fees_charged,
            charges,
            discounts,
        });
    }
    Ok(facts)
}

fn usage_of(used: MonthUse, seconds_before: u64, calendar: &Calendar) -> Result<Usage> {
    let late = |late_for: Timestamp| {
        let days = Days { first: day_of(calendar, used.first_at)?, last: day_of(calendar, used.last_at)? };
        Ok(Late { month: calendar.holding(late_for)?.first_day, days })
    };
    let wrong = |error: PeriodError| Error::Contradiction(error.to_string());
    let late = used.late_for.map(late).transpose().map_err(wrong)?;
    Ok(Usage {
        plan: used.plan_id.0,
        destination: used.destination,
        month_pricing: used.month_pricing,
        late,
        seconds_before,
        calls: used.calls,
        seconds: used.seconds,
        included_seconds: used.included_seconds,
        amount: used.amount,
    })
}

/// The customer's local day of an instant.
pub(super) fn day_of(calendar: &Calendar, at: Timestamp) -> std::result::Result<Date, PeriodError> {
    let month = calendar.holding(at)?;
    Ok(month.local_day(at, calendar.zone_of(month.first_day)))
}

/// What a subscription was charged, by the first day of the month.
pub(super) type FeesCharged = BTreeMap<(i64, Date), FeeCharged>;
