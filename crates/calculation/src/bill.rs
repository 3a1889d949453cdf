//! What does a customer's month come to, line by line?
//!
//! Fees, usage, minimum commitments and discounts, each with its tax. What is said of an earlier month after it was billed
//! is charged as it would have been there: a fee line is what is due less what was charged before, and late calls cost what
//! their month costs with them less what it cost without (`reopened`). So nothing is charged twice, and no month costs more
//! than it would have cost had it all been known in time.

mod calls;
mod discounts;
mod fees;
mod least;
mod month;
mod reopened;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::discount::DiscountTerms;
use crate::fee::{DaysOfMonth, days_held, prorated};
use crate::invoice::{Days, InvoiceLine, Language, LineKind};
use crate::money::{Amount, Currency};
use crate::period::{Calendar, Period};
use crate::plan_terms::PlanTerms;
use crate::tax::{TaxCategory, TaxClass, TaxRate};

pub use calls::{CallLine, Reckoned, calls_of_month};
pub use month::{Change, ChargedPart, MonthCharged, MonthPart, changes, due_of};

/// Under which category, and at which rate, a line is taxed.
pub type Tax = (TaxCategory, TaxRate);

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
    /// The tax of a class on a day, by where and what the customer was on it.
    pub tax: &'a dyn Fn(TaxClass, Date) -> Option<Tax>,
    /// Earlier months that were billed: their fees are put right if they changed since.
    pub billed: &'a [Period],
    /// The plans the customer is on, paid afterwards.
    pub plans: &'a [PlanSpan<'a>],
    /// What fees were charged before, the oldest first, by the subscription and the first day of the month.
    pub charged: &'a BTreeMap<(i64, Date), Vec<Charged>>,
    /// The month's own calls, added up.
    pub usage: &'a [Usage],
    /// Months that were billed and of which more is known now: earlier ones, and this one when it is billed anew.
    pub reopened: &'a [Reopened<'a>],
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateUsage {
    /// The calls.
    pub used: Usage,
    /// The local days of the first and the last of them.
    pub days: Days,
}

/// A month that was billed before, and of which more is known now.
#[derive(Debug, Clone, Copy)]
pub struct Reopened<'a> {
    /// The month.
    pub period: Period,
    /// The one-off charges that its invoice has.
    pub one_offs: &'a [InvoiceLine],
    /// The calls that were invoiced of it, and not credited since.
    pub before: &'a [Usage],
    /// Those that came late.
    pub late: &'a [LateUsage],
    /// The discounts that it had, the oldest first.
    pub discounts: &'a [Discount<'a>],
    /// What its documents charged by its calls: usage, minimums, discounts.
    pub charged: &'a MonthCharged,
    /// Whether minimums are charged: it was billed here.
    pub has_minimums: bool,
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
    /// Whether the month does not have it: what it took off is taken back.
    pub is_over: bool,
}

/// What a fee was charged for a month, with one tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// The tax it was charged with, if that is known.
    pub tax: Option<Tax>,
    /// What was charged, less what was given back because it was due no more.
    pub amount: Amount,
    /// How much of it discounts took off.
    pub discounted: Amount,
    /// How much of it was credited.
    pub credited: Amount,
    /// The first day of the month whose discounts count for it; unknown of fees that earlier versions charged.
    pub discounts_of: Option<Date>,
}

/// What a bill charges for a fee of a month, to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// The subscription.
    pub subscription: i64,
    /// The first day of the month.
    pub month: Date,
    /// The tax of its line.
    pub tax: Option<Tax>,
    /// The first day of the month whose discounts count for it.
    pub discounts_of: Date,
    /// What is due more than was charged; below zero when less is due.
    pub amount: Amount,
    /// How much of it discounts took off; below zero when what they had taken off is not given back.
    pub discounted: Amount,
    /// Below zero: how much of what is given back had been credited.
    pub credited: Amount,
    /// The place of its line, unless nothing of it had been paid.
    pub line: Option<usize>,
}

/// How much of what a month is charged less credits had given back before: its documents show so much more than was charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The first day of the month.
    pub month: Date,
    /// Which line of it.
    pub part: MonthPart,
    /// Its tax.
    pub tax: Tax,
    /// What is taken off what the documents show, and off what was credited.
    pub amount: Amount,
}

/// What a month comes to, and what must be remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// What is charged, in the order shown.
    pub lines: Vec<InvoiceLine>,
    /// What fees are charged for which month.
    pub remembered: Vec<Remembered>,
    /// What of earlier months credits had settled.
    pub settled: Vec<Settled>,
    /// What each discount took off, earlier months included.
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

/// A line to be, with what is remembered of it.
#[derive(Debug, Clone)]
struct Row {
    line: InvoiceLine,
    /// The first day of the billed month whose discounts it has; those of the month that is billed when absent.
    earlier: Option<Date>,
    remembered: Option<Remembered>,
}

impl Row {
    fn new(line: InvoiceLine) -> Self {
        Self { line, earlier: None, remembered: None }
    }
}

/// Bills a month. A bill without lines is of a month with nothing to charge.
pub fn bill(known: &Known<'_>) -> Result<Bill, BillError> {
    let mut bill = Bill::default();
    let mut rows = Vec::new();
    for span in known.plans {
        fees::fees(known, span, &mut rows, &mut bill)?;
    }
    for one_off in known.one_offs {
        let draft = Draft::new(LineKind::OneOff, one_off.description.to_owned(), one_off.amount);
        let day = Days { first: one_off.day, last: one_off.day };
        // What missed its own month says its day.
        let days = Some(day).filter(|day| day.last < known.period.first_day);
        rows.push(Row::new(known.line(Draft { class: one_off.tax_class, days, ..draft }, one_off.day)?));
    }
    reopened::add(known, &mut rows, &mut bill)?;
    let calls = calls::lines(known, known.period, &known.usage.iter())?;
    if rows.is_empty() && calls.is_empty() && known.zero {
        let held = known.plans.iter().find(|span| held(known, span, known.period).is_some());
        if let Some(span) = held {
            let words = words(known.language).monthly_fee.replace("{plan}", span.name);
            let draft = Draft::new(LineKind::Fee, words, Amount::ZERO);
            rows.push(Row::new(known.line(draft, known.period.last_day())?));
        }
    }
    rows.extend(calls.into_iter().map(|(_, line)| Row::new(line)));
    rows.sort_by(|one, other| order(&one.line).cmp(&order(&other.line)));
    discounts::own(known, &mut rows, &mut bill)?;
    reopened::own(known, &mut rows, &mut bill)?;
    // What earlier months' discounts take off stands last.
    rows.sort_by_key(|row| (row.line.kind == LineKind::Discount).then_some(row.earlier.is_some()));
    for (place, row) in rows.into_iter().enumerate() {
        bill.remembered.extend(row.remembered.map(|kept| Remembered { line: Some(place), ..kept }));
        bill.lines.push(row.line);
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

    /// The line, taxed so.
    fn taxed(self, (tax_category, tax_rate): Tax, currency: Currency) -> Result<InvoiceLine, BillError> {
        let Self { kind, description, net, days, counts: (calls, seconds, included_seconds), .. } = self;
        let net = net.to_minor_unit(currency).ok_or(BillError::TooLarge)?;
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

impl Known<'_> {
    /// The line with the tax of a day.
    fn line(&self, draft: Draft, day: Date) -> Result<InvoiceLine, BillError> {
        let tax = self.tax_on(draft.class, day)?;
        draft.taxed(tax, self.currency)
    }

    fn tax_on(&self, class: TaxClass, day: Date) -> Result<Tax, BillError> {
        (self.tax)(class, day).ok_or(BillError::NoTaxRate(class, day))
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

/// The last day of a month that a plan counts for: what it charges for the month has the tax of this day.
fn last_day(known: &Known<'_>, plan: i64, month: Period) -> Date {
    let spans = known.plans.iter().filter(|span| span.plan == plan);
    let last = spans.filter_map(|span| held(known, span, month)).map(|days| days.last).max();
    last.unwrap_or_else(|| month.last_day())
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

fn minus(from: Amount, amount: Amount) -> Result<Amount, BillError> {
    from.checked_sub(amount).ok_or(BillError::TooLarge)
}

fn negative(amount: Amount) -> Result<Amount, BillError> {
    minus(Amount::ZERO, amount)
}

/// What lines say, in a language.
struct Words {
    monthly_fee: &'static str,
    fee_corrected: &'static str,
    fee_refunded: &'static str,
    minimum: &'static str,
    minimum_corrected: &'static str,
}

const ENGLISH: Words = Words {
    monthly_fee: "{plan}, monthly fee",
    fee_corrected: "{plan}, monthly fee, correction",
    fee_refunded: "{plan}, monthly fee, refund",
    minimum: "{plan}, up to the monthly minimum",
    minimum_corrected: "{plan}, up to the monthly minimum, correction",
};
const GERMAN: Words = Words {
    monthly_fee: "{plan}, Grundpreis",
    fee_corrected: "{plan}, Grundpreis, Berichtigung",
    fee_refunded: "{plan}, Grundpreis, Erstattung",
    minimum: "{plan}, bis zum Mindestumsatz",
    minimum_corrected: "{plan}, bis zum Mindestumsatz, Berichtigung",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::De => &GERMAN,
    }
}
