//! What does this call cost, and why?
//!
//! One function prices the quote, the prepaid hold, the call record and the invoice, so that they can
//! never differ. It is exact until the one rounding at its end, and costs O(price steps).

use jiff::tz::TimeZone;

use crate::allowance::{self, Allowance, Taken};
use crate::call::Billable;
use crate::cdr::{Flaw, Reason};
use crate::money::{Amount, Exact};
use crate::phone_number::Dialled;
use crate::tariff::{Rate, Tariff};

/// The price of a call and why: enough to explain it and to compute it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge<'t> {
    /// The rate that applied.
    pub rate: &'t Rate,
    /// Seconds of talk after the increments.
    pub billed_seconds: u32,
    /// Seconds that allowances covered, in the order they were taken.
    pub taken: Vec<Taken>,
    /// The charge before rounding.
    pub exact: Exact,
    /// The charge.
    pub amount: Amount,
}

impl Charge<'_> {
    /// How many of the billed seconds allowances covered.
    pub fn included_seconds(&self) -> u32 {
        self.taken.iter().fold(0, |sum, part| sum.saturating_add(part.seconds))
    }
}

/// Who calls: the plan's allowances, how much of each is used this month, and the zone of the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The customer's zone, which decides time bands.
    pub zone: &'a TimeZone,
    /// The plan's allowances.
    pub allowances: &'a [Allowance],
    /// Seconds used so far this month, one for each allowance.
    pub used: &'a [u64],
}

/// Charges a call.
///
/// ```
/// # use calculation::{call::Billable, phone_number::Dialled, rating::{Caller, rate}, tariff::deck};
/// # use jiff::tz::TimeZone;
/// let terms = serde_json::from_str(r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#)?;
/// let prices = "prefix,destination,rate_per_min,increments\n44,United Kingdom,0.0200,60/60\n";
/// let tariff = deck::read(terms, prices.as_bytes(), &Default::default()).unwrap();
/// let caller = Caller { zone: &TimeZone::UTC, allowances: &[], used: &[] };
/// let talk = Billable { answered_at: "2026-10-05T10:00:00Z".parse().unwrap(), talk_seconds: 61 };
/// let charge = rate(&tariff, caller, &Dialled::Number("+442079460000".parse().unwrap()), talk).unwrap();
/// assert_eq!((charge.billed_seconds, charge.amount), (120, "0.04".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rate<'t>(
    tariff: &'t Tariff,
    caller: Caller<'_>,
    dialled: &Dialled,
    talk: Billable,
) -> Result<Charge<'t>, Flaw> {
    let rate = tariff.rate_for(dialled, talk.answered_at, caller.zone).ok_or_else(|| no_rate(dialled))?;
    if rate.blocked {
        let message =
            format!("{} is barred (prefix {}): find out why it was connected", rate.destination, rate.prefix);
        return Err(Flaw::new(Reason::BlockedDestination, "called_number", message));
    }
    let billed_seconds = rate.increments.billed(talk.talk_seconds).ok_or_else(too_large)?;
    let taken = if caller.allowances.is_empty() {
        Vec::new()
    } else {
        allowance::take(caller.allowances, caller.used, dialled, billed_seconds)
    };
    let included = taken.iter().fold(0_u32, |sum, part| sum.saturating_add(part.seconds));
    let (exact, amount) = price(tariff, rate, billed_seconds, included).ok_or_else(too_large)?;
    Ok(Charge { rate, billed_seconds, taken, exact, amount })
}

/// The price of the billed seconds after the included ones, before and after rounding.
///
/// Steps are counted from the start of the call, included seconds too: a call that was covered for ten
/// minutes goes on at the price of its eleventh.
pub fn price(
    tariff: &Tariff,
    rate: &Rate,
    billed_seconds: u32,
    included_seconds: u32,
) -> Option<(Exact, Amount)> {
    if included_seconds >= billed_seconds {
        return Some((Exact::default(), Amount::ZERO));
    }
    let mut exact = rate.connection_fee.per_call();
    let ends = rate.steps.iter().skip(1).map(|step| step.from_seconds).chain([u32::MAX]);
    for (step, end) in rate.steps.iter().zip(ends) {
        let from = step.from_seconds.max(included_seconds);
        let seconds = end.min(billed_seconds).saturating_sub(from);
        exact = exact.checked_add(step.price.for_seconds(seconds))?;
    }
    // A charge is stored with its exact sum in 64 bits.
    i64::try_from(exact.units()).ok()?;
    let rounded = exact.round(tariff.terms().rounding)?;
    Some((exact, rounded.max(rate.minimum_charge)))
}

#[cold]
fn no_rate(dialled: &Dialled) -> Flaw {
    let message = format!("the tariff has no rate for {dialled} at that time: add one");
    Flaw::new(Reason::NoRate, "called_number", message)
}

#[cold]
fn too_large() -> Flaw {
    Flaw::new(Reason::AmountTooLarge, "billsec", "the charge is larger than an amount can be: check the rate")
}
