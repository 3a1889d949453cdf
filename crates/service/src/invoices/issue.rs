//! Issues the invoices of customers' months, each once, many in one transaction.

use calculation::bill::{ChargedPart, Remembered, Settled};
use std::collections::BTreeMap;

use calculation::invoice::{Correction, Invoice};
use calculation::period::{Calendar, Period};
use calculation::tax::TaxClass;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::anew;
use super::compose::{Composition, compose_facts};
use super::facts::{self, Asked, AskedBill, TaxRates};
use super::review::Held;
use super::store::{self, Cycle};
use super::{Composed, StoredInvoice};
use crate::adjustments::{self, TakenUp};
use crate::clock::Clock;
use crate::config::Config;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};
use crate::ledger::{self, Entry};
use crate::payments::{self, NewReceivable};

/// What became of it.
#[derive(Debug)]
pub enum Issued {
    New(InvoiceId),
    /// It was issued before.
    Already(InvoiceId),
    UnknownCustomer,
    NotAMonth(String),
    /// The month ends only then, in the customer's zone.
    NotOver(Timestamp),
    /// The month ended then, but records may still come: it is issued at the second instant.
    InGrace(Timestamp, Timestamp),
    /// The month ended then and waits for somebody to approve it.
    Waits(Timestamp),
    /// Somebody holds the customer's invoices.
    Held(Held),
    /// No fee and no calls; the month is closed.
    Nothing,
    /// Paid before or while calling; the month is closed.
    Prepaid,
    /// A sum does not fit an amount.
    TooLarge,
    /// The settings do not say who sells.
    NoOperator,
    NoTaxRate {
        country: String,
        class: TaxClass,
        day: Date,
    },
}

/// Which month of each customer.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The one written as `2026-10`.
    Month(&'a str),
    /// The same, of one customer: invoiced anew if its invoice was credited in full.
    One(&'a str),
    /// The next that was not billed yet, when its grace has passed.
    Next,
}

/// Issues one customer's invoice. A refusal is to be rolled back.
pub async fn issue(
    tx: &mut Tx,
    config: &Config,
    customer: CustomerId,
    month: &str,
    clock: &Clock,
) -> Result<Issued> {
    let issued = issue_some(tx, config, &[customer], Wanted::One(month), clock).await?;
    Ok(issued.into_iter().next().map_or(Issued::UnknownCustomer, |(_, issued)| issued))
}

/// Issues the invoices of some customers, all or none: the transaction is one.
///
/// Their cycles and rows are held first, in the order of their ids: whoever charges has finished, whoever
/// comes later finds the month closed.
pub async fn issue_some(
    tx: &mut Tx,
    config: &Config,
    ids: &[CustomerId],
    wanted: Wanted<'_>,
    clock: &Clock,
) -> Result<Vec<(CustomerId, Issued)>> {
    let now = clock.now();
    let cycles = store::hold_cycles(tx, ids).await?;
    let customers = customers::hold_some(tx, ids).await?;
    let mut calendars = customers::calendars(tx, &customers).await?;
    let mut outcomes = Vec::with_capacity(ids.len());
    let (mut asked, mut found) = (Vec::with_capacity(ids.len()), Vec::new());
    for customer in customers {
        let id = customer.id;
        let Some(calendar) = calendars.remove(&id) else { continue };
        match month(&calendar, wanted, cycles.get(&id), config, now) {
            Ok(period) => asked.push(Asked { customer, calendar, period, bill: AskedBill::New }),
            Err(refusal) => {
                // The end of a cycle's month is found when it is first asked for: it is claimed after that
                // end and its grace, and not again before.
                if let (
                    Wanted::Next,
                    Issued::NotOver(end) | Issued::InGrace(end, _) | Issued::Waits(end),
                    Some(cycle),
                ) = (wanted, &refusal, cycles.get(&id))
                {
                    found.push(Cycle { next_end: *end, ..cycle.clone() });
                }
                outcomes.push((id, refusal));
            }
        }
    }
    let months: Vec<_> = asked.iter().map(|asked| (asked.customer.id, asked.period.starts_at)).collect();
    let closed = store::closed(tx, &months).await?;
    let (done, mut open): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|asked| closed.contains(&(asked.customer.id, asked.period.starts_at)));
    let held = |id| cycles.get(&id).and_then(|cycle| cycle.held.clone());
    open.retain(|asked| match held(asked.customer.id) {
        Some(held) => {
            outcomes.push((asked.customer.id, Issued::Held(held)));
            false
        }
        None => true,
    });
    let mut made = Made { at: now, moves: found, ..Made::default() };
    let mut voids = BTreeMap::new();
    for asked in done {
        let Asked { customer, calendar, period, .. } = &asked;
        let (id, period) = (customer.id, *period);
        let known = store::of_period(tx, id, period.starts_at).await?;
        if let (Wanted::One(_), Some(known)) = (wanted, known)
            && let Some(void) = anew::void(tx, id, known).await?
        {
            if let Some(held) = held(id) {
                outcomes.push((id, Issued::Held(held)));
                continue;
            }
            anew::release(tx, &void).await?;
            // What was credited before is left out of the new invoice, whichever program's clock was ahead.
            made.at =
                store::last_credited_at(tx, id).await?.map_or(made.at, |credited| made.at.max(credited));
            open.push(Asked { bill: AskedBill::InsteadOf(void.id), ..asked });
            voids.insert(id, void);
            continue;
        }
        outcomes.push((id, known.map_or(Issued::Nothing, Issued::Already)));
        made.moves.extend(move_on(cycles.get(&id), calendar, period)?);
    }
    let rates = TaxRates::load(tx).await?;
    for facts in facts::load(tx, open).await? {
        let id = facts.customer.id;
        let composed = compose_facts(config, &rates, &facts, made.at);
        let issued = match composed {
            Composed::Invoice(_) if config.operator.party.name.trim().is_empty() => Issued::NoOperator,
            Composed::Invoice(composition) => {
                let zone = facts.calendar.zone_of(facts.period.first_day);
                let before = match voids.get(&id) {
                    Some(void) => Some((void, store::count_of_period(tx, id, facts.period.starts_at).await?)),
                    None => None,
                };
                Issued::New(made.invoice(id, *composition, zone, before, clock)?)
            }
            Composed::Nothing => Issued::Nothing,
            Composed::Prepaid => Issued::Prepaid,
            Composed::TooLarge => Issued::TooLarge,
            Composed::NoTaxRate { country, class, day } => Issued::NoTaxRate { country, class, day },
        };
        let first = !voids.contains_key(&id);
        if first && matches!(issued, Issued::New(_) | Issued::Nothing | Issued::Prepaid) {
            made.closed.push((id, facts.period));
            made.moves.extend(move_on(cycles.get(&id), &facts.calendar, facts.period)?);
        }
        outcomes.push((id, issued));
    }
    made.store(tx, clock).await?;
    Ok(outcomes)
}

/// The month that is wanted of a customer, if it may be issued.
fn month(
    calendar: &Calendar,
    wanted: Wanted<'_>,
    cycle: Option<&Cycle>,
    config: &Config,
    now: Timestamp,
) -> std::result::Result<Period, Issued> {
    let (period, grace) = match (wanted, cycle) {
        (Wanted::Month(month) | Wanted::One(month), _) => (calendar.month(month), SignedDuration::ZERO),
        (Wanted::Next, Some(cycle)) => (
            calendar.holding(cycle.next_start),
            SignedDuration::from_hours(config.invoices.grace_hours.into()),
        ),
        (Wanted::Next, None) => return Err(Issued::UnknownCustomer),
    };
    let period = period.map_err(|error| Issued::NotAMonth(error.to_string()))?;
    if now < period.ends_at {
        return Err(Issued::NotOver(period.ends_at));
    }
    let due_at = period.ends_at.checked_add(grace).unwrap_or(period.ends_at);
    if now < due_at {
        return Err(Issued::InGrace(period.ends_at, due_at));
    }
    // Who names a month has decided; by itself only what may go out does.
    match (wanted, cycle) {
        (Wanted::Next, Some(cycle)) if !cycle.goes_out(period, config.invoices.mode) => {
            Err(Issued::Waits(period.ends_at))
        }
        _ => Ok(period),
    }
}

/// Where a customer's cycle goes when a month is billed: to the next, if it was that one's turn.
fn move_on(cycle: Option<&Cycle>, calendar: &Calendar, period: Period) -> Result<Option<Cycle>> {
    let Some(cycle) = cycle.filter(|cycle| period.contains(cycle.next_start)) else { return Ok(None) };
    let next = calendar.next(period).map_err(|error| Error::Other(error.to_string()))?;
    Ok(Some(Cycle { next_start: next.starts_at, next_end: next.ends_at, ..cycle.clone() }))
}

/// What is to be stored of a transaction's invoices.
#[derive(Debug, Default)]
struct Made {
    /// When they are issued.
    at: Timestamp,
    invoices: Vec<NewInvoice>,
    remembered: Vec<(CustomerId, InvoiceId, Remembered)>,
    settled: Vec<(CustomerId, InvoiceId, Settled)>,
    taken_up: Vec<TakenUp>,
    entries: Vec<Entry>,
    receivables: Vec<NewReceivable>,
    closed: Vec<(CustomerId, Period)>,
    moves: Vec<Cycle>,
    replaced: Vec<(CustomerId, InvoiceId, InvoiceId)>,
}

/// An invoice that is to be stored.
#[derive(Debug)]
pub(super) struct NewInvoice {
    pub(super) id: InvoiceId,
    pub(super) customer: CustomerId,
    /// The first of its month, or which.
    pub(super) kind: String,
    pub(super) invoice: Invoice,
}

impl Made {
    fn invoice(
        &mut self,
        customer: CustomerId,
        composition: Composition,
        zone: &TimeZone,
        before: Option<(&StoredInvoice, u64)>,
        clock: &Clock,
    ) -> Result<InvoiceId> {
        let id = InvoiceId(clock.id());
        let mut composition = composition;
        let mut kind = "invoice".to_owned();
        if let Some((void, issued)) = before {
            let number = void.number.clone().unwrap_or_default();
            let (issued_on, reason) = (void.invoice.issued_on, String::new());
            composition.invoice.corrects = Some(Correction { number, issued_on, reason });
            kind = format!("invoice {}", issued.saturating_add(1));
            self.replaced.push((customer, void.id, id));
        }
        let Composition { invoice, remembered, settled, charges, discounts } = composition;
        self.remembered.extend(remembered.into_iter().map(|kept| (customer, id, kept)));
        self.settled.extend(settled.into_iter().map(|settled| (customer, id, settled)));
        if !charges.is_empty() || !discounts.is_empty() {
            self.taken_up.push(TakenUp { customer, invoice: id, charges, discounts });
        }
        let Invoice { currency, net, tax, gross, due_on, .. } = invoice;
        let due_at = payments::due_at(due_on, zone)?;
        self.entries.push(Entry::issue(customer, id, currency, net, tax, gross, self.at));
        self.receivables.push(NewReceivable { customer, invoice: id, currency, due_at, gross });
        self.invoices.push(NewInvoice { id, customer, kind, invoice });
        Ok(id)
    }

    async fn store(&self, tx: &mut Tx, clock: &Clock) -> Result<()> {
        store::close(tx, &self.closed, self.at).await?;
        store::insert(tx, &self.invoices, self.at).await?;
        for (customer, void, by) in &self.replaced {
            store::mark_replaced(tx, *customer, *void, *by).await?;
        }
        store::remember(tx, &self.remembered).await?;
        for (customer, invoice, Settled { month, part, tax, amount }) in &self.settled {
            let settled = ((part.clone(), *tax), ChargedPart { amount: *amount, credited: *amount });
            store::settle(tx, (*customer, *invoice), *month, invoice.0, &[settled]).await?;
        }
        store::forget_changes(tx, &self.closed).await?;
        adjustments::take_up(tx, &self.taken_up).await?;
        ledger::post(tx, &self.entries, clock).await?;
        payments::open_receivables(tx, &self.receivables, self.at, clock).await?;
        store::move_cycles(tx, &self.moves).await
    }
}
