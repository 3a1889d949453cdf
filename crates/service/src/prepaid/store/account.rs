//! Charging accounts in the database.

use std::collections::BTreeMap;

use calculation::money::Amount;
use jiff::Timestamp;

use crate::db::{self, Cell, Hold, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::CustomerId;
use crate::prepaid::ChargingAccount;

const ACCOUNTS: Place = Place::new("charging_accounts", &["customer_id"]);

/// Makes the accounts that are missing, and holds all of them in the order of their ids, or those that are free.
pub(in crate::prepaid) async fn hold_accounts(
    tx: &mut Tx,
    customers: &[CustomerId],
    hold: Hold,
) -> Result<BTreeMap<CustomerId, ChargingAccount>> {
    let mut held = accounts(tx, customers, Some(hold)).await?;
    let missing: Vec<_> = customers.iter().copied().filter(|id| !held.contains_key(id)).collect();
    if missing.is_empty() {
        return Ok(held);
    }
    // What is inserted is held as well. Who is inserted by two at once is held by the one who came first.
    let insert =
        "insert into charging_accounts (customer_id) values ($1) on conflict (customer_id) do nothing";
    let rows: Vec<_> = missing.iter().map(|id| [Cell::Int(id.0)]).collect();
    tx.execute_each(insert, &rows).await?;
    held.append(&mut accounts(tx, &missing, Some(hold)).await?);
    Ok(held)
}

/// The accounts of customers that are there, held or not.
pub(in crate::prepaid) async fn accounts(
    tx: &mut Tx,
    customers: &[CustomerId],
    hold: Option<Hold>,
) -> Result<BTreeMap<CustomerId, ChargingAccount>> {
    let sql = format!(
        "select customer_id, low_balance, top_up_amount, top_ups_asked, top_up_asked_at, renew_at, renewal_fee
         from charging_accounts where customer_id in ({}) order by customer_id {}",
        in_list(1),
        hold.map_or_else(String::new, |hold| tx.hold(hold, "charging_accounts"))
    );
    let mut found = BTreeMap::new();
    for some in customers.chunks(IN_LIST) {
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[], &ids).await? {
            found.insert(CustomerId(row.get("customer_id")?), ACCOUNTS.read(&row, account)?);
        }
    }
    Ok(found)
}

fn account(row: &Row) -> db::Result<ChargingAccount> {
    Ok(ChargingAccount {
        low_balance: row.optional_amount("low_balance")?,
        top_up_amount: row.optional_amount("top_up_amount")?,
        top_ups_asked: row.count::<u32>("top_ups_asked")?.into(),
        top_up_asked_at: row.optional_time("top_up_asked_at")?,
        renew_at: row.optional_time("renew_at")?,
        renewal_fee: row.optional_amount("renewal_fee")?,
    })
}

/// Stores accounts, which are held.
pub(in crate::prepaid) async fn update_accounts(
    tx: &mut Tx,
    accounts: &[(CustomerId, &ChargingAccount)],
) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let sql = "update charging_accounts set low_balance = $2, top_up_amount = $3, top_ups_asked = $4,
                 top_up_asked_at = $5, renew_at = $6, renewal_fee = $7
               where customer_id = $1";
    let amount = |amount: Option<Amount>| Cell::from(amount.map(Amount::micros));
    let rows: Vec<_> = accounts
        .iter()
        .map(|(customer, account)| {
            [
                Cell::Int(customer.0),
                amount(account.low_balance),
                amount(account.top_up_amount),
                Cell::Int(account.top_ups_asked),
                account.top_up_asked_at.into(),
                account.renew_at.into(),
                amount(account.renewal_fee),
            ]
        })
        .collect();
    tx.execute_each(sql, &rows).await?;
    Ok(())
}

/// Makes a customer's account due for a renewal at an instant, unless it is due before.
pub(in crate::prepaid) async fn renew_from(tx: &mut Tx, customer: CustomerId, at: Timestamp) -> Result<()> {
    let sql = "insert into charging_accounts (customer_id, renew_at) values ($1, $2)
               on conflict (customer_id) do update set renew_at =
                 case when charging_accounts.renew_at < excluded.renew_at
                   then charging_accounts.renew_at else excluded.renew_at end";
    tx.execute(sql, &[&customer.0, &Ts(at)]).await?;
    Ok(())
}
