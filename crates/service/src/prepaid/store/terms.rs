//! What was agreed with customers about their prepaid money.

use calculation::money::Amount;

use crate::db::{self, Tx};
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
    low_balance: Option<Amount>,
    top_up_amount: Option<Amount>,
) -> Result<()> {
    let sql = "update charging_accounts set low_balance = $2, top_up_amount = $3 where customer_id = $1";
    let [low_balance, top_up_amount] = [low_balance, top_up_amount].map(|amount| amount.map(Amount::micros));
    tx.execute(sql, &[&customer.0, &low_balance, &top_up_amount]).await?;
    Ok(())
}

/// Below what a customer's balance is low, and how much is asked for then.
pub(crate) async fn low_balance(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<(Option<Amount>, Option<Amount>)> {
    let sql = "select low_balance, top_up_amount from charging_accounts where customer_id = $1";
    let Some(row) = tx.row(sql, &[&customer.0]).await? else { return Ok((None, None)) };
    let amount = |column: &str| Ok::<_, db::Error>(row.get::<Option<i64>>(column)?.map(Amount::from_micros));
    Ok((amount("low_balance")?, amount("top_up_amount")?))
}
