//! Reminds customers of what is overdue, step by step of the ladder in the settings, and suspends what was announced.
//!
//! One mail a customer and day tells of all that is overdue, whichever invoice takes a step. A service is suspended only
//! when a mail has told of it long enough before, and for as much as the settings say. What is contested waits.

use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::store::{self, Due, Overdue, RemindedCustomer};
use super::{WrittenOff, ladder, turn, write_off};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Reminders;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::disputes;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId, NOBODY};
use crate::jobs::{self, Job};
use crate::letters;
use crate::timekeeping;

/// What a round of reminders came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reminded {
    /// Invoices that took a step.
    pub reminded: u64,
    /// Customers whose service was suspended.
    pub suspended: u64,
    /// Customers who could not be reminded for a fault, which is logged; the next round tries again.
    pub failed: u64,
}

/// So many customers are looked up at once.
const PAGE: usize = 500;

/// For whom there is something to do.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Rests(Amount),
    Step(Due),
    Suspension,
}

/// Does what is due for every customer. Each customer is a transaction, so that any number of programs may do it at once.
pub async fn remind(app: &App) -> Result<Reminded> {
    timekeeping::require(app).await?;
    let (now, settings) = (app.clock.now(), &app.config.reminders);
    let mut all = Reminded::default();
    for wanted in wanted(settings, now) {
        let mut after = NOBODY;
        loop {
            let mut tx = app.db.read().await?;
            let page = match wanted {
                Wanted::Rests(below) => store::with_rests(&mut tx, below, now, after, PAGE).await?,
                Wanted::Step(due) => store::to_remind(&mut tx, due, after, PAGE).await?,
                Wanted::Suspension => store::to_suspend(&mut tx, now, after, PAGE).await?,
            };
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

/// What is looked for, in the order in which it is done.
fn wanted(settings: &Reminders, now: Timestamp) -> Vec<Wanted> {
    let mut all = Vec::new();
    if settings.write_off_below > Amount::ZERO {
        all.push(Wanted::Rests(settings.write_off_below));
    }
    let last = settings.last_step();
    for done in 0..=last {
        let step = done.saturating_add(1).min(last);
        // What was not remembered of a step before is taken to have been done when it was due.
        let or_since = (done < last).then(|| ladder::before(now, settings.since_due(step)));
        all.push(Wanted::Step(Due {
            reminders: done.into(),
            least_open: settings.remind_from,
            from: ladder::before(now, settings.distance(step)),
            or_since,
        }));
    }
    all.push(Wanted::Suspension);
    all
}

async fn remind_one(app: &App, customer: CustomerId, now: Timestamp) -> Result<Reminded> {
    let mut tx = app.db.begin().await?;
    let reminded = remind_customer(&mut tx, customer, &app.config.reminders, now, &app.clock).await?;
    tx.commit().await?;
    Ok(reminded)
}

/// Does what is due for a customer, who is held: what was paid meanwhile, or done by another, is left alone.
async fn remind_customer(
    tx: &mut Tx,
    customer: CustomerId,
    settings: &Reminders,
    now: Timestamp,
    clock: &Clock,
) -> Result<Reminded> {
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Reminded::default()) };
    write_rests_off(tx, customer, settings, clock).await?;
    let mut state = store::reminded(tx, customer).await?;
    let before = state;
    let free = turn::uncontested_overdue(tx, customer, now).await?;
    let suspended = suspend(tx, &holder, settings, &mut state, free, now).await?;
    let zone = TimeZone::get(&holder.zone).map_err(|error| Error::Contradiction(error.to_string()))?;
    let day = |at: Timestamp| zone.to_datetime(at).date();
    let mut reminded = 0;
    // One mail a customer and day: what is due for a step later today waits until tomorrow.
    if state.reminded_at.is_none_or(|at| day(at) < day(now)) {
        let taken = take_steps(tx, customer, settings, now).await?;
        reminded = taken.steps;
        if let Some(step) = taken.highest {
            state.reminded_at = Some(now);
            announce(tx, &holder, settings, &taken, &mut state, free, (now, day(now))).await?;
            let (customer_id, on, last) = (customer, day(now), step == settings.last_step());
            jobs::enqueue(tx, &[Job::SendReminders { customer_id, on, step, last }], clock).await?;
        }
    }
    if state != before {
        store::save_reminded(tx, customer, &state).await?;
    }
    Ok(Reminded { reminded, suspended: suspended.into(), failed: 0 })
}

/// The steps that the invoices of a customer took.
#[derive(Debug, Default)]
struct Taken {
    steps: u64,
    /// The highest of them.
    highest: Option<u32>,
    /// How many steps the furthest overdue invoice has done that is not contested.
    furthest: u32,
}

/// Lets each overdue invoice take one step at most. What is contested waits until the dispute is settled.
async fn take_steps(
    tx: &mut Tx,
    customer: CustomerId,
    settings: &Reminders,
    now: Timestamp,
) -> Result<Taken> {
    let spans = disputes::spans(tx, customer).await?;
    let contested = disputes::contested(tx, customer).await?;
    let mut taken = Taken::default();
    for invoice in store::overdue(tx, customer, now).await? {
        let Overdue { invoice: id, open, reminders, .. } = invoice;
        let last = settings.last_step();
        if contested.contains_key(&id) || open < settings.remind_from || reminders > last {
            continue;
        }
        taken.furthest = taken.furthest.max(reminders);
        let of_invoice: Vec<_> =
            spans.iter().filter(|(of, ..)| *of == id).map(|(_, begin, end)| (*begin, *end)).collect();
        let Some(step) = settings.due_step(&invoice, &of_invoice, now) else { continue };
        let from = (step < last).then_some(now);
        if store::take_step(tx, customer, &invoice, step, from).await? {
            taken.steps += 1;
            taken.highest = taken.highest.max(Some(step));
            taken.furthest = taken.furthest.max(step);
        }
    }
    Ok(taken)
}

/// Announces a suspension with the mail that goes out now, when the next step of an invoice would suspend, or one that was
/// taken would have.
async fn announce(
    tx: &mut Tx,
    customer: &Customer,
    settings: &Reminders,
    taken: &Taken,
    state: &mut RemindedCustomer,
    free: Amount,
    (now, today): (Timestamp, Date),
) -> Result<()> {
    let least = settings.least_in(&customer.party.country);
    let Some(suspending) = settings.suspending_step() else { return Ok(()) };
    let is_near = taken.furthest.saturating_add(1) >= suspending;
    if state.suspends_at.is_some() || !is_near || free < least || free <= Amount::ZERO {
        return Ok(());
    }
    if customers::suspension(tx, customer.id).await?.is_none() {
        state.suspends_at = Some(ladder::later(now, settings.notice(taken.furthest)));
        (state.announced_on, state.least) = (Some(today), least);
    }
    Ok(())
}

/// Suspends a service when the day has come that was announced, and the mail left long enough before, for what is overdue
/// and not contested.
async fn suspend(
    tx: &mut Tx,
    customer: &Customer,
    settings: &Reminders,
    state: &mut RemindedCustomer,
    free: Amount,
    now: Timestamp,
) -> Result<bool> {
    if state.suspends_at.is_none_or(|at| at > now) {
        return Ok(false);
    }
    let least = settings.least_in(&customer.party.country).max(state.least);
    if settings.suspending_step().is_none() || free < least || free <= Amount::ZERO {
        state.suspends_at = None;
        return Ok(false);
    }
    // Of a mail that is not known any more all is long ago.
    if let Some(day) = state.announced_on
        && let Some(mail) = jobs::reminder_of(tx, customer.id, day).await?
    {
        let left = match letters::of_job(tx, customer.id, mail.id).await? {
            Some(printed_at) => printed_at,
            None => mail.finished_at.filter(|_| mail.state == jobs::State::Done),
        };
        let is_known = left.is_some_and(|at| ladder::later(at, ladder::days(settings.announce_days)) <= now);
        if !is_known {
            return Ok(false);
        }
    }
    state.suspends_at = None;
    customers::suspend_overdue(tx, customer.id, now).await
}

/// The invoices of which a customer is reminded, those due earliest first: overdue, and not contested.
pub(crate) async fn reminded_of(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<Vec<InvoiceId>> {
    let contested = disputes::contested(tx, customer).await?;
    let overdue = store::overdue(tx, customer, now).await?;
    Ok(overdue.iter().map(|one| one.invoice).filter(|id| !contested.contains_key(id)).collect())
}

/// When a customer's service is to be suspended, as the mail of a day says that leaves now; nothing when it is not. The one
/// that announces it may have waited.
pub(crate) async fn announced(
    tx: &mut Tx,
    customer: CustomerId,
    settings: &Reminders,
    on: Option<Date>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let state = store::reminded(tx, customer).await?;
    let earliest = ladder::later(now, ladder::days(settings.announce_days));
    Ok(state
        .suspends_at
        .map(|at| if on.is_some() && state.announced_on == on { at.max(earliest) } else { at }))
}

/// Writes off what is left of overdue invoices and not worth asking for, if the settings say so.
async fn write_rests_off(
    tx: &mut Tx,
    customer: CustomerId,
    settings: &Reminders,
    clock: &Clock,
) -> Result<()> {
    let below = settings.write_off_below;
    if below <= Amount::ZERO {
        return Ok(());
    }
    let contested = disputes::contested(tx, customer).await?;
    for invoice in store::rests(tx, customer, below, clock.now()).await? {
        if !contested.contains_key(&invoice) {
            rest(tx, customer, invoice, clock).await?;
        }
    }
    Ok(())
}

async fn rest(tx: &mut Tx, customer: CustomerId, invoice: InvoiceId, clock: &Clock) -> Result<()> {
    match write_off(tx, customer, invoice, "a rest that is not asked for", clock).await? {
        WrittenOff::WriteOff(_) => Ok(()),
        other => Err(Error::Contradiction(format!("the rest of {invoice} was not written off: {other:?}"))),
    }
}
