//! What did a customer's documents charge for a month by its calls? The month's own invoice, and later ones for what came late.

use std::collections::{BTreeMap, BTreeSet};

use calculation::bill::{ChargedPart, MonthCharged, MonthPart, Tax};
use calculation::invoice::{InvoiceLine, LineKind};
use calculation::money::Amount;
use calculation::period::Period;

use super::store::{self, Credit};
use super::{StoredInvoice, facts};
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};

/// The lines of a month, on whichever invoice they stand, and what was settled of them.
pub(super) struct OfMonth {
    lines: Vec<Line>,
    settled: Vec<((MonthPart, Tax), ChargedPart)>,
    /// Whether the lines of some invoice that may have charged for it are gone.
    pub(super) is_purged: bool,
}

/// A line for the month.
struct Line {
    invoice: InvoiceId,
    place: usize,
    key: (MonthPart, Tax),
    net: Amount,
    /// What was credited of it because calls were.
    of_calls: Amount,
    /// What was credited of it for other reasons.
    credited: Amount,
}

/// Reads what the invoices of a customer charged for a month: of void ones, and of one in whose place another comes, what was not
/// credited.
pub(super) async fn of_month(
    tx: &mut Tx,
    customer: CustomerId,
    month: Period,
    but: Option<InvoiceId>,
) -> Result<OfMonth> {
    let invoices = store::since_month(tx, customer, month.starts_at).await?;
    let is_purged = invoices.iter().any(|(stored, _)| stored.purged_at.is_some());
    let credits =
        store::credits(tx, customer, &invoices.iter().map(|(stored, _)| stored.id).collect()).await?;
    let mut lines = Vec::new();
    for (stored, is_replaced) in &invoices {
        let is_void = *is_replaced || Some(stored.id) == but;
        for (place, line) in stored.invoice.lines.iter().enumerate() {
            let Some(part) = MonthPart::of(line).filter(|_| is_for(stored, line, month)) else { continue };
            let sum = |which: fn(&Credit) -> bool| {
                let of_line =
                    |credit: &&Credit| (credit.invoice, credit.place) == (stored.id, place) && which(credit);
                Amount::sum(credits.iter().filter(of_line).map(|credit| credit.net)).ok_or_else(too_large)
            };
            let key = (part, (line.tax_category, line.tax_rate));
            let (invoice, net) = (stored.id, line.net);
            lines.push(if is_void {
                let net = net.checked_sub(sum(|_| true)?).ok_or_else(too_large)?;
                Line { invoice, place, key, net, of_calls: Amount::ZERO, credited: Amount::ZERO }
            } else {
                let of_calls = sum(|credit| credit.of_calls && !credit.is_settled)?;
                // Of a correction nothing was paid that could be given back.
                let is_correction = (line.net < Amount::ZERO) != (line.kind == LineKind::Discount);
                let credited = if is_correction {
                    Amount::ZERO
                } else {
                    sum(|credit| !credit.of_calls && !credit.is_settled)?
                };
                Line { invoice, place, key, net, of_calls, credited }
            });
        }
    }
    let settled = store::settled(tx, customer, month.first_day, but).await?;
    Ok(OfMonth { lines, settled, is_purged })
}

/// Whether a line of an invoice is for a month: its own ones without days, others by theirs.
fn is_for(stored: &StoredInvoice, line: &InvoiceLine, month: Period) -> bool {
    match line.days {
        None => stored.invoice.period.starts_at == month.starts_at,
        Some(days) => days.last >= month.first_day && days.last <= month.last_day(),
    }
}

impl OfMonth {
    /// The invoices that have a line of a discount of the month.
    pub(super) fn with_discounts(&self) -> BTreeSet<(InvoiceId, &str)> {
        let discounts = self.lines.iter().filter_map(|line| match &line.key.0 {
            MonthPart::Discount(name) => Some((line.invoice, name.as_str())),
            MonthPart::Usage(_) | MonthPart::Minimum(_) => None,
        });
        discounts.collect()
    }

    /// What the documents charged, part by part. Nothing when a sum does not fit.
    pub(super) fn charged(&self) -> Option<MonthCharged> {
        let mut charged = MonthCharged::new();
        for line in &self.lines {
            let part = charged.entry(line.key.clone()).or_default();
            part.amount = part.amount.checked_add(line.net)?.checked_sub(line.of_calls)?;
            part.credited = part.credited.checked_add(line.credited)?;
        }
        for (key, settled) in &self.settled {
            let part = charged.entry(key.clone()).or_default();
            part.amount = part.amount.checked_sub(settled.amount)?;
            part.credited = part.credited.checked_sub(settled.credited)?;
        }
        Some(charged)
    }
}

/// Whether all of an invoice was credited, or given back by later ones.
pub(super) async fn is_credited(tx: &mut Tx, stored: &StoredInvoice) -> Result<bool> {
    let credits = store::credits(tx, stored.customer_id, &[stored.id].into()).await?;
    let later = given_back_later(tx, stored).await?;
    let left = |(place, line): (usize, &InvoiceLine)| {
        let of_line = credits.iter().filter(|credit| credit.place == place).map(|credit| credit.net);
        let later = later.get(&place).copied();
        Amount::sum(of_line.chain(later)).and_then(|gone| line.net.checked_sub(gone))
    };
    let mut lines = stored.invoice.lines.iter().enumerate();
    Ok(!credits.is_empty() && lines.all(|line| left(line) == Some(Amount::ZERO)))
}

/// What later invoices gave back of an invoice's lines, by their place: net, of a discount below zero.
pub async fn given_back_later(tx: &mut Tx, stored: &StoredInvoice) -> Result<BTreeMap<usize, Amount>> {
    let mut given: BTreeMap<usize, Amount> = BTreeMap::new();
    for (place, net) in store::fees_given_back_later(tx, stored.customer_id, stored.id).await? {
        let sum = given.entry(place).or_default();
        *sum = sum.checked_add(net).ok_or_else(too_large)?;
    }
    let unknown = || Error::Contradiction(format!("invoice {} is of no customer", stored.id));
    let customer = customers::by_id(tx, stored.customer_id).await?.ok_or_else(unknown)?;
    let calendar = customers::calendar(tx, &customer).await?;
    let mut months = Vec::new();
    for line in &stored.invoice.lines {
        let day = line.days.map_or(stored.invoice.period.first_day, |days| days.last);
        let month = calendar.month_of(day);
        let month = month.map_err(|error| facts::contradiction(&error))?;
        if MonthPart::of(line).is_some() && !months.contains(&month) {
            months.push(month);
        }
    }
    for month in months {
        let of = of_month(tx, stored.customer_id, month, None).await?;
        for own in of.lines.iter().filter(|line| line.invoice == stored.id) {
            let opposite = |line: &&Line| {
                line.invoice > stored.id
                    && line.key == own.key
                    && line.net != Amount::ZERO
                    && (line.net < Amount::ZERO) == (own.net > Amount::ZERO)
            };
            let later = of.lines.iter().filter(opposite).map(|line| line.net.checked_sub(line.credited));
            let later = later.collect::<Option<Vec<_>>>().and_then(Amount::sum).ok_or_else(too_large)?;
            let most = Amount::from_micros(own.net.micros().saturating_neg());
            let later = if own.net > Amount::ZERO { later.max(most) } else { later.min(most) };
            let sum = given.entry(own.place).or_default();
            *sum = sum.checked_sub(later).ok_or_else(too_large)?;
        }
    }
    given.retain(|_, net| *net != Amount::ZERO);
    Ok(given)
}

fn too_large() -> Error {
    Error::Contradiction("what a month was charged does not fit an amount".to_owned())
}
