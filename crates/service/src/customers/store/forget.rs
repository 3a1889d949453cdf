//! What is not known of a customer any more.

use jiff::Timestamp;

use crate::customers::Customer;
use crate::db::{Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

pub(in crate::customers) async fn keep_calls_from(
    tx: &mut Tx,
    customer: CustomerId,
    from: Timestamp,
) -> Result<()> {
    let sql = "update customers set calls_kept_from = $2
               where customer_id = $1 and (calls_kept_from is null or calls_kept_from < $2)";
    tx.execute(sql, &[&customer.0, &Ts(from)]).await?;
    Ok(())
}

/// Takes away the customer's numbers and reference; the rest of the row is stored as it is given.
pub(in crate::customers) async fn erase(tx: &mut Tx, erased: &Customer, at: Timestamp) -> Result<()> {
    let (id, reference) = (erased.id.0, &erased.reference);
    tx.execute("delete from number_directory where customer_id = $1", &[&id]).await?;
    tx.execute("delete from lines where customer_id = $1", &[&id]).await?;
    tx.execute("delete from customer_directory where customer_id = $1", &[&id]).await?;
    super::claim_reference(tx, reference, erased.id).await?;
    let sql =
        "update customers set reference = $2, suspended_reason = null, erased_at = $3 where customer_id = $1";
    tx.execute(sql, &[&id, reference, &Ts(at)]).await?;
    super::parties::forget_parties(tx, erased.id).await?;
    super::update(tx, erased).await
}
