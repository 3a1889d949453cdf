//! Moves out what is left of expired balances, and closes them.
//!
//! What is held for a call stays until the call has ended; the next round takes what is left of it then.

use calculation::money::{Amount, Currency};
use jiff::Timestamp;

use super::book::Booking;
use super::{MovementKind, Purse, Unit, hold, save, store};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hash;
use crate::id::{BookingId, CustomerId};
use crate::ledger::{Account, Entry, EntryKind};

/// Expires what is due of some customers, whose accounts are held; answers how many balances it took from.
pub(super) async fn expire(tx: &mut Tx, ids: &[CustomerId], clock: &Clock) -> Result<u64> {
    let now = clock.now();
    let mut purses = hold(tx, ids).await?;
    let (mut bookings, mut expired) = (Vec::new(), 0);
    for customer in customers::by_ids(tx, ids).await? {
        let Some(purse) = purses.get_mut(&customer.id) else { continue };
        let id = BookingId(clock.id());
        let taken = expire_purse(purse, id, customer.currency, now)?;
        if taken > 0 {
            expired += taken;
            bookings.push((customer.id, booking(customer.id, id, now)));
        }
        purse.close_used_up(now);
    }
    let stored: Vec<_> = bookings.iter().map(|(customer, booking)| (*customer, booking)).collect();
    store::insert_bookings(tx, &stored).await?;
    save(tx, &mut purses, clock).await?;
    Ok(expired)
}

fn expire_purse(purse: &mut Purse, booking: BookingId, currency: Currency, now: Timestamp) -> Result<u64> {
    let expired = purse.balances().iter().filter(|balance| !balance.is_usable(now));
    let left =
        expired.map(|balance| (balance.id, balance.unit, balance.amount.saturating_sub(balance.reserved)));
    let left: Vec<_> = left.filter(|(.., left)| *left > 0).collect();
    for (balance, _, left) in &left {
        purse.add(*balance, left.saturating_neg(), (MovementKind::Expiry, booking.0), now)?;
    }
    let money = left.iter().filter(|(_, unit, _)| *unit == Unit::Money);
    let money = Amount::sum(money.map(|(.., left)| Amount::from_micros(left.saturating_neg())));
    let money =
        money.ok_or_else(|| Error::Contradiction("expired money does not fit an amount".to_owned()))?;
    if money != Amount::ZERO {
        let (customer, kind) = (purse.customer(), EntryKind::Expiry);
        purse.post(Entry::booking(customer, kind, booking, (Account::Breakage, money), currency, now));
    }
    Ok(left.len() as u64)
}

fn booking(customer: CustomerId, id: BookingId, now: Timestamp) -> Booking {
    Booking {
        id,
        kind: MovementKind::Expiry,
        reference: None,
        reason: None,
        content_hash: hash::of(format!("{customer} {now}").as_bytes()),
        booked_at: now,
    }
}
