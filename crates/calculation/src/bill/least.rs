//! Does a month come to the least that a plan costs?

use std::collections::BTreeMap;

use super::{BillError, Known, PlanSpan, Usage, due, held};
use crate::commitment::shortfall;
use crate::fee::DaysOfMonth;
use crate::money::Amount;
use crate::period::Period;

/// What is missing to the least that a plan costs: its fee of the month, whenever it is charged, and the
/// month's own calls count towards it, as the invoice shows them.
pub(super) fn missing<'u>(
    known: &Known<'_>,
    plan: &PlanSpan<'_>,
    period: Period,
    usage: impl Iterator<Item = &'u Usage>,
) -> Result<Amount, BillError> {
    let Some(least) = plan.terms.minimum_commitment else { return Ok(Amount::ZERO) };
    let too_large = || BillError::TooLarge;
    let (mut days_held, mut to_the_end, mut counted) = (0_u32, false, Amount::ZERO);
    for span in known.plans.iter().filter(|span| span.plan == plan.plan) {
        let Some(days) = held(known, span, period) else { continue };
        days_held = days_held.saturating_add(days.count());
        to_the_end |= days.last == period.last_day();
        let fee = due(known, span, Some(days), period).ok_or_else(too_large)?;
        counted = counted.checked_add(fee).ok_or_else(too_large)?;
    }
    let days = u32::try_from(period.first_day.days_in_month()).unwrap_or_default();
    let days_owed = match plan.terms.prorate_fee {
        true => days_held,
        false if to_the_end => days,
        false => 0,
    };
    let part = DaysOfMonth::new(days_owed, days).filter(|part| part.held() > 0);
    let Some(part) = part else { return Ok(Amount::ZERO) };
    let used = used(known, (plan, period), usage).ok_or_else(too_large)?;
    let counted = counted.checked_add(used).ok_or_else(too_large)?;
    shortfall(least, part, counted, known.currency).ok_or_else(too_large)
}

/// What the calls of a plan come to, each destination rounded as its line is.
fn used<'u>(
    known: &Known<'_>,
    (plan, period): (&PlanSpan<'_>, Period),
    usage: impl Iterator<Item = &'u Usage>,
) -> Option<Amount> {
    let mut by_destination: BTreeMap<&str, Amount> = BTreeMap::new();
    let mut priced: BTreeMap<(i64, usize), u64> = BTreeMap::new();
    for used in usage.filter(|used| used.plan == plan.plan || counts_instead(known, plan, (used, period))) {
        if let Some(place) = used.month_pricing {
            let seconds = priced.entry((used.plan, place)).or_default();
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
    for ((plan, place), seconds) in priced {
        let span = known.plans.iter().find(|span| span.plan == plan)?;
        all = all.checked_add(span.terms.usage_pricing.get(place)?.model.price(seconds, known.currency)?)?;
    }
    Some(all)
}

/// Whether calls count to a plan that were charged on another, before it was told that the customer was on this one: the other
/// did not count for a day of the month, and this one is the last that did.
fn counts_instead(known: &Known<'_>, plan: &PlanSpan<'_>, (used, month): (&Usage, Period)) -> bool {
    let last_day = |plan: i64| {
        let spans = known.plans.iter().filter(|span| span.plan == plan);
        spans.filter_map(|span| held(known, span, month)).map(|days| days.last).max()
    };
    let own = last_day(plan.plan);
    used.plan != plan.plan
        && own.is_some()
        && last_day(used.plan).is_none()
        && known.plans.iter().all(|other| last_day(other.plan) <= own)
}
