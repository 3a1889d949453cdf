//! Which calls were charged in a customer's month?

use calculation::call::LONGEST_RING_SECONDS;
use jiff::Timestamp;

use super::{POSTPAID, amount};
use crate::db::{self, Row, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;
use documents::ItemisedCall;

/// The charged calls that a customer's month is invoiced with, late ones too, in the order they were
/// answered. The month is half-open.
pub async fn itemised(
    tx: &mut Tx,
    customer: CustomerId,
    starts_at: Timestamp,
    ends_at: Timestamp,
) -> Result<Vec<ItemisedCall>> {
    // The index is by the start of the call, and the month by its answer.
    let ring_from = Timestamp::from_second(starts_at.as_second() - LONGEST_RING_SECONDS).unwrap_or(starts_at);
    let columns = "source, record_id, coalesce(answered_at, started_at) as answered, caller,
                   coalesce(dialled, called) as number, destination, billed_seconds, amount, late_for";
    let on_time = format!(
        "select {columns} from calls where customer_id = $1 and started_at >= $2 and started_at < $3
           and period_start = $4 and late_for is null and {POSTPAID}"
    );
    let (start, end) = (Ts(starts_at), Ts(ends_at));
    let mut rows = tx.rows(&on_time, &[&customer.0, &Ts(ring_from), &end, &start]).await?;
    let late = format!(
        "select {columns} from calls where customer_id = $1 and period_start = $2 and late_for is not null
           and {POSTPAID}"
    );
    rows.append(&mut tx.rows(&late, &[&customer.0, &start]).await?);
    let mut calls: Vec<_> = super::CALLS.all(&rows, keyed_call)?;
    // Calls of the same microsecond go by their key: a document must not change from one day to the next.
    // Here and not in SQL, for the engines sort texts differently.
    calls.sort_by(|(one_key, one), (other_key, other)| {
        (one.answered_at, one_key).cmp(&(other.answered_at, other_key))
    });
    Ok(calls.into_iter().map(|(_, call)| call).collect())
}

type Key = (String, String);

fn keyed_call(row: &Row) -> db::Result<(Key, ItemisedCall)> {
    let call = ItemisedCall {
        answered_at: row.time("answered")?,
        caller: row.get("caller")?,
        number: row.get("number")?,
        destination: row.get("destination")?,
        billed_seconds: row.count("billed_seconds")?,
        amount: amount(row.get("amount")?),
        late: row.optional_time("late_for")?.is_some(),
    };
    Ok(((row.get("source")?, row.get("record_id")?), call))
}
