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

/// Sets below what a customer's balance is low, and how much is asked for then, of a customer who is held.
pub(crate) async fn set_low_balance(
    tx: &mut Tx,
    customer: CustomerId,
    low_balance: Option<Option<i64>>,
    top_up_amount: Option<Option<i64>>,
) -> Result<()> {
    for (column, value) in [("low_balance", low_balance), ("top_up_amount", top_up_amount)] {
        let Some(value) = value else { continue };
        let sql = format!("update charging_accounts set {column} = $2 where customer_id = $1");
        tx.execute(&sql, &[&customer.0, &value]).await?;
    }
    Ok(())
}

/// Below what a customer's balance is low, and how much is asked for then.
pub(crate) async fn low_balance(tx: &mut Tx, customer: CustomerId) -> Result<(Option<i64>, Option<i64>)> {
    let sql = "select low_balance, top_up_amount from charging_accounts where customer_id = $1";
    let Some(row) = tx.row(sql, &[&customer.0]).await? else { return Ok((None, None)) };
    Ok((row.get("low_balance")?, row.get("top_up_amount")?))
}
