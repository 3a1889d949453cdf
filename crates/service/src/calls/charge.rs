//! Charges a batch of records: each once, in the month it belongs to, in one transaction.
//!
//! The customers of the batch are held against being invoiced until the transaction ends, so that no call
//! can slip between (`ARCHITECTURE.md`, "Charging meets issuing"). Records are stored straight away, and
//! only when the database finds one that is there already is the batch sifted and stored again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calculation::call::Free;
use calculation::cdr::{Flaw, Reason};
use calculation::money::{Amount, Currency};
use calculation::period::Period;
use calculation::rating::{self, Caller, Charge};
use jiff::Timestamp;

use super::import::BATCH_RECORDS;
use super::resolve::{Bill, Fate, Record};
use super::spending::{self, Spent};
use super::store::{self, MonthKey};
use crate::clock::Clock;
use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::{CustomerId, ImportId, PlanId};
use crate::sessions::{Cost, Reconciling};
use crate::suspense::{self, Flawed, Waiting};

/// One record of a batch, read and resolved, or what was wrong with it.
#[derive(Debug)]
pub struct Incoming {
    /// The line it stands on, from 1.
    pub line: u64,
    pub hash: Hash,
    /// Where it stands in the batch's text.
    pub content: std::ops::Range<usize>,
    pub record: std::result::Result<Record, Flaw>,
    /// The id of a record that could be read and yet is flawed.
    pub(crate) flawed_id: Option<String>,
}

/// Records that are charged together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records as they came, one after the other.
    pub text: Vec<u8>,
    pub incoming: Vec<Incoming>,
}

impl Batch {
    /// One that holds many records.
    pub fn with_room() -> Self {
        Self { text: Vec::new(), incoming: Vec::with_capacity(BATCH_RECORDS) }
    }

    /// Its room, for other records.
    pub fn emptied(mut self) -> Self {
        self.text.clear();
        self.incoming.clear();
        self
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Charged { customer: CustomerId, amount: Amount, currency: Currency },
    Free(Free),
    Duplicate,
    Suspended(Flaw),
}

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

/// For so many records it is cheaper to ask for each whether it waits in suspense.
const FEW: usize = 16;

/// What a charging run remembers from batch to batch.
#[derive(Debug)]
pub struct Charging {
    pub source: String,
    pub import: Option<ImportId>,
    /// This source's records in suspense: one that can be charged now is resolved.
    waiting: Waiting,
    /// Months already computed, by zone.
    months: HashMap<usize, Vec<Period>>,
    /// The batch before held records that were there already: look for them first.
    look_first: bool,
}

/// Which allowances: a customer's of a month, by plan.
pub(super) type UseKey = (CustomerId, Timestamp, PlanId);
/// Seconds used of each allowance of a plan.
pub(super) type Uses = BTreeMap<UseKey, Vec<u64>>;
/// The content of each record, by its id.
pub(super) type Stored = HashMap<String, Hash>;

impl Charging {
    /// Begins a run over a few records of one source.
    pub(crate) async fn begin_few(tx: &mut Tx, source: &str, batch: &Batch) -> Result<Self> {
        let waiting = if batch.incoming.len() > FEW {
            suspense::waiting(tx, source).await?
        } else {
            let hashes = batch.incoming.iter().map(|incoming| incoming.hash);
            suspense::waiting_of(tx, source, &hashes.collect::<Vec<_>>()).await?
        };
        Ok(Self {
            source: source.to_owned(),
            import: None,
            waiting,
            months: HashMap::new(),
            look_first: false,
        })
    }

    /// Begins a run over one source.
    pub async fn begin(tx: &mut Tx, source: &str, import: ImportId) -> Result<Self> {
        let waiting = suspense::waiting(tx, source).await?;
        let import = Some(import);
        Ok(Self { source: source.to_owned(), import, waiting, months: HashMap::new(), look_first: false })
    }

    /// The month that a call belongs to.
    fn month(&mut self, bill: &Bill) -> Result<Period> {
        let known = self.months.entry(bill.account.calendar_index).or_default();
        let at = bill.billable.answered_at;
        if let Some(month) = known.iter().find(|month| month.contains(at)) {
            return Ok(*month);
        }
        let month = bill.account.calendar.holding(at).map_err(|error| Error::Other(error.to_string()))?;
        known.push(month);
        Ok(month)
    }
}

/// Charges a batch; answers what became of each record, in its order.
pub async fn charge(tx: &mut Tx, run: &mut Charging, batch: &Batch, clock: &Clock) -> Result<Vec<Outcome>> {
    let now = clock.now();
    let held = hold_customers(tx, batch, clock).await?;
    let all_ids = || batch.incoming.iter().filter_map(Incoming::record_id).collect::<Vec<_>>();
    let mut stored = Stored::new();
    if run.look_first {
        stored = store::stored(tx, &run.source, &all_ids()).await?;
    }
    let mut looked = run.look_first;
    loop {
        let pass = Pass::over(batch, run, &held, &stored, clock)?;
        // What cannot be charged now may have been before, when the tariff or the plan was another.
        if !looked {
            looked = true;
            let doubtful = store::stored(tx, &run.source, &pass.doubtful()).await?;
            if !doubtful.is_empty() {
                stored.extend(doubtful);
                continue;
            }
        }
        tx.script("savepoint pass").await?;
        let rows = pass.rows(run);
        match store::insert_calls(tx, &rows).await {
            Ok(()) => {
                tx.script("release savepoint pass").await?;
                store::insert_call_allowances(tx, &rows).await?;
                run.look_first = !stored.is_empty();
                store::save_uses(tx, &pass.changed_uses(&held)).await?;
                pass.prepaid.clone().save(tx, clock).await?;
                spending::note(tx, &pass.spent(), clock).await?;
                settle_suspense(tx, run, batch, &pass.outcomes, now).await?;
                return Ok(pass.outcomes);
            }
            Err(Error::Database(error)) if error.is_unique_violation() => {
                tx.script("rollback to savepoint pass").await?;
                let found = store::stored(tx, &run.source, &all_ids()).await?;
                if found.len() == stored.len() {
                    return Err(Error::Database(error));
                }
                stored = found;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The customers of a batch, held until the transaction ends, with what counts against their months.
struct Held {
    closed: BTreeSet<MonthKey>,
    used: Uses,
    prepaid: Reconciling,
}

/// Holds the customers that are charged against being invoiced meanwhile. One statement holds them in the
/// order of their ids, so that two batches never wait for each other. Allowances are counted: whoever takes
/// from them must be alone.
async fn hold_customers(tx: &mut Tx, batch: &Batch, clock: &Clock) -> Result<Held> {
    let bills = || batch.incoming.iter().filter_map(Incoming::bill);
    let customers: BTreeSet<CustomerId> = bills().map(|bill| bill.account.id).collect();
    let counted: BTreeSet<CustomerId> =
        bills().filter(|bill| bill.counts()).map(|bill| bill.account.id).collect();
    let capped = bills().any(|bill| bill.spending_cap().is_some());
    let hold = if counted.is_empty() && !capped { Hold::Shared } else { Hold::Exclusive };
    let held = store::hold_customers(tx, &customers, hold).await?;
    // Months are those of the zone. One that was settled since the run began would put calls into months
    // that nobody bills.
    if let Some(moved) =
        bills().find(|bill| held.zones.get(&bill.account.id) != Some(&bill.account.zone_name))
    {
        return Err(Error::Moved(moved.account.id));
    }
    let prepaid: Vec<_> = batch.incoming.iter().filter_map(Incoming::prepaid).collect();
    let prepaid = Reconciling::hold(tx, &prepaid, clock).await?;
    Ok(Held { closed: held.closed, used: store::uses(tx, &counted).await?, prepaid })
}

impl Held {
    /// The month that a call is invoiced with: its own or, when that is closed, the first one after that is
    /// still open.
    fn open_month(&self, bill: &Bill, own: Period) -> Result<Timestamp> {
        let mut month = own;
        while self.closed.contains(&(bill.account.id, month.starts_at)) {
            let next = bill.account.calendar.next(month);
            month = next.map_err(|error| Error::Other(error.to_string()))?;
        }
        Ok(month.starts_at)
    }
}

/// One pass over a batch: what becomes of each record if those in `stored` are there already.
struct Pass<'b> {
    batch: &'b Batch,
    outcomes: Vec<Outcome>,
    /// The charge of each record that has one.
    charged: Vec<Option<Charged<'b>>>,
    used: Uses,
    prepaid: Reconciling,
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
    fn over(
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
                        Fate::Free(free) => Ok(Outcome::Free(*free)),
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
    fn changed_uses(&self, held: &Held) -> Uses {
        let moved = self.used.iter().filter(|(key, used)| held.used.get(key) != Some(used));
        moved.map(|(key, used)| (*key, used.clone())).collect()
    }

    /// What this pass charged to customers with a spending cap, by month.
    fn spent(&self) -> Spent {
        let mut spent = Spent::new();
        for charged in self.charged.iter().flatten() {
            let Some(cap) = charged.bill.spending_cap() else { continue };
            let key = (charged.bill.account.id, charged.period_start);
            let (_, sum) = spent.entry(key).or_insert((cap, Amount::ZERO));
            *sum = sum.checked_add(charged.charge.amount).unwrap_or(*sum);
        }
        spent
    }

    /// The ids of records that would be suspended and may be those of calls.
    fn doubtful(&self) -> Vec<&'b str> {
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
            return Err(Error::Inconsistent("a call to be billed without a number".to_owned()));
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
            return Err(Error::Inconsistent("a call to be billed without a number".to_owned()));
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
    fn rows<'p>(&'p self, run: &'p Charging) -> Vec<CallRow<'p>> {
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

impl Incoming {
    fn bill(&self) -> Option<&Bill> {
        match &self.record.as_ref().ok()?.fate {
            Fate::Bill(bill) => Some(bill),
            Fate::Free(_) => None,
        }
    }

    fn prepaid(&self) -> Option<(&Record, &Bill)> {
        let record = self.record.as_ref().ok()?;
        self.bill().filter(|bill| bill.is_prepaid()).map(|bill| (record, bill))
    }

    pub(super) fn is_prepaid(&self) -> bool {
        self.prepaid().is_some()
    }

    /// The record's id, if it could be read.
    pub(crate) fn record_id(&self) -> Option<&str> {
        self.record.as_ref().map_or(self.flawed_id.as_deref(), |record| Some(record.record_id()))
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

/// Puts flawed records into suspense, and takes out those that could be charged now.
async fn settle_suspense(
    tx: &mut Tx,
    run: &Charging,
    batch: &Batch,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Result<()> {
    let mut suspended = Vec::new();
    let (mut same, mut mended) = (Vec::new(), Vec::new());
    for (incoming, outcome) in batch.incoming.iter().zip(outcomes) {
        match outcome {
            Outcome::Suspended(flaw) => suspended.push(Flawed {
                line: incoming.line,
                hash: incoming.hash,
                record_id: incoming.record_id(),
                content: batch.text.get(incoming.content.clone()).unwrap_or_default(),
                flaw,
            }),
            _ if run.waiting.hashes.contains(&incoming.hash) => same.push(incoming.hash),
            // Charged with other content: the record was mended.
            Outcome::Charged { .. } | Outcome::Free(_) => {
                mended.extend(incoming.record_id().filter(|id| run.waiting.ids.contains(*id)));
            }
            Outcome::Duplicate => {}
        }
    }
    suspense::put(tx, &run.source, run.import, &suspended, now).await?;
    suspense::resolve(tx, &run.source, &same, &mended, now).await
}
