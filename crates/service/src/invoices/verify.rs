//! Do the invoices add up? Each equals its calls and fees, and no number is missing.

use std::collections::{BTreeMap, BTreeSet};

use calculation::bill::Tax;
use calculation::invoice::{Invoice, InvoiceLine, LineKind, totals};
use calculation::money::Amount;
use calculation::period::Period;
use calculation::tax::{TaxCategory, TaxClass, TaxRate};
use calculation::total::Total;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::compose::bill;
use super::facts::{self, Asked, AskedBill, Facts, TaxRates};
use super::review::Held;
use super::{StoredInvoice, mirrored, store};
use crate::db::{self, IN_LIST, Tx};
use crate::error::{Error, Result, noted};
use crate::{customers, payments};

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub invoices: u64,
    pub numbers: u64,
    pub faults: Vec<String>,
    /// Invoices of which only the total is left, or whose calls are gone: they were checked as far as that goes.
    pub without_detail: u64,
    /// No fault, but to be seen to: months that could not be billed.
    pub refused: Vec<String>,
    /// No fault either: customers whose invoices are held.
    pub held: Vec<String>,
}

/// How many held customers are named: more say nothing new.
const MOST_HELD: usize = 1_000;

/// Verifies every invoice against the calls of its month and its fees, and the numbers for gaps.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let mut verified = Verified::default();
    let rates = TaxRates::load(tx).await?;
    let mut after = crate::id::InvoiceId(0);
    loop {
        let page = store::after(tx, after, db::limit(IN_LIST)).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        verified.invoices += page.len() as u64;
        let mut readable = Vec::with_capacity(page.len());
        for (_, stored) in page {
            readable.extend(noted(stored, &mut verified.faults)?);
        }
        for (stored, facts) in with_facts(tx, &readable, &mut verified.faults).await? {
            let mut faults = Vec::new();
            let whole = verify_one(tx, &rates, stored, facts, &mut faults).await;
            let whole = noted(whole, &mut faults)?;
            verified.without_detail += u64::from(whole == Some(false));
            verified.faults.append(&mut faults);
        }
    }
    for (series, year, last, count) in store::series(tx).await? {
        verified.numbers += count;
        if last != count {
            verified
                .faults
                .push(format!("series {series}-{year}: {count} numbers are given, the last is {last}"));
        }
    }
    let numbers = store::count_numbers(tx).await?;
    if numbers > verified.numbers {
        let more = numbers - verified.numbers;
        verified.faults.push(format!("{more} numbers are given of which no series knows: it was removed"));
    }
    verified.faults.append(&mut mirrored::faults(tx).await?);
    let refused = store::refused(tx, 1_000).await;
    for (reference, from, reason) in noted(refused, &mut verified.faults)?.unwrap_or_default() {
        verified.refused.push(format!("{reference}: the month that holds {from}: {reason}"));
    }
    verified.faults.append(&mut store::contradictions(tx).await?);
    let held = store::held(tx, crate::id::NOBODY, MOST_HELD).await;
    for held in noted(held, &mut verified.faults)?.unwrap_or_default() {
        let Held { held_at, reason } = held.hold;
        verified.held.push(format!("{} since {held_at}: {reason}", held.customer_reference));
    }
    Ok(verified)
}

/// Each invoice with what is known of its month. Where one cannot be read they are read one by one, so that it is named and
/// the others are looked at.
async fn with_facts<'i>(
    tx: &mut Tx,
    page: &'i [StoredInvoice],
    faults: &mut Vec<String>,
) -> Result<Vec<(&'i StoredInvoice, Facts)>> {
    let mut unread = Vec::new();
    let together = facts_of(tx, page).await;
    if let Some(facts) = noted(together, &mut unread)? {
        return Ok(page.iter().zip(facts).collect());
    }
    let mut found = Vec::with_capacity(page.len());
    for stored in page {
        let facts = facts_of(tx, std::slice::from_ref(stored)).await;
        found.extend(noted(facts, faults)?.and_then(|mut facts| facts.pop()).map(|facts| (stored, facts)));
    }
    Ok(found)
}

/// What is known of the invoices' months, in their order.
async fn facts_of(tx: &mut Tx, page: &[StoredInvoice]) -> Result<Vec<Facts>> {
    let mut all = Vec::with_capacity(page.len());
    let mut rest = page;
    while !rest.is_empty() {
        // Facts are read for one month of each customer.
        let mut seen = BTreeSet::new();
        let distinct = rest.iter().take_while(|stored| seen.insert(stored.customer_id)).count();
        let (some, others) = rest.split_at(distinct);
        rest = others;
        let ids: Vec<_> = some.iter().map(|stored| stored.customer_id).collect();
        let customers = customers::by_ids(tx, &ids).await?;
        let mut calendars = customers::calendars(tx, &customers).await?;
        let mut customers: BTreeMap<_, _> =
            customers.into_iter().map(|customer| (customer.id, customer)).collect();
        let mut asked = Vec::with_capacity(some.len());
        for stored in some {
            let id = stored.customer_id;
            let bill = AskedBill::Issued { at: stored.issued_at, anew: stored.invoice.corrects.is_some() };
            let (customer, calendar) = customers
                .remove(&id)
                .zip(calendars.remove(&id))
                .ok_or_else(|| Error::Contradiction(format!("invoice {} is of no customer", stored.id)))?;
            asked.push(Asked { customer, calendar, period: period_of(stored), bill });
        }
        all.extend(facts::load(tx, asked).await?);
    }
    Ok(all)
}

fn period_of(stored: &StoredInvoice) -> Period {
    let period = &stored.invoice.period;
    Period { starts_at: period.starts_at, ends_at: period.ends_at, first_day: period.first_day }
}

/// Verifies an invoice; answers whether all that it was made of is still there.
async fn verify_one(
    tx: &mut Tx,
    rates: &TaxRates,
    stored: &StoredInvoice,
    mut facts: Facts,
    faults: &mut Vec<String>,
) -> Result<bool> {
    let invoice = &stored.invoice;
    if stored.number.is_none() {
        faults.push(format!("invoice {} has no number: bill its month again", stored.id));
    }
    let name = stored.number.clone().unwrap_or_else(|| stored.id.to_string());
    if stored.purged_at.is_some() {
        let adds_up = invoice.net.checked_add(invoice.tax) == Some(stored.gross.amount);
        if !adds_up {
            faults.push(format!("invoice {name}: net and tax are not its total"));
        }
        return Ok(false);
    }
    let sums = totals(&invoice.lines, invoice.currency);
    let adds_up = sums.is_some_and(|sums| {
        sums.net == invoice.net && sums.tax == invoice.tax && sums.gross == invoice.gross
    });
    if !adds_up || stored.gross.amount != invoice.gross {
        faults.push(format!("invoice {name}: its lines do not add up to its total"));
    }
    let kept_from = facts.customer.calls_kept_from;
    let has_calls = kept_from.is_none_or(|kept_from| kept_from <= invoice.period.starts_at);
    facts.charges.clear();
    facts.discounts.clear();
    // Fees of other months are not asked about: they are compared with what was remembered of them.
    facts.billed.clear();
    let usage = usage_lines(&invoice.lines);
    let untaxed = |_, _| Some((TaxCategory::Standard, TaxRate::ZERO));
    let as_taxed = |class, day| rates.tax(&facts.seats, class, day);
    let same = |tax: &dyn Fn(TaxClass, Date) -> Option<Tax>| {
        bill(false, tax, &facts).is_ok_and(|bill| usage_lines(&bill.lines) == usage)
    };
    if has_calls && !same(&as_taxed) && !same(&untaxed) {
        faults.push(format!("invoice {name}: its usage is not that of its calls"));
    }
    // What was remembered is there only since corrections are made from it.
    if store::replaced_by(tx, stored.customer_id, stored.id).await?.is_some() {
        return Ok(has_calls);
    }
    let Some(fees) = store::remembered(tx, stored.customer_id, stored.id).await? else {
        return Ok(has_calls);
    };
    verify_due(tx, stored, &name, faults).await?;
    let (charged, discounted) = crate::adjustments::of_invoice(tx, stored.customer_id, stored.id).await?;
    let sum = |kind| sum_of(invoice, kind);
    if sum(LineKind::Fee) != fees {
        faults.push(format!("invoice {name}: its fees are not those remembered of its subscriptions"));
    }
    if sum(LineKind::OneOff) != charged || sum(LineKind::Discount) != discounted.negated() {
        faults.push(format!("invoice {name}: its one-off charges or discounts are not those it took up"));
    }
    Ok(has_calls)
}

/// Verifies that it is overdue after the day on which it says that it is due.
async fn verify_due(tx: &mut Tx, stored: &StoredInvoice, name: &str, faults: &mut Vec<String>) -> Result<()> {
    let zone = TimeZone::get(&stored.invoice.period.zone);
    let zone = zone.map_err(|error| Error::Contradiction(format!("invoice {name}: {error}")))?;
    let said = payments::due_at(stored.invoice.due_on, &zone)?;
    let due = payments::due_of(tx, stored.customer_id, stored.id).await?;
    // A zone's rules may have been changed since.
    if due.is_some_and(|due| due.duration_since(said).abs() > SignedDuration::from_hours(24)) {
        faults.push(format!("invoice {name}: it is not overdue when it says that it is due"));
    }
    Ok(())
}

fn sum_of(invoice: &Invoice, kind: LineKind) -> Total {
    invoice.lines.iter().filter(|line| line.kind == kind).map(|line| line.net).collect()
}

/// What lines of the month's own usage say, but for their tax. What came late is compared month by month.
fn usage_lines(lines: &[InvoiceLine]) -> Vec<(LineKind, String, u64, u64, Amount)> {
    let usage = lines.iter().filter(|line| line.kind == LineKind::Usage);
    let mut said: Vec<_> =
        usage.map(|line| (line.kind, line.description.clone(), line.calls, line.seconds, line.net)).collect();
    said.sort();
    said
}
