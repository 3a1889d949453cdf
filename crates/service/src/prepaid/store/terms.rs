//! What was agreed with customers about their prepaid money.

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{BalanceId, CustomerId};

/// Sets the floor of a balance whose customer is held.
pub(crate) async fn set_floor(
    tx: &mut Tx,
    customer: CustomerId,
    balance: BalanceId,
    floor: i64,
) -> Result<()> {
    let sql = "update balances set floor = $3 where customer_id = $1 and balance_id = $2";
    match tx.execute(sql, &[&customer.0, &balance.0, &floor]).await? {
        1 => Ok(()),
        _ => Err(Error::Inconsistent(format!("{customer} has no balance {balance}"))),
    }
}

/// Below what a customer's balance is low, and how much is asked for then.
pub(crate) async fn low_balance(tx: &mut Tx, customer: CustomerId) -> Result<(Option<i64>, Option<i64>)> {
    let sql = "select low_balance, top_up_amount from charging_accounts where customer_id = $1";
    let Some(row) = tx.row(sql, &[&customer.0]).await? else { return Ok((None, None)) };
    Ok((row.get("low_balance")?, row.get("top_up_amount")?))
}
