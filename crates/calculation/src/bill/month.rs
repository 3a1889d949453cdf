//! What was a month charged by its calls, and what is due more or less?
//!
//! The documents are the memory: the month's own invoice, and the lines for it on later ones. What is due less what they show
//! is charged, so that whatever was told in whichever order, a month comes to what it would have come to in time.

use std::collections::{BTreeMap, BTreeSet};

use crate::invoice::{InvoiceLine, LineKind};
use crate::money::{Amount, Currency};

use super::{CallLine, ENGLISH, GERMAN, Known, Reckoned, Reopened, Tax};

/// What a line of a month is, on whichever document it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MonthPart {
    /// Calls to a destination, or of a month pricing, by its name.
    Usage(String),
    /// What is missing to the minimum of the plan of that name.
    Minimum(String),
    /// What the discount of that name takes off.
    Discount(String),
}

impl MonthPart {
    /// What an invoice's line is; nothing for fees and one-off charges, which do not depend on calls.
    ///
    /// ```
    /// # use calculation::{bill::MonthPart, invoice::{InvoiceLine, LineKind}};
    /// let line = InvoiceLine {
    ///     kind: LineKind::MinimumCommitment, description: "Basic, bis zum Mindestumsatz, Berichtigung".into(),
    ///     calls: 0, seconds: 0, included_seconds: 0, net: "-5.00".parse()?,
    ///     tax_category: Default::default(), tax_rate: "19".parse()?, days: None,
    /// };
    /// assert_eq!(MonthPart::of(&line), Some(MonthPart::Minimum("Basic".into())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(line: &InvoiceLine) -> Option<Self> {
        let name = &line.description;
        match line.kind {
            LineKind::Usage | LineKind::LateUsage => Some(Self::Usage(name.clone())),
            LineKind::MinimumCommitment => Some(Self::Minimum(plan_of(name).to_owned())),
            LineKind::Discount => Some(Self::Discount(name.clone())),
            LineKind::Fee | LineKind::OneOff => None,
        }
    }
}

/// The plan of a line that adds up to a minimum, in whichever language it was written.
fn plan_of(description: &str) -> &str {
    let forms = [&ENGLISH, &GERMAN].into_iter().flat_map(|words| [words.minimum_corrected, words.minimum]);
    let plan = |form: &str| description.strip_suffix(form.strip_prefix("{plan}")?);
    forms.into_iter().find_map(plan).unwrap_or(description)
}

/// What documents charged for a part of a month, with one tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChargedPart {
    /// What their lines come to, less what was credited because calls were.
    pub amount: Amount,
    /// How much of it was credited for other reasons: of a discount below zero.
    pub credited: Amount,
}

/// What a month was charged by its calls.
pub type MonthCharged = BTreeMap<(MonthPart, Tax), ChargedPart>;

/// What is due of a part of a month more, or below zero less, than was charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which part.
    pub part: MonthPart,
    /// The tax: of what is given back the one that was charged.
    pub tax: Tax,
    /// What is charged or given back.
    pub net: Amount,
    /// The rest of the difference, which credits had settled before.
    pub settled: Amount,
}

/// What a reckoning comes to, by part: plans and discounts of one name together.
pub fn due_of(
    known: &Known<'_>,
    discounts: &[super::Discount<'_>],
    reckoned: &Reckoned,
) -> Option<BTreeMap<(MonthPart, Tax), Amount>> {
    let mut due: BTreeMap<_, Amount> = BTreeMap::new();
    for ((line, tax), reckoned) in reckoned {
        let sum = due.entry((part_of(known, discounts, line), *tax)).or_default();
        *sum = sum.checked_add(reckoned.net)?;
    }
    Some(due)
}

pub(super) fn part_of(known: &Known<'_>, discounts: &[super::Discount<'_>], line: &CallLine) -> MonthPart {
    match line {
        CallLine::Usage { name, .. } => MonthPart::Usage(name.clone()),
        CallLine::Minimum(plan) => {
            let span = known.plans.iter().find(|span| span.plan == *plan);
            MonthPart::Minimum(span.map_or_else(String::new, |span| span.name.to_owned()))
        }
        CallLine::Discount(id) => {
            let discount = discounts.iter().find(|discount| discount.discount == *id);
            MonthPart::Discount(discount.map_or_else(String::new, |known| known.description.to_owned()))
        }
    }
}

/// What is due more or less than was charged, part by part. Nothing when a difference does not fit.
///
/// What was charged keeps its tax: of a part that is due with another tax by now, only the difference of the sums is changed. What
/// is given back of a part that was credited is given back as far as it was not.
pub fn changes(
    due: &BTreeMap<(MonthPart, Tax), Amount>,
    charged: &MonthCharged,
    currency: Currency,
) -> Option<Vec<Change>> {
    let keys: BTreeSet<_> = due.keys().chain(charged.keys()).collect();
    let mut changes = Vec::new();
    let mut keys = keys.into_iter().peekable();
    while let Some((part, _)) = keys.peek().copied() {
        let mut taxes = Vec::new();
        while let Some(key) = keys.next_if(|(other, _)| other == part) {
            let before = charged.get(key).copied().unwrap_or_default();
            let due = due.get(key).copied().unwrap_or_default();
            taxes.push((key.1, before, due.checked_sub(before.amount)?));
        }
        let mut left = Amount::sum(taxes.iter().map(|(.., more)| *more))?;
        // Of what is given back the last first.
        for (tax, before, more) in taxes.into_iter().rev() {
            let part_of_it = if left > Amount::ZERO {
                more.min(left).max(Amount::ZERO)
            } else {
                more.max(left).min(Amount::ZERO)
            };
            left = left.checked_sub(part_of_it)?;
            let change = change((part, tax), before, part_of_it, currency)?;
            changes.extend(Some(change).filter(|change| !change.is_none()));
        }
    }
    Some(changes)
}

fn change(
    (part, tax): (&MonthPart, Tax),
    before: ChargedPart,
    more: Amount,
    currency: Currency,
) -> Option<Change> {
    // Discounts as if they were charges: all signs are the other way round.
    let turned = |amount: Amount| match part {
        MonthPart::Discount(_) => negative(amount),
        MonthPart::Usage(_) | MonthPart::Minimum(_) => Some(amount),
    };
    let (more, amount, credited) = (turned(more)?, turned(before.amount)?, turned(before.credited)?);
    let mut settled = Amount::ZERO;
    if more < Amount::ZERO && amount > Amount::ZERO {
        let credited = credited.max(Amount::ZERO).min(amount);
        settled = more.max(negative(amount)?).part(credited.micros(), amount.micros(), currency)?;
    }
    // A credit that was taken back had settled what was not given back then.
    settled = settled.checked_sub(credited.min(Amount::ZERO))?;
    Some(Change {
        part: part.clone(),
        tax,
        net: turned(more.checked_sub(settled)?)?,
        settled: turned(settled)?,
    })
}

impl Change {
    fn is_none(&self) -> bool {
        self.net == Amount::ZERO && self.settled == Amount::ZERO
    }
}

fn negative(amount: Amount) -> Option<Amount> {
    Amount::ZERO.checked_sub(amount)
}

impl Reopened<'_> {
    /// What is due more or less of it. Nothing when its lines would only change places.
    pub(super) fn changes(
        &self,
        known: &Known<'_>,
        due: &BTreeMap<(MonthPart, Tax), Amount>,
        charged: &MonthCharged,
    ) -> Option<Vec<Change>> {
        let changes = changes(due, charged, known.currency)?;
        let sum = Amount::sum(changes.iter().map(|change| change.net))?;
        let only_moves = self.late.is_empty()
            && sum == Amount::ZERO
            && changes.iter().any(|change| change.net != Amount::ZERO);
        Some(if only_moves { Vec::new() } else { changes })
    }
}
