//! Charges a batch of records: each once, in the month it belongs to, in one transaction.
//!
//! The months of the batch are held against being invoiced until the transaction ends, so that no call
//! can slip between (`ARCHITECTURE.md`, "Charging meets issuing"). Records are stored straight away, and
//! only when the database finds one that is there already is the batch sifted and stored again.

use std::collections::{HashMap, HashSet};

use calculation::call::Free;
use calculation::cdr::{Flaw, Reason};
use calculation::money::{Amount, Currency, Exact};
use calculation::period::Period;
use calculation::rating::{self, Caller};
use jiff::Timestamp;

use super::resolve::{Bill, Fate, Record};
use super::store::{self, CallRow, MonthKey, UseKey};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::{CustomerId, ImportId, PlanId};

/// One record of a batch, read and resolved, or what was wrong with it.
#[derive(Debug)]
pub struct Incoming {
    /// The line it stands on, from 1.
    pub line: u64,
    pub hash: Hash,
    /// Where it stands in the batch's text.
    pub content: std::ops::Range<usize>,
    pub record: Result<Record, Flaw>,
}

/// Records that are charged together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records as they came, one after the other.
    pub text: Vec<u8>,
    pub incoming: Vec<Incoming>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Charged { amount: Amount, currency: Currency },
    Free(Free),
    Duplicate,
    Suspended(Flaw),
}

/// What a charging run remembers from batch to batch.
#[derive(Debug)]
pub struct Charging {
    source: String,
    import: Option<ImportId>,
    /// Hashes of this source's records in suspense: one that can be charged now is resolved.
    suspended: HashSet<Hash>,
    /// Months already computed, by zone.
    months: HashMap<usize, Vec<Period>>,
    /// The batch before held records that were there already: look first.
    look_first: bool,
}

/// The charge of one record, as it will be stored.
#[derive(Debug)]
pub struct Charged {
    pub plan: PlanId,
    pub tariff: (crate::id::TariffId, i64),
    pub period_start: Timestamp,
    pub late_for: Option<Timestamp>,
    pub prefix: String,
    pub destination: String,
    pub band: Option<String>,
    pub billed_seconds: u32,
    pub taken: Vec<calculation::allowance::Taken>,
    pub exact: Exact,
    pub amount: Amount,
    pub currency: Currency,
}

impl Charging {
    /// Begins a run over one source.
    pub async fn begin(tx: &mut Tx, source: &str, import: Option<ImportId>) -> Result<Self> {
        let suspended = store::suspended_hashes(tx, source).await?;
        let (months, look_first) = (HashMap::new(), false);
        Ok(Self { source: source.to_owned(), import, suspended, months, look_first })
    }

    fn month(&mut self, bill: &Bill) -> Result<Period> {
        let known = self.months.entry(bill.account.zone_index).or_default();
        let at = bill.billable.answered_at;
        if let Some(month) = known.iter().find(|month| month.contains(at)) {
            return Ok(*month);
        }
        let month = Period::holding(at, &bill.account.zone).map_err(|error| Error::Other(error.to_string()))?;
        known.push(month);
        Ok(month)
    }
}

/// Charges a batch; answers what became of each record, in its order.
pub async fn charge(tx: &mut Tx, run: &mut Charging, batch: &Batch, now: Timestamp) -> Result<Vec<Outcome>> {
    let mut fates = Fates::new(batch);
    if run.look_first {
        run.look_first = sift(tx, run, batch, &mut fates).await?;
    }
    let months = hold_months(tx, run, batch, &fates).await?;
    loop {
        let mut used = months.used.clone();
        let charges = rate(run, batch, &mut fates, &months, &mut used)?;
        tx.script("savepoint calls").await?;
        let rows = fates.rows(batch, &charges, run);
        match store::insert_calls(tx, rows).await {
            Ok(()) => {
                tx.script("release savepoint calls").await?;
                store::insert_call_allowances(tx, &run.source, &allowance_rows(batch, &charges)).await?;
                store::save_uses(tx, &months.used, &used).await?;
                let outcomes = fates.outcomes(batch, &charges);
                settle_suspense(tx, run, batch, &outcomes, now).await?;
                return Ok(outcomes);
            }
            Err(Error::Database(error)) if error.is_unique_violation() => {
                tx.script("rollback to savepoint calls").await?;
                run.look_first = sift(tx, run, batch, &mut fates).await?;
                if !run.look_first {
                    return Err(Error::Database(error));
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// What is known so far of each record: still to be charged, or decided.
struct Fates {
    decided: Vec<Option<Outcome>>,
}

impl Fates {
    /// Decides what the batch alone decides: flawed records, and those that stand in it twice.
    fn new(batch: &Batch) -> Self {
        let mut seen: HashMap<(CustomerId, &str), &Hash> = HashMap::with_capacity(batch.incoming.len());
        let decide = |incoming: &'_ Incoming, seen: &mut HashMap<_, _>| None::<Outcome>.or_else(|| {
            let _: &mut HashMap<(CustomerId, &str), &Hash> = seen;
            match &incoming.record {
                Err(flaw) => Some(Outcome::Suspended(flaw.clone())),
                Ok(_) => None,
            }
        });
        let mut decided = Vec::with_capacity(batch.incoming.len());
        for incoming in &batch.incoming {
            let outcome = decide(incoming, &mut seen).or_else(|| {
                let record = incoming.record.as_ref().ok()?;
                let first = *seen.entry((record.customer, &record.record_id)).or_insert(&incoming.hash);
                if std::ptr::eq(first, &raw const incoming.hash) { None } else { Some(again(first, &incoming.hash)) }
            });
            decided.push(outcome);
        }
        Self { decided }
    }
}
