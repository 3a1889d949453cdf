//! One pass over a batch in memory: what becomes of each record if those that are stored are there already?

use std::collections::HashMap;

use calculation::cdr::{Flaw, Reason};
use calculation::money::Amount;
use calculation::period::Period;
use calculation::rating::{self, Caller, Charge};
use jiff::Timestamp;

use super::charge::{Batch, Charging, Held, Outcome, Stored, Uses};
use super::resolve::{Bill, Fate, Record};
use super::spending::{self, Spent};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::ImportId;
use crate::sessions::{Cost, Reconciling};

/// A record's charge and the month it is invoiced with.
#[derive(Debug)]
pub(super) struct Charged<'b> {
    pub bill: &'b Bill,
    pub charge: Charge<'b>,
    /// Billed seconds that allowances or prepaid seconds covered.
    pub included_seconds: u32,
    pub period_start: Timestamp,
    /// The month it belongs to, when that was invoiced already.
    pub late_for: Option<Timestamp>,
}

/// One pass over a batch: what becomes of each record if those in `stored` are there already.
pub(super) struct Pass<'b> {
    batch: &'b Batch,
    pub outcomes: Vec<Outcome>,
    /// The charge of each record that has one.
    charged: Vec<Option<Charged<'b>>>,
    used: Uses,
    pub prepaid: Reconciling,
    clock: &'b Clock,
}

/// A record to be stored, and its charge if it has one.
pub(super) struct CallRow<'p> {
    pub source: &'p str,
    pub import: Option<ImportId>,
    pub hash: &'p Hash,
    pub record: &'p Record,
    pub outcome: &'static str,
    pub charged: Option<&'p Charged<'p>>,
}

impl<'b> Pass<'b> {
    pub(super) fn over(
        batch: &'b Batch,
        run: &mut Charging,
        held: &Held,
        stored: &Stored,
        clock: &'b Clock,
    ) -> Result<Self> {
        let length = batch.incoming.len();
        let (outcomes, charged) = (Vec::with_capacity(length), Vec::with_capacity(length));
        let (used, prepaid) = (held.used.clone(), held.prepaid.clone());
        let mut pass = Self { batch, outcomes, charged, used, prepaid, clock };
        let mut keys: HashMap<&str, Hash> = HashMap::with_capacity(length);
        keys.extend(stored.iter().map(|(id, hash)| (id.as_str(), *hash)));
        for incoming in &batch.incoming {
            let mut charged = None;
            let before = incoming.record_id().and_then(|id| keys.get(id));
            let outcome = match (before, &incoming.record) {
                (Some(before), _) => again(*before, incoming.hash),
                (None, Err(flaw)) => Outcome::Suspended(flaw.clone()),
                (None, Ok(record)) => {
                    let decided = match &record.fate {
                        Fate::Free(free) => {
                            pass.prepaid.free(record, *free, clock)?;
                            Ok(Outcome::Free(*free))
                        }
                        Fate::Bill(bill) => pass.rate(run, held, record, bill)?.map(|found| {
                            let (amount, currency) = (found.charge.amount, bill.plan().currency);
                            charged = Some(found);
                            Outcome::Charged { customer: record.customer, amount, currency }
                        }),
                    };
                    if decided.is_ok() {
                        keys.insert(record.record_id(), incoming.hash);
                    }
                    decided.unwrap_or_else(Outcome::Suspended)
                }
            };
            pass.outcomes.push(outcome);
            pass.charged.push(charged);
        }
        Ok(pass)
    }

    /// The allowance counters that this pass moved.
    pub(super) fn changed_uses(&self, held: &Held) -> Uses {
        let moved = self.used.iter().filter(|(key, used)| held.used.get(key) != Some(used));
        moved.map(|(key, used)| (*key, used.clone())).collect()
    }

    /// What this pass charged to customers with a spending cap, by month.
    pub(super) fn spent(&self) -> Result<Spent> {
        let mut spent = Spent::new();
        for charged in self.charged.iter().flatten() {
            let Some(cap) = charged.bill.spending_cap() else { continue };
            let key = (charged.bill.account.id, charged.period_start);
            let (_, sum) = spent.entry(key).or_insert((cap, Amount::ZERO));
            *sum = sum.checked_add(charged.charge.amount).ok_or_else(spending::too_large)?;
        }
        Ok(spent)
    }

    /// The ids of records that would be suspended and may be those of calls.
    pub(super) fn doubtful(&self) -> Vec<&'b str> {
        let decided = self.batch.incoming.iter().zip(&self.outcomes);
        let suspended = decided.filter(|(_, outcome)| matches!(outcome, Outcome::Suspended(_)));
        suspended.filter_map(|(incoming, _)| incoming.record_id()).collect()
    }

    fn rate(
        &mut self,
        run: &mut Charging,
        held: &Held,
        record: &Record,
        bill: &'b Bill,
    ) -> Result<std::result::Result<Charged<'b>, Flaw>> {
        let own = run.month(bill)?;
        if held.is_purged(bill, own) {
            let message = format!(
                "the detail of calls of {} was purged: whether it was charged cannot be told",
                own.month()
            );
            return Ok(Err(Flaw::new(Reason::DetailPurged, "start_time", message)));
        }
        let natural = own.starts_at;
        let (charge, included_seconds) = if bill.is_prepaid() {
            match self.rate_prepaid(&run.source, record, bill)? {
                Ok(rated) => rated,
                Err(flaw) => return Ok(Err(flaw)),
            }
        } else {
            let charge = match bill.charge() {
                Some(charge) => charge,
                None => match self.rate_and_count(record, bill, own)? {
                    Ok(charge) => charge,
                    Err(flaw) => return Ok(Err(flaw)),
                },
            };
            let included_seconds = charge.included_seconds();
            self.prepaid.bill(&run.source, record, self.clock)?;
            (charge, included_seconds)
        };
        let period_start = held.open_month(bill, own)?;
        let late_for = (period_start != natural).then_some(natural);
        Ok(Ok(Charged { bill, charge, included_seconds, period_start, late_for }))
    }

    /// Charges a call that balances pay; answers the billed seconds that balances of seconds covered as well.
    fn rate_prepaid(
        &mut self,
        source: &str,
        record: &Record,
        bill: &'b Bill,
    ) -> Result<std::result::Result<(Charge<'b>, u32), Flaw>> {
        let Some(dialled) = &record.dialled else {
            return Err(Error::Contradiction("a call to be billed without a number".to_owned()));
        };
        let zone = bill.account.zone(bill.billable.answered_at);
        let caller = Caller { zone, allowances: &[], used: &[], usage_pricing: &[] };
        let rated = match rating::rate(&bill.version().tariff, caller, dialled, bill.billable) {
            Ok(rated) => rated,
            Err(flaw) => return Ok(Err(flaw)),
        };
        Ok(self.prepaid.charge(source, record, bill, self.clock)?.map(|cost| {
            let Cost { billed_seconds, included_seconds, exact, amount } = cost;
            (Charge { billed_seconds, exact, amount, ..rated }, included_seconds)
        }))
    }

    /// Charges a call of a plan with allowances or month pricings, and counts what it takes from them.
    fn rate_and_count(
        &mut self,
        record: &Record,
        bill: &'b Bill,
        month: Period,
    ) -> Result<std::result::Result<Charge<'b>, Flaw>> {
        let Some(dialled) = &record.dialled else {
            return Err(Error::Contradiction("a call to be billed without a number".to_owned()));
        };
        let allowances = &*bill.allowances(month);
        let fresh = || vec![0; allowances.len()];
        let used = self.used.entry((record.customer, month.starts_at, bill.plan().id)).or_insert_with(fresh);
        let usage_pricing = &bill.plan().terms.usage_pricing;
        let zone = bill.account.zone(bill.billable.answered_at);
        let caller = Caller { zone, allowances, used, usage_pricing };
        let charge = rating::rate(&bill.version().tariff, caller, dialled, bill.billable);
        for taken in charge.iter().flat_map(|charge| &charge.taken) {
            if let Some(count) = used.get_mut(taken.allowance) {
                *count += u64::from(taken.seconds);
            }
        }
        Ok(charge)
    }

    /// What is to be stored, in the order of the key: neighbours in the index are written together.
    pub(super) fn rows<'p>(&'p self, run: &'p Charging) -> Vec<CallRow<'p>> {
        let decided = self.batch.incoming.iter().zip(&self.outcomes).zip(&self.charged);
        let mut rows: Vec<_> = decided
            .filter_map(|((incoming, outcome), charged)| {
                let record = incoming.record.as_ref().ok()?;
                let outcome = match outcome {
                    Outcome::Charged { .. } => "charged",
                    Outcome::Free(free) => free.code(),
                    Outcome::Duplicate | Outcome::Suspended(_) => return None,
                };
                let (source, import, hash) = (run.source.as_str(), run.import, &incoming.hash);
                Some(CallRow { source, import, hash, record, outcome, charged: charged.as_ref() })
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.record.record_id());
        rows
    }
}

/// A record whose key was there: the same again, or another that claims to be it.
fn again(before: Hash, now: Hash) -> Outcome {
    if before == now {
        return Outcome::Duplicate;
    }
    let message = "a record with this id and other content is there already: if this one is right, send it \
                   under an id of its own; what was charged stays as it is";
    Outcome::Suspended(Flaw::new(Reason::Conflict, "record_id", message))
}
