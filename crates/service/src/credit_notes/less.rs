//! What would an invoice be less without some of its calls, or without a line?
//!
//! The month is reckoned with them and without, discounts, minimums, tiers and allowances included. Calls that were credited
//! before are missing on both sides, so the order in which calls are credited does not matter.

use std::collections::BTreeSet;

use calculation::bill::{CallLine, Tax, less};
use calculation::credit::{CreditError, CreditedBefore, Part, left_of};
use calculation::invoice::{InvoiceLine, LineKind};
use calculation::money::Amount;

use super::store;
use crate::calls::{InvoicedCalls, RecordKey};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::invoices::{BilledMonth, StoredInvoice};
use crate::tariffs::TariffBook;

/// What is missing more to the minimum of a plan.
pub(super) type Minimum = (i64, Amount, Tax);

/// What an invoice would be less.
pub(super) struct Less {
    /// Line by line.
    pub(super) parts: Vec<Part>,
    /// What the month would be charged more up to minimums of plans.
    pub(super) minimums: Vec<Minimum>,
}

/// Which calls of which line are to be credited.
pub(super) struct Credited<'c> {
    pub(super) calls: &'c BTreeSet<RecordKey>,
    pub(super) place: usize,
    /// Whether the seconds that they took of allowances cover no other calls: a corrected record takes them.
    pub(super) keeps_allowances: bool,
}

/// What the invoice would be less without some calls of a line and those credited before, and less what those gave back.
pub(super) async fn less_calls(
    tx: &mut Tx,
    tariffs: &TariffBook,
    (stored, before): (&StoredInvoice, &CreditedBefore),
    month: &BilledMonth,
    credited: &Credited<'_>,
) -> Result<Less> {
    let customer = stored.customer_id;
    let calls = InvoicedCalls::load(tx, customer, month.calendar.clone(), month.period).await?;
    let known = store::credited_calls(tx, customer).await?;
    let (mut gone, mut given) = (BTreeSet::new(), Amount::ZERO);
    for (call, net) in known.into_iter().filter(|(call, _)| calls.holds(call)) {
        gone.insert(call);
        given = given.checked_add(net).ok_or_else(too_large)?;
    }
    let mut kept = store::replaced_calls(tx, customer).await?;
    if credited.keeps_allowances {
        kept.extend(credited.calls.iter().cloned());
    }
    let whole = calls.without(tx, tariffs, &BTreeSet::new(), &kept).await?;
    let with = calls.without(tx, tariffs, &gone, &kept).await?;
    gone.extend(credited.calls.iter().cloned());
    let without = calls.without(tx, tariffs, &gone, &kept).await?;
    let [whole, with, without] = [
        month.reckon(&month.lines, whole)?,
        month.reckon(&month.lines, with)?,
        month.reckon(&month.lines, without)?,
    ];
    let net = |parts: &[((CallLine, Tax), Amount)]| Amount::sum(parts.iter().map(|(_, net)| *net));
    let parts = less(&with, &without).ok_or_else(too_large)?;
    let all = less(&whole, &without).and_then(|parts| net(&parts)).ok_or_else(too_large)?;
    // What calls credited before gave back too much is not given again.
    let most = all.checked_sub(given).ok_or_else(too_large)?;
    let minimums = parts.iter().filter_map(|((part, tax), net)| match part {
        CallLine::Minimum(plan) => Some((*plan, negative(*net)?, *tax)),
        CallLine::Usage { .. } | CallLine::Discount(_) => None,
    });
    let minimums = minimums.collect();
    let mut placed = Vec::new();
    for (key, net) in &parts {
        let line = without.get(key).or_else(|| with.get(key)).ok_or_else(too_large)?;
        let on = place_of(stored, month, &key.0, line);
        let line_net = match on {
            Some(place) => clip(*net, left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?),
            None => *net,
        };
        // What stands on no line of this invoice counts to the line of the calls.
        let place = on.unwrap_or(credited.place);
        let shown = on.and_then(|place| stored.invoice.lines.get(place)).unwrap_or(line);
        placed.push(Part { place, line: InvoiceLine { net: line_net, ..shown.clone() } });
    }
    let sum = Amount::sum(placed.iter().map(|part| part.line.net)).ok_or_else(too_large)?;
    let left = left_of(&stored.invoice, before, credited.place).map_err(|error| fits(&error))?;
    let most = most.min(sum).max(Amount::ZERO);
    if most < sum || !fits_taxes(stored, before, &placed) {
        let line = &stored.invoice.lines[credited.place];
        let net = most.min(left).min(left_of_tax(stored, before, line)).max(Amount::ZERO);
        placed = vec![Part { place: credited.place, line: InvoiceLine { net, ..line.clone() } }];
    }
    placed.retain(|part| part.line.net != Amount::ZERO);
    Ok(Less { parts: placed, minimums })
}

/// What the invoice would be less without what is left of a fee or one-off charge.
pub(super) fn less_line(
    (stored, before): (&StoredInvoice, &CreditedBefore),
    month: &BilledMonth,
    used: (Vec<crate::calls::MonthUse>, usize),
) -> Result<Less> {
    let (used, place) = used;
    let line = &stored.invoice.lines[place];
    let left = left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?;
    let without = |net: Amount| -> Vec<InvoiceLine> {
        let mut found = false;
        let with_net = |known: &InvoiceLine| {
            let is_it = !found && known == line;
            found |= is_it;
            if is_it { InvoiceLine { net, ..known.clone() } } else { known.clone() }
        };
        month.lines.iter().map(with_net).collect()
    };
    let rest = line.net.checked_sub(left).ok_or_else(too_large)?;
    let whole = month.reckon(&without(line.net), used.clone())?;
    let lowered = month.reckon(&without(rest), used)?;
    let mut parts = vec![Part { place, line: InvoiceLine { net: left, ..line.clone() } }];
    for (key, net) in less(&whole, &lowered).ok_or_else(too_large)? {
        let Some(discount) = whole.get(&key).filter(|_| matches!(key.0, CallLine::Discount(_))) else {
            continue;
        };
        if let Some(place) = place_of(stored, month, &key.0, discount) {
            let net = clip(net, left_of(&stored.invoice, before, place).map_err(|error| fits(&error))?);
            let shown = &stored.invoice.lines[place];
            parts.push(Part { place, line: InvoiceLine { net, ..shown.clone() } });
        }
    }
    parts.retain(|part| part.line.net != Amount::ZERO);
    Ok(Less { parts, minimums: Vec::new() })
}

/// No more of a line than is left of it.
fn clip(net: Amount, left: Amount) -> Amount {
    if left < Amount::ZERO { net.max(left).min(Amount::ZERO) } else { net.min(left).max(Amount::ZERO) }
}

fn left_of_tax(stored: &StoredInvoice, before: &CreditedBefore, line: &InvoiceLine) -> Amount {
    let taxed =
        |tax: &&calculation::invoice::TaxLine| (tax.category, tax.rate) == (line.tax_category, line.tax_rate);
    let sum = |taxes: &[calculation::invoice::TaxLine]| {
        Amount::sum(taxes.iter().filter(taxed).map(|tax| tax.taxable))
    };
    let left = sum(&stored.invoice.taxes).zip(sum(&before.taxes));
    left.and_then(|(all, before)| all.checked_sub(before)).unwrap_or(Amount::ZERO)
}

/// Whether no tax rate gives back less than nothing, or more than is left of it.
fn fits_taxes(stored: &StoredInvoice, before: &CreditedBefore, parts: &[Part]) -> bool {
    parts.iter().all(|part| {
        let same = |other: &&Part| {
            (other.line.tax_category, other.line.tax_rate) == (part.line.tax_category, part.line.tax_rate)
        };
        let sum = Amount::sum(parts.iter().filter(same).map(|part| part.line.net));
        let of_invoice = stored.invoice.lines.get(part.place).is_some_and(|line| {
            (line.tax_category, line.tax_rate) == (part.line.tax_category, part.line.tax_rate)
        });
        let left = left_of_tax(stored, before, &part.line);
        of_invoice && sum.is_some_and(|sum| Amount::ZERO <= sum && sum <= left)
    })
}

/// Where a line of a month stands on an invoice, the month's own or one that charged its late calls.
fn place_of(
    stored: &StoredInvoice,
    month: &BilledMonth,
    part: &CallLine,
    reckoned: &InvoiceLine,
) -> Option<usize> {
    let invoice = &stored.invoice;
    let is_own = invoice.period.starts_at == month.period.starts_at;
    let kind = match part {
        CallLine::Usage { .. } if is_own => LineKind::Usage,
        CallLine::Usage { .. } => LineKind::LateUsage,
        CallLine::Minimum(_) => LineKind::MinimumCommitment,
        CallLine::Discount(_) => LineKind::Discount,
    };
    let in_month = |line: &InvoiceLine| match line.days {
        None => is_own,
        Some(days) => days.last >= month.period.first_day && days.last <= month.period.last_day(),
    };
    invoice.lines.iter().position(|line| {
        line.kind == kind
            && line.description == reckoned.description
            && (line.tax_category, line.tax_rate) == (reckoned.tax_category, reckoned.tax_rate)
            && in_month(line)
    })
}

fn negative(amount: Amount) -> Option<Amount> {
    Amount::ZERO.checked_sub(amount)
}

fn too_large() -> Error {
    Error::Contradiction("a credit does not fit an amount".to_owned())
}

fn fits(error: &CreditError) -> Error {
    Error::Contradiction(error.to_string())
}
