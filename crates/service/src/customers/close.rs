//! Ends all that a customer has: their lines and their plan. What they owe is invoiced with the last month.

use jiff::Timestamp;

use super::{Customer, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::prepaid;

/// What became of it.
#[derive(Debug)]
pub enum Closed {
    Customer(Box<Customer>),
    Unknown,
    /// They were closed then.
    Already(Timestamp),
    /// A line or subscription begins only then.
    BeforeItBegins(Timestamp),
}

/// Closes a customer at an instant: from then on they hold no line and are on no plan.
pub async fn close(tx: &mut Tx, id: CustomerId, at: Timestamp) -> Result<Closed> {
    // In the order in which billing holds them.
    store::hold_cycle(tx, id).await?;
    let Some(mut customer) = store::hold(tx, id).await? else { return Ok(Closed::Unknown) };
    if let Some(closed_at) = customer.closed_at {
        return Ok(Closed::Already(closed_at));
    }
    let still_holds = |to: Option<Timestamp>| to.is_none_or(|to| to > at);
    // What a line says counts only once nobody else can end it.
    for line in store::lines(tx, id).await? {
        store::lock_number(tx, line.number).await?;
    }
    let lines: Vec<_> =
        store::lines(tx, id).await?.into_iter().filter(|line| still_holds(line.valid_to)).collect();
    let subscriptions: Vec<_> =
        store::subscriptions(tx, id).await?.into_iter().filter(|held| still_holds(held.valid_to)).collect();
    let begins = lines.iter().map(|line| line.valid_from).chain(subscriptions.iter().map(|s| s.valid_from));
    if let Some(later) = begins.filter(|from| *from >= at).max() {
        return Ok(Closed::BeforeItBegins(later));
    }
    for line in &lines {
        store::end_line(tx, id, line, at).await?;
    }
    for subscription in &subscriptions {
        store::end_subscription(tx, id, subscription.id, at).await?;
        prepaid::end_renewals(tx, id, subscription.id, at).await?;
    }
    store::note_change(tx, id, at).await?;
    customer.closed_at = Some(at);
    store::update(tx, &customer).await?;
    Ok(Closed::Customer(Box::new(customer)))
}
