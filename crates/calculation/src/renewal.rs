//! What does the running month of a prepaid plan cost, and what does it grant?

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::allowance::Allowance;
use crate::fee::{DaysOfMonth, days_held, prorated, prorated_seconds};
use crate::money::{Amount, Currency};
use crate::period::Period;
use crate::plan_terms::PlanTerms;

/// What a plan agrees for a month.
#[derive(Debug, Clone, Copy)]
pub struct Agreed<'p> {
    /// The fee of a whole month.
    pub monthly_fee: Amount,
    /// Its currency.
    pub currency: Currency,
    /// The seconds that are included.
    pub allowances: &'p [Allowance],
    /// Whether a part of a month costs and grants a part.
    pub terms: &'p PlanTerms,
}

/// What a month costs and grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due<'p> {
    /// What is to be paid first.
    pub fee: Amount,
    /// The seconds that each allowance grants: those that grant any, in the order of the plan.
    pub allowances: Vec<(&'p Allowance, u32)>,
    /// The seconds that are granted can be used until before then.
    pub expires_at: Timestamp,
}

/// A fee that does not fit an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fee does not fit an amount")]
pub struct TooLarge;

/// What a month costs and grants to who holds the plan for a span of time; nothing if that is nothing. The zone is the month's own.
///
/// ```
/// use calculation::{period::Period, plan_terms::PlanTerms, renewal::{Agreed, due}};
/// use jiff::tz::TimeZone;
/// let utc = TimeZone::UTC;
/// let november = Period::of_month("2026-11", &utc)?;
/// let terms = PlanTerms::default();
/// let agreed = Agreed { monthly_fee: "30.00".parse()?, currency: "EUR".parse()?, allowances: &[], terms: &terms };
/// let from_the_16th = "2026-11-16T00:00:00Z".parse()?;
/// let half = due(agreed, (from_the_16th, None), november, &utc)?.unwrap();
/// assert_eq!((half.fee, half.expires_at), ("15.00".parse()?, november.ends_at));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn due<'p>(
    agreed: Agreed<'p>,
    (valid_from, valid_to): (Timestamp, Option<Timestamp>),
    period: Period,
    zone: &TimeZone,
) -> Result<Option<Due<'p>>, TooLarge> {
    let Agreed { monthly_fee, currency, allowances, terms } = agreed;
    let days = days_held(valid_from, valid_to, period, zone);
    let Some(part) = days.and_then(DaysOfMonth::of) else { return Ok(None) };
    let fee = if terms.prorate_fee {
        prorated(monthly_fee, part, currency)
    } else {
        monthly_fee.to_minor_unit(currency)
    };
    let fee = fee.ok_or(TooLarge)?;
    let part = Some(part).filter(|_| terms.prorate_allowances);
    let seconds = |allowance: &'p Allowance| {
        (allowance, part.map_or(allowance.seconds, |part| prorated_seconds(allowance.seconds, part)))
    };
    let allowances: Vec<_> = allowances.iter().map(seconds).filter(|(_, seconds)| *seconds > 0).collect();
    let expires_at = valid_to.unwrap_or(period.ends_at).min(period.ends_at);
    let nothing = fee == Amount::ZERO && allowances.is_empty();
    Ok((!nothing).then_some(Due { fee, allowances, expires_at }))
}
