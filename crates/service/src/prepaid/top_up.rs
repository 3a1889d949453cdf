//! Puts money or seconds on a balance, once by its reference.

use calculation::money::{Amount, Currency};
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{Booked, Booking, book, check_reference, known_form};
use super::worth::{Gift, Worth, check_together, is_current};
use super::{BookingDone, Checked, MovementKind, WrongField, booking_done, hold, purse_of, save};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::ledger::Account;

/// Money or seconds to be put on a balance of a customer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTopUp {
    /// What names it, once for all customers: done once, however often it is sent.
    #[schema(example = "2026-11-05/0042")]
    pub reference: String,
    #[serde(default)]
    pub kind: TopUpKind,
    /// Money, above zero and no finer than the currency's minor unit; or else `seconds`.
    #[schema(value_type = Option<String>, example = "20.00")]
    pub amount: Option<Amount>,
    /// The customer's, with an amount.
    #[schema(value_type = Option<String>, example = "EUR")]
    pub currency: Option<Currency>,
    /// Seconds of talk to `destinations`.
    pub seconds: Option<i64>,
    /// Prefixes of the numbers that seconds are for; `*` are all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub destinations: Vec<Prefix>,
    /// For calls from this line of the customer only.
    #[schema(value_type = Option<String>, example = "+493023125001", pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub line: Option<E164>,
    /// How a balance of its own is called.
    pub name: Option<String>,
    /// The lowest is used first; 0 when absent. Money with a priority gets a balance of its own.
    pub priority: Option<i64>,
    /// Money that expires gets a balance of its own; the other goes to the main balance.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// Where a top-up comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopUpKind {
    /// The customer paid for it.
    #[default]
    Payment,
    /// It is given away.
    Bonus,
}

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum ToppedUp {
    New(BookingDone),
    /// It was done before.
    Known(BookingDone),
    Wrong(WrongField),
    UnknownCustomer,
    /// Another booking has the reference: with other content, or another customer's.
    ReferenceTaken,
    Closed,
    /// The customer pays in this one.
    OtherCurrency(Currency),
    /// The customer does not hold the line now.
    NotTheirLine(E164),
}

/// Tops up a balance of a customer, who is held. Money without priority and expiry goes to the main balance of
/// the customer or of the line, which is opened when it is first needed; everything else to a balance of its own.
pub async fn top_up(tx: &mut Tx, customer: CustomerId, mut new: NewTopUp, clock: &Clock) -> Result<ToppedUp> {
    let gift = match gift_of(&new) {
        Ok(gift) => gift,
        Err(wrong) => return Ok(ToppedUp::Wrong(wrong)),
    };
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(ToppedUp::UnknownCustomer) };
    let mut purses = hold(tx, &[customer]).await?;
    new.reference = known_form(tx, new.reference).await?;
    let (kind, from) = match new.kind {
        TopUpKind::Payment => (MovementKind::TopUp, Account::Bank),
        TopUpKind::Bonus => (MovementKind::Bonus, Account::Bonus),
    };
    let booking = Booking::new(kind, Some(new.reference.clone()), None, &new, clock)?;
    match book(tx, customer, &booking).await? {
        Booked::New => {}
        Booked::Known(known) => return Ok(ToppedUp::Known(booking_done(tx, &holder, known).await?)),
        Booked::ReferenceTaken => return Ok(ToppedUp::ReferenceTaken),
    }
    if holder.is_closed(booking.booked_at) {
        return Ok(ToppedUp::Closed);
    }
    if gift.worth.currency().is_some_and(|currency| currency != holder.currency) {
        return Ok(ToppedUp::OtherCurrency(holder.currency));
    }
    if gift.expires_at.is_some_and(|expires_at| expires_at <= booking.booked_at) {
        return Ok(ToppedUp::Wrong(WrongField::new("/expires_at", "is not in the future")));
    }
    if let Some(line) = gift.line
        && !is_current(&customers::lines(tx, customer).await?, line, booking.booked_at)
    {
        return Ok(ToppedUp::NotTheirLine(line));
    }
    let purse = purse_of(&mut purses, customer)?;
    if let Err(wrong) = check_together(purse, gift.worth.unit(), gift.worth.count()) {
        return Ok(ToppedUp::Wrong(wrong));
    }
    gift.put(customer, purse, &booking, from, clock)?;
    purse.answered(&new.reference);
    save(tx, &mut purses, clock).await?;
    Ok(ToppedUp::New(booking_done(tx, &holder, booking.id).await?))
}

/// What can be told from the request alone.
fn gift_of(new: &NewTopUp) -> Checked<Gift> {
    check_reference(&new.reference)?;
    let worth = Worth::of(new.amount, new.currency, new.seconds, &new.destinations)?;
    let (line, name) = (new.line, new.name.clone());
    let gift = Gift { worth, line, name, priority: new.priority, expires_at: new.expires_at };
    gift.check_name()?;
    Ok(gift)
}

impl ToppedUp {
    /// Why it was refused, in words; nothing when it was not.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::New(_) | Self::Known(_) => return None,
            Self::Wrong(wrong) => wrong.to_string(),
            Self::UnknownCustomer => "there is no such customer".to_owned(),
            Self::ReferenceTaken => {
                "another booking has this reference: look at it, or choose another".to_owned()
            }
            Self::Closed => "the customer is closed".to_owned(),
            Self::OtherCurrency(currency) => format!("the customer pays in {currency}"),
            Self::NotTheirLine(line) => format!("{line} is no line that the customer holds now"),
        })
    }
}
