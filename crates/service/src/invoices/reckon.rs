//! What would a billed month come to with other calls or other lines?

use std::sync::Arc;

use calculation::bill::{Known, Reckoned, calls_of_month};
use calculation::invoice::InvoiceLine;
use calculation::period::{Calendar, Period};
use calculation::tax::TaxClass;
use jiff::civil::Date;

use super::compose::{given, plan_spans};
use super::facts::{TaxRates, made_of, usage_of};
use super::store;
use crate::adjustments::{self, Discount};
use crate::calls::MonthUse;
use crate::customers::{self, Customer, Seat, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};
use crate::plans::{self, Plan};

/// A customer's month that was billed, to be reckoned again.
pub struct BilledMonth {
    pub customer: Customer,
    pub calendar: Calendar,
    pub period: Period,
    /// The fees and one-off charges of its invoice.
    pub lines: Vec<InvoiceLine>,
    /// Whether what it was charged up to minimums is remembered.
    pub remembers_minimums: bool,
    plans: Vec<(Subscription, Arc<Plan>)>,
    discounts: Vec<Discount>,
    seats: Vec<Seat>,
    rates: TaxRates,
}

impl BilledMonth {
    /// The month that holds an instant.
    pub async fn load(tx: &mut Tx, customer: CustomerId, at: jiff::Timestamp) -> Result<Self> {
        let unknown = || Error::Contradiction(format!("no customer {customer}"));
        let customer = customers::by_id(tx, customer).await?.ok_or_else(unknown)?;
        let calendar = customers::calendar(tx, &customer).await?;
        let period = calendar.holding(at).map_err(|error| Error::Contradiction(error.to_string()))?;
        let mut known = Vec::new();
        for subscription in customers::subscriptions(tx, customer.id).await? {
            let plan = plans::by_id(tx, subscription.plan_id).await?;
            let lost = || Error::Contradiction(format!("no plan {}", subscription.plan_id));
            known.push((subscription.clone(), Arc::new(plan.ok_or_else(lost)?)));
        }
        let discounts = adjustments::discounts(tx, customer.id).await?;
        let (lines, discounts) = made_of(tx, customer.id, period, &discounts).await?;
        let seats = customers::seats(tx, std::slice::from_ref(&customer)).await?;
        let seats = seats.into_values().next().unwrap_or_default();
        let remembers_minimums = store::remembers_minimums(tx, customer.id, period.starts_at).await?;
        let rates = TaxRates::load(tx).await?;
        let plans = known;
        Ok(Self { customer, calendar, period, lines, remembers_minimums, plans, discounts, seats, rates })
    }

    /// The lines that depend on calls, beside some fees and one-off charges.
    pub fn reckon(&self, lines: &[InvoiceLine], used: Vec<MonthUse>) -> Result<Reckoned> {
        let usage: Vec<_> = used.into_iter().map(usage_of).collect();
        let tax = |class: TaxClass, day: Date| self.rates.tax(&self.seats, class, day);
        let (plans, discounts) = (plan_spans(&self.plans), given(&self.discounts, &self.calendar));
        let known = Known {
            calendar: &self.calendar,
            period: self.period,
            currency: self.customer.currency,
            language: self.customer.billing.language,
            tax: &tax,
            billed: &[],
            plans: &plans,
            charged: &std::collections::BTreeMap::new(),
            usage: &[],
            reopened: &[],
            one_offs: &[],
            discounts: &[],
            zero: false,
        };
        let reckoned = calls_of_month(&known, self.period, lines, &usage, &discounts);
        reckoned.map_err(|error| Error::Contradiction(format!("a billed month: {error}")))
    }

    /// The name of the pricing that prices a plan's calls by the month.
    pub fn pricing(&self, plan: crate::id::PlanId, place: usize) -> Option<&str> {
        let (_, plan) = self.plans.iter().find(|(_, known)| known.id == plan)?;
        Some(&plan.terms.usage_pricing.get(place)?.name)
    }
}

/// Remembers that a billed month would have been charged more up to the minimum of a plan without calls that were credited.
pub async fn remember_minimum(
    tx: &mut Tx,
    month: &BilledMonth,
    invoice: InvoiceId,
    (plan, amount, tax): (i64, calculation::money::Amount, calculation::bill::Tax),
    credit: i64,
) -> Result<()> {
    let of = (month.customer.id, invoice);
    store::remember_minimum(tx, of, (plan, month.period.first_day), (amount, tax), credit).await
}
