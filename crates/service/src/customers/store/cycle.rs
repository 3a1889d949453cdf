//! Where a new customer's billing begins, in the database.

use jiff::Timestamp;

use crate::db::{Hold, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// The billing of a new customer begins with the month that holds `bill_from`. Months that were over when the customer was
/// created are looked at before they go out.
pub(in crate::customers) async fn insert_cycle(
    tx: &mut Tx,
    id: CustomerId,
    bill_from: Timestamp,
    created_at: Timestamp,
) -> Result<()> {
    // The end of that month is found when the zone is settled.
    let sql = "insert into cycles (customer_id, bill_from, next_start, next_end, review_until)
               values ($1, $2, $2, $2, $3)";
    tx.execute(sql, &[&id.0, &Ts(bill_from), &Ts(created_at)]).await?;
    Ok(())
}

/// Holds where the customer's billing stands until the transaction ends.
pub(in crate::customers) async fn hold_cycle(tx: &mut Tx, id: CustomerId) -> Result<()> {
    let hold = tx.hold(Hold::Exclusive, "cycles");
    tx.row(&format!("select customer_id from cycles where customer_id = $1 {hold}"), &[&id.0]).await?;
    Ok(())
}

/// An instant of the first month that is billed.
pub(in crate::customers) async fn bill_from(tx: &mut Tx, id: CustomerId) -> Result<Option<Timestamp>> {
    let row = tx.row("select bill_from from cycles where customer_id = $1", &[&id.0]).await?;
    Ok(row.map(|row| row.time("bill_from")).transpose()?)
}

/// Begins with the first month that is billed, which ends then.
pub(in crate::customers) async fn begin_cycle(tx: &mut Tx, id: CustomerId, ends_at: Timestamp) -> Result<()> {
    let sql = "update cycles set next_start = bill_from, next_end = $2 where customer_id = $1";
    tx.execute(sql, &[&id.0, &Ts(ends_at)]).await?;
    Ok(())
}
