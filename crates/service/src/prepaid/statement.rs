//! What balances has a customer, what moved them, and what was left each time?

use calculation::money::{Amount, Currency, Money};
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Balance, Movement, MovementKind, Unit, store};
use crate::calls::MoneySchema;
use crate::customers::Customer;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{BalanceId, BookingId, MovementId, SessionId};

/// Money, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Quantity {
    Money(Money),
    Seconds(i64),
}

/// Money, or a number of seconds.
#[derive(ToSchema)]
#[schema(as = Quantity)]
#[serde(untagged)]
pub enum QuantitySchema {
    Money(MoneySchema),
    Seconds(i64),
}

/// A balance as the customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PrepaidBalance {
    #[schema(value_type = String, example = "bal_01h2x3y4z5a6b")]
    pub id: BalanceId,
    #[schema(example = "Main balance")]
    pub name: String,
    pub unit: Unit,
    /// All that is on it.
    #[schema(value_type = QuantitySchema)]
    pub amount: Quantity,
    /// The part that is held for calls under way.
    #[schema(value_type = QuantitySchema)]
    pub reserved: Quantity,
    /// What may still be used, an agreed credit limit included; nothing once it has expired.
    #[schema(value_type = QuantitySchema)]
    pub available: Quantity,
    /// The line whose calls it is for; all of the customer's when absent.
    #[schema(value_type = Option<String>, example = "+493023125001")]
    pub line: Option<E164>,
    /// Prefixes of the numbers that seconds are for.
    #[schema(value_type = Vec<String>)]
    pub destinations: Vec<Prefix>,
    /// The lowest is used first.
    pub priority: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Whether top-ups go to it.
    pub main: bool,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// It expired or is used up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
}

/// A movement as the customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatementMovement {
    #[schema(value_type = String, example = "mov_01h2x3y4z5a6b")]
    pub id: MovementId,
    #[schema(value_type = String, example = "bal_01h2x3y4z5a6b")]
    pub balance_id: BalanceId,
    #[schema(example = "Main balance")]
    pub balance_name: String,
    pub kind: MovementKind,
    /// The booking or, of a call, its session.
    #[schema(example = "bkg_01h2x3y4z5a6b")]
    pub subject: String,
    /// Of the booking, if it has one.
    pub reference: Option<String>,
    /// Of the booking, if it has one.
    pub reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub moved_at: Timestamp,
    /// By how much there is more; below zero, less.
    #[schema(value_type = QuantitySchema)]
    pub amount: Quantity,
    /// What was on the balance after it.
    #[schema(value_type = QuantitySchema)]
    pub balance: Quantity,
}

/// A deed on balances, and what it moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BookingDone {
    #[schema(value_type = String, example = "bkg_01h2x3y4z5a6b")]
    pub id: BookingId,
    pub kind: MovementKind,
    pub reference: Option<String>,
    pub reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub booked_at: Timestamp,
    pub movements: Vec<StatementMovement>,
}

/// A customer's balances, the oldest first; closed ones too if they are asked for.
pub async fn balances(
    tx: &mut Tx,
    customer: &Customer,
    closed: bool,
    now: Timestamp,
) -> Result<Vec<PrepaidBalance>> {
    let found = store::balances(tx, customer.id, closed).await?;
    Ok(found.into_iter().map(|balance| shown(balance, customer.currency, now)).collect())
}

/// A page of a customer's movements after a cursor, the oldest first; of one balance if it is named.
pub async fn movements(
    tx: &mut Tx,
    customer: &Customer,
    balance: Option<BalanceId>,
    after: Option<MovementId>,
    limit: usize,
) -> Result<Vec<StatementMovement>> {
    let after = after.unwrap_or(MovementId(0));
    let found = store::movements_after(tx, customer.id, balance, after, limit).await?;
    Ok(found.into_iter().map(|movement| movement.shown(customer)).collect())
}

/// A booking of a customer and its movements.
pub async fn booking_done(tx: &mut Tx, customer: &Customer, id: BookingId) -> Result<BookingDone> {
    let lost = || Error::Contradiction(format!("{} has no booking {id}", customer.id));
    let booking = store::booking(tx, customer.id, id).await?.ok_or_else(lost)?;
    let most: i64 = if booking.kind == MovementKind::Transfer { 2 } else { 1 };
    let movements = store::movements_of(tx, customer.id, id, most).await?;
    Ok(BookingDone {
        id,
        kind: booking.kind,
        reference: booking.reference,
        reason: booking.reason,
        booked_at: booking.booked_at,
        movements: movements.into_iter().map(|movement| movement.shown(customer)).collect(),
    })
}

/// A movement as it is stored, with what is known of its balance and booking.
pub(super) struct StoredMovement {
    pub(super) id: MovementId,
    pub(super) movement: Movement,
    pub(super) balance_name: String,
    pub(super) unit: Unit,
    pub(super) reference: Option<String>,
    pub(super) reason: Option<String>,
}

impl StoredMovement {
    fn shown(self, customer: &Customer) -> StatementMovement {
        let Movement { balance, kind, subject, amount, after, at } = self.movement;
        let subject = match kind {
            MovementKind::Call => SessionId { customer: customer.id, number: subject }.to_string(),
            _ => BookingId(subject).to_string(),
        };
        let quantity = |count: i64| Quantity::of(self.unit, count, customer.currency);
        StatementMovement {
            id: self.id,
            balance_id: balance,
            balance_name: self.balance_name,
            kind,
            subject,
            reference: self.reference,
            reason: self.reason,
            moved_at: at,
            amount: quantity(amount),
            balance: quantity(after),
        }
    }
}

impl Quantity {
    /// Of millionths or seconds.
    pub fn of(unit: Unit, count: i64, currency: Currency) -> Self {
        match unit {
            Unit::Money => Self::Money(Money { amount: Amount::from_micros(count), currency }),
            Unit::Seconds => Self::Seconds(count),
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Money(money) => write!(out, "{money}"),
            Self::Seconds(seconds) => write!(out, "{seconds} s"),
        }
    }
}

fn shown(balance: Balance, currency: Currency, now: Timestamp) -> PrepaidBalance {
    let quantity = |count: i64| Quantity::of(balance.unit, count, currency);
    PrepaidBalance {
        id: balance.id,
        unit: balance.unit,
        amount: quantity(balance.amount),
        reserved: quantity(balance.reserved),
        available: quantity(if balance.is_usable(now) { balance.available() } else { 0 }),
        line: balance.line,
        priority: balance.priority,
        expires_at: balance.expires_at,
        main: balance.main,
        created_at: balance.created_at,
        closed_at: balance.closed_at,
        name: balance.name,
        destinations: balance.destinations,
    }
}
