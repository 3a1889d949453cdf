//! What has not begun is taken out of the database.

use jiff::Timestamp;

use crate::customers::Line;
use crate::db::{Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, SubscriptionId};

pub(in crate::customers) async fn delete_subscription(
    tx: &mut Tx,
    customer: CustomerId,
    id: SubscriptionId,
) -> Result<()> {
    let sql = "delete from subscriptions where customer_id = $1 and subscription_id = $2";
    tx.execute(sql, &[&customer.0, &id.0]).await?;
    Ok(())
}

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
