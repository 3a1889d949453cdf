//! One pass over a batch in memory: what becomes of each record if those that are stored are there already?

use std::collections::HashMap;

use calculation::cdr::{Flaw, Reason};
use calculation::money::Amount;
use calculation::period::Period;
use calculation::rating::{self, Caller, Charge};
use jiff::Timestamp;

use super::batch::{Batch, Incoming};
use super::charge::{Charging, Held, Outcome, Uses};
use super::content::Content;
use super::legs::Legs;
use super::resolve::{Bill, Fate, Record};
use super::spending::{self, Spent};
use super::store::{Known, Stored};
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
    /// Under which id each record is stored.
    ids: Vec<&'b str>,
    used: Uses,
    legs: Legs,
    pub prepaid: Reconciling,
    clock: &'b Clock,
}

/// A record to be stored, and its charge if it has one.
pub(super) struct CallRow<'p> {
    pub source: &'p str,
    pub record_id: &'p str,
    pub import: Option<ImportId>,
    pub hash: &'p Hash,
    pub record: &'p Record,
    pub outcome: &'static str,
    pub charged: Option<&'p Charged<'p>>,
    /// With what it is sealed.
    pub batch: i64,
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
        let mut pass = Self {
            batch,
            outcomes: Vec::with_capacity(length),
            charged: Vec::with_capacity(length),
            ids: Vec::with_capacity(length),
            used: held.used.clone(),
            legs: held.legs.clone(),
            prepaid: held.prepaid.clone(),
            clock,
        };
        let mut keys: Keys<'_> = HashMap::with_capacity(length);
        keys.extend(stored.iter().map(|(id, known)| (id.as_str(), Before::Stored(known))));
        for (place, incoming) in batch.incoming.iter().enumerate() {
            let mut charged = None;
            let mut id = incoming.record_id().unwrap_or_default();
            let outcome = match (pass.meet(incoming, &keys), &incoming.record) {
                (Met::Before(outcome), _) => outcome,
                (_, Err(flaw)) => Outcome::Suspended(flaw.clone()),
                (met, Ok(record)) => {
                    if let Met::FurtherTalk(second_id) = met {
                        id = second_id;
                    }
                    let decided = match held.told_elsewhere.get(&place) {
                        Some(flaw) => Err(flaw.clone()),
                        None => pass.decide(run, held, (id, record), &mut charged)?,
                    };
                    if decided.is_ok() {
                        keys.insert(id, Before::Here(place));
                    }
                    decided.unwrap_or_else(Outcome::Suspended)
                }
            };
            pass.outcomes.push(outcome);
            pass.charged.push(charged);
            pass.ids.push(id);
        }
        Ok(pass)
    }

    /// Whether a record's key is there already, and what that means.
    fn meet(&self, incoming: &'b Incoming, keys: &Keys<'_>) -> Met<'b> {
        let before = |id: &str| keys.get(id).copied();
        let first = incoming.record_id().and_then(before).or_else(|| incoming.written_id().and_then(before));
        let Some(first) = first else { return Met::New };
        let Err(outcome) = self.compare(first, incoming) else { return Met::Before(Outcome::Duplicate) };
        let second_id = incoming.record.as_ref().ok().and_then(Record::second_id);
        let Some((second_id, says)) = second_id.zip(incoming.says()) else { return Met::Before(outcome) };
        if self.content(first).is_some_and(|content| content.overlaps(&says)) {
            return Met::Before(Outcome::Suspended(overlapping(&says)));
        }
        match before(second_id) {
            None => Met::FurtherTalk(second_id),
            Some(second) => {
                Met::Before(self.compare(second, incoming).map_or_else(|flaw| flaw, |()| Outcome::Duplicate))
            }
        }
    }

    /// Whether a record says what the one before it said; else what becomes of it.
    fn compare(&self, before: Before<'_>, incoming: &Incoming) -> std::result::Result<(), Outcome> {
        let hash = match before {
            Before::Stored(known) => known.hash,
            Before::Here(place) => {
                self.batch.incoming.get(place).map(|before| before.hash).unwrap_or_default()
            }
        };
        if hash == incoming.hash {
            return Ok(());
        }
        if let Before::Stored(known) = before {
            // Earlier versions kept the hash of a record as it came.
            let as_it_came = self.batch.hash_of_bytes(incoming);
            let settled = |hash: &Hash| known.settled.contains(hash);
            if known.hash == as_it_came || settled(&incoming.hash) || settled(&as_it_came) {
                return Ok(());
            }
        }
        let both = self.content(before).zip(incoming.says());
        let mut fields = both.map(|(before, now)| before.differences(&now)).unwrap_or_default();
        if fields.is_empty() {
            if incoming.record.is_ok() {
                return Ok(());
            }
            fields = vec!["billsec, direction or account_ref"];
        }
        Err(Outcome::Suspended(conflict(&fields)))
    }

    fn content<'k>(&'k self, before: Before<'k>) -> Option<Content<'k>> {
        match before {
            Before::Stored(known) => Some(known.content()),
            Before::Here(place) => self.batch.incoming.get(place)?.says(),
        }
    }

    /// What becomes of a record that is not there yet.
    fn decide(
        &mut self,
        run: &mut Charging,
        held: &Held,
        (id, record): (&str, &'b Record),
        charged: &mut Option<Charged<'b>>,
    ) -> Result<std::result::Result<Outcome, Flaw>> {
        match &record.fate {
            Fate::Free(free) => {
                let denied = self.prepaid.free(record, *free);
                Ok(denied.map_or(Ok(Outcome::Free(*free)), Err))
            }
            Fate::Bill(bill) => {
                if let Some(flaw) = self.legs.refusal(&run.source, id, record) {
                    return Ok(Err(flaw));
                }
                Ok(self.rate(run, held, (id, record), bill)?.map(|found| {
                    self.legs.note(&run.source, id, record);
                    let (amount, currency) = (found.charge.amount, bill.plan().currency);
                    *charged = Some(found);
                    Outcome::Charged { customer: record.customer, amount, currency }
                }))
            }
        }
    }

    /// The allowance counters that this pass moved.
    pub(super) fn changed_uses(&self, held: &Held) -> Uses {
        let moved = self.used.iter().filter(|(key, used)| held.used.get(key) != Some(used));
        moved.map(|(key, used)| (*key, used.clone())).collect()
    }

    /// What this pass charged to customers with a spending cap, by month.
    pub(super) fn spent(&self) -> Spent {
        let mut spent = Spent::new();
        for charged in self.charged.iter().flatten() {
            let Some(cap) = charged.bill.spending_cap() else { continue };
            let key = (charged.bill.account.id, charged.period_start);
            let (_, sum) = spent.entry(key).or_insert((cap, Amount::ZERO));
            *sum = spending::counted(*sum, charged.charge.amount);
        }
        spent
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
        (id, record): (&str, &Record),
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
            match self.rate_prepaid((&run.source, id), record, bill)? {
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
            self.prepaid.bill((&run.source, id), record, self.clock)?;
            (charge, included_seconds)
        };
        let period_start = held.open_month(bill, own)?;
        let late_for = (period_start != natural).then_some(natural);
        Ok(Ok(Charged { bill, charge, included_seconds, period_start, late_for }))
    }

    /// Charges a call that balances pay; answers the billed seconds that balances of seconds covered as well.
    fn rate_prepaid(
        &mut self,
        key: (&str, &str),
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
        Ok(self.prepaid.charge(key, record, bill, self.clock)?.map(|cost| {
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
    pub(super) fn rows<'p>(&'p self, run: &'p Charging, batch: i64) -> Vec<CallRow<'p>> {
        let decided = self.batch.incoming.iter().zip(&self.ids).zip(&self.outcomes).zip(&self.charged);
        let mut rows: Vec<_> = decided
            .filter_map(|(((incoming, record_id), outcome), charged)| {
                let record = incoming.record.as_ref().ok()?;
                let outcome = match outcome {
                    Outcome::Charged { .. } => "charged",
                    Outcome::Free(free) => free.code(),
                    Outcome::Duplicate | Outcome::Suspended(_) => return None,
                };
                let (source, import, hash) = (run.source.as_str(), run.import, &incoming.hash);
                let charged = charged.as_ref();
                Some(CallRow { source, record_id, import, hash, record, outcome, charged, batch })
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.record_id);
        rows
    }
}

/// What stands under a record's id: a call that is stored, or a record of this batch.
#[derive(Clone, Copy)]
enum Before<'k> {
    Stored(&'k Known),
    Here(usize),
}

type Keys<'k> = HashMap<&'k str, Before<'k>>;

/// What a record meets under its id.
enum Met<'b> {
    New,
    /// Another talk of the same call: it has a key of its own.
    FurtherTalk(&'b str),
    Before(Outcome),
}

/// A record whose id another one has that says something else.
fn conflict(fields: &[&str]) -> Flaw {
    let message = format!(
        "a record with this id is there already and differs in {}: if this one is right, `tollbook suspense replace` puts it in \
         the other's place; if it is another call, send it under an id of its own",
        fields.join(", ")
    );
    Flaw::new(Reason::Conflict, "record_id", message)
}

/// A record of a call to a number that was charged for the same time.
fn overlapping(says: &Content<'_>) -> Flaw {
    let message = format!(
        "another record of call {} to {} was charged for the same time: legs of one call are charged once",
        says.call_id, says.called
    );
    Flaw::new(Reason::AnotherLeg, "call_id", message)
}
