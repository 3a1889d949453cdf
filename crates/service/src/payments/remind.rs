//! Reminds customers of what is overdue, step by step of the ladder in the settings.
//!
//! `receivables.reminders` counts the steps that are done. An invoice with so many done is due for the next
//! when enough days have passed since it was due; whoever was away meanwhile goes to the highest step that is
//! due, and leaves out those between.

use calculation::money::Amount;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::store::{self, Due, Overdue};
use crate::app::App;
use crate::clock::Clock;
use crate::config::ReminderStep;
use crate::customers;
use crate::db::Tx;
use crate::disputes;
use crate::error::Result;
use crate::id::{CustomerId, NOBODY};
use crate::jobs::{self, Job};

/// What a round of reminders came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reminded {
    /// Invoices that were reminded of.
    pub reminded: u64,
    /// Customers whose service was suspended.
    pub suspended: u64,
    /// Customers who could not be reminded for a fault, which is logged; the next round tries again.
    pub failed: u64,
}

/// So many customers are looked up at once.
const PAGE: usize = 500;

/// Reminds every customer of what is due for a step. Each customer is a transaction, so that any number of
/// programs may do it at once.
pub async fn remind(app: &App) -> Result<Reminded> {
    let (now, steps) = (app.clock.now(), &app.config.reminders.steps);
    let mut all = Reminded::default();
    for (done, step) in (0..).zip(steps) {
        let mut after = NOBODY;
        loop {
            let mut tx = app.db.read().await?;
            let page = store::to_remind(&mut tx, due(done, *step, now), after, PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else { break };
            after = *last;
            for customer in page {
                match remind_one(app, customer, now).await {
                    Ok(reminded) => {
                        all.reminded += reminded.reminded;
                        all.suspended += reminded.suspended;
                    }
                    // One customer's fault is that customer's: the others are reminded.
                    Err(error) => {
                        tracing::error!(%error, %customer, "a customer was not reminded");
                        all.failed += 1;
                    }
                }
            }
        }
    }
    Ok(all)
}

async fn remind_one(app: &App, customer: CustomerId, now: Timestamp) -> Result<Reminded> {
    let mut tx = app.db.begin().await?;
    let reminded = remind_customer(&mut tx, customer, &app.config.reminders.steps, now, &app.clock).await?;
    tx.commit().await?;
    Ok(reminded)
}

/// Reminds a customer, who is held: what was paid meanwhile, or reminded of by another, is left alone. What is contested waits
/// until the dispute is settled.
async fn remind_customer(
    tx: &mut Tx,
    customer: CustomerId,
    steps: &[ReminderStep],
    now: Timestamp,
    clock: &Clock,
) -> Result<Reminded> {
    customers::hold(tx, customer).await?;
    let (mut jobs, mut suspends) = (Vec::new(), false);
    let contested = disputes::contested(tx, customer).await?;
    for overdue in store::overdue(tx, customer, now).await? {
        let Overdue { invoice, due_at, reminders: done, .. } = overdue;
        if contested.contains_key(&invoice) {
            continue;
        }
        let due = steps.iter().take_while(|step| due_at <= due_before(**step, now)).count();
        let skipped = usize::try_from(done).unwrap_or(usize::MAX);
        let Some(next) = steps.get(skipped..due).filter(|next| !next.is_empty()) else { continue };
        let step = u32::try_from(due).unwrap_or(u32::MAX);
        if store::take_step(tx, customer, &overdue, step, None).await? {
            suspends |= next.iter().any(|step| step.suspend);
            jobs.push(Job::SendReminder { customer_id: customer, invoice_id: invoice, step });
        }
    }
    jobs::enqueue(tx, &jobs, clock).await?;
    let suspended = suspends && customers::suspend_overdue(tx, customer, now).await?;
    Ok(Reminded { reminded: jobs.len() as u64, suspended: suspended.into(), failed: 0 })
}

/// Invoices with so many steps done that are due for the next.
fn due(reminders: i64, step: ReminderStep, now: Timestamp) -> Due {
    let or_since = Some(due_before(step, now));
    Due { reminders, least_open: Amount::ZERO, from: Timestamp::UNIX_EPOCH, or_since }
}

/// What was due until then is due for the step now. A day is 24 hours here, whatever the clocks do.
fn due_before(step: ReminderStep, now: Timestamp) -> Timestamp {
    let days = SignedDuration::from_hours(24 * i64::from(step.after_days));
    now.checked_sub(days).unwrap_or(Timestamp::UNIX_EPOCH)
}
