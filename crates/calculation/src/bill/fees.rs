//! Which fees does a month charge, and how much of one is given back?
//!
//! What is given back is in proportion to what was paid, for discounts and credit notes had given back the rest, and with the
//! tax that was charged.

use crate::fee::FeeTiming;
use crate::invoice::{Days, LineKind};
use crate::money::Amount;
use crate::period::Period;

use super::{
    Bill, BillError, Charged, ChargedFor, Draft, Known, PlanSpan, Remembered, Row, Tax, due, held, minus,
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
        let key = (ChargedFor::Fee(span.subscription), month.first_day);
        let before = known.charged.get(&key).map_or(&[][..], Vec::as_slice);
        let sum = Amount::sum(before.iter().map(|charged| charged.amount)).ok_or(BillError::TooLarge)?;
        let amount = minus(due, sum)?;
        if amount > Amount::ZERO {
            rows.push(charge(known, span, (month, days), (amount, sum))?);
        } else if amount < Amount::ZERO {
            let days = not_held(month, days);
            let words = words(known.language).fee_refunded.replace("{plan}", span.name);
            for part in refund(known, before, negative(amount)?)? {
                let net = minus(part.amount, part.given_back)?;
                let kept = Remembered { what: key.0, month: key.1, line: None, ..part };
                if net == Amount::ZERO {
                    bill.remembered.push(kept);
                    continue;
                }
                let this = Days { first: known.period.first_day, last: known.period.last_day() };
                let days_shown = Some(days).filter(|days| *days != this);
                let draft = Draft { days: days_shown, ..Draft::new(LineKind::Fee, words.clone(), net) };
                let line = match part.tax {
                    Some(tax) => draft.taxed(tax, known.currency)?,
                    None => known.line(draft, days.last)?,
                };
                rows.push(Row { line, earlier: None, remembered: Some(kept) });
            }
        }
    }
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
    let remembered = Remembered {
        what: ChargedFor::Fee(span.subscription),
        month: month.first_day,
        tax: Some((line.tax_category, line.tax_rate)),
        amount,
        given_back: Amount::ZERO,
        line: None,
    };
    let invoiced_with = invoiced_with(known, span, month);
    let earlier = known.reopened.iter().map(|reopened| reopened.period.first_day);
    let earlier = earlier.into_iter().find(|first_day| Some(*first_day) == invoiced_with);
    Ok(Row { line, earlier, remembered: Some(remembered) })
}

/// The billed month whose invoice a fee had been on, had it been known: its discounts count.
fn invoiced_with(known: &Known<'_>, span: &PlanSpan<'_>, month: Period) -> Option<jiff::civil::Date> {
    if month.starts_at >= known.period.starts_at {
        return None;
    }
    let begins_in_it = span.from > month.starts_at;
    let before = known.billed.iter().rev().find(|billed| billed.ends_at == month.starts_at);
    match before {
        Some(before) if span.terms.fee_timing == FeeTiming::Advance && !begins_in_it => {
            Some(before.first_day)
        }
        _ => Some(month.first_day),
    }
}

/// What is given back of what was charged: of the last first, each part with its tax. A part of it that was not paid is not
/// given back.
pub(super) fn refund(
    known: &Known<'_>,
    charged: &[Charged],
    amount: Amount,
) -> Result<Vec<Remembered>, BillError> {
    let mut by_tax: Vec<Charged> = Vec::new();
    for entry in charged {
        let sum = |one: Amount, other: Amount| one.checked_add(other).ok_or(BillError::TooLarge);
        match by_tax.iter_mut().find(|known| known.tax == entry.tax) {
            Some(known) => {
                known.amount = sum(known.amount, entry.amount)?;
                known.given_back = sum(known.given_back, entry.given_back)?;
            }
            None => by_tax.push(*entry),
        }
    }
    let (mut left, mut parts) = (amount, Vec::new());
    for entry in by_tax.iter().rev().filter(|entry| entry.amount > Amount::ZERO) {
        let part = left.min(entry.amount);
        if part > Amount::ZERO {
            left = minus(left, part)?;
            parts.push(given(known, entry.tax, part, unpaid(known, part, *entry)?)?);
        }
    }
    if left > Amount::ZERO {
        parts.push(given(known, None, left, Amount::ZERO)?);
    }
    Ok(parts)
}

fn given(
    known: &Known<'_>,
    tax: Option<Tax>,
    amount: Amount,
    unpaid: Amount,
) -> Result<Remembered, BillError> {
    Ok(Remembered {
        what: ChargedFor::Fee(0),
        month: known.period.first_day,
        tax,
        amount: negative(amount)?,
        given_back: negative(unpaid)?,
        line: None,
    })
}

/// The part of what is no longer due that was not paid: in proportion to the whole.
fn unpaid(known: &Known<'_>, amount: Amount, before: Charged) -> Result<Amount, BillError> {
    let given_back = before.given_back.max(Amount::ZERO).min(before.amount);
    let part = amount.part(given_back.micros(), before.amount.micros(), known.currency);
    part.ok_or(BillError::TooLarge)
}

/// The days that a fee is given back for: those after the plan ended, else the whole month.
fn not_held(month: Period, held: Option<Days>) -> Days {
    let last = month.last_day();
    let after = held.and_then(|held| held.last.tomorrow().ok()).filter(|day| *day <= last);
    Days { first: after.unwrap_or(month.first_day), last }
}
