//! Does a month come to the least that a plan costs? What is missing is a line of its own.

use std::collections::BTreeMap;

use super::{Bill, BillError, Draft, Known, PlanSpan, due, held, words};
use crate::commitment::shortfall;
use crate::fee::DaysOfMonth;
use crate::invoice::LineKind;
use crate::money::Amount;

/// What is missing to the least that a plan costs: its fee of this month, whenever it is charged, and the
/// month's own calls count towards it, as the invoice shows them.
pub(super) fn commitment(known: &Known<'_>, plan: &PlanSpan<'_>, bill: &mut Bill) -> Result<(), BillError> {
    let Some(least) = plan.terms.minimum_commitment else { return Ok(()) };
    let too_large = || BillError::TooLarge;
    let (mut days_held, mut to_the_end, mut counted) = (0_u32, false, Amount::ZERO);
    for span in known.plans.iter().filter(|span| span.plan == plan.plan) {
        let Some(days) = held(known, span, known.period) else { continue };
        days_held = days_held.saturating_add(days.count());
        to_the_end |= days.last == known.period.last_day();
        let fee = due(known, span, Some(days), known.period).ok_or_else(too_large)?;
        counted = counted.checked_add(fee).ok_or_else(too_large)?;
    }
    let days = u32::try_from(known.period.first_day.days_in_month()).unwrap_or_default();
    let days_owed = match plan.terms.prorate_fee {
        true => days_held,
        false if to_the_end => days,
        false => 0,
    };
    let Some(part) = DaysOfMonth::new(days_owed, days).filter(|part| part.held() > 0) else { return Ok(()) };
    let used = used(known, plan).ok_or_else(too_large)?;
    let counted = counted.checked_add(used).ok_or_else(too_large)?;
    let missing = shortfall(least, part, counted, known.currency).ok_or_else(too_large)?;
    if missing > Amount::ZERO {
        let words = words(known.language).commitment.replace("{plan}", plan.name);
        bill.lines.push(known.line(Draft::new(LineKind::MinimumCommitment, words, missing))?);
    }
    Ok(())
}

/// What the month's own calls of a plan come to, each destination rounded as its line is.
fn used(known: &Known<'_>, plan: &PlanSpan<'_>) -> Option<Amount> {
    let mut by_destination: BTreeMap<&str, Amount> = BTreeMap::new();
    let mut priced: BTreeMap<usize, u64> = BTreeMap::new();
    for used in known.usage.iter().filter(|used| used.plan == plan.plan && used.late.is_none()) {
        if let Some(place) = used.month_pricing {
            let seconds = priced.entry(place).or_default();
            *seconds = seconds.saturating_add(used.seconds.saturating_sub(used.included_seconds));
        } else {
            let sum = by_destination.entry(&used.destination).or_default();
            *sum = sum.checked_add(used.amount)?;
        }
    }
    let mut all = Amount::ZERO;
    for sum in by_destination.values() {
        all = all.checked_add(sum.to_minor_unit(known.currency)?)?;
    }
    for (place, seconds) in priced {
        all = all.checked_add(plan.terms.usage_pricing.get(place)?.model.price(seconds, known.currency)?)?;
    }
    Some(all)
}
