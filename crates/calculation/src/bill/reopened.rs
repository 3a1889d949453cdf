//! What does a billed month cost more or less, now that more is known of it?
//!
//! It is reckoned with all that is known, and what its documents charged is compared: late calls have their month's discounts
//! and minimums, as if they had come in time.

use std::collections::BTreeMap;

use crate::invoice::{Days, InvoiceLine, LineKind};
use crate::money::Amount;
use crate::tax::TaxClass;

use super::month::{MonthPart, due_of, part_of};
use super::{
    Bill, BillError, CallLine, Change, Discount, Known, LateUsage, MonthCharged, Reckoned, Reopened, Row,
    Settled, Tax, calls, discounts, fees, last_day, minus, negative, words,
};

/// Adds the rows of earlier months. `rows` has the corrections of their fees already.
pub(super) fn add(known: &Known<'_>, rows: &mut Vec<Row>, bill: &mut Bill) -> Result<(), BillError> {
    let earlier = |month: &&Reopened<'_>| month.period.starts_at < known.period.starts_at;
    for month in known.reopened.iter().filter(earlier) {
        put_right(known, month, month.charged, rows, bill)?;
    }
    Ok(())
}

/// Adds what the month itself is due more or less than its lines and later invoices charge, when it is billed anew.
pub(super) fn own(known: &Known<'_>, rows: &mut Vec<Row>, bill: &mut Bill) -> Result<(), BillError> {
    let own = |month: &&Reopened<'_>| month.period.starts_at == known.period.starts_at;
    let Some(month) = known.reopened.iter().find(own) else { return Ok(()) };
    let (mut charged, mut one_offs) = (month.charged.clone(), Vec::new());
    for row in rows.iter().filter(|row| row.earlier.is_none()) {
        if row.line.kind == LineKind::OneOff {
            one_offs.push(row.line.clone());
        }
        let Some(part) = MonthPart::of(&row.line) else { continue };
        let before = charged.entry((part, row.line.tax())).or_default();
        before.amount = before.amount.checked_add(row.line.net).ok_or(BillError::TooLarge)?;
    }
    put_right(known, &Reopened { one_offs: &one_offs, ..*month }, &charged, rows, bill)
}

fn put_right(
    known: &Known<'_>,
    month: &Reopened<'_>,
    charged: &MonthCharged,
    rows: &mut Vec<Row>,
    bill: &mut Bill,
) -> Result<(), BillError> {
    let too_large = || BillError::TooLarge;
    let first_day = month.period.first_day;
    let mut lines = fees::of_invoice(known, month.period, rows)?;
    lines.extend_from_slice(month.one_offs);
    let usage = month.before.iter().chain(month.late.iter().map(|late| &late.used));
    let mut calls = calls::lines(known, month.period, &usage)?;
    if !month.has_minimums {
        calls.retain(|(_, line)| line.kind != LineKind::MinimumCommitment);
    }
    // One that another month has taken just now is used.
    let of_own = |discount: &Discount<'_>| {
        let own = |row: &&Row| row.earlier.is_none() && row.line.kind == LineKind::Discount;
        month.period.starts_at == known.period.starts_at
            && rows.iter().filter(own).any(|row| row.line.description == discount.description)
    };
    let used_now = |discount: &Discount<'_>| {
        let taken = |(id, amount): &(i64, Amount)| *id == discount.discount && *amount > Amount::ZERO;
        u32::from(bill.discounts.iter().any(taken) && !of_own(discount))
    };
    let used = |discount: &Discount<'_>| discount.uses.saturating_add(used_now(discount));
    let discounts: Vec<_> =
        month.discounts.iter().map(|discount| Discount { uses: used(discount), ..*discount }).collect();
    let reckoned = calls::reckon(known, month.period, lines, calls, &discounts)?;
    let due = due_of(known, month.discounts, &reckoned).ok_or_else(too_large)?;
    let mut late = late_calls(known, month)?;
    let changes = month.changes(known, &due, charged).ok_or_else(too_large)?;
    let mut changes: BTreeMap<_, _> =
        changes.into_iter().map(|change| ((change.part.clone(), change.tax), change)).collect();
    for (part, tax) in late.keys() {
        let none = || Change { part: part.clone(), tax: *tax, net: Amount::ZERO, settled: Amount::ZERO };
        changes.entry((part.clone(), *tax)).or_insert_with(none);
    }
    for ((part, tax), Change { net, settled, .. }) in changes {
        let late = late.remove(&(part.clone(), tax));
        if settled != Amount::ZERO {
            let amount = negative(settled)?;
            bill.settled.push(Settled { month: first_day, part: part.clone(), tax, amount });
        }
        if net == Amount::ZERO && late.is_none() {
            continue;
        }
        let LateCalls { counts: (calls, seconds, included_seconds), days } = late.unwrap_or_default();
        let (kind, description) = shown(known, &part, net);
        let line = InvoiceLine {
            kind,
            description,
            calls,
            seconds,
            included_seconds,
            net,
            tax_category: tax.0,
            tax_rate: tax.1,
            days: Some(days.unwrap_or_else(|| whole(month))),
        };
        if let MonthPart::Discount(name) = &part {
            discount(known, (month, &reckoned), (name, tax), net, (rows, bill))?;
        }
        rows.push(Row { line, earlier: Some(first_day), remembered: None });
    }
    Ok(())
}

/// The kind and the words of a line.
fn shown(known: &Known<'_>, part: &MonthPart, net: Amount) -> (LineKind, String) {
    let words = words(known.language);
    match part {
        MonthPart::Usage(name) => (LineKind::LateUsage, name.clone()),
        MonthPart::Minimum(plan) => {
            let form = if net > Amount::ZERO { words.minimum } else { words.minimum_corrected };
            (LineKind::MinimumCommitment, form.replace("{plan}", plan))
        }
        MonthPart::Discount(name) => (LineKind::Discount, name.clone()),
    }
}

/// Remembers what discounts of a name take off more, or less: first those that were not used yet take what is theirs.
fn discount(
    known: &Known<'_>,
    (month, reckoned): (&Reopened<'_>, &Reckoned),
    (name, tax): (&str, Tax),
    net: Amount,
    (rows, bill): (&mut Vec<Row>, &mut Bill),
) -> Result<(), BillError> {
    let mut left = negative(net)?;
    let named: Vec<_> = month.discounts.iter().filter(|discount| discount.description == name).collect();
    for (place, discount) in named.iter().enumerate().rev() {
        let line = reckoned.get(&(CallLine::Discount(discount.discount), tax));
        let own = negative(line.map_or(Amount::ZERO, |line| line.net))?;
        let taken = if place == 0 { left } else { left.min(own).max(Amount::ZERO) };
        left = minus(left, taken)?;
        if taken > Amount::ZERO {
            let earlier = Some(month.period.first_day);
            discounts::share(rows, earlier, discount.terms, (tax, taken), known.currency)?;
        }
        if taken != Amount::ZERO {
            discounts::count(bill, discount.discount, taken)?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct LateCalls {
    counts: (u64, u64, u64),
    days: Option<Days>,
}

/// The late calls of each line.
fn late_calls(
    known: &Known<'_>,
    month: &Reopened<'_>,
) -> Result<BTreeMap<(MonthPart, Tax), LateCalls>, BillError> {
    let mut late: BTreeMap<_, LateCalls> = BTreeMap::new();
    for LateUsage { used, days } in month.late {
        let tax = known.tax_on(TaxClass::Standard, last_day(known, used.plan, month.period))?;
        let part = part_of(known, month.discounts, &calls::line_of(known, used));
        let calls = late.entry((part, tax)).or_default();
        let add = |(calls, seconds, included): (u64, u64, u64)| {
            let calls = calls.checked_add(used.calls)?;
            Some((calls, seconds.checked_add(used.seconds)?, included.checked_add(used.included_seconds)?))
        };
        calls.counts = add(calls.counts).ok_or(BillError::TooLarge)?;
        let known = calls.days.unwrap_or(*days);
        calls.days = Some(Days { first: known.first.min(days.first), last: known.last.max(days.last) });
    }
    Ok(late)
}

fn whole(month: &Reopened<'_>) -> Days {
    Days { first: month.period.first_day, last: month.period.last_day() }
}
