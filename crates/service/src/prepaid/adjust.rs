//! Corrects a balance by hand, once by its reference.

use calculation::money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{Booked, Booking, book, check_reason, check_reference, known_form};
use super::worth::{check_together, count_in};
use super::{BookingDone, MovementKind, Quantity, Unit, WrongField, booking_done, hold, purse_of, save};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{BalanceId, CustomerId};
use crate::ledger::{Account, Entry, EntryKind};

/// What is put on a balance or, below zero, taken off it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdjustment {
    /// What names it, once for all customers: done once, however often it is sent.
    #[schema(example = "ticket 4711")]
    pub reference: String,
    #[schema(example = "Credit for the failure of 2 November")]
    pub reason: String,
    /// Of a balance of money.
    #[schema(value_type = Option<String>, example = "-2.50")]
    pub amount: Option<Amount>,
    /// The customer's, with an amount.
    #[schema(value_type = Option<String>, example = "EUR")]
    pub currency: Option<Currency>,
    /// Of a balance of seconds.
    pub seconds: Option<i64>,
}

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Adjusted {
    New(BookingDone),
    /// It was done before.
    Known(BookingDone),
    Wrong(WrongField),
    UnknownCustomer,
    /// Another booking has the reference: with other content, or another customer's.
    ReferenceTaken,
    /// The customer has no such balance that is open.
    UnknownBalance,
    /// The balance has expired.
    Expired,
    /// Only so much is available of it.
    BeyondAvailable(Quantity),
}

/// Adjusts a balance of a customer, who is held.
pub async fn adjust(
    tx: &mut Tx,
    customer: CustomerId,
    id: BalanceId,
    mut new: NewAdjustment,
    clock: &Clock,
) -> Result<Adjusted> {
    if let Err(wrong) = check_reference(&new.reference).and_then(|()| check_reason(&new.reason)) {
        return Ok(Adjusted::Wrong(wrong));
    }
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Adjusted::UnknownCustomer) };
    let mut purses = hold(tx, &[customer]).await?;
    new.reference = known_form(tx, new.reference).await?;
    let (reference, reason) = (Some(new.reference.clone()), Some(new.reason.clone()));
    let booking = Booking::new(MovementKind::Adjustment, reference, reason, &(id, &new), clock)?;
    match book(tx, customer, &booking).await? {
        Booked::New => {}
        Booked::Known(known) => return Ok(Adjusted::Known(booking_done(tx, &holder, known).await?)),
        Booked::ReferenceTaken => return Ok(Adjusted::ReferenceTaken),
    }
    let purse = purse_of(&mut purses, customer)?;
    let Some(balance) = purse.balances().iter().find(|balance| balance.id == id) else {
        return Ok(Adjusted::UnknownBalance);
    };
    let (unit, at) = (balance.unit, booking.booked_at);
    let count = match count_in((unit, holder.currency), new.amount, new.currency, new.seconds) {
        Ok(count) => count,
        Err(wrong) => return Ok(Adjusted::Wrong(wrong)),
    };
    if !balance.is_usable(at) {
        return Ok(Adjusted::Expired);
    }
    if count.saturating_neg() > balance.available() {
        return Ok(Adjusted::BeyondAvailable(Quantity::of(unit, balance.available(), holder.currency)));
    }
    if let Err(wrong) = check_together(purse, unit, count) {
        return Ok(Adjusted::Wrong(wrong));
    }
    purse.add(id, count, (booking.kind, booking.id.0), at)?;
    if unit == Unit::Money {
        let amount = (Account::Adjustment, Amount::from_micros(count));
        let kind = EntryKind::Adjustment;
        purse.post(Entry::booking(customer, kind, booking.id, amount, holder.currency, at));
    }
    save(tx, &mut purses, clock).await?;
    Ok(Adjusted::New(booking_done(tx, &holder, booking.id).await?))
}
