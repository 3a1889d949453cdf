//! Balances and what moved them in the database.

mod account;
mod due;
mod proof;
mod statement;
mod terms;
mod vouchers;

pub(super) use account::{accounts, hold_accounts, renew_from, update_accounts};
pub(super) use due::{
    Due, claim_expired, claim_renewals, end_allowances, insert_bookings, insert_renewals, put_off_renewal,
    renewals,
};
pub(super) use proof::{Proof, breaking, counts, grants, wrong_batches};
pub(super) use statement::{balances, movements_after, movements_of};
pub(super) use terms::set_floor;
pub(super) use vouchers::{insert_batch, insert_vouchers, names_of_batches, redeem, voucher};

use std::collections::BTreeSet;

use calculation::tariff::Prefix;

use super::book::Booking;
use super::purse::Stored;
use super::{Balance, Movement};
use crate::db::{self, Cell, IN_LIST, Kind, Place, Row, Ts, Tx, in_list};
use crate::error::{Error, Result};
use crate::id::{BalanceId, BookingId, CustomerId, MovementId};

pub(super) const BALANCES: Place = Place::new("balances", &["customer_id", "balance_id"]);
const BOOKINGS: Place = Place::new("bookings", &["customer_id", "booking_id"]);

const BALANCE: &str = "select b.customer_id, b.balance_id, b.line, b.name, b.unit, b.main, b.destinations,
    b.priority, b.expires_at, b.floor, b.amount, b.reserved, b.last_movement_id, b.created_at, b.closed_at
  from balances b";

/// The open balances of customers, the oldest first, and the id of each one's last movement.
pub(super) async fn open_balances(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<Vec<(CustomerId, Balance, i64)>> {
    let sql = format!(
        "{BALANCE} where b.customer_id in ({}) and b.closed_at is null order by b.customer_id, b.balance_id",
        in_list(1)
    );
    let mut found = Vec::new();
    for some in customers.chunks(IN_LIST) {
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[], &ids).await? {
            let (customer, last_movement) = (row.get("customer_id")?, row.get("last_movement_id")?);
            found.push((CustomerId(customer), BALANCES.read(&row, balance)?, last_movement));
        }
    }
    Ok(found)
}

fn balance(row: &Row) -> db::Result<Balance> {
    Ok(Balance {
        id: BalanceId(row.get("balance_id")?),
        line: row.optional_parse("line")?,
        name: row.get("name")?,
        unit: row.parse("unit")?,
        main: row.get("main")?,
        destinations: row.json("destinations")?,
        priority: row.get("priority")?,
        expires_at: row.optional_time("expires_at")?,
        floor: row.get("floor")?,
        amount: row.get("amount")?,
        reserved: row.get("reserved")?,
        created_at: row.time("created_at")?,
        closed_at: row.optional_time("closed_at")?,
    })
}

fn destinations(prefixes: &[Prefix]) -> db::Result<String> {
    db::json_text(&prefixes)
}

pub(super) async fn insert_balances(tx: &mut Tx, new: &[(CustomerId, &Balance, i64)]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut texts = Vec::with_capacity(new.len());
    for (_, balance, _) in new {
        texts.push((balance.line.map(|line| line.to_string()), destinations(&balance.destinations)?));
    }
    let rows: Vec<_> = new
        .iter()
        .zip(&texts)
        .map(|((customer, balance, last_movement), (line, destinations))| {
            [
                Cell::Int(customer.0),
                Cell::Int(balance.id.0),
                line.as_deref().into(),
                Cell::Text(&balance.name),
                Cell::Text(balance.unit.code()),
                Cell::Bool(balance.main),
                Cell::Text(destinations),
                Cell::Int(balance.priority),
                balance.expires_at.into(),
                Cell::Int(balance.floor),
                Cell::Int(balance.amount),
                Cell::Int(balance.reserved),
                Cell::Int(*last_movement),
                Cell::Time(balance.created_at),
            ]
        })
        .collect();
    let columns = [
        "customer_id",
        "balance_id",
        "line",
        "name",
        "unit",
        "main",
        "destinations",
        "priority",
        "expires_at",
        "floor",
        "amount",
        "reserved",
        "last_movement_id",
        "created_at",
    ];
    Ok(tx.insert_rows("balances", &columns, &rows).await?)
}

/// Stores what changed of balances that are still as they were read.
pub(super) async fn update_balances(
    tx: &mut Tx,
    changed: &[(CustomerId, BalanceId, Stored, Stored)],
) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let sql = "update balances set amount = g.column3, reserved = g.column4, last_movement_id = g.column5,
                 closed_at = g.column8
               from :given g where customer_id = g.column1 and balance_id = g.column2
                 and amount = g.column6 and reserved = g.column7 and closed_at is null returning balance_id";
    let rows: Vec<_> = changed
        .iter()
        .map(|(customer, balance, before, now)| {
            let Stored { amount, reserved, last_movement, closed_at } = *now;
            let [customer, balance, amount, reserved, last_movement, amount_before, reserved_before] =
                [customer.0, balance.0, amount, reserved, last_movement, before.amount, before.reserved]
                    .map(Cell::Int);
            [
                customer,
                balance,
                amount,
                reserved,
                last_movement,
                amount_before,
                reserved_before,
                closed_at.into(),
            ]
        })
        .collect();
    let int = Kind::Int;
    let kinds = [int, int, int, int, int, int, int, Kind::Time];
    let updated = tx.rows_over(sql, kinds, &rows).await?;
    let updated = updated.iter().map(|row| row.get("balance_id").map(BalanceId));
    let updated: BTreeSet<_> = updated.collect::<db::Result<_>>()?;
    match changed.iter().find(|(_, balance, ..)| !updated.contains(balance)) {
        None => Ok(()),
        Some((customer, balance, ..)) => {
            Err(Error::Contradiction(format!("{balance} of {customer} was changed by somebody else")))
        }
    }
}

pub(super) async fn insert_movements(
    tx: &mut Tx,
    movements: &[(CustomerId, MovementId, &Movement)],
) -> Result<()> {
    if movements.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = movements
        .iter()
        .map(|(customer, id, movement)| {
            [
                Cell::Int(customer.0),
                Cell::Int(id.0),
                Cell::Int(movement.balance.0),
                Cell::Text(movement.kind.code()),
                Cell::Int(movement.subject),
                Cell::Int(movement.amount),
                Cell::Int(movement.after),
                Cell::Time(movement.at),
            ]
        })
        .collect();
    let columns = [
        "customer_id",
        "movement_id",
        "balance_id",
        "kind",
        "subject_id",
        "amount",
        "balance_after",
        "moved_at",
    ];
    Ok(tx.insert_rows("movements", &columns, &rows).await?)
}

/// Claims the reference of a booking, if it has one; answers whether it was free.
pub(super) async fn claim_reference(tx: &mut Tx, customer: CustomerId, booking: &Booking) -> Result<bool> {
    let Some(reference) = &booking.reference else { return Ok(true) };
    let sql = "insert into booking_directory (reference, customer_id, booking_id) values ($1, $2, $3)
               on conflict (reference) do nothing";
    Ok(tx.execute(sql, &[reference, &customer.0, &booking.id.0]).await? == 1)
}

pub(super) async fn insert_booking(tx: &mut Tx, customer: CustomerId, booking: &Booking) -> Result<()> {
    let sql =
        "insert into bookings (customer_id, booking_id, kind, reference, reason, content_hash, booked_at)
               values ($1, $2, $3, $4, $5, $6, $7)";
    let Booking { id, kind, reference, reason, content_hash, booked_at } = booking;
    let hash = content_hash.to_vec();
    tx.execute(sql, &[&customer.0, &id.0, &kind.code(), reference, reason, &hash, &Ts(*booked_at)]).await?;
    Ok(())
}

const BOOKING: &str =
    "select b.customer_id, b.booking_id, b.kind, b.reference, b.reason, b.content_hash, b.booked_at";

/// The booking that has a reference, and whose it is.
pub(super) async fn booking_by_reference(
    tx: &mut Tx,
    reference: &str,
) -> Result<Option<(CustomerId, Booking)>> {
    let sql = format!(
        "{BOOKING} from booking_directory d
         join bookings b on b.customer_id = d.customer_id and b.booking_id = d.booking_id
         where d.reference = $1"
    );
    Ok(BOOKINGS.one(tx.row(&sql, &[&reference]).await?.as_ref(), booking_of_row)?)
}

/// A booking of a customer.
pub(super) async fn booking(tx: &mut Tx, customer: CustomerId, id: BookingId) -> Result<Option<Booking>> {
    let sql = format!("{BOOKING} from bookings b where b.customer_id = $1 and b.booking_id = $2");
    let row = tx.row(&sql, &[&customer.0, &id.0]).await?;
    Ok(BOOKINGS.one(row.as_ref(), booking_of_row)?.map(|(_, booking)| booking))
}

fn booking_of_row(row: &Row) -> db::Result<(CustomerId, Booking)> {
    let booking = Booking {
        id: BookingId(row.get("booking_id")?),
        kind: row.parse("kind")?,
        reference: row.get("reference")?,
        reason: row.get("reason")?,
        content_hash: row.hash("content_hash")?,
        booked_at: row.time("booked_at")?,
    };
    Ok((CustomerId(row.get("customer_id")?), booking))
}
