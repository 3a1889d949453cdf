//! Who pays for a record, for what, on which plan? Or: what keeps it from being charged?

use std::borrow::Cow;
use std::sync::Arc;

use calculation::allowance::Allowance;
use calculation::call::{Billable, Free, Limits, Verdict, judge};
use calculation::cdr::{Cdr, ChargedParty, Direction, Disposition, Flaw, Leg, Reason, Warning, Warnings};
use calculation::fee::prorated_seconds;
use calculation::money::{Amount, Exact};
use calculation::period::Period;
use calculation::phone_number::{
    Dialled, E164, NumberForm, Region, dialled_as, emergency_dialled, is_shortened, region_of,
};
use calculation::rating::{self, Caller, Charge};
use jiff::Timestamp;

use super::assigned::Assigned;
use super::directory::{Account, Directory};
use super::texts::Texts;
use crate::id::{CustomerId, NOBODY};
use crate::plans::{Payment, Plan};
use crate::tariffs::Version;

/// A sound record, ready to be charged.
#[derive(Debug)]
pub struct Record {
    pub customer: CustomerId,
    texts: Texts,
    /// The line that pays, if it was understood.
    pub line: Option<E164>,
    /// Where what was dialled was read, unless it means the same everywhere.
    pub region: Option<Region>,
    /// What was dialled, if it was understood.
    pub dialled: Option<Dialled>,
    pub disposition: Disposition,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    pub(crate) talk_seconds: u32,
    /// Whether balances may have paid the call while it happened.
    pub(crate) reconciles: bool,
    /// Whether the switch itself named the call.
    pub(super) names_call: bool,
    pub(super) leg: Leg,
    charged_party: ChargedParty,
    /// Its id as it was written, when blanks stood at its ends.
    written_id: Option<Box<str>>,
    /// What was unusual about it.
    pub(crate) warnings: Warnings,
    pub fate: Fate,
}

/// What is to become of a record.
#[derive(Debug)]
pub enum Fate {
    Free(Free),
    Bill(Bill),
}

/// All that rating a call needs.
#[derive(Debug)]
pub struct Bill {
    pub billable: Billable,
    pub account: Arc<Account>,
    /// Places instead of pointers: a count of pointers that two threads change slows both.
    plan: usize,
    version: usize,
    /// The charge, when nothing but the record decides it; without when allowances are counted first.
    rated: Option<Rated>,
}

/// A charge, with the place of its rate in the tariff.
#[derive(Debug)]
struct Rated {
    rate: usize,
    billed_seconds: u32,
    exact: Exact,
    amount: Amount,
}

/// Where records are judged: by whom they were made, who exists, and when it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bench<'a> {
    pub directory: &'a Directory,
    /// The region in which the source writes calling numbers without a country code.
    pub region: Option<Region>,
    /// How the source writes numbers.
    pub form: NumberForm,
    pub assigned: &'a Assigned,
    pub limits: Limits,
    pub now: Timestamp,
}

/// Resolves a record. What is asked first is refused first: the times, then who pays, then what was
/// dialled, then the plan, then the price list.
pub(super) fn resolve(cdr: &Cdr<'_>, bench: Bench<'_>) -> Result<Record, Flaw> {
    check_text(cdr)?;
    let mut warnings = cdr.warnings;
    let verdict = judge(cdr, bench.now, bench.limits, &mut warnings)?;
    let at = cdr.answer.unwrap_or(cdr.start);
    let charged = charged_number(cdr, bench);
    let customer = find_customer(cdr, charged, at, bench.directory);
    let account = customer.and_then(|id| bench.directory.account(id));
    // What begins with + means the same everywhere; only other forms ask for the caller's region.
    let region = if cdr.called_number.starts_with('+') {
        None
    } else {
        region_of_caller(charged, customer, account, at, bench)
    };
    let called = dialled_as(&cdr.called_number, region, bench.form);
    let fate = match verdict {
        Verdict::Free(free, _) => {
            if free == Free::Internal && leaves_the_switch(called.as_ref().ok(), at, bench) {
                warnings.add(Warning::InternalToOutside);
            }
            Fate::Free(free)
        }
        Verdict::Billable(_) if matches!(called, Ok(Dialled::Emergency(_))) => Fate::Free(Free::Emergency),
        Verdict::Billable(billable) => {
            let account = account.ok_or_else(|| unknown_customer(cdr, at, bench))?;
            match called {
                // A number of the switch's own that would be an emergency call behind the digit for a line: never priced.
                Ok(Dialled::Short(_)) if emergency_dialled(&cdr.called_number, region).is_some() => {
                    let called = shortened(&cdr.called_number);
                    let message = format!(
                        "`{called}` may be an emergency call behind the digit for an outside line: name that digit \
                         (--outside-digit) and import again"
                    );
                    return Err(Flaw::new(Reason::NotANumber, "called_number", message));
                }
                Ok(dialled) => {
                    let bill = bill(billable, account, &dialled)?;
                    warnings.add_all(unusual_number(&cdr.called_number, dialled, bench.assigned));
                    Fate::Bill(bill)
                }
                Err(reason) => {
                    let message = match &*cdr.called_number {
                        "" => reason.to_string(),
                        called => format!("`{}`: {reason}", shortened(called)),
                    };
                    return Err(Flaw::new(Reason::NotANumber, "called_number", message));
                }
            }
        }
    };
    Ok(Record {
        customer: customer.unwrap_or(NOBODY),
        texts: Texts::of(cdr, called.ok()),
        line: charged.and_then(|charged| match charged {
            Dialled::Number(number) => Some(number),
            Dialled::Emergency(_) | Dialled::Short(_) => None,
        }),
        region,
        dialled: called.ok(),
        disposition: cdr.disposition,
        started_at: cdr.start,
        answered_at: cdr.answer,
        ended_at: cdr.end,
        talk_seconds: match verdict {
            Verdict::Free(_, talk_seconds) => talk_seconds,
            Verdict::Billable(billable) => billable.talk_seconds,
        },
        reconciles: account.is_some_and(|account| account.was_prepaid()),
        names_call: cdr.names_call,
        leg: cdr.leg,
        charged_party: cdr.charged_party,
        written_id: cdr.written_id.as_deref().map(Box::from),
        warnings,
        fate,
    })
}

impl Record {
    pub fn record_id(&self) -> &str {
        self.texts.at(0)
    }

    /// Gives it another id.
    pub(super) fn rename(&mut self, record_id: &str) {
        self.texts.rename(record_id);
    }

    pub fn call_id(&self) -> &str {
        self.texts.at(1)
    }

    /// The key of a further talk of the same call to the same number.
    pub(super) fn second_id(&self) -> Option<&str> {
        Some(self.texts.at(4)).filter(|id| !id.is_empty())
    }

    /// Its id as it was written, when blanks stood at its ends.
    pub(super) fn written_id(&self) -> Option<&str> {
        self.written_id.as_deref()
    }

    /// Whose number pays, when it is not the caller's.
    pub(crate) fn other_party(&self) -> Option<&'static str> {
        (self.charged_party != ChargedParty::Calling).then(|| self.charged_party.word())
    }

    pub fn caller(&self) -> &str {
        self.texts.at(2)
    }

    pub fn called(&self) -> &str {
        self.texts.at(3)
    }

    /// What was dialled, as text, if it was understood.
    pub fn number(&self) -> Option<&str> {
        self.dialled.is_some().then(|| self.texts.at(5))
    }
}

impl Bill {
    /// The allowances of a month: whole, or the part for the days that the customer is on the plan.
    pub fn allowances(&self, month: Period) -> Cow<'_, [Allowance]> {
        let plan = self.plan();
        let part = plan.terms.prorate_allowances.then(|| self.account.days_on(plan.id, month)).flatten();
        let Some(part) = part.filter(|part| part.held() < part.days_in_month()) else {
            return Cow::Borrowed(&plan.allowances);
        };
        let parts = plan.allowances.iter().cloned().map(|allowance| {
            let seconds = prorated_seconds(allowance.seconds, part);
            Allowance { seconds, ..allowance }
        });
        Cow::Owned(parts.collect())
    }

    /// The spending cap that the charge counts against.
    pub fn spending_cap(&self) -> Option<Amount> {
        self.account.spending_cap.or(self.plan().terms.spending_cap)
    }

    /// Whether it takes from allowances, which are counted.
    pub fn counts(&self) -> bool {
        !self.plan().allowances.is_empty() && !self.is_prepaid()
    }

    /// Whether balances pay it.
    pub fn is_prepaid(&self) -> bool {
        self.plan().payment == Payment::Prepaid
    }

    pub fn plan(&self) -> &Plan {
        &self.account.plan(self.plan).plan
    }

    pub fn version(&self) -> &Version {
        self.account.plan(self.plan).version(self.version)
    }

    /// The charge, unless allowances must be counted first.
    pub fn charge(&self) -> Option<Charge<'_>> {
        let Rated { rate, billed_seconds, exact, amount } = *self.rated.as_ref()?;
        let rate = self.version().tariff.rates().get(rate)?;
        Some(Charge { rate, billed_seconds, taken: Vec::new(), exact, amount, month_pricing: None })
    }
}

/// Whether a call that was free as internal names a number that nobody of ours holds.
fn leaves_the_switch(called: Option<&Dialled>, at: Timestamp, bench: Bench<'_>) -> bool {
    match called {
        Some(Dialled::Number(number)) => bench.directory.holder(*number, at).is_none(),
        _ => false,
    }
}

/// Finds plan and price list and, if no allowance is to be counted, the charge.
fn bill(billable: Billable, account: &Arc<Account>, dialled: &Dialled) -> Result<Bill, Flaw> {
    let at = billable.answered_at;
    let plan = account.place_of_plan(at).ok_or_else(|| {
        let message =
            format!("the customer is on no plan at {at}: subscribe them and import the record again");
        Flaw::new(Reason::NoSubscription, "calling_number", message)
    })?;
    let subscribed = account.plan(plan);
    let version = subscribed.place_of_version(at).ok_or_else(|| {
        let message = format!(
            "plan `{}` has no tariff in force at {at}: publish one from then on",
            subscribed.plan.name
        );
        Flaw::new(Reason::NoRate, "called_number", message)
    })?;
    let mut rated = None;
    let Plan { allowances, terms, payment, .. } = &*subscribed.plan;
    if allowances.is_empty() && terms.usage_pricing.is_empty() && *payment == Payment::Postpaid {
        let tariff = &subscribed.version(version).tariff;
        let caller = Caller { zone: account.zone(at), allowances: &[], used: &[], usage_pricing: &[] };
        let charge = rating::rate(tariff, caller, dialled, billable)?;
        let Charge { billed_seconds, exact, amount, .. } = charge;
        let place = tariff.rates().element_offset(charge.rate);
        rated = place.map(|rate| Rated { rate, billed_seconds, exact, amount });
    }
    Ok(Bill { billable, account: account.clone(), plan, version, rated })
}

/// The number that pays or, of a call that nobody pays for, whose history it belongs to.
fn charged_number(cdr: &Cdr<'_>, bench: Bench<'_>) -> Option<Dialled> {
    held_number(charged_text(cdr), bench.region, bench.form)
}

/// The same as the record writes it.
pub(super) fn charged_text<'c>(cdr: &'c Cdr<'_>) -> &'c str {
    match (cdr.charged_party, cdr.direction) {
        // The caller of what only passes through is somebody else's customer.
        (ChargedParty::Redirecting, _) | (ChargedParty::Calling, Direction::Transit) => {
            cdr.redirecting_number.as_deref().unwrap_or_default()
        }
        (ChargedParty::Called, _) | (ChargedParty::Calling, Direction::Inbound) => &cdr.called_number,
        (ChargedParty::Calling, _) => &cdr.calling_number,
    }
}

/// A number that a customer may hold. It was not dialled, so no digit for an outside line stands before it, and
/// whether a plan has such numbers is not asked of one that somebody holds.
pub(super) fn held_number(text: &str, region: Option<Region>, form: NumberForm) -> Option<Dialled> {
    let form = NumberForm { outside_digit: None, ..form };
    let read = dialled_as(text, region, form).ok();
    read.or_else(|| text.parse().ok().map(Dialled::Number))
}

/// What is unusual about the number that is charged.
fn unusual_number(called: &str, dialled: Dialled, assigned: &Assigned) -> Warnings {
    let mut warnings = Warnings::default();
    if let Dialled::Number(number) = dialled {
        if !assigned.has(number) {
            warnings.add(Warning::UnassignedNumber);
        }
        if is_shortened(called, number) {
            warnings.add(Warning::TrunkPrefixDropped);
        }
    }
    warnings
}

/// The account that the switch names, else the holder of the number.
fn find_customer(
    cdr: &Cdr<'_>,
    charged: Option<Dialled>,
    at: Timestamp,
    directory: &Directory,
) -> Option<CustomerId> {
    let named = cdr.account_ref.as_deref().and_then(|reference| directory.named(reference));
    named.or_else(|| match charged? {
        Dialled::Number(number) => directory.holder(number, at),
        Dialled::Emergency(_) | Dialled::Short(_) => None,
    })
}

fn region_of_caller(
    charged: Option<Dialled>,
    customer: Option<CustomerId>,
    account: Option<&Arc<Account>>,
    at: Timestamp,
    bench: Bench<'_>,
) -> Option<Region> {
    // A customer may hold lines in several countries: the one that is charged decides.
    let own_line = |charged| match charged {
        Dialled::Number(number) if bench.directory.holder(number, at) == customer => region_of(number),
        _ => None,
    };
    match account {
        Some(account) => charged.and_then(own_line).or(account.region),
        None => bench.region,
    }
}

fn unknown_customer(cdr: &Cdr<'_>, at: Timestamp, bench: Bench<'_>) -> Flaw {
    let remedy = "create the customer or line, valid at that time, and import the record again";
    let unknown = |field, message| Flaw::new(Reason::UnknownNumber, field, message);
    if let Some(reference) = cdr.account_ref.as_deref() {
        let message = format!("no customer has the reference `{}`: {remedy}", shortened(reference));
        return unknown("account_ref", message);
    }
    let redirecting = cdr.redirecting_number.as_deref().unwrap_or_default();
    match (cdr.charged_party, cdr.direction) {
        (ChargedParty::Calling, Direction::Transit) if redirecting.is_empty() => {
            let message = "the call went from trunk to trunk and names neither the account nor the redirecting number \
                           that pays: have the switch write one of them, and import the record again";
            unknown("account_ref", message.to_owned())
        }
        (ChargedParty::Redirecting, _) | (ChargedParty::Calling, Direction::Transit) => {
            let message =
                format!("no customer holds the redirecting number `{}`: {remedy}", shortened(redirecting));
            unknown("redirecting_number", message)
        }
        (ChargedParty::Called, _) => {
            let number = shortened(&cdr.called_number);
            unknown("called_number", format!("no customer holds the charged number `{number}`: {remedy}"))
        }
        (ChargedParty::Calling, _) => {
            let number = shortened(&cdr.calling_number);
            let forwarded = match held_number(redirecting, bench.region, bench.form) {
                Some(Dialled::Number(number)) => bench.directory.holder(number, at).is_some(),
                _ => false,
            };
            if forwarded {
                let message = format!(
                    "no customer holds the calling number `{number}`, but the redirecting number `{}` is a customer's: \
                     send `charged_party` redirecting and import the record again",
                    shortened(redirecting)
                );
                return unknown("charged_party", message);
            }
            unknown("calling_number", format!("no customer holds the charged number `{number}`: {remedy}"))
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// No database keeps a NUL in text.
fn check_text(cdr: &Cdr<'_>) -> Result<(), Flaw> {
    let texts = [&cdr.record_id, &cdr.call_id, &cdr.calling_number, &cdr.called_number];
    if texts.into_iter().chain(&cdr.account_ref).any(|text| text.contains('\0')) {
        return Err(Flaw::new(Reason::MalformedLine, "line", "a NUL character in a text: repair the export"));
    }
    Ok(())
}
