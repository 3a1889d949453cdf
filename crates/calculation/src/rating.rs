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
use crate::usage_pricing::UsagePricing;

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
    /// Which month pricing prices the seconds that are not included, by its place in the plan: then the
    /// call itself costs nothing.
    pub month_pricing: Option<usize>,
}

impl Charge<'_> {
    /// How many of the billed seconds allowances covered.
    pub fn included_seconds(&self) -> u32 {
        self.taken.iter().fold(0, |sum, part| sum.saturating_add(part.seconds))
    }
}

/// Who calls: the zone of the wall clock, and what the plan includes or prices by the month.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The customer's zone, which decides time bands.
    pub zone: &'a TimeZone,
    /// The plan's allowances.
    pub allowances: &'a [Allowance],
    /// Seconds used so far this month, one for each allowance.
    pub used: &'a [u64],
    /// The plan's month pricing.
    pub usage_pricing: &'a [UsagePricing],
}

/// Charges a call. One that the plan prices by the month takes from the allowances too, and costs nothing
/// itself.
///
/// ```
/// # use calculation::{call::Billable, phone_number::Dialled, rating::{Caller, rate}, tariff::deck};
/// # use jiff::tz::TimeZone;
/// let terms = serde_json::from_str(r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#)?;
/// let prices = "prefix,destination,rate_per_min,increments\n44,United Kingdom,0.0200,60/60\n";
/// let tariff = deck::read(terms, prices.as_bytes(), &Default::default()).unwrap();
/// let caller = Caller { zone: &TimeZone::UTC, allowances: &[], used: &[], usage_pricing: &[] };
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
    let month_pricing = caller.usage_pricing.iter().position(|pricing| pricing.covers(dialled));
    let included = taken.iter().fold(0_u32, |sum, part| sum.saturating_add(part.seconds));
    let (exact, amount) = match month_pricing {
        Some(_) => (Exact::default(), Amount::ZERO),
        None => price(tariff, rate, billed_seconds, included).ok_or_else(too_large)?,
    };
    Ok(Charge { rate, billed_seconds, taken, exact, amount, month_pricing })
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
    let exact = rate.exact(billed_seconds, included_seconds)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tariff::deck::{self, Columns};

    const PRICES: &str = "prefix,destination,rate_per_min,increments,connection_charge,min_charge,status\n\
        44,United Kingdom,0.60,60/60,,,\n\
        4420,London,0.60,1/1,0.10,1.00,\n\
        4479,Dear,0.60,1/1,,,blocked\n\
        1,America,0.60,60/60,0.10,,\n";

    /// Charges a call of 90 s on a plan with 40 s left to London, and month prices for London, for the
    /// United Kingdom and for Germany, where the tariff has no rate.
    fn charge(number: &str) -> Result<(u32, u32, String, Option<usize>), Reason> {
        let terms = r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#;
        let tariff =
            deck::read(serde_json::from_str(terms).unwrap(), PRICES.as_bytes(), &Columns::default()).unwrap();
        let allowance =
            Allowance { name: "London".into(), seconds: 100, destinations: vec!["4420".parse().unwrap()] };
        let by_month = |prefix: &str| {
            let model = r#""model": "package", "minutes": 1, "price": "1""#;
            let pricing = format!(r#"{{"name": "{prefix}", "destinations": ["{prefix}"], {model}}}"#);
            serde_json::from_str(&pricing).unwrap()
        };
        let caller = Caller {
            zone: &TimeZone::UTC,
            allowances: &[allowance],
            used: &[60],
            usage_pricing: &[by_month("4420"), by_month("44"), by_month("49")],
        };
        let talk = Billable { answered_at: "2026-10-05T10:00:00Z".parse().unwrap(), talk_seconds: 90 };
        let charge = rate(&tariff, caller, &Dialled::Number(number.parse().unwrap()), talk);
        let charge = charge.map_err(|flaw| flaw.reason)?;
        assert_eq!(charge.month_pricing.is_some(), charge.exact == Exact::default());
        let included = charge.included_seconds();
        Ok((charge.billed_seconds, included, charge.amount.to_string(), charge.month_pricing))
    }

    #[test]
    fn a_call_that_is_priced_by_the_month_costs_nothing_itself() {
        // The first that covers it prices what the allowances do not; no minimum charge either.
        assert_eq!(charge("+442079460000"), Ok((90, 40, "0.00".into(), Some(0))));
        assert_eq!(charge("+441134960123"), Ok((120, 0, "0.00".into(), Some(1))));
        assert_eq!(charge("+12125550123"), Ok((120, 0, "1.30".into(), None)));
    }

    #[test]
    fn what_is_barred_or_has_no_rate_is_not_priced_by_the_month() {
        assert_eq!(charge("+447911123456"), Err(Reason::BlockedDestination));
        assert_eq!(charge("+493012345678"), Err(Reason::NoRate));
    }
}
