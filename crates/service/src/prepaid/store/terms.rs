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
        _ => Err(Error::Contradiction(format!("{customer} has no balance {balance}"))),
    }
}
