//! Puts a record that waits in suspense in the place of the one that stands under its id.

use std::collections::BTreeSet;

use calculation::cdr::Flaw;

use super::{Replace, Replacement};
use crate::calls::{self, Correction, Current, Outcome, Prepared};
use crate::clock::Clock;
use crate::config::Config;
use crate::credit_notes::{self, Credited, Credits, NewCredit};
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, ImportId, NOBODY};
use crate::invoices;
use crate::suspense::{self, Suspended};
use crate::tariffs::TariffBook;

/// What became of it. Whatever is refused is to be rolled back.
#[derive(Debug)]
pub enum Replaced {
    Done(Box<Replacement>),
    /// No record waits under this id because another stands there.
    NothingWaits,
    /// Several wait: on these lines, of these imports.
    Several(Vec<(i64, Option<ImportId>)>),
    /// No reason is given.
    NoReason,
    /// It came before records were kept in a form that can be read again.
    NotKept,
    /// The call that stood under the id is not kept any more.
    UnknownCall,
    /// The corrected record cannot be charged either.
    Flawed(Flaw),
    /// The call is on an invoice, and cannot be credited.
    NotCredited(Credited),
}

impl std::fmt::Display for Replaced {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Done(done) => return write!(out, "{} took the place", done.call.record_id),
            Self::Several(found) => {
                let lines: Vec<_> = found
                    .iter()
                    .map(|(line, import)| match import {
                        Some(import) => format!("line {line} of {import}"),
                        None => format!("line {line}"),
                    })
                    .collect();
                return write!(
                    out,
                    "several records wait under this id: say which by its line or import: {}",
                    lines.join(" or ")
                );
            }
            Self::Flawed(flaw) => return write!(out, "the record cannot be charged: {flaw}"),
            Self::NotCredited(refusal) => return write!(out, "the call is on an invoice: {refusal}"),
            Self::NothingWaits => "no record of this source and id waits in suspense as `conflict`",
            Self::NoReason => "the reason is empty: say why the record is replaced",
            Self::NotKept => "the record was suspended by an earlier version: import it again, then replace",
            Self::UnknownCall => "the call that was charged under this id is not kept any more",
        })
    }
}

/// Replaces a call: what it took is given back, by a credit note if it was invoiced, and the corrected record is charged.
pub async fn replace(
    tx: &mut Tx,
    world: (&TariffBook, &Config, &Clock),
    asked: &Replace,
) -> Result<Replaced> {
    let (_, _, clock) = world;
    let Replace { source, record_id, reason, .. } = asked;
    if reason.trim().is_empty() {
        return Ok(Replaced::NoReason);
    }
    let waiting = suspense::conflicts(tx, source, record_id).await?;
    let chosen = match choose(waiting, asked) {
        Ok(chosen) => chosen,
        Err(refusal) => return Ok(refusal),
    };
    let Some(understood) = &chosen.understood else { return Ok(Replaced::NotKept) };
    let correction = match Correction::prepare(tx, world, understood).await? {
        Prepared::Correction(correction) => correction,
        Prepared::Flawed(flaw) => return Ok(Replaced::Flawed(flaw)),
    };
    let Some(seen) = calls::current(tx, source, record_id).await? else { return Ok(Replaced::UnknownCall) };
    let mut parties = vec![seen.stored.customer, correction.customer];
    parties.retain(|customer| *customer != NOBODY);
    parties.sort_unstable();
    parties.dedup();
    customers::hold_some(tx, &parties).await?;
    // Somebody else may have replaced it before the customers were held.
    let Some(current) = calls::current(tx, source, record_id).await? else {
        return Ok(Replaced::UnknownCall);
    };
    let still_waits =
        suspense::conflicts(tx, source, record_id).await?.iter().any(|record| record.hash == chosen.hash);
    if current.hash != seen.hash || !still_waits {
        return Ok(Replaced::NothingWaits);
    }
    let id = clock.id();
    let stays = calls::is_invoiced(tx, &current.stored).await?;
    let (tariffs, config, _) = world;
    let credited = if stays {
        credit(tx, (tariffs, config), &current, reason, clock).await?
    } else {
        Credit::Given(None)
    };
    let credit_note = match credited {
        Credit::Given(note) => note,
        Credit::Refused(refusal) => return Ok(Replaced::NotCredited(refusal)),
    };
    calls::reverse(tx, &current.stored, stays, id, clock).await?;
    let reversed_id = &current.stored.call.record_id;
    let stored_as = if stays { calls::free_id(tx, source, record_id).await? } else { reversed_id.clone() };
    let replacement = calls::Replacement {
        id,
        customer: current.stored.customer,
        source: source.clone(),
        record_id: record_id.clone(),
        old_hash: current.hash,
        new_hash: correction.hash,
        reversed: reversed_id.clone(),
        stored_as: stored_as.clone(),
        reason: reason.clone(),
        credit_note,
        replaced_at: clock.now(),
    };
    calls::remember(tx, &replacement).await?;
    let customer_id = correction.customer;
    match correction.charge(tx, source, &stored_as, clock).await? {
        Outcome::Charged { .. } | Outcome::Free(_) => {}
        Outcome::Suspended(flaw) => return Ok(Replaced::Flawed(flaw)),
        Outcome::Duplicate => return Err(Error::Other(format!("{source}/{stored_as} is there already"))),
    }
    suspense::resolve(tx, source, &[chosen.hash], &[], clock.now()).await?;
    let call = calls::by_key(tx, customer_id, source, &stored_as).await?;
    let call = call.ok_or_else(|| Error::Other("a correction vanished".to_owned()))?.call;
    let (reversed, reversed_customer_id) = (current.stored.call, current.stored.customer);
    let done = Replacement { reversed_customer_id, customer_id, reversed, call, credit_note_id: credit_note };
    Ok(Replaced::Done(Box::new(done)))
}

/// The record that is meant: the same content may stand on several lines.
fn choose(mut waiting: Vec<Suspended>, asked: &Replace) -> std::result::Result<Suspended, Replaced> {
    waiting.retain(|record| {
        asked.line.is_none_or(|line| record.line == line)
            && asked.import_id.is_none_or(|import| record.import_id == Some(import))
    });
    // Of those that were posted one by one, which all stand on line 1 of no import, the last that came is meant.
    let mut places = BTreeSet::new();
    waiting.retain(|record| places.insert((record.line, record.import_id)));
    let Some(first) = waiting.first() else { return Err(Replaced::NothingWaits) };
    if waiting.iter().any(|record| record.hash != first.hash && record.understood != first.understood) {
        let found = waiting.iter().map(|record| (record.line, record.import_id));
        return Err(Replaced::Several(found.collect()));
    }
    Ok(waiting.swap_remove(0))
}

enum Credit {
    /// Nothing is given back for a call that adds nothing to its invoice, or was credited before.
    Given(Option<CreditNoteId>),
    Refused(Credited),
}

async fn credit(
    tx: &mut Tx,
    world: (&TariffBook, &Config),
    current: &Current,
    reason: &str,
    clock: &Clock,
) -> Result<Credit> {
    let (customer, call) = (current.stored.customer, &current.stored.call);
    let is_free = call.amount.is_none_or(|money| money.amount.micros() == 0);
    let Some(starts_at) = call.period_start else { return Ok(Credit::Given(None)) };
    let Some(invoice) = invoices::of_period(tx, customer, starts_at).await? else {
        return Ok(Credit::Given(None));
    };
    let credits = Credits::Call { source: call.source.clone(), record_id: call.record_id.clone() };
    let new = NewCredit { reason: reason.to_owned(), credits };
    match credit_notes::credit_replaced(tx, world, customer, invoice, new, clock).await? {
        Credited::New(id) => Ok(Credit::Given(Some(id))),
        Credited::Already | Credited::Nothing | Credited::Later(_) => Ok(Credit::Given(None)),
        Credited::Refused(_) if is_free => Ok(Credit::Given(None)),
        refusal => Ok(Credit::Refused(refusal)),
    }
}
