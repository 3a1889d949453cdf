//! What does a call that is over cost, which balances pay it, and what is lost?

use crate::money::{Amount, Exact};
use crate::prepaid::{Balance, Part, Unit, draw, means};
use crate::rating;
use crate::tariff::{Rate, Tariff};

/// What a call took of balances that are closed by now: it stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Seconds.
    pub seconds: i64,
    /// Money.
    pub money: Amount,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Seconds of talk after the increments.
    pub billed_seconds: u32,
    /// Those that balances of seconds cover.
    pub included_seconds: u32,
    /// The charge before rounding.
    pub exact: Exact,
    /// What the call costs.
    pub amount: Amount,
    /// What each open balance pays in all, in place of what it paid before.
    pub parts: Vec<Part>,
    /// What was taken of money in all.
    pub charged: Amount,
    /// What nobody pays.
    pub loss: Amount,
}

/// Settles a call: takes its seconds from the balances of seconds, prices the rest, and takes that from the balances of
/// money. What is not there is a loss. Nothing when a sum does not fit.
///
/// `usable` are the open balances that may pay the call, in the order of [`crate::prepaid::usable`]; what the call itself holds or
/// took of them before is available to it.
pub fn settle(
    tariff: &Tariff,
    rate: &Rate,
    talk_seconds: u32,
    usable: &[&Balance<'_>],
    gone: Gone,
) -> Option<Settled> {
    let billed_seconds = rate.increments.billed(talk_seconds)?;
    let covered = means(usable).seconds.checked_add(u64::try_from(gone.seconds).ok()?)?;
    let included_seconds = u32::try_from(covered.min(billed_seconds.into())).ok()?;
    let (exact, amount) = rating::price(tariff, rate, billed_seconds, included_seconds)?;
    let mut parts = draw(usable, Unit::Seconds, i64::from(included_seconds).checked_sub(gone.seconds)?);
    let owed = amount.checked_sub(gone.money)?.max(Amount::ZERO);
    let money = draw(usable, Unit::Money, owed.micros());
    let paid = Amount::sum(money.iter().map(|part| Amount::from_micros(part.quantity)))?;
    let (charged, loss) = (paid.checked_add(gone.money)?, owed.checked_sub(paid)?);
    parts.extend(money);
    Some(Settled { billed_seconds, included_seconds, exact, amount, parts, charged, loss })
}
