//! Charges a batch of records: each once, in the month it belongs to, in one transaction.
//!
//! The customers of the batch are held against being invoiced until the transaction ends, so that no call
//! can slip between (`ARCHITECTURE.md`, "Charging meets issuing"). Records are stored straight away, and
//! only when the database finds one that is there already is the batch sifted and stored again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calculation::call::Free;
use calculation::cdr::{Flaw, Warnings};
use calculation::money::{Amount, Currency};
use calculation::period::Period;
use jiff::Timestamp;

use super::Control;
use super::announce;
use super::content::{Content, Said};
use super::elsewhere::{Elsewhere, elsewhere};
use super::first_look::FIRST_LINES;
use super::import::BATCH_RECORDS;
use super::legs::Legs;
use super::pass::Pass;
use super::resolve::{Bill, Fate, Record};
use super::spending;
use super::store::{self, MonthKey};
use super::understood::ReadBy;
use crate::clock::Clock;
use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::id::{CustomerId, ImportId, PlanId};
use crate::metrics::{CALLS_CHARGED, CHARGED_MICROS, RECORD_WARNINGS, RECORDS};
use crate::sessions::Reconciling;
use crate::suspense::{self, Flawed, Waiting};

/// One record of a batch, read and resolved, or what was wrong with it.
#[derive(Debug)]
pub struct Incoming {
    /// The line it stands on, from 1.
    pub line: u64,
    /// Of what it says; of its bytes when it could not be read.
    pub hash: Hash,
    /// Where it stands in the batch's text.
    pub content: std::ops::Range<usize>,
    pub record: std::result::Result<Record, Flaw>,
    /// What a record says that could be read and yet is flawed.
    pub(super) said: Option<Box<Said>>,
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

    /// The hash of a record as it came. Records in suspense are known by it, and calls of earlier versions.
    pub(super) fn hash_of_bytes(&self, incoming: &Incoming) -> Hash {
        hash::of(self.bytes(incoming))
    }

    pub(super) fn bytes(&self, incoming: &Incoming) -> &[u8] {
        self.text.get(incoming.content.clone()).unwrap_or_default()
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

/// For up to so many records it is cheaper to ask for each what is known of it.
pub(super) const FEW: usize = 512;
/// What became of a record, for the one who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// If it could be read.
    pub record_id: Option<String>,
    pub outcome: Outcome,
    /// What was unusual about it, if it was taken in.
    pub warnings: Warnings,
}

/// What a charging run remembers from batch to batch.
#[derive(Debug)]
pub struct Charging {
    pub source: String,
    pub import: Option<ImportId>,
    /// How its records are read, to tell of those that wait what they say.
    read_by: ReadBy,
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

impl Charging {
    /// Begins a run over a few records of one source.
    pub(super) async fn begin_few(tx: &mut Tx, source: &str, read_by: ReadBy, batch: &Batch) -> Result<Self> {
        let waiting = if batch.incoming.len() > FEW {
            suspense::waiting(tx, source).await?
        } else {
            let hashes: Vec<_> =
                batch.incoming.iter().map(|incoming| batch.hash_of_bytes(incoming)).collect();
            let ids: Vec<_> = batch.incoming.iter().filter_map(Incoming::record_id).collect();
            suspense::waiting_of(tx, source, &hashes, &ids).await?
        };
        Ok(Self {
            source: source.to_owned(),
            import: None,
            read_by,
            waiting,
            months: HashMap::new(),
            look_first: false,
        })
    }

    /// Begins a run over one source.
    pub(super) async fn begin(tx: &mut Tx, source: &str, read_by: ReadBy, import: ImportId) -> Result<Self> {
        let waiting = suspense::waiting(tx, source).await?;
        let import = Some(import);
        let source = source.to_owned();
        Ok(Self { source, import, read_by, waiting, months: HashMap::new(), look_first: false })
    }

    /// Whether a record waits in suspense as it came now.
    fn waits(&self, batch: &Batch, incoming: &Incoming) -> bool {
        !self.waiting.hashes.is_empty() && self.waiting.hashes.contains(&batch.hash_of_bytes(incoming))
    }

    /// The month that a call belongs to.
    pub(super) fn month(&mut self, bill: &Bill) -> Result<Period> {
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
    let hold = needed_hold(tx, &run.source, batch).await?;
    let held = hold_customers(tx, batch, hold, clock).await?;
    charge_held(tx, run, batch, held, clock).await
}

/// Like [`charge`], for the first records of many, but refuses them when another source has brought most of them already. An
/// import of the same calls at the same moment waits for this one and then finds its calls.
pub(super) async fn charge_first(
    tx: &mut Tx,
    run: &mut Charging,
    batch: &Batch,
    clock: &Clock,
) -> Result<std::result::Result<Vec<Outcome>, Elsewhere>> {
    let held = hold_customers(tx, batch, Hold::Exclusive, clock).await?;
    let first = batch.incoming.get(..FIRST_LINES).unwrap_or(&batch.incoming);
    if let Some(found) = elsewhere(tx, &run.source, first).await? {
        return Ok(Err(found));
    }
    charge_held(tx, run, batch, held, clock).await.map(Ok)
}

async fn charge_held(
    tx: &mut Tx,
    run: &mut Charging,
    batch: &Batch,
    mut held: Held,
    clock: &Clock,
) -> Result<Vec<Outcome>> {
    held.legs = Legs::load(tx, &run.source, batch).await?;
    let all_ids = || batch.incoming.iter().flat_map(Incoming::record_ids).collect::<Vec<_>>();
    let mut stored = store::Stored::new();
    // No key that is there tells of a call that was stored under an id with blanks.
    let has_blanks = batch.incoming.iter().any(|incoming| incoming.written_id().is_some());
    let look_first = run.look_first || has_blanks;
    if look_first {
        stored = store::stored(tx, &run.source, &all_ids()).await?;
    }
    let mut looked = look_first;
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
        let sealed_with = tx.seal_batch(|| (clock.id(), clock.now()));
        let rows = pass.rows(run, sealed_with);
        match store::insert_calls(tx, &rows).await {
            Ok(()) => {
                tx.script("release savepoint pass").await?;
                store::seal_calls(tx, &rows);
                store::insert_call_allowances(tx, &rows).await?;
                announce::charged(tx, &rows, clock).await?;
                run.look_first = !stored.is_empty();
                store::save_uses(tx, &pass.changed_uses(&held)).await?;
                pass.prepaid.clone().save(tx, clock).await?;
                spending::note(tx, &pass.spent(), clock).await?;
                settle_suspense(tx, run, batch, &pass.outcomes, clock).await?;
                tally(tx, batch, &pass.outcomes);
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

/// Counts what became of a batch.
fn tally(tx: &mut Tx, batch: &Batch, outcomes: &[Outcome]) {
    let mut warned: BTreeMap<&str, u64> = BTreeMap::new();
    for (incoming, outcome) in batch.incoming.iter().zip(outcomes) {
        for warning in incoming.warnings(outcome).iter() {
            *warned.entry(warning.code()).or_default() += 1;
        }
    }
    for (warning, records) in warned {
        tx.tally(RECORD_WARNINGS, &[("warning", warning)], records);
    }
    let mut control = Control::default();
    let mut charged: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for outcome in outcomes {
        control.count(outcome);
        if let Outcome::Charged { amount, currency, .. } = outcome {
            let (calls, micros) = charged.entry(currency.code()).or_default();
            *calls += 1;
            *micros = micros.saturating_add(u64::try_from(amount.micros()).unwrap_or_default());
        }
    }
    let Control { charged: charges, free, duplicate, suspended, .. } = control;
    for (outcome, records) in
        [("charged", charges), ("free", free), ("duplicate", duplicate), ("suspended", suspended)]
    {
        tx.tally(RECORDS, &[("outcome", outcome)], records);
    }
    for (currency, (calls, micros)) in charged {
        tx.tally(CALLS_CHARGED, &[("currency", currency)], calls);
        tx.tally(CHARGED_MICROS, &[("currency", currency)], micros);
    }
}

/// The customers of a batch, held until the transaction ends, with what counts against their months.
pub(super) struct Held {
    closed: BTreeSet<MonthKey>,
    kept_from: BTreeMap<CustomerId, Timestamp>,
    pub(super) used: Uses,
    pub(super) prepaid: Reconciling,
    pub(super) legs: Legs,
}

/// How the customers of a batch must be held. Allowances and spending are counters: only one batch at a time may change them.
async fn needed_hold(tx: &mut Tx, source: &str, batch: &Batch) -> Result<Hold> {
    let mut bills = batch.incoming.iter().filter_map(Incoming::bill);
    let is_counted = bills.any(|bill| bill.counts() || bill.spending_cap().is_some());
    // Two imports that charge a leg each of one call must not miss each other.
    let names_call = batch.incoming.iter().any(Incoming::names_call);
    let has_legs = batch.incoming.iter().any(Incoming::is_of_other_call)
        || names_call && (batch.incoming.len() <= FEW || store::may_have_legs(tx, source).await?);
    Ok(if is_counted || has_legs { Hold::Exclusive } else { Hold::Shared })
}

/// Holds the customers that are charged against being invoiced meanwhile. One statement holds them in the
/// order of their ids, so that two batches never wait for each other.
async fn hold_customers(tx: &mut Tx, batch: &Batch, hold: Hold, clock: &Clock) -> Result<Held> {
    let bills = || batch.incoming.iter().filter_map(Incoming::bill);
    let customers: BTreeSet<CustomerId> = bills().map(|bill| bill.account.id).collect();
    let counted: BTreeSet<CustomerId> =
        bills().filter(|bill| bill.counts()).map(|bill| bill.account.id).collect();
    let held = store::hold_customers(tx, &customers, hold).await?;
    // Months are those of the zone. One that was settled since the run began would put calls into months
    // that nobody bills.
    if let Some(moved) =
        bills().find(|bill| held.zones.get(&bill.account.id) != Some(&bill.account.zone_name))
    {
        return Err(Error::Moved(moved.account.id));
    }
    let records = batch.incoming.iter().filter_map(|incoming| incoming.record.as_ref().ok());
    let records: Vec<_> = records.filter(|record| record.reconciles).collect();
    let prepaid = Reconciling::hold(tx, &records, clock).await?;
    let used = store::uses(tx, &counted).await?;
    Ok(Held { closed: held.closed, kept_from: held.kept_from, used, prepaid, legs: Legs::default() })
}

impl Held {
    /// Whether the calls of a month were purged: a record of one may be of a call that was charged.
    pub(super) fn is_purged(&self, bill: &Bill, month: Period) -> bool {
        self.kept_from.get(&bill.account.id).is_some_and(|kept_from| month.starts_at < *kept_from)
    }

    /// The month that a call is invoiced with: its own or, when that is closed, the first one after that is
    /// still open.
    pub(super) fn open_month(&self, bill: &Bill, own: Period) -> Result<Timestamp> {
        let mut month = own;
        while self.closed.contains(&(bill.account.id, month.starts_at)) {
            let next = bill.account.calendar.next(month);
            month = next.map_err(|error| Error::Other(error.to_string()))?;
        }
        Ok(month.starts_at)
    }
}

impl Incoming {
    fn bill(&self) -> Option<&Bill> {
        match &self.record.as_ref().ok()?.fate {
            Fate::Bill(bill) => Some(bill),
            Fate::Free(_) => None,
        }
    }

    /// What was unusual about a record that was taken in.
    pub(crate) fn warnings(&self, outcome: &Outcome) -> Warnings {
        match (outcome, &self.record) {
            (Outcome::Charged { .. } | Outcome::Free(_), Ok(record)) => record.warnings,
            _ => Warnings::default(),
        }
    }

    /// The record's id, if it could be read.
    pub(crate) fn record_id(&self) -> Option<&str> {
        let said = || self.said.as_ref().map(|said| said.record_id.as_str());
        self.record.as_ref().map_or_else(|_| said(), |record| Some(record.record_id()))
    }

    /// The record's id as it was written, when blanks stood at its ends: an earlier version stored calls under it.
    pub(super) fn written_id(&self) -> Option<&str> {
        let said = || self.said.as_ref().and_then(|said| said.written_id.as_deref());
        self.record.as_ref().map_or_else(|_| said(), Record::written_id)
    }

    /// Each key that the record may have.
    pub(super) fn record_ids(&self) -> impl Iterator<Item = &str> {
        let second = self.record.as_ref().ok().and_then(Record::second_id);
        self.record_id().into_iter().chain(second).chain(self.written_id())
    }

    /// What the record says, if it could be read.
    pub(super) fn says(&self) -> Option<Content<'_>> {
        let said = || self.said.as_ref().map(|said| said.content());
        self.record.as_ref().map_or_else(|_| said(), |record| Some(record.content()))
    }

    /// Whether it is charged, and the switch named its call.
    fn names_call(&self) -> bool {
        self.bill().is_some() && self.record.as_ref().is_ok_and(|record| record.names_call)
    }

    /// Whether it is charged, and of a call that has a name of its own.
    fn is_of_other_call(&self) -> bool {
        self.bill().is_some()
            && self
                .record
                .as_ref()
                .is_ok_and(|record| record.names_call && record.call_id() != record.record_id())
    }
}

/// Puts flawed records into suspense, and takes out those that could be charged now.
async fn settle_suspense(
    tx: &mut Tx,
    run: &Charging,
    batch: &Batch,
    outcomes: &[Outcome],
    clock: &Clock,
) -> Result<()> {
    let now = clock.now();
    let mut suspended = Vec::new();
    let (mut same, mut mended) = (Vec::new(), Vec::new());
    for (incoming, outcome) in batch.incoming.iter().zip(outcomes) {
        match outcome {
            Outcome::Suspended(flaw) => suspended.push(Flawed {
                line: incoming.line,
                hash: batch.hash_of_bytes(incoming),
                record_id: incoming.record_id(),
                content: batch.bytes(incoming),
                understood: run.read_by.understood(batch.bytes(incoming)),
                flaw,
            }),
            _ if run.waits(batch, incoming) => same.push(batch.hash_of_bytes(incoming)),
            // Charged with other content: the record was mended.
            Outcome::Charged { .. } | Outcome::Free(_) => {
                mended.extend(incoming.record_id().filter(|id| run.waiting.ids.contains(*id)));
            }
            Outcome::Duplicate => {}
        }
    }
    suspense::put(tx, &run.source, run.import, &suspended, clock).await?;
    let waits = |flawed: &&Flawed<'_>| run.waiting.hashes.contains(&flawed.hash);
    let new: Vec<_> = suspended.iter().filter(|flawed| !waits(flawed)).collect();
    announce::suspended(tx, &run.source, run.import, &new, clock).await?;
    suspense::resolve(tx, &run.source, &same, &mended, now).await
}
