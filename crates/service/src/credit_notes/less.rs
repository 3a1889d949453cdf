//! What would an invoice be less without some of its calls, or without a line?
//!
//! What is due of the month without them is compared with what its documents charged, discounts, minimums, tiers and allowances
//! included: so the order in which calls are credited does not matter.

use std::collections::BTreeSet;

use calculation::bill::{Change, ChargedPart, MonthPart, Tax, changes};
use calculation::credit::{CreditError, CreditedBefore, Part, left_of};
use calculation::invoice::{InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;

use crate::calls::{InvoicedCalls, MonthUse, RecordKey};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::invoices::{BilledMonth, StoredInvoice};
use crate::tariffs::TariffBook;

/// What an invoice would be less.
#[derive(Default)]
pub(super) struct Less {
    /// Line by line.
    pub(super) parts: Vec<Part>,
    /// What is settled of the month by it.
    pub(super) settled: Vec<((MonthPart, Tax), ChargedPart)>,
    /// What the invoice cannot give back, since that is not left of it: the next one does.
    pub(super) later: Amount,
}

/// Which calls of which line are to be credited.
pub(super) struct Credited<'c> {
    pub(super) calls: &'c BTreeSet<RecordKey>,
    pub(super) place: usize,
    /// Whether the seconds that they took of allowances cover no other calls: a corrected record takes them.
    pub(super) keeps_allowances: bool,
}

/// A change of a month, where it stands on the invoice, and how much of it fits there.
struct Placed {
    change: Change,
    part: Part,
}

/// What the invoice would be less without some calls of a line and those credited before.
pub(super) async fn less_calls(
    tx: &mut Tx,
    tariffs: &TariffBook,
    (stored, before): (&StoredInvoice, &CreditedBefore),
    month: &BilledMonth,
    credited: &Credited<'_>,
) -> Result<Less> {
    let currency = month.customer.currency;
    let mut calls =
        InvoicedCalls::load(tx, stored.customer_id, month.calendar.clone(), (month.period, None)).await?;
    let mut charged = month.charged.clone();
    if month.is_changed {
        // What else is known by now is put right by the next bill.
        for part in charged.values_mut() {
            part.amount = Amount::ZERO;
        }
        for (key, due) in month.due(&[], invoiced(calls.left(tx, tariffs).await?))?.parts {
            charged.entry(key).or_default().amount = due;
        }
    }
    calls.credit(credited.calls, credited.keeps_allowances);
    let due = month.due(&[], invoiced(calls.left(tx, tariffs).await?))?;
    let changes = changes(&due.parts, &charged, currency).ok_or_else(too_large)?;
    let mut placed = Vec::new();
    for change in changes {
        let on = place_of(stored, month, &change);
        let give = negative(change.net)?;
        let place = on.unwrap_or(credited.place);
        let shown = on.and_then(|place| stored.invoice.lines.get(place)).cloned();
        let shown = shown.or_else(|| {
            let same = |line: &&InvoiceLine| MonthPart::of(line).as_ref() == Some(&change.part);
            due.reckoned.values().find(same).cloned()
        });
        let shown = shown.unwrap_or_else(|| stored.invoice.lines[credited.place].clone());
        let net = match on {
            Some(place) => clip(give, left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?),
            None => give,
        };
        let (tax_category, tax_rate) = change.tax;
        placed.push(Placed {
            part: Part { place, line: InvoiceLine { net, tax_category, tax_rate, ..shown } },
            change,
        });
    }
    let wanted = Amount::sum(placed.iter().map(|placed| placed.change.net)).ok_or_else(too_large)?;
    let wanted = negative(wanted)?;
    // What would make the month dearer is not charged.
    if wanted < Amount::ZERO {
        return Ok(Less::default());
    }
    let mut less = if fits_taxes(stored, before, &placed) && fits_lines(stored, before, &placed)? {
        in_parts(placed)?
    } else {
        in_one((stored, before), credited.place, wanted, placed)?
    };
    let given = Amount::sum(less.parts.iter().map(|part| part.line.net)).ok_or_else(too_large)?;
    less.later = wanted.checked_sub(given).ok_or_else(too_large)?;
    less.parts.retain(|part| part.line.net != Amount::ZERO);
    less.settled.retain(|(_, settled)| *settled != ChargedPart::default());
    Ok(less)
}

fn invoiced([invoiced, _now]: [Vec<MonthUse>; 2]) -> Vec<MonthUse> {
    invoiced
}

/// Each change on its own line.
fn in_parts(placed: Vec<Placed>) -> Result<Less> {
    let mut less = Less::default();
    for Placed { change, part } in placed {
        let settled = negative(change.settled)?;
        let amount = part.line.net.checked_add(settled).ok_or_else(too_large)?;
        less.settled.push(((change.part, change.tax), ChargedPart { amount, credited: settled }));
        less.parts.push(part);
    }
    Ok(less)
}

/// All that can be given back, on the line of the calls.
fn in_one(
    (stored, before): (&StoredInvoice, &CreditedBefore),
    place: usize,
    wanted: Amount,
    placed: Vec<Placed>,
) -> Result<Less> {
    let line = &stored.invoice.lines[place];
    let left = left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?;
    let net = wanted.min(left).min(left_of_tax(stored, before, line)).max(Amount::ZERO);
    let mut settled = Vec::new();
    if net == wanted {
        for Placed { change, .. } in placed {
            let credited = negative(change.settled)?;
            let amount = credited.checked_sub(change.net).ok_or_else(too_large)?;
            settled.push(((change.part, change.tax), ChargedPart { amount, credited }));
        }
    } else if let Some(part) = MonthPart::of(line) {
        let tax = (line.tax_category, line.tax_rate);
        settled.push(((part, tax), ChargedPart { amount: net, credited: Amount::ZERO }));
    }
    let parts = vec![Part { place, line: InvoiceLine { net, ..line.clone() } }];
    Ok(Less { parts, settled, later: Amount::ZERO })
}

/// What the invoice would be less without what is left of a fee or one-off charge.
pub(super) fn less_line(
    (stored, before): (&StoredInvoice, &CreditedBefore),
    month: &BilledMonth,
    (used, place): (Vec<MonthUse>, usize),
) -> Result<Less> {
    let line = &stored.invoice.lines[place];
    let left = left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?;
    let mut parts = vec![Part { place, line: InvoiceLine { net: left, ..line.clone() } }];
    let whole = month.due(&[], used.clone())?.parts;
    let lowered = month.due(std::slice::from_ref(&parts[0].line), used)?.parts;
    for ((part, tax), net) in whole {
        let MonthPart::Discount(_) = part else { continue };
        let lowered = lowered.get(&(part.clone(), tax)).copied().unwrap_or_default();
        let net = net.checked_sub(lowered).ok_or_else(too_large)?;
        let change = Change { part, tax, net, settled: Amount::ZERO };
        if let Some(place) = place_of(stored, month, &change) {
            let net = clip(net, left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?);
            let shown = &stored.invoice.lines[place];
            parts.push(Part { place, line: InvoiceLine { net, ..shown.clone() } });
        }
    }
    parts.retain(|part| part.line.net != Amount::ZERO);
    Ok(Less { parts, ..Less::default() })
}

/// No more of a line than is left of it. What is charged more stays as it is.
fn clip(net: Amount, left: Amount) -> Amount {
    if left < Amount::ZERO { net.max(left) } else { net.min(left) }
}

fn left_of_tax(stored: &StoredInvoice, before: &CreditedBefore, line: &InvoiceLine) -> Amount {
    let taxed = |tax: &&TaxLine| (tax.category, tax.rate) == (line.tax_category, line.tax_rate);
    let sum = |taxes: &[TaxLine]| Amount::sum(taxes.iter().filter(taxed).map(|tax| tax.taxable));
    let left = sum(&stored.invoice.taxes).zip(sum(&before.taxes));
    left.and_then(|(all, before)| all.checked_sub(before)).unwrap_or(Amount::ZERO)
}

/// Whether no tax rate gives back less than nothing, or more than is left of it.
fn fits_taxes(stored: &StoredInvoice, before: &CreditedBefore, placed: &[Placed]) -> bool {
    placed.iter().all(|Placed { part, .. }| {
        let tax = |line: &InvoiceLine| (line.tax_category, line.tax_rate);
        let same = |other: &&Placed| tax(&other.part.line) == tax(&part.line);
        let sum = Amount::sum(placed.iter().filter(same).map(|placed| placed.part.line.net));
        let of_invoice =
            stored.invoice.lines.get(part.place).is_some_and(|line| tax(line) == tax(&part.line));
        let left = left_of_tax(stored, before, &part.line);
        of_invoice && sum.is_some_and(|sum| Amount::ZERO <= sum && sum <= left)
    })
}

/// Whether of no line more is given back than it has, or less than nothing.
fn fits_lines(stored: &StoredInvoice, before: &CreditedBefore, placed: &[Placed]) -> Result<bool> {
    for (place, line) in stored.invoice.lines.iter().enumerate() {
        let here =
            placed.iter().filter(|placed| placed.part.place == place).map(|placed| placed.part.line.net);
        let net = Amount::sum(here).ok_or_else(too_large)?;
        let left = left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?;
        let left = left.checked_sub(net).ok_or_else(too_large)?;
        let (least, most) = (line.net.min(Amount::ZERO), line.net.max(Amount::ZERO));
        if net != Amount::ZERO && !(least..=most).contains(&left) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where a part of a month stands on an invoice, the month's own or one that charged its late calls.
fn place_of(stored: &StoredInvoice, month: &BilledMonth, change: &Change) -> Option<usize> {
    let invoice = &stored.invoice;
    let is_own = invoice.period.starts_at == month.period.starts_at;
    let in_month = |line: &InvoiceLine| match line.days {
        None => is_own && line.kind != LineKind::LateUsage,
        Some(days) => days.last >= month.period.first_day && days.last <= month.period.last_day(),
    };
    invoice.lines.iter().position(|line| {
        MonthPart::of(line).as_ref() == Some(&change.part)
            && (line.tax_category, line.tax_rate) == change.tax
            && in_month(line)
    })
}

fn negative(amount: Amount) -> Result<Amount> {
    Amount::ZERO.checked_sub(amount).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::Contradiction("a credit does not fit an amount".to_owned())
}

fn fits(error: &CreditError) -> Error {
    Error::Contradiction(error.to_string())
}
