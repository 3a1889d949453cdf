//! A record was wrong and comes corrected: takes back what was charged by it, and charges what is right.
//!
//! A call that no invoice has goes to `replaced_calls`, whole, and the corrected record takes its key. A call that is on an invoice
//! stays: it is credited, and the corrected record stands under an id of its own, charged as late usage.

use calculation::cdr::Flaw;
use calculation::money::Amount;

use super::assigned::Assigned;
use super::batch::Batch;
use super::charge::{self, Charging, Outcome};
use super::directory::Directory;
use super::import::judged;
use super::posted::parties;
use super::resolve::Bench;
use super::source::Sender;
use super::store::{self, StoredCall};
use super::understood::ReadBy;
use super::{Replacement, content};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::CustomerId;
use crate::plans::{self, Payment};
use crate::sessions;
use crate::tariffs::TariffBook;

/// A corrected record that can be charged.
#[derive(Debug)]
pub struct Correction {
    read_by: ReadBy,
    batch: Batch,
    pub customer: CustomerId,
    /// Of what it says.
    pub hash: Hash,
}

/// What a corrected record is.
#[derive(Debug)]
pub enum Prepared {
    Correction(Correction),
    /// It cannot be charged either.
    Flawed(Flaw),
}

/// The call that stands for a record now.
#[derive(Debug)]
pub struct Current {
    pub stored: StoredCall,
    /// Of what its record said.
    pub hash: Hash,
}

/// The call that stands for a record: its own, or its last correction's.
pub async fn current(tx: &mut Tx, source: &str, record_id: &str) -> Result<Option<Current>> {
    let stored_as = store::last_stored_as(tx, source, record_id).await?;
    let id = stored_as.as_deref().unwrap_or(record_id);
    let found = store::of_record(tx, source, id).await?;
    Ok(found.map(|(stored, hash)| Current { stored, hash }))
}

/// Whether a call is on an invoice, or its month was closed without one.
pub async fn is_invoiced(tx: &mut Tx, call: &StoredCall) -> Result<bool> {
    if is_paid_by_balances(tx, call).await? {
        return Ok(false);
    }
    match call.call.period_start {
        Some(starts_at) => store::is_closed(tx, call.customer, starts_at).await,
        None => Ok(false),
    }
}

async fn is_paid_by_balances(tx: &mut Tx, call: &StoredCall) -> Result<bool> {
    let Some(charge) = &call.charge else { return Ok(false) };
    let plan = plans::by_id(tx, charge.plan_id).await?;
    Ok(plan.is_some_and(|plan| plan.payment == Payment::Prepaid))
}

impl Correction {
    /// Reads a record as it waits in suspense, and finds who pays and by which prices.
    pub async fn prepare(
        tx: &mut Tx,
        (tariffs, config, clock): (&TariffBook, &Config, &Clock),
        understood: &str,
    ) -> Result<Prepared> {
        let (read_by, line) = ReadBy::again(understood)?;
        let cdr = read_by.read(line.as_bytes());
        let (numbers, references) = parties(std::slice::from_ref(&cdr), read_by.form);
        let everybody = crate::customers::some(tx, &numbers, &references, &[]).await?;
        let directory = Directory::load(tx, tariffs, everybody).await?;
        let (limits, now) = (config.limits(), clock.now());
        let (region, form, assigned) = (read_by.region, read_by.form, Assigned::default());
        let bench = Bench { directory: &directory, region, form, assigned: &assigned, limits, now };
        let hash = match &cdr {
            Ok(cdr) => content::hash(cdr),
            Err(flaw) => return Ok(Prepared::Flawed(flaw.clone())),
        };
        let text = line.as_bytes().to_vec();
        let incoming = judged(1, &text, 0..text.len(), cdr, bench);
        let customer = match &incoming.record {
            Ok(record) => record.customer,
            Err(flaw) => return Ok(Prepared::Flawed(flaw.clone())),
        };
        let batch = Batch { text, incoming: vec![incoming] };
        Ok(Prepared::Correction(Self { read_by, batch, customer, hash }))
    }

    /// Charges it under an id.
    pub async fn charge(
        mut self,
        tx: &mut Tx,
        source: &str,
        stored_as: &str,
        clock: &Clock,
    ) -> Result<Outcome> {
        if let Some(Ok(record)) = self.batch.incoming.first_mut().map(|incoming| incoming.record.as_mut()) {
            record.rename(stored_as);
        }
        // What another source told of the call says nothing of its correction.
        let sender = Sender { other_calls: true, ..source.into() };
        let mut run = Charging::begin_few(tx, &sender, self.read_by, &self.batch).await?;
        let outcomes = charge::charge(tx, &mut run, &self.batch, clock).await?;
        outcomes.into_iter().next().ok_or_else(|| Error::Other("a correction without an outcome".to_owned()))
    }
}

/// Takes back what a call took of allowances and balances; unless it stays on its invoice, it is no call of the customer's any more.
/// The customer is held alone.
pub async fn reverse(tx: &mut Tx, call: &StoredCall, stays: bool, id: i64, clock: &Clock) -> Result<()> {
    let (customer, key) = (call.customer, &call.call);
    if let Some(month) = key.late_for.or(key.period_start) {
        for (allowance, seconds) in store::taken(tx, customer, key).await? {
            store::lower_uses(tx, call, month, allowance, seconds).await?;
        }
    }
    if stays {
        return Ok(());
    }
    if is_paid_by_balances(tx, call).await? {
        sessions::take_back(tx, customer, (&key.source, &key.record_id), clock).await?;
    }
    let cost = key.amount.map_or(Amount::ZERO, |money| money.amount);
    if let Some(invoiced_with) = key.period_start.filter(|_| cost != Amount::ZERO) {
        store::lower_spending(tx, customer, invoiced_with, cost.micros()).await?;
    }
    store::move_away(tx, customer, key, id).await
}

/// Remembers a replacement: both contents of the record are known from then on.
pub async fn remember(tx: &mut Tx, new: &Replacement) -> Result<()> {
    store::insert_replacement(tx, new).await
}

/// An id of its own for a correction whose first record stays.
pub async fn free_id(tx: &mut Tx, source: &str, record_id: &str) -> Result<String> {
    store::free_id(tx, source, record_id).await
}
