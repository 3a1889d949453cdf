//! Takes back what has not begun yet: a change of plan, a line, the closing of a customer.

use jiff::Timestamp;

use super::{Customer, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, LineId, SubscriptionId};
use crate::plans::{self, Payment};

/// What became of it.
#[derive(Debug)]
pub enum Undone {
    Done(Box<Customer>),
    UnknownCustomer,
    /// The customer has no such line or subscription, or is not closed.
    Unknown,
    /// It began then, and is ended instead.
    Begun(Timestamp),
    /// A balance was ended with the plan before: subscribe the customer again.
    Prepaid,
    /// The number is another customer's from then on.
    NumberTaken,
}

/// Takes back a subscription that has not begun, which has no day then; the one that it ended goes on.
pub async fn cancel_subscription(
    tx: &mut Tx,
    id: CustomerId,
    subscription: SubscriptionId,
    clock: &Clock,
) -> Result<Undone> {
    let Some(customer) = hold(tx, id).await? else { return Ok(Undone::UnknownCustomer) };
    let mut held = store::subscriptions(tx, id).await?;
    let Some(place) = held.iter().position(|known| known.id == subscription && !known.is_cancelled()) else {
        return Ok(Undone::Unknown);
    };
    let cancelled = held.remove(place);
    if cancelled.valid_from <= clock.now() {
        return Ok(Undone::Begun(cancelled.valid_from));
    }
    let before = held.iter().find(|known| known.valid_to == Some(cancelled.valid_from));
    for plan in before.iter().map(|known| known.plan_id).chain([cancelled.plan_id]) {
        if plans::by_id(tx, plan).await?.is_some_and(|plan| plan.payment == Payment::Prepaid) {
            return Ok(Undone::Prepaid);
        }
    }
    // Its fee may have been invoiced in advance: it is given back as of a subscription without a day.
    store::end_subscription(tx, id, subscription, cancelled.valid_from).await?;
    if let Some(before) = before {
        store::reopen_subscription(tx, id, before.id, cancelled.valid_to).await?;
    }
    store::note_change(tx, id, cancelled.valid_from).await?;
    Ok(Undone::Done(Box::new(customer)))
}

/// Takes back a line that has not begun.
pub async fn cancel_line(tx: &mut Tx, id: CustomerId, line: LineId, clock: &Clock) -> Result<Undone> {
    let Some(customer) = hold(tx, id).await? else { return Ok(Undone::UnknownCustomer) };
    let known = store::lines(tx, id).await?.into_iter().find(|known| known.id == line);
    let Some(known) = known else { return Ok(Undone::Unknown) };
    if known.valid_from <= clock.now() {
        return Ok(Undone::Begun(known.valid_from));
    }
    store::lock_number(tx, known.number).await?;
    store::delete_line(tx, id, &known).await?;
    Ok(Undone::Done(Box::new(customer)))
}

/// Takes back the closing of a customer that lies ahead: what it would have ended goes on.
pub async fn reopen(tx: &mut Tx, id: CustomerId, clock: &Clock) -> Result<Undone> {
    let Some(mut customer) = hold(tx, id).await? else { return Ok(Undone::UnknownCustomer) };
    let Some(at) = customer.closed_at else { return Ok(Undone::Unknown) };
    if at <= clock.now() {
        return Ok(Undone::Begun(at));
    }
    for held in store::subscriptions(tx, id).await?.into_iter().filter(|held| held.valid_to == Some(at)) {
        let plan = plans::by_id(tx, held.plan_id).await?;
        if plan.is_some_and(|plan| plan.payment == Payment::Prepaid) {
            return Ok(Undone::Prepaid);
        }
        store::reopen_subscription(tx, id, held.id, None).await?;
    }
    for line in store::lines(tx, id).await?.into_iter().filter(|line| line.valid_to == Some(at)) {
        store::lock_number(tx, line.number).await?;
        let spans = store::spans_of_numbers(tx, &[line.number]).await?;
        if spans.iter().any(|span| span.valid_from >= at) {
            return Ok(Undone::NumberTaken);
        }
        store::reopen_line(tx, id, &line).await?;
    }
    customer.closed_at = None;
    store::update(tx, &customer).await?;
    store::note_change(tx, id, at).await?;
    Ok(Undone::Done(Box::new(customer)))
}

/// Holds the customer, and before it where the billing stands, as billing does.
async fn hold(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    store::hold_cycle(tx, id).await?;
    store::hold(tx, id).await
}
