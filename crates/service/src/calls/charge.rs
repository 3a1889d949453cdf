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
use super::batch::{Batch, Incoming};
use super::elsewhere::{Elsewhere, elsewhere, told_elsewhere};
use super::first_look::FIRST_LINES;
use super::legs::Legs;
use super::pass::Pass;
use super::resolve::Bill;
use super::source::Sender;
use super::spending;
use super::store::{self, MonthKey};
use super::understood::ReadBy;
use crate::clock::Clock;
use crate::db::{Hold, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, ImportId, PlanId};
use crate::metrics::{CALLS_CHARGED, CHARGED_MICROS, RECORD_WARNINGS, RECORDS};
use crate::sessions::Reconciling;
use crate::suspense::{self, Flawed, Waiting};

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
    /// Whether each record is compared with those of other sources; of a file only the first are, before it is charged.
    pub(super) compares: bool,
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
    pub(super) async fn begin_few(
        tx: &mut Tx,
        sender: &Sender,
        read_by: ReadBy,
        batch: &Batch,
    ) -> Result<Self> {
        let source = &sender.source;
        let waiting = if batch.incoming.len() > FEW {
            suspense::waiting(tx, source).await?
        } else {
            let hashes: Vec<_> =
                batch.incoming.iter().map(|incoming| batch.hash_of_bytes(incoming)).collect();
            let ids: Vec<_> = batch.incoming.iter().filter_map(Incoming::record_id).collect();
            suspense::waiting_of(tx, source, &hashes, &ids).await?
        };
        Ok(Self {
            source: source.clone(),
            import: None,
            compares: !sender.other_calls,
            read_by,
            waiting,
            months: HashMap::new(),
            look_first: false,
        })
    }

    /// Begins a run over one source.
    pub(super) async fn begin(tx: &mut Tx, source: &str, read_by: ReadBy, import: ImportId) -> Result<Self> {
        let waiting = suspense::waiting(tx, source).await?;
        let (source, import, months) = (source.to_owned(), Some(import), HashMap::new());
        Ok(Self { source, import, compares: false, read_by, waiting, months, look_first: false })
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
    let hold = needed_hold(tx, run, batch).await?;
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
    if run.compares {
        held.told_elsewhere = told_elsewhere(tx, &run.source, &batch.incoming).await?;
    }
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
    /// Why records wait that another source told of, by their place.
    pub(super) told_elsewhere: HashMap<usize, Flaw>,
}

/// How the customers of a batch must be held. Allowances and spending are counters: only one batch at a time may change them. Nor
/// must two that tell of the same call miss each other.
pub(super) async fn needed_hold(tx: &mut Tx, run: &Charging, batch: &Batch) -> Result<Hold> {
    let mut bills = batch.incoming.iter().filter_map(Incoming::bill);
    let is_counted = bills.any(|bill| run.compares || bill.counts() || bill.spending_cap().is_some());
    // Two imports that charge a leg each of one call must not miss each other.
    let names_call = batch.incoming.iter().any(Incoming::names_call);
    let has_legs = batch.incoming.iter().any(Incoming::is_of_other_call)
        || names_call && (batch.incoming.len() <= FEW || store::may_have_legs(tx, &run.source).await?);
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
    let prepaid = Reconciling::hold(tx, &batch.reconciled().collect::<Vec<_>>(), clock).await?;
    let used = store::uses(tx, &counted).await?;
    let (legs, told_elsewhere) = (Legs::default(), HashMap::new());
    Ok(Held { closed: held.closed, kept_from: held.kept_from, used, prepaid, legs, told_elsewhere })
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
            // Charged with other content: the record was mended.
            Outcome::Charged { .. } | Outcome::Free(_) => {
                mended.extend(incoming.record_id().filter(|id| run.waiting.ids.contains(*id)));
            }
            Outcome::Duplicate => {}
        }
        if !matches!(outcome, Outcome::Suspended(_)) && run.waits(batch, incoming) {
            same.push(batch.hash_of_bytes(incoming));
        }
    }
    suspense::put(tx, &run.source, run.import, &suspended, clock).await?;
    let waits = |flawed: &&Flawed<'_>| run.waiting.hashes.contains(&flawed.hash);
    let new: Vec<_> = suspended.iter().filter(|flawed| !waits(flawed)).collect();
    announce::suspended(tx, &run.source, run.import, &new, clock).await?;
    suspense::resolve(tx, &run.source, &same, &mended, now).await
}
