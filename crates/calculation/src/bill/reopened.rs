//! What does an earlier month cost more or less, now that more is known of it?
//!
//! A month that was billed is reckoned twice: with what was charged of it then, and with what is known now. The difference is
//! charged, line by line: late calls with their month's discounts and minimums, as if they had come in time.

use std::collections::{BTreeMap, BTreeSet};

use crate::invoice::{Days, InvoiceLine, LineKind};
use crate::money::Amount;

use super::calls::{self, CallLine, Reckoned, tax_of};
use super::fees::refund;
use super::{
    Bill, BillError, Charged, ChargedFor, Draft, Known, LateUsage, Minimums, Remembered, Reopened, Row, Tax,
    discounts, last_day, minus, negative, words,
};
use crate::tax::TaxClass;

/// Adds the rows of all reopened months. `rows` has the corrections of their fees already.
pub(super) fn add(known: &Known<'_>, rows: &mut Vec<Row>, bill: &mut Bill) -> Result<(), BillError> {
    for month in known.reopened {
        let first_day = month.period.first_day;
        let corrections =
            rows.iter().filter(|row| row.earlier == Some(first_day)).map(|row| row.line.clone());
        let lines: Vec<_> = month.lines.iter().cloned().chain(corrections).collect();
        let usage = month.before.iter().chain(month.late.iter().map(|late| &late.used));
        let mut calls = calls::lines(known, month.period, &usage)?;
        if month.minimums == Minimums::NotCharged {
            calls.retain(|(part, _)| part.minimum().is_none());
        }
        let now = calls::reckon(known, month.period, lines, calls, month.discounts)?;
        let before = charged_before(known, month)?;
        let mut late = late_calls(known, month)?;
        let keys: BTreeSet<_> = now.keys().chain(before.keys()).cloned().collect();
        for key in keys {
            let net = |reckoned: &Reckoned| reckoned.get(&key).map_or(Amount::ZERO, |line| line.net);
            let more = minus(net(&now), net(&before))?;
            let late = late.remove(&key);
            if more == Amount::ZERO && late.is_none() {
                continue;
            }
            let Some(line) = now.get(&key).or_else(|| before.get(&key)) else { continue };
            match key.0 {
                CallLine::Usage { .. } => rows.push(usage_row(month, line, more, late)),
                CallLine::Minimum(plan) => minimum_rows(known, month, (plan, line), more, rows)?,
                CallLine::Discount(id) => {
                    discount_row(known, month, (id, key.1), (line, more), rows)?;
                    discounts::count(bill, id, negative(more)?)?;
                }
            }
        }
    }
    Ok(())
}

/// What the month was charged by its calls so far: what was remembered of minimums, the rest as its calls come to.
fn charged_before(known: &Known<'_>, month: &Reopened<'_>) -> Result<Reckoned, BillError> {
    let mut lines = calls::lines(known, month.period, &month.before.iter())?;
    if month.minimums != Minimums::Reckoned {
        lines.retain(|(part, _)| part.minimum().is_none());
    }
    if month.minimums == Minimums::Remembered {
        for ((what, first_day), charged) in known.charged {
            let ChargedFor::Minimum(plan) = *what else { continue };
            let sum = Amount::sum(charged.iter().map(|charged| charged.amount)).ok_or(BillError::TooLarge)?;
            let span = known.plans.iter().find(|span| span.plan == plan);
            let Some(span) = span.filter(|_| *first_day == month.period.first_day && sum > Amount::ZERO)
            else {
                continue;
            };
            let words = words(known.language).minimum.replace("{plan}", span.name);
            let draft = Draft::new(LineKind::MinimumCommitment, words, sum);
            let tax = match charged.iter().rev().find_map(|charged| charged.tax) {
                Some(tax) => tax,
                None => known.tax_on(TaxClass::Standard, last_day(known, plan, month.period))?,
            };
            lines.push((CallLine::Minimum(plan), draft.taxed(tax, known.currency)?));
        }
    }
    calls::reckon(known, month.period, month.lines.to_vec(), lines, month.discounts)
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
) -> Result<BTreeMap<(CallLine, Tax), LateCalls>, BillError> {
    let mut late: BTreeMap<_, LateCalls> = BTreeMap::new();
    for LateUsage { used, days } in month.late {
        let tax = known.tax_on(TaxClass::Standard, last_day(known, used.plan, month.period))?;
        let calls = late.entry((calls::line_of(known, used), tax)).or_default();
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

fn row(month: &Reopened<'_>, line: InvoiceLine) -> Row {
    Row { line, earlier: Some(month.period.first_day), remembered: None }
}

fn usage_row(month: &Reopened<'_>, line: &InvoiceLine, more: Amount, late: Option<LateCalls>) -> Row {
    let LateCalls { counts: (calls, seconds, included_seconds), days } = late.unwrap_or_default();
    let days = Some(days.unwrap_or_else(|| whole(month)));
    let kind = LineKind::LateUsage;
    row(month, InvoiceLine { kind, calls, seconds, included_seconds, net: more, days, ..line.clone() })
}

/// What is missing to a minimum more than was charged, or less: that is given back with the tax it had.
fn minimum_rows(
    known: &Known<'_>,
    month: &Reopened<'_>,
    (plan, line): (i64, &InvoiceLine),
    more: Amount,
    rows: &mut Vec<Row>,
) -> Result<(), BillError> {
    let days = Some(whole(month));
    let (what, first_day) = (ChargedFor::Minimum(plan), month.period.first_day);
    let entry = |tax, amount| Remembered {
        what,
        month: first_day,
        tax: Some(tax),
        amount,
        given_back: Amount::ZERO,
        line: None,
    };
    let mut add = |line: InvoiceLine, remembered: Remembered| {
        let remembered = Some(remembered).filter(|_| month.minimums == Minimums::Remembered);
        rows.push(Row { remembered, ..row(month, line) });
    };
    if more > Amount::ZERO {
        add(InvoiceLine { net: more, days, ..line.clone() }, entry(tax_of(line), more));
        return Ok(());
    }
    let words = known.plans.iter().find(|span| span.plan == plan).map_or("", |span| span.name);
    let words = super::words(known.language).minimum_corrected.replace("{plan}", words);
    let charged: &[Charged] = match known.charged.get(&(what, first_day)) {
        Some(charged) if month.minimums == Minimums::Remembered => charged,
        Some(_) | None => &[],
    };
    for part in refund(known, charged, negative(more)?)? {
        let (tax_category, tax_rate) = part.tax.unwrap_or_else(|| tax_of(line));
        let net = minus(part.amount, part.given_back)?;
        let description = words.clone();
        let line = InvoiceLine { description, net, tax_category, tax_rate, days, ..line.clone() };
        let remembered = Remembered { given_back: part.given_back, ..entry(tax_of(&line), part.amount) };
        add(line, remembered);
    }
    Ok(())
}

fn discount_row(
    known: &Known<'_>,
    month: &Reopened<'_>,
    (id, tax): (i64, Tax),
    (line, more): (&InvoiceLine, Amount),
    rows: &mut Vec<Row>,
) -> Result<(), BillError> {
    let discount = month.discounts.iter().find(|discount| discount.discount == id);
    if let Some(discount) = discount.filter(|_| more < Amount::ZERO) {
        let earlier = Some(month.period.first_day);
        discounts::share(rows, earlier, discount.terms, (tax, negative(more)?), known.currency)?;
    }
    rows.push(row(month, InvoiceLine { net: more, days: Some(whole(month)), ..line.clone() }));
    Ok(())
}
