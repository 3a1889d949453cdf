//! Who pays for a record, for what, on which plan? Or: what keeps it from being charged?

use std::sync::Arc;

use calculation::call::{Billable, Free, Limits, Verdict, judge};
use calculation::cdr::{Cdr, ChargedParty, Direction, Disposition, Flaw, Reason};
use calculation::phone_number::{Dialled, Region, dialled, region_of};
use jiff::Timestamp;

use super::directory::{Account, Directory};
use crate::id::{CustomerId, NOBODY};
use crate::plans::Plan;
use crate::tariffs::Version;

/// A sound record, ready to be charged.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "`record_id` is the field\'s standard name")]
pub struct Record {
    pub customer: CustomerId,
    pub record_id: String,
    pub call_id: String,
    pub caller: String,
    pub called: String,
    /// What was dialled, if it was understood, and as text.
    pub dialled: Option<Dialled>,
    pub number: Option<String>,
    pub disposition: Disposition,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    pub fate: Fate,
}

/// What is to become of a record.
#[derive(Debug)]
pub enum Fate {
    Free(Free),
    Bill(Bill),
    /// It cannot be charged, unless it was before.
    Suspend(Flaw),
}

/// All that rating a call needs.
#[derive(Debug)]
pub struct Bill {
    pub billable: Billable,
    pub account: Arc<Account>,
    pub plan: Arc<Plan>,
    pub version: Version,
}

/// Where records are judged: by whom they were made, who exists, and when it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bench<'a> {
    pub directory: &'a Directory,
    /// The region in which the source writes calling numbers without a country code.
    pub region: Option<Region>,
    pub limits: Limits,
    pub now: Timestamp,
}

/// Resolves a record. What is asked first is refused first: the times, then who pays, then what was
/// dialled, then the plan, then the price list.
pub(super) fn resolve(cdr: &Cdr<'_>, bench: Bench<'_>) -> Result<Record, Flaw> {
    check_text(cdr)?;
    let verdict = judge(cdr, bench.now, bench.limits)?;
    let at = cdr.answer.unwrap_or(cdr.start);
    let charged = charged_number(cdr, bench.region);
    let customer = find_customer(cdr, charged, at, bench.directory);
    let account = customer.and_then(|id| bench.directory.account(id));
    // What begins with + means the same everywhere; only other forms ask for the caller's region.
    let region = if cdr.called_number.starts_with('+') {
        None
    } else {
        region_of_caller(charged, customer, account, at, bench)
    };
    let called = dialled(&cdr.called_number, region);
    let fate = match verdict {
        Verdict::Free(free) => Fate::Free(free),
        Verdict::Billable(_) if matches!(called, Ok(Dialled::Emergency(_))) => Fate::Free(Free::Emergency),
        Verdict::Billable(billable) => {
            let account = account.ok_or_else(|| unknown_customer(cdr))?;
            let billed = match called {
                Ok(_) => bill(billable, account, bench.directory),
                Err(reason) => Err(Flaw::new(Reason::NotANumber, "called_number", reason.to_string())),
            };
            billed.map_or_else(Fate::Suspend, Fate::Bill)
        }
    };
    Ok(Record {
        customer: customer.unwrap_or(NOBODY),
        record_id: cdr.record_id.clone().into_owned(),
        call_id: cdr.call_id.clone().into_owned(),
        caller: cdr.calling_number.clone().into_owned(),
        called: cdr.called_number.clone().into_owned(),
        dialled: called.ok(),
        number: called.ok().map(|dialled| dialled.to_string()),
        disposition: cdr.disposition,
        started_at: cdr.start,
        answered_at: cdr.answer,
        ended_at: cdr.end,
        fate,
    })
}

fn bill(billable: Billable, account: &Arc<Account>, directory: &Directory) -> Result<Bill, Flaw> {
    let at = billable.answered_at;
    let plan = account.plan(at).ok_or_else(|| {
        let message =
            format!("the customer is on no plan at {at}: subscribe them and import the record again");
        Flaw::new(Reason::NoSubscription, "calling_number", message)
    })?;
    let version = directory.tariff(plan, at).ok_or_else(|| {
        let message =
            format!("plan `{}` has no tariff in force at {at}: publish one from then on", plan.name);
        Flaw::new(Reason::NoRate, "called_number", message)
    })?;
    Ok(Bill { billable, account: account.clone(), plan: plan.clone(), version: version.clone() })
}

/// The number that pays or, of a call that nobody pays for, whose history it belongs to.
fn charged_number(cdr: &Cdr<'_>, region: Option<Region>) -> Option<Dialled> {
    let text = match (cdr.charged_party, cdr.direction) {
        (ChargedParty::Redirecting, _) => cdr.redirecting_number.as_deref().unwrap_or_default(),
        (ChargedParty::Called, _) | (ChargedParty::Calling, Direction::Inbound) => &cdr.called_number,
        (ChargedParty::Calling, _) => &cdr.calling_number,
    };
    dialled(text, region).ok()
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

fn unknown_customer(cdr: &Cdr<'_>) -> Flaw {
    let remedy = "create the customer or line, valid at that time, and import the record again";
    if let Some(reference) = cdr.account_ref.as_deref() {
        let message = format!("no customer has the reference `{}`: {remedy}", shortened(reference));
        return Flaw::new(Reason::UnknownNumber, "account_ref", message);
    }
    let number = match cdr.charged_party {
        ChargedParty::Calling => &cdr.calling_number,
        ChargedParty::Called => &cdr.called_number,
        ChargedParty::Redirecting => return unknown_redirecting(remedy),
    };
    let message = format!("no customer holds the charged number `{}`: {remedy}", shortened(number));
    Flaw::new(Reason::UnknownNumber, "calling_number", message)
}

fn unknown_redirecting(remedy: &str) -> Flaw {
    let message = format!("no customer holds the redirecting number: {remedy}");
    Flaw::new(Reason::UnknownNumber, "redirecting_number", message)
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
