//! Balances and movements as they are shown.

use super::{BALANCE, balance};
use crate::db::{self, Place, Row, Tx};
use crate::error::Result;
use crate::id::{BalanceId, BookingId, CustomerId, MovementId};
use crate::prepaid::statement::StoredMovement;
use crate::prepaid::{Balance, Movement};

const MOVEMENTS: Place = Place::new("movements", &["movement_id"]);

/// A customer's balances, the oldest first.
pub(crate) async fn balances(tx: &mut Tx, customer: CustomerId, closed: bool) -> Result<Vec<Balance>> {
    let only = if closed { "" } else { "and b.closed_at is null" };
    let sql = format!("{BALANCE} where b.customer_id = $1 {only} order by b.balance_id");
    let rows = tx.rows(&sql, &[&customer.0]).await?;
    Ok(super::BALANCES.all(&rows, balance)?)
}

const MOVEMENT: &str = "select m.movement_id, m.balance_id, m.kind, m.subject_id, m.amount, m.balance_after,
    m.moved_at, b.name, b.unit, k.reference, k.reason
  from movements m
  join balances b on b.customer_id = m.customer_id and b.balance_id = m.balance_id
  left join bookings k on k.customer_id = m.customer_id and k.booking_id = m.subject_id and m.kind <> 'call'";

/// A customer's movements after one, the oldest first; of one balance if it is named.
pub(crate) async fn movements_after(
    tx: &mut Tx,
    customer: CustomerId,
    balance: Option<BalanceId>,
    after: MovementId,
    limit: usize,
) -> Result<Vec<StoredMovement>> {
    let of_balance = if balance.is_some() { "m.balance_id = $4" } else { "$4 = cast(0 as bigint)" };
    let sql = format!(
        "{MOVEMENT} where m.customer_id = $1 and m.movement_id > $2 and {of_balance}
         order by m.movement_id limit $3"
    );
    let (limit, balance) = (db::limit(limit), balance.map_or(0, |balance| balance.0));
    let rows = tx.rows(&sql, &[&customer.0, &after.0, &limit, &balance]).await?;
    Ok(MOVEMENTS.all(&rows, movement)?)
}

/// The movements of a booking, at most so many. They came after it, so their ids are greater.
pub(crate) async fn movements_of(
    tx: &mut Tx,
    customer: CustomerId,
    booking: BookingId,
    most: i64,
) -> Result<Vec<StoredMovement>> {
    let sql = format!(
        "{MOVEMENT} where m.customer_id = $1 and m.movement_id > $2 and m.subject_id = $2 and m.kind <> 'call'
         order by m.movement_id limit $3"
    );
    let rows = tx.rows(&sql, &[&customer.0, &booking.0, &most]).await?;
    Ok(MOVEMENTS.all(&rows, movement)?)
}

fn movement(row: &Row) -> db::Result<StoredMovement> {
    Ok(StoredMovement {
        id: MovementId(row.get("movement_id")?),
        movement: Movement {
            balance: BalanceId(row.get("balance_id")?),
            kind: row.parse("kind")?,
            subject: row.get("subject_id")?,
            amount: row.get("amount")?,
            after: row.get("balance_after")?,
            at: row.time("moved_at")?,
        },
        balance_name: row.get("name")?,
        unit: row.parse("unit")?,
        reference: row.get("reference")?,
        reason: row.get("reason")?,
    })
}
