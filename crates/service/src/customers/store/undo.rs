//! Changes of plans in the database: that there was one, and what is taken back of what has not begun.

use jiff::Timestamp;

use crate::customers::Line;
use crate::db::{Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, SubscriptionId};

pub(in crate::customers) async fn reopen_subscription(
    tx: &mut Tx,
    customer: CustomerId,
    id: SubscriptionId,
    until: Option<Timestamp>,
) -> Result<()> {
    let sql = "update subscriptions set valid_to = $3 where customer_id = $1 and subscription_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &until.map(Ts)]).await?;
    Ok(())
}

pub(in crate::customers) async fn delete_line(tx: &mut Tx, customer: CustomerId, line: &Line) -> Result<()> {
    let sql = "delete from lines where customer_id = $1 and line_id = $2";
    tx.execute(sql, &[&customer.0, &line.id.0]).await?;
    let sql = "delete from number_directory where e164 = $1 and valid_from = $2";
    tx.execute(sql, &[&line.number.to_string(), &Ts(line.valid_from)]).await?;
    Ok(())
}

pub(in crate::customers) async fn reopen_line(tx: &mut Tx, customer: CustomerId, line: &Line) -> Result<()> {
    let sql = "update lines set valid_to = null where customer_id = $1 and line_id = $2";
    tx.execute(sql, &[&customer.0, &line.id.0]).await?;
    let sql = "update number_directory set valid_to = null where e164 = $1 and valid_from = $2";
    tx.execute(sql, &[&line.number.to_string(), &Ts(line.valid_from)]).await?;
    Ok(())
}

/// Remembers that what is known of a customer's months from an instant on is not what was billed. Where the billing stands is held.
pub(in crate::customers) async fn note_change(tx: &mut Tx, id: CustomerId, from: Timestamp) -> Result<()> {
    let sql = "update cycles set changed_from = $2
               where customer_id = $1 and (changed_from is null or changed_from > $2)";
    tx.execute(sql, &[&id.0, &Ts(from)]).await?;
    Ok(())
}
