//! Puts a customer on a plan from an instant on, and ends the plan before.

use calculation::money::Currency;

use super::{NewSubscription, Subscription, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, SubscriptionId};
use crate::plans::Payment;
use crate::prepaid;

/// What became of it.
#[derive(Debug)]
pub enum Subscribed {
    Subscription(Subscription),
    UnknownCustomer,
    /// The customer is closed.
    Closed,
    UnknownPlan,
    /// The plan is in this currency, not the customer's.
    OtherCurrency(Currency),
    /// A later or equal subscription exists: plans are changed in the order of time.
    NotAfterTheLast(jiff::Timestamp),
}

/// Subscribes a customer to a plan.
pub async fn subscribe(
    tx: &mut Tx,
    customer: CustomerId,
    new: NewSubscription,
    clock: &Clock,
) -> Result<Subscribed> {
    // The customer's row is held, so that two plans cannot begin at once; before it where the billing stands, as billing does.
    store::hold_cycle(tx, customer).await?;
    let Some(found) = store::hold(tx, customer).await? else { return Ok(Subscribed::UnknownCustomer) };
    if found.closed_at.is_some() {
        return Ok(Subscribed::Closed);
    }
    let Some(plan) = crate::plans::by_name(tx, &new.plan).await? else { return Ok(Subscribed::UnknownPlan) };
    if plan.currency != found.currency {
        return Ok(Subscribed::OtherCurrency(plan.currency));
    }
    let mut held = store::subscriptions(tx, customer).await?;
    held.retain(|known| !known.is_cancelled());
    let last = held.pop();
    if let Some(last) = &last {
        if new.valid_from <= last.valid_from {
            return Ok(Subscribed::NotAfterTheLast(last.valid_from));
        }
        if last.valid_to.is_none_or(|end| end > new.valid_from) {
            store::end_subscription(tx, customer, last.id, new.valid_from).await?;
            prepaid::end_renewals(tx, customer, last.id, new.valid_from).await?;
        }
    }
    let id = SubscriptionId(clock.id());
    let subscription = Subscription { id, plan_id: plan.id, valid_from: new.valid_from, valid_to: None };
    store::insert_subscription(tx, customer, &subscription).await?;
    store::note_change(tx, customer, new.valid_from).await?;
    if plan.payment == Payment::Prepaid {
        prepaid::begin_renewals(tx, customer, new.valid_from).await?;
    }
    Ok(Subscribed::Subscription(subscription))
}
