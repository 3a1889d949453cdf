//! Calls whose records were corrected: what was reversed, and what stands in its place.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{CALLS, call, call_columns};
use crate::calls::{Call, Replacement, Reversal, StoredCall};
use crate::db::{self, Cell, Param, Place, Row, Ts, Tx};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::id::{CreditNoteId, CustomerId};
use crate::seals;

pub(super) const REPLACEMENTS: Place = Place::new("call_replacements", &["customer_id", "replacement_id"]);
const REPLACED_CALLS: Place = Place::new("replaced_calls", &["customer_id", "replacement_id"]);

/// The call that stands under a record's key, whoever's it is, and the hash of what its record said.
pub(in crate::calls) async fn of_record(
    tx: &mut Tx,
    source: &str,
    record_id: &str,
) -> Result<Option<(StoredCall, Hash)>> {
    let row =
        tx.row("select * from calls where source = $1 and record_id = $2", &[&source, &record_id]).await?;
    Ok(CALLS.one(row.as_ref(), |row| Ok((call(row)?, row.hash("content_hash")?)))?)
}

/// Under which id the last correction of a record stands.
pub(in crate::calls) async fn last_stored_as(
    tx: &mut Tx,
    source: &str,
    record_id: &str,
) -> Result<Option<String>> {
    let sql = "select stored_as from call_replacements where source = $1 and record_id = $2
               order by replacement_id desc limit 1";
    Ok(tx.row(sql, &[&source, &record_id]).await?.map(|row| row.get("stored_as")).transpose()?)
}

/// An id for a correction whose first record stays: `A~2`, or the next that no record has.
pub(in crate::calls) async fn free_id(tx: &mut Tx, source: &str, record_id: &str) -> Result<String> {
    let mut number = 2;
    loop {
        let id = format!("{record_id}~{number}");
        if of_record(tx, source, &id).await?.is_none() {
            return Ok(id);
        }
        number += 1;
    }
}

/// Whether a customer's month is invoiced, or was found to have nothing to invoice.
pub(in crate::calls) async fn is_closed(
    tx: &mut Tx,
    customer: CustomerId,
    starts_at: Timestamp,
) -> Result<bool> {
    let sql =
        "select starts_at from periods where customer_id = $1 and starts_at = $2 and closed_at is not null";
    Ok(tx.row(sql, &[&customer.0, &Ts(starts_at)]).await?.is_some())
}

/// Takes a call out of what is charged and keeps it, as it was, for the history.
pub(in crate::calls) async fn move_away(
    tx: &mut Tx,
    customer: CustomerId,
    call: &Call,
    id: i64,
) -> Result<()> {
    let columns = call_columns().join(", ");
    let sql = format!(
        "insert into replaced_calls (replacement_id, {columns})
         select $1, {columns} from calls where customer_id = $2 and source = $3 and record_id = $4"
    );
    tx.execute(&sql, &[&id, &customer.0, &call.source, &call.record_id]).await?;
    let key: [&dyn Param; 3] = [&customer.0, &call.source, &call.record_id];
    for table in ["call_allowances", "calls"] {
        let sql = format!("delete from {table} where customer_id = $1 and source = $2 and record_id = $3");
        tx.execute(&sql, &key).await?;
    }
    Ok(())
}

/// Gives seconds back to an allowance of a month.
pub(in crate::calls) async fn lower_uses(
    tx: &mut Tx,
    stored: &StoredCall,
    month: Timestamp,
    allowance: i64,
    seconds: i64,
) -> Result<()> {
    let Some(charge) = &stored.charge else { return Ok(()) };
    let sql = "update allowance_uses set used_seconds = used_seconds - $5
               where customer_id = $1 and period_start = $2 and plan_id = $3 and allowance = $4 and used_seconds >= $5";
    let params: [&dyn Param; 5] = [&stored.customer.0, &Ts(month), &charge.plan_id.0, &allowance, &seconds];
    if tx.execute(sql, &params).await? == 1 {
        return Ok(());
    }
    let message = format!("an allowance of {} counts fewer seconds than a call took", stored.customer);
    Err(Error::Contradiction(message))
}

/// Takes what a call cost off what counts against the cap of its month. It was not counted while there was no cap.
pub(in crate::calls) async fn lower_spending(
    tx: &mut Tx,
    customer: CustomerId,
    month: Timestamp,
    micros: i64,
) -> Result<()> {
    let sql = "update spending set amount = case when amount > $3 then amount - $3 else 0 end
               where customer_id = $1 and period_start = $2";
    tx.execute(sql, &[&customer.0, &Ts(month), &micros]).await?;
    Ok(())
}

pub(in crate::calls) async fn insert_replacement(tx: &mut Tx, new: &Replacement) -> Result<()> {
    let batch = tx.seal_batch(|| (new.id, new.replaced_at));
    let row = [
        Cell::Int(new.customer.0),
        Cell::Int(new.id),
        Cell::Text(&new.source),
        Cell::Text(&new.record_id),
        Cell::Bytes(&new.old_hash),
        Cell::Bytes(&new.new_hash),
        Cell::Text(&new.reversed),
        Cell::Text(&new.stored_as),
        Cell::Text(&new.reason),
        new.credit_note.map(|id| id.0).into(),
        Cell::Time(new.replaced_at),
        Cell::Int(batch),
    ];
    seals::insert(tx, &seals::CORRECTION, &[row]).await
}

pub(in crate::calls) async fn has_replacements(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    let sql = "select customer_id from call_replacements where customer_id = $1 limit 1";
    Ok(tx.row(sql, &[&customer.0]).await?.is_some())
}

/// Which of a customer's calls were reversed and stay on their invoice: by source and id of the reversed record.
pub(in crate::calls) async fn reversals_of(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<HashMap<(String, String), Reversal>> {
    let sql = "select source, reversed, stored_as, reason, credit_note_id, replaced_at from call_replacements
               where customer_id = $1 and stored_as <> reversed";
    let keyed = |row: &Row| Ok(((row.get("source")?, row.get("reversed")?), reversal(row)?));
    Ok(REPLACEMENTS.all(&tx.rows(sql, &[&customer.0]).await?, keyed)?)
}

fn reversal(row: &Row) -> db::Result<Reversal> {
    Ok(Reversal {
        reversed_at: row.time("replaced_at")?,
        reason: row.get("reason")?,
        replaced_by: row.get("stored_as")?,
        credit_note_id: row.get::<Option<i64>>("credit_note_id")?.map(CreditNoteId),
    })
}

/// A call that was replaced before it was invoiced.
pub(in crate::calls) struct Replaced {
    pub call: Call,
    /// Whether the corrected call is the same customer's.
    pub is_succeeded: bool,
}

/// A customer's calls that were replaced before they were invoiced, the last replaced first.
pub(in crate::calls) async fn replaced_of(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Replaced>> {
    let sql = "select k.*, r.reason, r.replaced_at, r.stored_as, r.credit_note_id,
                 case when exists (select 1 from calls c where c.customer_id = k.customer_id and c.source = k.source
                                     and c.record_id = k.record_id) then 1 else 0 end as is_succeeded
               from replaced_calls k
               join call_replacements r on r.customer_id = k.customer_id and r.replacement_id = k.replacement_id
               where k.customer_id = $1 order by k.replacement_id desc";
    let replaced = |row: &Row| {
        let call = Call { reversed: Some(reversal(row)?), ..call(row)?.call };
        Ok(Replaced { call, is_succeeded: row.get::<i32>("is_succeeded")? == 1 })
    };
    Ok(REPLACED_CALLS.all(&tx.rows(sql, &[&customer.0]).await?, replaced)?)
}

/// Removes replaced calls of before an instant, and what is remembered of corrections that are gone; answers of which imports
/// the calls were, and how many corrections went.
pub(in crate::calls) async fn delete_replaced(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<(Vec<Option<i64>>, u64)> {
    let sql = "delete from replaced_calls where customer_id = $1 and started_at < $2 and (period_start is null or period_start < $2)
               returning import_id";
    let gone = tx.rows(sql, &[&customer.0, &Ts(before)]).await?;
    let sql = "delete from call_replacements where customer_id = $1 and replaced_at < $2
                 and not exists (select 1 from calls c where c.source = call_replacements.source
                                   and c.record_id = call_replacements.stored_as)
                 and not exists (select 1 from replaced_calls k where k.customer_id = call_replacements.customer_id
                                   and k.replacement_id = call_replacements.replacement_id)";
    let corrections = tx.execute(sql, &[&customer.0, &Ts(before)]).await?;
    Ok((gone.iter().map(|row| row.get("import_id")).collect::<db::Result<_>>()?, corrections))
}
