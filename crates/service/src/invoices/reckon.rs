//! What would a billed month come to with other calls or other lines?

use std::collections::BTreeMap;
use std::sync::Arc;

use calculation::bill::{Known, MonthCharged, MonthPart, Reckoned, Tax, calls_of_month, due_of};
use calculation::invoice::InvoiceLine;
use calculation::money::Amount;
use calculation::period::{Calendar, Period};
use calculation::tax::TaxClass;
use jiff::civil::Date;

use super::compose::{given, plan_spans};
use super::facts::{ChargedBefore, TaxRates, contradiction, made_of, usage_of};
use super::{documents, store};
use crate::adjustments::{self, Discount};
use crate::calls::MonthUse;
use crate::customers::{self, Customer, Seat, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::plans::{self, Plan};

/// A customer's month that was billed, to be reckoned again.
pub struct BilledMonth {
    pub customer: Customer,
    pub calendar: Calendar,
    pub period: Period,
    /// What its documents charged by its calls.
    pub charged: MonthCharged,
    /// Whether more is known of it, or of a month before, than was billed.
    pub is_changed: bool,
    one_offs: Vec<InvoiceLine>,
    fees: ChargedBefore,
    billed: Vec<Period>,
    plans: Vec<(Subscription, Arc<Plan>)>,
    discounts: Vec<Discount>,
    seats: Vec<Seat>,
    rates: TaxRates,
}

/// What is due of a month by its calls, line by line and part by part.
pub struct DueByCalls {
    pub reckoned: Reckoned,
    pub parts: BTreeMap<(MonthPart, Tax), Amount>,
}

impl BilledMonth {
    /// The month that holds an instant.
    pub async fn load(tx: &mut Tx, customer: CustomerId, at: jiff::Timestamp) -> Result<Self> {
        let unknown = || Error::Contradiction(format!("no customer {customer}"));
        let customer = customers::by_id(tx, customer).await?.ok_or_else(unknown)?;
        let ids = [customer.id];
        let calendar = customers::calendar(tx, &customer).await?;
        let period = calendar.holding(at).map_err(|error| contradiction(&error))?;
        let mut plans = Vec::new();
        for subscription in customers::subscriptions(tx, customer.id).await? {
            let plan = plans::by_id(tx, subscription.plan_id).await?;
            let lost = || Error::Contradiction(format!("no plan {}", subscription.plan_id));
            plans.push((subscription.clone(), Arc::new(plan.ok_or_else(lost)?)));
        }
        let of = documents::of_month(tx, customer.id, period, None).await?;
        let charged =
            of.charged().ok_or_else(|| Error::Contradiction("a billed month does not fit".to_owned()))?;
        let discounts = adjustments::discounts(tx, customer.id).await?;
        let (one_offs, discounts) = made_of(tx, customer.id, period, &of, &discounts).await?;
        let since = super::facts::days_before(period.starts_at, super::facts::MONTH_DAYS);
        let mut billed = Vec::new();
        for starts_at in store::billed_months(tx, &ids, since).await?.remove(&customer.id).unwrap_or_default()
        {
            billed.push(calendar.holding(starts_at).map_err(|error| contradiction(&error))?);
        }
        let fees = store::charged(tx, &ids, since).await?.remove(&customer.id).unwrap_or_default();
        let seats = customers::seats(tx, std::slice::from_ref(&customer)).await?;
        let seats = seats.into_values().next().unwrap_or_default();
        let changed = store::changed_from(tx, &ids).await?.remove(&customer.id);
        let is_changed = changed.is_some_and(|from| from <= period.ends_at);
        let rates = TaxRates::load(tx).await?;
        Ok(Self {
            customer,
            calendar,
            period,
            charged,
            is_changed,
            one_offs,
            fees,
            billed,
            plans,
            discounts,
            seats,
            rates,
        })
    }

    /// What is due by some calls, when so much less of fees and one-off charges is.
    pub fn due(&self, less: &[InvoiceLine], used: Vec<MonthUse>) -> Result<DueByCalls> {
        let usage: Vec<_> = used.into_iter().map(usage_of).collect();
        let tax = |class: TaxClass, day: Date| self.rates.tax(&self.seats, class, day);
        let (plans, discounts) =
            (plan_spans(&self.plans), given(&self.discounts, &self.calendar, self.period));
        let last = self.billed.last().copied().unwrap_or(self.period);
        let known = Known {
            calendar: &self.calendar,
            period: self.calendar.next(last).map_err(|error| contradiction(&error))?,
            currency: self.customer.currency,
            language: self.customer.billing.language,
            tax: &tax,
            billed: &self.billed,
            plans: &plans,
            charged: &self.fees,
            usage: &[],
            reopened: &[],
            one_offs: &[],
            discounts: &[],
            zero: false,
        };
        let reckoned = calls_of_month(&known, self.period, (&self.one_offs, less), &usage, &discounts);
        let reckoned = reckoned.map_err(|error| Error::Contradiction(format!("a billed month: {error}")))?;
        let parts = due_of(&known, &discounts, &reckoned);
        let parts = parts.ok_or_else(|| Error::Contradiction("a billed month does not fit".to_owned()))?;
        Ok(DueByCalls { reckoned, parts })
    }

    /// The name of the pricing that prices a plan's calls by the month.
    pub fn pricing(&self, plan: crate::id::PlanId, place: usize) -> Option<&str> {
        let (_, plan) = self.plans.iter().find(|(_, known)| known.id == plan)?;
        Some(&plan.terms.usage_pricing.get(place)?.name)
    }
}
