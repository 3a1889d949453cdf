//! How long may a call last, and which balances pay for it?
//!
//! The longest call is found from the prices, not by trying: what is there is walked through the price
//! steps, so that three hours cost as little as a minute. What it comes to, [`rating::price`] says.

mod balance;

pub use balance::{Balance, Part, Unit, draw, means, pay_fee, usable};

use crate::money::{Amount, Exact};
use crate::rating;
use crate::tariff::{Rate, Tariff};

/// What there is to pay a call with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Means {
    /// Seconds that cover what was dialled. They are taken first.
    pub seconds: u64,
    /// Money for the seconds after those. Below zero it is like none.
    pub money: Amount,
}

/// A talk that can be paid, and its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Affordable {
    /// Seconds that may be talked.
    pub talk_seconds: u32,
    /// Those after the increments.
    pub billed_seconds: u32,
    /// Billed seconds that the means' seconds cover.
    pub included_seconds: u32,
    /// What the other seconds cost: never more than the money.
    pub amount: Amount,
    /// Whether not a second more could be paid, had it been wanted.
    pub is_limit: bool,
}

/// The longest talk up to `wanted_seconds` that the means pay.
///
/// A begun increment is used up, and what costs nothing needs no money. Prices below zero, which no deck
/// can hold, are paid by nothing: the talk ends before them.
///
/// ```
/// use calculation::{prepaid::{Affordable, Means, longest}, tariff::deck};
/// let terms = serde_json::from_str(r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#)?;
/// let prices = "prefix,destination,rate_per_min,increments\n44,United Kingdom,0.0200,60/60\n";
/// let tariff = deck::read(terms, prices.as_bytes(), &Default::default()).unwrap();
/// let means = Means { seconds: 90, money: "0.05".parse()? };
/// // 90 seconds are covered, and 0.05 pay 150 more: to the end of the fourth minute.
/// let (billed, included, amount) = (240, 90, "0.05".parse()?);
/// let expected = Affordable {
///     talk_seconds: billed, billed_seconds: billed, included_seconds: included, amount, is_limit: true,
/// };
/// assert_eq!(longest(&tariff, &tariff.rates()[0], means, 3_600), expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn longest(tariff: &Tariff, rate: &Rate, means: Means, wanted_seconds: u32) -> Affordable {
    let means = Means { money: means.money.max(Amount::ZERO), ..means };
    let covered = u32::try_from(means.seconds).unwrap_or(u32::MAX);
    let most = rate.increments.longest_talk(payable_seconds(tariff, rate, covered, means.money));
    let talk_seconds = wanted_seconds.min(most);
    let price = |billed_seconds: u32| {
        let included_seconds = billed_seconds.min(covered);
        let (_, amount) = rating::price(tariff, rate, billed_seconds, included_seconds)?;
        let is_limit = talk_seconds == most;
        let affordable = Affordable { talk_seconds, billed_seconds, included_seconds, amount, is_limit };
        (amount <= means.money).then_some(affordable)
    };
    // Only steps out of order, which no deck holds, cost more than the walk through them found.
    let nothing = Affordable { is_limit: true, ..Affordable::default() };
    rate.increments.billed(talk_seconds).and_then(price).unwrap_or(nothing)
}

/// The longest talk up to `wanted_seconds` that seconds cover by themselves, whatever the others would cost.
pub fn covered(rate: &Rate, seconds: u64, wanted_seconds: u32) -> Affordable {
    let covered = u32::try_from(seconds).unwrap_or(u32::MAX);
    let talk_seconds = rate.increments.longest_talk(covered).min(wanted_seconds);
    let nothing = Affordable { is_limit: true, ..Affordable::default() };
    let talk = |billed_seconds| Affordable {
        talk_seconds,
        billed_seconds,
        included_seconds: billed_seconds,
        ..nothing
    };
    rate.increments.billed(talk_seconds).map_or(nothing, talk)
}

/// How many billed seconds can be paid when `covered` of them cost nothing; all there can be if no price
/// ends them.
fn payable_seconds(tariff: &Tariff, rate: &Rate, covered: u32, money: Amount) -> u32 {
    let fee = rate.connection_fee.per_call();
    let Some(mut left) = largest_charge(tariff, money).and_then(|most| most.checked_sub(fee.units())) else {
        return covered;
    };
    if left < 0 || fee < Exact::default() || rate.minimum_charge > money {
        return covered;
    }
    let ends = rate.steps.iter().skip(1).map(|step| step.from_seconds).chain([u32::MAX]);
    for (step, end) in rate.steps.iter().zip(ends) {
        let from = step.from_seconds.max(covered);
        let Some(seconds) = end.checked_sub(from).filter(|seconds| *seconds > 0) else { continue };
        let a_second = step.price.for_seconds(1).units();
        if a_second < 0 {
            return from;
        }
        // A price of nothing divides nothing: it can be paid to its end.
        if let Some(payable) = left.checked_div(a_second).and_then(|payable| u32::try_from(payable).ok())
            && payable < seconds
        {
            return from.saturating_add(payable);
        }
        left = left.saturating_sub(step.price.for_seconds(seconds).units());
    }
    u32::MAX
}

/// The largest sum that comes to at most the money, in 64 bits as a charge is stored.
fn largest_charge(tariff: &Tariff, money: Amount) -> Option<i128> {
    let most = Exact::most_within(money, tariff.terms().rounding)?;
    Some(most.units().min(i64::MAX.into()))
}
