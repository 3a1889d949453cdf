//! Vouchers in the database.

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::destinations;
use crate::db::{self, Cell, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::{BookingId, CustomerId};
use crate::prepaid::Unit;
use crate::prepaid::vouchers::{Batch, Voucher};
use crate::prepaid::worth::Worth;
use crate::seals;

const BATCHES: Place = Place::new("voucher_batches", &["batch"]);

/// Stores a batch; answers whether its name was free.
pub(crate) async fn names_of_batches(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.rows("select batch from voucher_batches order by batch", &[]).await?;
    Ok(rows.iter().map(|row| row.get("batch")).collect::<db::Result<_>>()?)
}

pub(crate) async fn insert_batch(
    tx: &mut Tx,
    batch: &Batch,
    vouchers: u32,
    (id, now): (i64, Timestamp),
) -> Result<bool> {
    let prefixes = match &batch.worth {
        Worth::Money(_) => destinations(&[])?,
        Worth::Seconds { destinations: prefixes, .. } => destinations(prefixes)?,
    };
    let Batch { name, balance_name, worth, priority, balance_days, expires_at } = batch;
    let row = [
        Cell::Int(vouchers.into()),
        Cell::Time(now),
        Cell::Text(name),
        balance_name.as_deref().into(),
        Cell::Text(worth.unit().code()),
        worth.currency().map(calculation::money::Currency::code).into(),
        Cell::Int(worth.count()),
        Cell::Text(&prefixes),
        (*priority).into(),
        (*balance_days).into(),
        (*expires_at).into(),
        Cell::Int(tx.seal_batch(|| (id, now))),
    ];
    let sql = "insert into voucher_batches (vouchers, created_at, batch, balance_name, unit, currency, amount, destinations,
                 priority, balance_days, expires_at, seal_batch_id)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (batch) do nothing";
    let is_new = tx.execute(sql, &row.each_ref().map(|cell| cell as &dyn Param)).await? == 1;
    if is_new {
        seals::seal_row(tx, &seals::VOUCHER_BATCH, &row);
    }
    Ok(is_new)
}

pub(crate) async fn insert_vouchers(tx: &mut Tx, batch: &str, hashes: &[Hash]) -> Result<()> {
    let rows: Vec<_> = hashes.iter().map(|hash| [Cell::Bytes(hash), Cell::Text(batch)]).collect();
    Ok(tx.insert_rows("vouchers", &["code_hash", "batch"], &rows).await?)
}

/// Redeems a voucher that nobody redeemed before; answers whether it was one.
pub(crate) async fn redeem(
    tx: &mut Tx,
    hash: &Hash,
    customer: CustomerId,
    booking: BookingId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "update vouchers set customer_id = $2, booking_id = $3, redeemed_at = $4
               where code_hash = $1 and customer_id is null";
    Ok(tx.execute(sql, &[&hash.to_vec(), &customer.0, &booking.0, &Ts(now)]).await? == 1)
}

/// The voucher that has a code.
pub(crate) async fn voucher(tx: &mut Tx, hash: &Hash) -> Result<Option<Voucher>> {
    let sql =
        "select b.batch, b.balance_name, b.unit, b.currency, b.amount, b.destinations, b.priority, b.balance_days,
                 b.expires_at, v.customer_id, v.booking_id
               from vouchers v join voucher_batches b on b.batch = v.batch where v.code_hash = $1";
    let row = tx.row(sql, &[&hash.to_vec()]).await?;
    Ok(BATCHES.one(row.as_ref(), voucher_of)?)
}

fn voucher_of(row: &Row) -> db::Result<Voucher> {
    let count: i64 = row.get("amount")?;
    let worth = match row.parse("unit")? {
        Unit::Money => {
            Worth::Money(Money { amount: Amount::from_micros(count), currency: row.parse("currency")? })
        }
        Unit::Seconds => Worth::Seconds { seconds: count, destinations: row.json("destinations")? },
    };
    let batch = Batch {
        name: row.get("batch")?,
        balance_name: row.get("balance_name")?,
        worth,
        priority: row.get("priority")?,
        balance_days: row.get("balance_days")?,
        expires_at: row.optional_time("expires_at")?,
    };
    let (customer, booking): (Option<i64>, Option<i64>) = (row.get("customer_id")?, row.get("booking_id")?);
    Ok(Voucher { batch, redeemed: customer.map(CustomerId).zip(booking.map(BookingId)) })
}
