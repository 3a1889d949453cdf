//! Moves money or seconds from one balance of a customer to another, once by its reference.

use calculation::money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{Booked, Booking, book, check_reason, check_reference, known_form};
use super::worth::{count_in, pointer_of};
use super::{
    Balance, BookingDone, Checked, MovementKind, Quantity, WrongField, booking_done, hold, purse_of, save,
};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{BalanceId, CustomerId};

/// What is moved from one balance to another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// What names it, once for all customers: done once, however often it is sent.
    #[schema(example = "transfer 17")]
    pub reference: String,
    pub reason: Option<String>,
    #[schema(value_type = String, example = "bal_01h2x3y4z5a6b", pattern = "^bal_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
    pub from: BalanceId,
    #[schema(value_type = String, example = "bal_01h2x3y4z5a6c", pattern = "^bal_[0-7][0-9a-hjkmnp-tv-z]{12}$")]
    pub to: BalanceId,
    /// Between balances of money.
    #[schema(value_type = Option<String>, example = "5.00")]
    pub amount: Option<Amount>,
    /// The customer's, with an amount.
    #[schema(value_type = Option<String>, example = "EUR")]
    pub currency: Option<Currency>,
    /// Between balances of seconds to the same destinations.
    pub seconds: Option<i64>,
}

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Transferred {
    New(BookingDone),
    /// It was done before.
    Known(BookingDone),
    Wrong(WrongField),
    UnknownCustomer,
    /// Another booking has the reference: with other content, or another customer's.
    ReferenceTaken,
    /// The customer has no such balance that is open.
    UnknownBalance(BalanceId),
    /// That balance has expired.
    Expired(BalanceId),
    /// One holds money and the other seconds, or seconds to other destinations.
    Unlike,
    /// Only so much is available.
    BeyondAvailable(Quantity),
}

/// Moves what is available between two balances of a customer, who is held. What the customer has prepaid is
/// the same after it: the ledger is not touched.
pub async fn transfer(
    tx: &mut Tx,
    customer: CustomerId,
    mut new: NewTransfer,
    clock: &Clock,
) -> Result<Transferred> {
    if let Err(wrong) = check(&new) {
        return Ok(Transferred::Wrong(wrong));
    }
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Transferred::UnknownCustomer) };
    let mut purses = hold(tx, &[customer]).await?;
    new.reference = known_form(tx, new.reference).await?;
    let reference = Some(new.reference.clone());
    let booking = Booking::new(MovementKind::Transfer, reference, new.reason.clone(), &new, clock)?;
    match book(tx, customer, &booking).await? {
        Booked::New => {}
        Booked::Known(known) => return Ok(Transferred::Known(booking_done(tx, &holder, known).await?)),
        Booked::ReferenceTaken => return Ok(Transferred::ReferenceTaken),
    }
    let purse = purse_of(&mut purses, customer)?;
    let named = |id: BalanceId| purse.balances().iter().find(|balance| balance.id == id);
    let (Some(from), Some(to)) = (named(new.from), named(new.to)) else {
        let unknown = if named(new.from).is_none() { new.from } else { new.to };
        return Ok(Transferred::UnknownBalance(unknown));
    };
    if let Some(expired) = [from, to].into_iter().find(|balance| !balance.is_usable(booking.booked_at)) {
        return Ok(Transferred::Expired(expired.id));
    }
    if (from.unit, destinations(from)) != (to.unit, destinations(to)) {
        return Ok(Transferred::Unlike);
    }
    let count = match count_in((from.unit, holder.currency), new.amount, new.currency, new.seconds) {
        Ok(count) if count < 0 => {
            return Ok(Transferred::Wrong(WrongField::new(pointer_of(from.unit), "is below zero")));
        }
        Ok(count) => count,
        Err(wrong) => return Ok(Transferred::Wrong(wrong)),
    };
    if count > from.available() {
        return Ok(Transferred::BeyondAvailable(Quantity::of(from.unit, from.available(), holder.currency)));
    }
    for (id, count) in [(new.from, -count), (new.to, count)] {
        purse.add(id, count, (booking.kind, booking.id.0), booking.booked_at)?;
    }
    save(tx, &mut purses, clock).await?;
    Ok(Transferred::New(booking_done(tx, &holder, booking.id).await?))
}

/// What can be told from the request alone.
fn check(new: &NewTransfer) -> Checked<()> {
    check_reference(&new.reference)?;
    new.reason.as_deref().map_or(Ok(()), check_reason)?;
    if new.from == new.to {
        return Err(WrongField::new("/to", "is the balance that it is taken from"));
    }
    Ok(())
}

/// The destinations of a balance, whatever their order.
fn destinations(balance: &Balance) -> std::collections::BTreeSet<&str> {
    balance.destinations.iter().map(calculation::tariff::Prefix::as_str).collect()
}
