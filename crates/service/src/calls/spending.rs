//! How much of a spending cap is used in a month, and has the customer been told?
//!
//! The cap refuses no call: it was made, and is owed. The customer is told at 60, 80 and 100 percent of it,
//! once each.

use std::collections::BTreeMap;

use calculation::money::{Amount, Money};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, MonthKey};
use super::{MoneySchema, announce};
use crate::clock::Clock;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::plans;

/// When the customer is told, in percent.
const TOLD_AT: [u32; 3] = [60, 80, 100];

/// The cap, and what is newly charged against it, by customer and month.
pub(super) type Spent = BTreeMap<MonthKey, (Amount, Amount)>;

/// Counts what was charged to customers with a cap; where a threshold is reached, asks for the notice. The
/// customers are held exclusively.
pub(super) async fn note(tx: &mut Tx, spent: &Spent, clock: &Clock) -> Result<()> {
    for ((customer_id, period_start), (cap, amount)) in spent {
        let (before, told) = store::spending(tx, *customer_id, *period_start).await?;
        let now = counted(before, *amount);
        let percent = percent(now, *cap);
        let reached = TOLD_AT.into_iter().rev().find(|at| *at <= percent).filter(|at| *at > told);
        store::save_spending(tx, *customer_id, *period_start, now, reached.unwrap_or(told)).await?;
        if let Some(percent) = reached {
            let (customer_id, period_start) = (*customer_id, *period_start);
            let notice = Job::SendSpendingNotice { customer_id, period_start, percent };
            jobs::enqueue(tx, &[notice], clock).await?;
            announce::threshold(tx, (customer_id, period_start), percent, [now, *cap], clock).await?;
        }
    }
    Ok(())
}

/// What is counted against a cap with one amount more. A full counter stays full, whatever comes: the customer was told of
/// every threshold, and no import stops for it.
pub(super) fn counted(before: Amount, more: Amount) -> Amount {
    Amount::from_micros(before.micros().saturating_add(more.micros()))
}

/// So many whole percent of the cap are used.
fn percent(used: Amount, cap: Amount) -> u32 {
    let percent = i128::from(used.micros()) * 100 / i128::from(cap.micros().max(1));
    u32::try_from(percent.max(0)).unwrap_or(u32::MAX)
}

/// What a customer has spent in a month, and of what cap.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Spending {
    /// The beginning of the month.
    #[schema(value_type = String, format = DateTime)]
    pub period_start: Timestamp,
    #[schema(value_type = MoneySchema)]
    pub used: Money,
    /// Absent when there is none.
    #[schema(value_type = Option<MoneySchema>)]
    pub cap: Option<Money>,
    /// Whole percent of the cap.
    pub percent: Option<u32>,
    /// The percentage the customer was last told of; 0 before the first.
    pub told_percent: u32,
}

/// What a customer has spent in the month that begins then: calls alone, net.
pub async fn spending(tx: &mut Tx, customer: &Customer, period_start: Timestamp) -> Result<Spending> {
    let calendar = customers::calendar(tx, customer).await?;
    let period = calendar.holding(period_start).map_err(|error| Error::Other(error.to_string()))?;
    let uses = super::usage(tx, &[(customer.id, period)]).await?;
    let amounts = uses.values().flatten().map(|used| used.amount);
    let too_large =
        || Error::Contradiction(format!("{}: a month of calls does not fit an amount", customer.id));
    let used = Amount::sum(amounts).ok_or_else(too_large)?;
    let mut cap = customer.billing.spending_cap;
    if cap.is_none() {
        let subscriptions = customers::subscriptions(tx, customer.id).await?;
        let running = subscriptions.iter().rev().find(|held| {
            held.valid_from < period.ends_at && held.valid_to.is_none_or(|to| to > period.starts_at)
        });
        if let Some(running) = running {
            cap = plans::by_id(tx, running.plan_id).await?.and_then(|plan| plan.terms.spending_cap);
        }
    }
    let (_, told_percent) = store::spending(tx, customer.id, period.starts_at).await?;
    let currency = customer.currency;
    Ok(Spending {
        period_start: period.starts_at,
        used: Money { amount: used, currency },
        cap: cap.map(|amount| Money { amount, currency }),
        percent: cap.map(|cap| percent(used, cap)),
        told_percent,
    })
}
