//! Which fees does a month charge, and how much of one is given back?
//!
//! What is given back has the tax that was charged, and what was credited of it is not given back again. Discounts of a month
//! that is reckoned again are put right there; of other months they are given back in proportion, for they had taken that off.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::fee::FeeTiming;
use crate::invoice::{Days, InvoiceLine, LineKind};
use crate::money::Amount;
use crate::period::Period;
use crate::tax::TaxClass;

use super::{
    Bill, BillError, Charged, Draft, Known, PlanSpan, Remembered, Reopened, Row, Tax, due, held, minus,
    negative, words,
};

/// The fee of this month or, in advance, of the next, and corrections of those before.
pub(super) fn fees(
    known: &Known<'_>,
    span: &PlanSpan<'_>,
    rows: &mut Vec<Row>,
    bill: &mut Bill,
) -> Result<(), BillError> {
    if span.monthly_fee == Amount::ZERO {
        return Ok(());
    }
    let next = known.calendar.next(known.period).ok();
    let next = next.filter(|_| span.terms.fee_timing == FeeTiming::Advance);
    for month in known.billed.iter().copied().chain([known.period]).chain(next) {
        let days = held(known, span, month);
        let due = due(known, span, days, month).ok_or(BillError::TooLarge)?;
        let key = (span.subscription, month.first_day);
        let before = known.charged.get(&key).map_or(&[][..], Vec::as_slice);
        let sum =
            |part: fn(&Charged) -> Amount| Amount::sum(before.iter().map(part)).ok_or(BillError::TooLarge);
        let charged = sum(|charged| charged.amount)?;
        let amount = minus(due, charged)?;
        if amount > Amount::ZERO {
            rows.push(charge(known, span, (month, days), (amount, charged))?);
        }
        let mut refunds = Vec::new();
        if amount < Amount::ZERO {
            let discounts_stay = reopened_with(known, span, month).is_none();
            refunds = refund(known, before, negative(amount)?, discounts_stay)?;
        }
        // A credit that was taken back had settled what was not given back then.
        let credited = sum(|charged| charged.credited)?;
        if credited < Amount::ZERO {
            let tax = before.iter().rev().find_map(|charged| charged.tax);
            refunds.push(Refund { tax, credited, ..Refund::default() });
        }
        for refund in refunds {
            give_back(known, (span, month, days), refund, (rows, bill))?;
        }
    }
    Ok(())
}

/// What is given back of a fee.
#[derive(Default)]
struct Refund {
    tax: Option<Tax>,
    /// The part that is no longer due, as a positive amount.
    amount: Amount,
    /// How much of that discounts had taken off.
    discounted: Amount,
    /// How much of that had been credited; below zero what is given back beyond it.
    credited: Amount,
}

fn give_back(
    known: &Known<'_>,
    (span, month, days): (&PlanSpan<'_>, Period, Option<Days>),
    Refund { tax, amount, discounted, credited }: Refund,
    (rows, bill): (&mut Vec<Row>, &mut Bill),
) -> Result<(), BillError> {
    let net = minus(minus(discounted, amount)?, negative(credited)?)?;
    let earlier = reopened_with(known, span, month);
    let kept = Remembered {
        subscription: span.subscription,
        month: month.first_day,
        tax,
        discounts_of: earlier.unwrap_or(known.period.first_day),
        amount: negative(amount)?,
        discounted: negative(discounted)?,
        credited: negative(credited)?,
        line: None,
    };
    if net == Amount::ZERO {
        bill.remembered.push(kept);
        return Ok(());
    }
    let days = not_held(month, days);
    let words = words(known.language).fee_refunded.replace("{plan}", span.name);
    let this = Days { first: known.period.first_day, last: known.period.last_day() };
    let draft =
        Draft { days: Some(days).filter(|days| *days != this), ..Draft::new(LineKind::Fee, words, net) };
    let line = match tax {
        Some(tax) => draft.taxed(tax, known.currency)?,
        None => known.line(draft, days.last)?,
    };
    rows.push(Row { line, earlier, remembered: Some(kept) });
    Ok(())
}

/// What is due more than was charged.
fn charge(
    known: &Known<'_>,
    span: &PlanSpan<'_>,
    (month, days): (Period, Option<Days>),
    (amount, charged): (Amount, Amount),
) -> Result<Row, BillError> {
    let words = words(known.language);
    let form = if charged > Amount::ZERO { words.fee_corrected } else { words.monthly_fee };
    let this = Days { first: known.period.first_day, last: known.period.last_day() };
    let day = days.map_or_else(|| month.last_day(), |days| days.last);
    let draft = Draft::new(LineKind::Fee, form.replace("{plan}", span.name), amount);
    let line = known.line(Draft { days: days.filter(|days| *days != this), ..draft }, day)?;
    let earlier = reopened_with(known, span, month);
    let remembered = Remembered {
        subscription: span.subscription,
        month: month.first_day,
        tax: Some((line.tax_category, line.tax_rate)),
        discounts_of: earlier.unwrap_or(known.period.first_day),
        amount,
        discounted: Amount::ZERO,
        credited: Amount::ZERO,
        line: None,
    };
    Ok(Row { line, earlier, remembered: Some(remembered) })
}

/// The reopened month whose invoice a fee was on, or had been, had it been known: its discounts count.
fn reopened_with(known: &Known<'_>, span: &PlanSpan<'_>, month: Period) -> Option<Date> {
    let on = invoiced_with(known, span, month);
    let earlier = |reopened: &&Reopened<'_>| reopened.period.starts_at < known.period.starts_at;
    let reopened = known.reopened.iter().filter(earlier).map(|reopened| reopened.period.first_day);
    reopened.into_iter().find(|first_day| *first_day == on)
}

/// The month that a fee was invoiced with, or would have been, had it been known.
fn invoiced_with(known: &Known<'_>, span: &PlanSpan<'_>, month: Period) -> Date {
    let charged = known.charged.get(&(span.subscription, month.first_day));
    let mut last_first = charged.into_iter().flatten().rev();
    if let Some(first_day) = last_first.find_map(|charged| charged.discounts_of) {
        return first_day;
    }
    let begins_in_it = span.from > month.starts_at;
    let before = known.billed.iter().chain([&known.period]).find(|billed| billed.ends_at == month.starts_at);
    match before {
        Some(before) if span.terms.fee_timing == FeeTiming::Advance && !begins_in_it => before.first_day,
        _ => month.first_day,
    }
}

/// The fees that a month's own invoice has, or would have by now, one line a tax: its discounts are taken off them.
pub(super) fn of_invoice(
    known: &Known<'_>,
    period: Period,
    rows: &[Row],
) -> Result<Vec<InvoiceLine>, BillError> {
    let mut sums: BTreeMap<Tax, Amount> = BTreeMap::new();
    let mut add = |tax: Tax, amount: Amount| {
        let sum = sums.entry(tax).or_default();
        *sum = sum.checked_add(amount).ok_or(BillError::TooLarge)?;
        Ok::<_, BillError>(())
    };
    for ((subscription, first_day), charged) in known.charged {
        let month = known.calendar.month_of(*first_day);
        let Ok(month) = month else { continue };
        let span = known.plans.iter().find(|span| span.subscription == *subscription);
        let derived = span.map_or(*first_day, |span| invoiced_with(known, span, month));
        let own =
            charged.iter().filter(|charged| charged.discounts_of.unwrap_or(derived) == period.first_day);
        for Charged { tax, amount, .. } in own {
            let tax = match tax {
                Some(tax) => *tax,
                None => known.tax_on(TaxClass::Standard, month.last_day())?,
            };
            add(tax, *amount)?;
        }
    }
    let own = Some(period.first_day).filter(|_| period.starts_at != known.period.starts_at);
    for row in rows.iter().filter(|row| row.earlier == own) {
        if let Some(kept) = &row.remembered {
            add((row.line.tax_category, row.line.tax_rate), kept.amount)?;
        }
    }
    let line = |((tax_category, tax_rate), net)| InvoiceLine {
        kind: LineKind::Fee,
        description: String::new(),
        calls: 0,
        seconds: 0,
        included_seconds: 0,
        net,
        tax_category,
        tax_rate,
        days: None,
    };
    Ok(sums.into_iter().filter(|(_, net)| *net != Amount::ZERO).map(line).collect())
}

/// What is given back of what was charged: of the last first, each part with its tax.
fn refund(
    known: &Known<'_>,
    charged: &[Charged],
    amount: Amount,
    discounts_stay: bool,
) -> Result<Vec<Refund>, BillError> {
    let mut by_tax: Vec<Charged> = Vec::new();
    for entry in charged {
        let sum = |one: Amount, other: Amount| one.checked_add(other).ok_or(BillError::TooLarge);
        match by_tax.iter_mut().find(|known| known.tax == entry.tax) {
            Some(known) => {
                known.amount = sum(known.amount, entry.amount)?;
                known.discounted = sum(known.discounted, entry.discounted)?;
                known.credited = sum(known.credited, entry.credited)?;
            }
            None => by_tax.push(*entry),
        }
    }
    let (mut left, mut parts) = (amount, Vec::new());
    for entry in by_tax.iter().rev().filter(|entry| entry.amount > Amount::ZERO) {
        let part = left.min(entry.amount);
        if part > Amount::ZERO {
            left = minus(left, part)?;
            let discounted = if discounts_stay { entry.discounted } else { Amount::ZERO };
            let discounted = share(known, part, (discounted, entry.amount))?;
            // What was credited included what discounts took off of it.
            let credited = share(known, part, (entry.credited, entry.amount))?.min(minus(part, discounted)?);
            parts.push(Refund { tax: entry.tax, amount: part, discounted, credited });
        }
    }
    if left > Amount::ZERO {
        parts.push(Refund { amount: left, ..Refund::default() });
    }
    Ok(parts)
}

/// A part, in proportion to the whole, of so much of it.
fn share(known: &Known<'_>, part: Amount, (of, whole): (Amount, Amount)) -> Result<Amount, BillError> {
    let of = of.max(Amount::ZERO).min(whole);
    part.part(of.micros(), whole.micros(), known.currency).ok_or(BillError::TooLarge)
}

/// The days that a fee is given back for: those after the plan ended, else the whole month.
fn not_held(month: Period, held: Option<Days>) -> Days {
    let last = month.last_day();
    let after = held.and_then(|held| held.last.tomorrow().ok()).filter(|day| *day <= last);
    Days { first: after.unwrap_or(month.first_day), last }
}
