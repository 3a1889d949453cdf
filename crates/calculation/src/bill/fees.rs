//! Which fees does a month charge, and how much of one is given back?
//!
//! What is given back is in proportion to what was paid: discounts and credit notes had given back the rest.

use crate::discount::DiscountTerms;
use crate::fee::FeeTiming;
use crate::invoice::{Days, InvoiceLine, LineKind};
use crate::money::Amount;
use crate::period::Period;
use crate::tax::{TaxCategory, TaxRate};

use super::{Bill, BillError, Draft, Fee, FeeCharged, Known, PlanSpan, due, held, words};

/// The fee of this month or, in advance, of the next, and corrections of those before.
pub(super) fn fees(known: &Known<'_>, span: &PlanSpan<'_>, bill: &mut Bill) -> Result<(), BillError> {
    if span.monthly_fee == Amount::ZERO {
        return Ok(());
    }
    let next = known.calendar.next(known.period).ok();
    let next = next.filter(|_| span.terms.fee_timing == FeeTiming::Advance);
    for month in known.billed.iter().copied().chain([known.period]).chain(next) {
        let days = held(known, span, month);
        let due = due(known, span, days, month).ok_or(BillError::TooLarge)?;
        let before = known.fees_charged.get(&(span.subscription, month.first_day)).copied();
        let before = before.unwrap_or_default();
        let amount = minus(due, before.amount)?;
        if amount == Amount::ZERO {
            continue;
        }
        // What is given back is the part of it that was paid.
        let given_back = if amount < Amount::ZERO { unpaid(known, amount, before)? } else { Amount::ZERO };
        let net = minus(amount, given_back)?;
        let (subscription, month_of) = (span.subscription, month.first_day);
        let line = (net != Amount::ZERO).then_some(bill.lines.len());
        bill.fees.push(Fee { subscription, month: month_of, amount, given_back, line });
        if line.is_none() {
            continue;
        }
        let words = words(known.language);
        let (form, days) = match days {
            _ if net < Amount::ZERO => (words.fee_refunded, Some(not_held(month, days))),
            _ if before.amount > Amount::ZERO => (words.fee_corrected, days),
            _ => (words.monthly_fee, days),
        };
        let this = Days { first: known.period.first_day, last: known.period.last_day() };
        let line = Draft::new(LineKind::Fee, form.replace("{plan}", span.name), net);
        bill.lines.push(known.line(Draft { days: days.filter(|days| *days != this), ..line })?);
    }
    Ok(())
}

fn minus(from: Amount, amount: Amount) -> Result<Amount, BillError> {
    let left = from.micros().checked_sub(amount.micros()).map(Amount::from_micros);
    left.ok_or(BillError::TooLarge)
}

/// The part of what is no longer due that was not paid: in proportion to the whole.
fn unpaid(known: &Known<'_>, amount: Amount, before: FeeCharged) -> Result<Amount, BillError> {
    if before.amount <= Amount::ZERO {
        return Ok(Amount::ZERO);
    }
    let given_back = before.given_back.max(Amount::ZERO).min(before.amount);
    let part = amount.part(given_back.micros(), before.amount.micros(), known.currency);
    part.ok_or(BillError::TooLarge)
}

/// The days that a fee is given back for: those after the plan ended, else the whole month. The last is
/// always the month's, whose tax rate the fee had.
fn not_held(month: Period, held: Option<Days>) -> Days {
    let last = month.last_day();
    let after = held.and_then(|held| held.last.tomorrow().ok()).filter(|day| *day <= last);
    Days { first: after.unwrap_or(month.first_day), last }
}

/// Remembers how much of what a discount took off a tax group was of which fee.
pub(super) fn share(
    known: &Known<'_>,
    terms: &DiscountTerms,
    bill: &mut Bill,
    group: (TaxCategory, TaxRate),
    amount: Amount,
) -> Result<(), BillError> {
    let in_scope = |line: &&InvoiceLine| {
        let reduced = line.kind != LineKind::Discount && terms.applies_to.holds(line.kind);
        reduced && line.net > Amount::ZERO && (line.tax_category, line.tax_rate) == group
    };
    let nets = bill.lines.iter().filter(in_scope).map(|line| line.net);
    let base = Amount::sum(nets).ok_or(BillError::TooLarge)?;
    for fee in &mut bill.fees {
        let line = fee.line.and_then(|place| bill.lines.get(place)).filter(in_scope);
        let Some(line) = line else { continue };
        let part = amount.part(line.net.micros(), base.micros(), known.currency);
        let sum = part.and_then(|part| fee.given_back.checked_add(part));
        fee.given_back = sum.ok_or(BillError::TooLarge)?;
    }
    Ok(())
}
