//! What do the calls of a month come to: by destination, up to the minimum of plans, and less discounts?

use std::collections::BTreeMap;

use crate::discount;
use crate::invoice::{InvoiceLine, LineKind};
use crate::money::{Amount, Currency};
use crate::period::Period;
use crate::tax::TaxClass;
use crate::usage_pricing::UsagePricing;

use super::{BillError, Discount, Draft, Known, Tax, Usage, discounts, fees, last_day, least, minus, words};

/// What a line of a month is, to be found again in another reckoning of the same month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallLine {
    /// Calls to a destination or, with the plan and the place of its pricing, calls that are priced by the month.
    Usage {
        /// The name of the destination or pricing.
        name: String,
        /// The plan and the place of its pricing.
        pricing: Option<(i64, usize)>,
    },
    /// What is missing to the minimum of a plan.
    Minimum(i64),
    /// What a discount takes off.
    Discount(i64),
}

/// The lines of a month that depend on its calls, by what they are and their tax.
pub type Reckoned = BTreeMap<(CallLine, Tax), InvoiceLine>;

/// What a billed month's calls come to beside its fees and one-off charges: usage, minimums and discounts. So much less of the
/// fees is taken to be due.
pub fn calls_of_month(
    known: &Known<'_>,
    period: Period,
    (one_offs, less): (&[InvoiceLine], &[InvoiceLine]),
    usage: &[Usage],
    discounts: &[Discount<'_>],
) -> Result<Reckoned, BillError> {
    let calls = lines(known, period, &usage.iter())?;
    let mut lines = fees::of_invoice(known, period, &[])?;
    lines.extend_from_slice(one_offs);
    for less in less {
        let same = |line: &&mut InvoiceLine| line.kind == less.kind && line.tax() == less.tax();
        if let Some(line) = lines.iter_mut().find(same) {
            line.net = minus(line.net, less.net)?;
        }
    }
    reckon(known, period, lines, calls, discounts)
}

/// The lines with what discounts take off of them and of others that calls do not change.
pub(super) fn reckon(
    known: &Known<'_>,
    period: Period,
    mut all: Vec<InvoiceLine>,
    calls: Vec<(CallLine, InvoiceLine)>,
    discounts: &[Discount<'_>],
) -> Result<Reckoned, BillError> {
    all.extend(calls.iter().map(|(_, line)| line.clone()));
    let mut reckoned: Reckoned = calls.into_iter().map(|(part, line)| ((part, line.tax()), line)).collect();
    for discount in discounts {
        let in_force = discount.terms.duration.in_force(discount.begins, period.first_day, discount.uses);
        if discount.is_over || !in_force {
            continue;
        }
        let taken = discount::reduction(discount.terms, &all, known.currency).ok_or(BillError::TooLarge)?;
        for (category, rate, amount) in taken {
            let line = discounts::line(discount, (category, rate), amount)?;
            all.push(line.clone());
            reckoned.insert((CallLine::Discount(discount.discount), (category, rate)), line);
        }
    }
    Ok(reckoned)
}

/// A line for each destination and for each month pricing, and one for each minimum that is not reached.
pub(super) fn lines<'u>(
    known: &Known<'_>,
    period: Period,
    usage: &(impl Iterator<Item = &'u Usage> + Clone),
) -> Result<Vec<(CallLine, InvoiceLine)>, BillError> {
    let mut sums: BTreeMap<(CallLine, Tax), Sum> = BTreeMap::new();
    for used in usage.clone() {
        let key =
            (line_of(known, used), known.tax_on(TaxClass::Standard, last_day(known, used.plan, period))?);
        sums.entry(key).or_default().add(used).ok_or(BillError::TooLarge)?;
    }
    let mut lines = Vec::with_capacity(sums.len());
    for ((part, tax), sum) in sums {
        let CallLine::Usage { name, pricing } = &part else { continue };
        let net = sum.net(known, *pricing).ok_or(BillError::TooLarge)?;
        let counts = (sum.calls, sum.seconds, sum.included_seconds);
        let draft = Draft { counts, ..Draft::new(LineKind::Usage, name.clone(), net) };
        lines.push((part, draft.taxed(tax, known.currency)?));
    }
    for (place, span) in known.plans.iter().enumerate() {
        // Who comes back to a plan within a month owes its least once.
        if known.plans.iter().position(|other| other.plan == span.plan) != Some(place) {
            continue;
        }
        let missing = least::missing(known, span, period, usage.clone())?;
        if missing > Amount::ZERO {
            lines.push((CallLine::Minimum(span.plan), minimum(known, span, period, missing)?));
        }
    }
    Ok(lines)
}

/// The line that says what is missing to the minimum of a plan.
pub(super) fn minimum(
    known: &Known<'_>,
    plan: &super::PlanSpan<'_>,
    period: Period,
    missing: Amount,
) -> Result<InvoiceLine, BillError> {
    let words = words(known.language).minimum.replace("{plan}", plan.name);
    let draft = Draft::new(LineKind::MinimumCommitment, words, missing);
    known.line(draft, last_day(known, plan.plan, period))
}

/// Which line calls are on.
pub(super) fn line_of(known: &Known<'_>, used: &Usage) -> CallLine {
    match month_pricing(known, used) {
        Some(pricing) => CallLine::Usage {
            name: pricing.name.clone(),
            pricing: used.month_pricing.map(|place| (used.plan, place)),
        },
        None => CallLine::Usage { name: used.destination.clone(), pricing: None },
    }
}

fn month_pricing<'a>(known: &Known<'a>, used: &Usage) -> Option<&'a UsagePricing> {
    let span = known.plans.iter().find(|span| span.plan == used.plan)?;
    span.terms.usage_pricing.get(used.month_pricing?)
}

#[derive(Default)]
struct Sum {
    calls: u64,
    seconds: u64,
    included_seconds: u64,
    amount: Amount,
}

impl Sum {
    fn add(&mut self, used: &Usage) -> Option<()> {
        self.calls = self.calls.checked_add(used.calls)?;
        self.seconds = self.seconds.checked_add(used.seconds)?;
        self.included_seconds = self.included_seconds.checked_add(used.included_seconds)?;
        self.amount = self.amount.checked_add(used.amount)?;
        Some(())
    }

    fn net(&self, known: &Known<'_>, pricing: Option<(i64, usize)>) -> Option<Amount> {
        let Some((plan, place)) = pricing else { return Some(self.amount) };
        let span = known.plans.iter().find(|span| span.plan == plan)?;
        let seconds = self.seconds.saturating_sub(self.included_seconds);
        price(span.terms.usage_pricing.get(place)?, seconds, known.currency)
    }
}

fn price(pricing: &UsagePricing, seconds: u64, currency: Currency) -> Option<Amount> {
    pricing.model.price(seconds, currency)
}
