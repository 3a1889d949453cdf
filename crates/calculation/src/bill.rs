//! What does a customer's month come to, line by line?
//!
//! Fees, usage, minimum commitments and discounts, each with its tax. A fee line is always what is due less
//! what was charged before: so a plan that changed, began or ended after its month was billed is put right
//! by the next bill, and nothing is charged twice.

mod fees;
mod least;

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::discount::{self, DiscountTerms};
use crate::fee::{DaysOfMonth, days_held, prorated};
use crate::invoice::{Days, InvoiceLine, Language, LineKind};
use crate::money::{Amount, Currency};
use crate::period::{Calendar, Period};
use crate::plan_terms::PlanTerms;
use crate::tax::{TaxClass, TaxRate, TaxTreatment};
use jiff::Timestamp;

/// What is known when a month is billed.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The customer's months.
    pub calendar: &'a Calendar,
    /// The month.
    pub period: Period,
    /// The currency of every amount.
    pub currency: Currency,
    /// The language of what the lines say.
    pub language: Language,
    /// What the customer is for the tax office.
    pub treatment: TaxTreatment,
    /// The tax rate of a class on a day.
    pub rates: &'a dyn Fn(TaxClass, Date) -> Option<TaxRate>,
    /// Earlier months that were billed: their fees are put right if they changed since.
    pub billed: &'a [Period],
    /// The plans the customer is on, paid afterwards.
    pub plans: &'a [PlanSpan<'a>],
    /// What was charged before, by subscription and first day of the month.
    pub fees_charged: &'a BTreeMap<(i64, Date), FeeCharged>,
    /// Calls, added up.
    pub usage: &'a [Usage],
    /// What is charged once.
    pub one_offs: &'a [OneOff<'a>],
    /// Discounts, the oldest first.
    pub discounts: &'a [Discount<'a>],
    /// Whether a month without anything to charge gets a line of zero.
    pub zero: bool,
}

/// A customer on a plan for a span of time.
#[derive(Debug, Clone, Copy)]
pub struct PlanSpan<'a> {
    /// Names the subscription.
    pub subscription: i64,
    /// Names the plan.
    pub plan: i64,
    /// The plan's name.
    pub name: &'a str,
    /// What it costs a month.
    pub monthly_fee: Amount,
    /// How it is billed.
    pub terms: &'a PlanTerms,
    /// From this instant.
    pub from: Timestamp,
    /// Until before this one.
    pub to: Option<Timestamp>,
}

/// Calls of one plan to one destination, added up from their charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Names the plan.
    pub plan: i64,
    /// The destination's name.
    pub destination: String,
    /// Which of the plan's month pricings prices the calls, if one does.
    pub month_pricing: Option<usize>,
    /// Of which month the calls are, if it was billed already, and on which of its days they were.
    pub late: Option<Late>,
    /// Seconds that the same month pricing priced on earlier invoices of that month.
    pub seconds_before: u64,
    /// How many calls.
    pub calls: u64,
    /// Billed seconds, included ones too.
    pub seconds: u64,
    /// How many of them were included.
    pub included_seconds: u64,
    /// The exact sum of the charges, each already rounded once.
    pub amount: Amount,
}

/// Calls of a month that was billed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Late {
    /// The first day of the month.
    pub month: Date,
    /// The local days of the first and the last of them.
    pub days: Days,
}

/// Something charged once.
#[derive(Debug, Clone, Copy)]
pub struct OneOff<'a> {
    /// What it is.
    pub description: &'a str,
    /// What it costs.
    pub amount: Amount,
    /// Which tax rate applies.
    pub tax_class: TaxClass,
    /// The local day it was charged on.
    pub day: Date,
}

/// A discount that a customer has.
#[derive(Debug, Clone, Copy)]
pub struct Discount<'a> {
    /// Names it.
    pub discount: i64,
    /// What it is, as the invoice shows it.
    pub description: &'a str,
    /// What it takes off, of what, and how long.
    pub terms: &'a DiscountTerms,
    /// The first day of the month it begins with.
    pub begins: Date,
    /// On how many invoices it was used.
    pub uses: u32,
}

/// What a subscription was charged for a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeeCharged {
    /// The fees, less what was given back because the plan ended.
    pub amount: Amount,
    /// How much of it was not paid after all: discounts' shares, and what was credited.
    pub given_back: Amount,
}

/// What a bill charges a subscription for a month, to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    /// Names the subscription.
    pub subscription: i64,
    /// The first day of the month.
    pub month: Date,
    /// What is due more than was charged; below zero when less is due.
    pub amount: Amount,
    /// How much of it discounts took off; below zero when a fee that was not paid in full is given back.
    pub given_back: Amount,
    /// The place of its line, unless nothing of it had been paid.
    pub line: Option<usize>,
}

/// What a month comes to, and what must be remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// What is charged, in the order shown.
    pub lines: Vec<InvoiceLine>,
    /// What each subscription is charged for a month.
    pub fees: Vec<Fee>,
    /// What each discount took off.
    pub discounts: Vec<(i64, Amount)>,
}

/// Why a month cannot be billed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// A sum does not fit an amount.
    #[error("a sum does not fit an amount")]
    TooLarge,
    /// Nobody said what tax is due on that day.
    #[error("no {0} tax rate is known on {1}")]
    NoTaxRate(TaxClass, Date),
}

/// Bills a month. A bill without lines is of a month with nothing to charge.
pub fn bill(known: &Known<'_>) -> Result<Bill, BillError> {
    let mut bill = Bill::default();
    for span in known.plans {
        fees::fees(known, span, &mut bill)?;
    }
    for one_off in known.one_offs {
        let line = Draft::new(LineKind::OneOff, one_off.description.to_owned(), one_off.amount);
        // What missed its own month is taxed as it would have been there.
        let day = Days { first: one_off.day, last: one_off.day };
        let days = Some(day).filter(|day| day.last < known.period.first_day);
        bill.lines.push(known.line(Draft { class: one_off.tax_class, days, ..line })?);
    }
    usage(known, &mut bill)?;
    for (place, span) in known.plans.iter().enumerate() {
        // Who comes back to a plan within a month owes its least once.
        let first = known.plans.iter().position(|other| other.plan == span.plan);
        if first == Some(place) {
            least::commitment(known, span, &mut bill)?;
        }
    }
    if bill.lines.is_empty()
        && known.zero
        && let Some(span) = known.plans.iter().find(|span| held(known, span, known.period).is_some())
    {
        let words = words(known.language).monthly_fee.replace("{plan}", span.name);
        bill.lines.push(known.line(Draft::new(LineKind::Fee, words, Amount::ZERO))?);
    }
    bill.lines.sort_by(|one, other| order(one).cmp(&order(other)));
    for discount in known.discounts {
        reduce(known, discount, &mut bill)?;
    }
    Ok(bill)
}

/// Fees in the order of the plans, then what was charged once, then calls by destination.
fn order(line: &InvoiceLine) -> (LineKind, Option<&str>) {
    let by_name = matches!(line.kind, LineKind::Usage | LineKind::LateUsage);
    (line.kind, by_name.then_some(line.description.as_str()))
}

/// A line before its tax is known.
struct Draft {
    kind: LineKind,
    description: String,
    net: Amount,
    class: TaxClass,
    days: Option<Days>,
    counts: (u64, u64, u64),
}

impl Draft {
    fn new(kind: LineKind, description: String, net: Amount) -> Self {
        Self { kind, description, net, class: TaxClass::Standard, days: None, counts: (0, 0, 0) }
    }
}

impl Known<'_> {
    /// The line with its tax: at the rate of the last day that it is for.
    fn line(&self, draft: Draft) -> Result<InvoiceLine, BillError> {
        let Draft { kind, description, net, class, days, counts: (calls, seconds, included_seconds) } = draft;
        let day = days.map_or(self.period.last_day(), |days| days.last);
        let rate = match self.treatment {
            TaxTreatment::Standard => (self.rates)(class, day).ok_or(BillError::NoTaxRate(class, day))?,
            TaxTreatment::Exempt | TaxTreatment::ReverseCharge => TaxRate::ZERO,
        };
        let (tax_category, tax_rate) = self.treatment.apply(rate);
        let net = net.to_minor_unit(self.currency).ok_or(BillError::TooLarge)?;
        Ok(InvoiceLine {
            kind,
            description,
            calls,
            seconds,
            included_seconds,
            net,
            tax_category,
            tax_rate,
            days,
        })
    }
}

/// The days of a month that a plan counts for.
fn held(known: &Known<'_>, span: &PlanSpan<'_>, month: Period) -> Option<Days> {
    let whole = span.from <= month.starts_at && span.to.is_none_or(|to| to >= month.ends_at);
    if whole {
        return Some(Days { first: month.first_day, last: month.last_day() });
    }
    if span.from >= month.ends_at || span.to.is_some_and(|to| to <= month.starts_at) {
        return None;
    }
    days_held(span.from, span.to, month, known.calendar.zone_of(month.first_day))
}

/// What a plan costs for a month: the part of the days it counts for or, if it is not to be divided, the
/// whole if it counts for the last.
fn due(known: &Known<'_>, span: &PlanSpan<'_>, days: Option<Days>, month: Period) -> Option<Amount> {
    let Some(days) = days else { return Some(Amount::ZERO) };
    if span.terms.prorate_fee {
        return prorated(span.monthly_fee, DaysOfMonth::of(days)?, known.currency);
    }
    if days.last == month.last_day() {
        return span.monthly_fee.to_minor_unit(known.currency);
    }
    Some(Amount::ZERO)
}

/// What is one line of usage: the month of late calls, its name, and the plan's pricing if one prices it.
type Group = (Option<Date>, String, Option<(i64, usize)>);

/// A line for each destination, late ones apart, and one for each month pricing.
fn usage(known: &Known<'_>, bill: &mut Bill) -> Result<(), BillError> {
    let mut sums: BTreeMap<Group, Sum> = BTreeMap::new();
    for used in known.usage {
        let (name, pricing) = match month_pricing(known, used) {
            Some(pricing) => (pricing.name.clone(), used.month_pricing.map(|place| (used.plan, place))),
            None => (used.destination.clone(), None),
        };
        let sum = sums.entry((used.late.map(|late| late.month), name, pricing)).or_default();
        sum.add(used).ok_or(BillError::TooLarge)?;
    }
    for ((late, description, pricing), sum) in sums {
        let net = match pricing {
            None => Some(sum.amount),
            Some((plan, place)) => {
                let span = known.plans.iter().find(|span| span.plan == plan);
                let pricing = span.and_then(|span| span.terms.usage_pricing.get(place));
                let seconds = sum.seconds.saturating_sub(sum.included_seconds);
                pricing.and_then(|pricing| pricing.model.price_of_late(sum.before, seconds, known.currency))
            }
        };
        let kind = if late.is_some() { LineKind::LateUsage } else { LineKind::Usage };
        let line = Draft::new(kind, description, net.ok_or(BillError::TooLarge)?);
        let counts = (sum.calls, sum.seconds, sum.included_seconds);
        bill.lines.push(known.line(Draft { days: sum.days, counts, ..line })?);
    }
    Ok(())
}

fn month_pricing<'a>(known: &Known<'a>, used: &Usage) -> Option<&'a crate::usage_pricing::UsagePricing> {
    let span = known.plans.iter().find(|span| span.plan == used.plan)?;
    span.terms.usage_pricing.get(used.month_pricing?)
}

#[derive(Default)]
struct Sum {
    calls: u64,
    seconds: u64,
    included_seconds: u64,
    before: u64,
    amount: Amount,
    days: Option<Days>,
}

impl Sum {
    fn add(&mut self, used: &Usage) -> Option<()> {
        self.calls = self.calls.checked_add(used.calls)?;
        self.seconds = self.seconds.checked_add(used.seconds)?;
        self.included_seconds = self.included_seconds.checked_add(used.included_seconds)?;
        // The same for every destination of a pricing.
        self.before = used.seconds_before;
        self.amount = self.amount.checked_add(used.amount)?;
        if let Some(Late { days: Days { first, last }, .. }) = used.late {
            let known = self.days.unwrap_or(Days { first, last });
            self.days = Some(Days { first: known.first.min(first), last: known.last.max(last) });
        }
        Some(())
    }
}

fn reduce(known: &Known<'_>, discount: &Discount<'_>, bill: &mut Bill) -> Result<(), BillError> {
    let Discount { terms, begins, uses, .. } = *discount;
    if !terms.duration.in_force(begins, known.period.first_day, uses) {
        return Ok(());
    }
    let taken = discount::reduction(terms, &bill.lines, known.currency).ok_or(BillError::TooLarge)?;
    let mut sum = Amount::ZERO;
    for (tax_category, tax_rate, amount) in taken.into_iter().filter(|(.., amount)| *amount > Amount::ZERO) {
        sum = sum.checked_add(amount).ok_or(BillError::TooLarge)?;
        fees::share(known, terms, bill, (tax_category, tax_rate), amount)?;
        bill.lines.push(InvoiceLine {
            kind: LineKind::Discount,
            description: discount.description.to_owned(),
            calls: 0,
            seconds: 0,
            included_seconds: 0,
            net: Amount::from_micros(amount.micros().saturating_neg()),
            tax_category,
            tax_rate,
            days: None,
        });
    }
    if sum > Amount::ZERO {
        bill.discounts.push((discount.discount, sum));
    }
    Ok(())
}

/// What lines say, in a language.
struct Words {
    monthly_fee: &'static str,
    fee_corrected: &'static str,
    fee_refunded: &'static str,
    commitment: &'static str,
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &Words {
            monthly_fee: "{plan}, monthly fee",
            fee_corrected: "{plan}, monthly fee, correction",
            fee_refunded: "{plan}, monthly fee, refund",
            commitment: "{plan}, up to the monthly minimum",
        },
        Language::De => &Words {
            monthly_fee: "{plan}, Grundpreis",
            fee_corrected: "{plan}, Grundpreis, Berichtigung",
            fee_refunded: "{plan}, Grundpreis, Erstattung",
            commitment: "{plan}, bis zum Mindestumsatz",
        },
    }
}
