//! What is put on a balance, and which balance takes it.

use calculation::limit;
use calculation::money::{Amount, Currency, Money};
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use jiff::Timestamp;

use super::book::Booking;
use super::{Balance, Checked, MovementKind, Purse, Quantity, Unit, WrongField};
use crate::clock::Clock;
use crate::customers::Line;
use crate::error::Result;
use crate::id::{BalanceId, CustomerId};
use crate::ledger::{Account, Entry, EntryKind};

const MOST_DESTINATIONS: usize = 500;
const MAIN: &str = "Main balance";

/// Money, or seconds to chosen destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Worth {
    Money(Money),
    Seconds { seconds: i64, destinations: Vec<Prefix> },
}

impl Worth {
    /// From the fields of a request: an amount with its currency, or seconds with their destinations.
    pub(super) fn of(
        amount: Option<Amount>,
        currency: Option<Currency>,
        seconds: Option<i64>,
        destinations: &[Prefix],
    ) -> Checked<Self> {
        match (amount, seconds) {
            (Some(_), Some(_)) => {
                Err(WrongField::new("/seconds", "stands beside an amount: give one of them"))
            }
            (None, None) => {
                let message =
                    "is missing: give an amount with its currency, or seconds with their destinations";
                Err(WrongField::new("/amount", message))
            }
            (Some(amount), None) => Self::money(amount, currency, destinations),
            (None, Some(seconds)) => Self::seconds(seconds, currency, destinations),
        }
    }

    fn money(amount: Amount, currency: Option<Currency>, destinations: &[Prefix]) -> Checked<Self> {
        let Some(currency) = currency else {
            return Err(WrongField::new("/currency", "is missing: an amount has a currency"));
        };
        if !destinations.is_empty() {
            return Err(WrongField::new("/destinations", "are for seconds: money pays for every call"));
        }
        if amount <= Amount::ZERO {
            return Err(WrongField::new(
                "/amount",
                "is not above zero: to take something off, adjust a balance",
            ));
        }
        limit::one(amount).map_err(|over| WrongField::new("/amount", over.to_string()))?;
        if amount.to_minor_unit(currency) != Some(amount) {
            return Err(WrongField::new("/amount", "is finer than the currency is paid in"));
        }
        Ok(Self::Money(Money { amount, currency }))
    }

    fn seconds(seconds: i64, currency: Option<Currency>, destinations: &[Prefix]) -> Checked<Self> {
        if currency.is_some() {
            return Err(WrongField::new("/currency", "is for an amount: seconds have none"));
        }
        if seconds <= 0 {
            return Err(WrongField::new(
                "/seconds",
                "is not above zero: to take something off, adjust a balance",
            ));
        }
        limit::seconds(seconds).map_err(|over| WrongField::new("/seconds", over.to_string()))?;
        if destinations.is_empty() {
            let message = "is missing: name the prefixes that the seconds are for, `*` for all numbers";
            return Err(WrongField::new("/destinations", message));
        }
        if destinations.len() > MOST_DESTINATIONS {
            return Err(WrongField::new(
                "/destinations",
                format!("has more than {MOST_DESTINATIONS} prefixes"),
            ));
        }
        let mut destinations = destinations.to_vec();
        destinations.sort_unstable();
        destinations.dedup();
        Ok(Self::Seconds { seconds, destinations })
    }

    pub(super) fn unit(&self) -> Unit {
        match self {
            Self::Money(_) => Unit::Money,
            Self::Seconds { .. } => Unit::Seconds,
        }
    }

    /// Millionths or seconds.
    pub(super) fn count(&self) -> i64 {
        match self {
            Self::Money(money) => money.amount.micros(),
            Self::Seconds { seconds, .. } => *seconds,
        }
    }

    /// As the API shows it.
    pub(super) fn quantity(&self) -> Quantity {
        match self {
            Self::Money(money) => Quantity::Money(*money),
            Self::Seconds { seconds, .. } => Quantity::Seconds(*seconds),
        }
    }

    /// The currency; seconds have none.
    pub(super) fn currency(&self) -> Option<Currency> {
        match self {
            Self::Money(money) => Some(money.currency),
            Self::Seconds { .. } => None,
        }
    }
}

/// How much of a balance's unit a request names, in one of its fields.
pub(super) fn count_in(
    (unit, currency): (Unit, Currency),
    amount: Option<Amount>,
    given: Option<Currency>,
    seconds: Option<i64>,
) -> Checked<i64> {
    let pointer = pointer_of(unit);
    let (count, within, currency) = match (unit, amount, seconds) {
        (Unit::Money, Some(amount), None) => (amount.micros(), limit::one(amount), Some(currency)),
        (Unit::Seconds, None, Some(seconds)) => (seconds, limit::seconds(seconds), None),
        (Unit::Money, ..) => return Err(WrongField::new(pointer, "is what a balance of money takes, alone")),
        (Unit::Seconds, ..) => {
            return Err(WrongField::new(pointer, "is what a balance of seconds takes, alone"));
        }
    };
    if given != currency {
        let message = currency.map_or("is for an amount: seconds have none".to_owned(), |currency| {
            format!("must be the customer's: {currency}")
        });
        return Err(WrongField::new("/currency", message));
    }
    if count == 0 {
        return Err(WrongField::new(pointer, "is zero"));
    }
    within.map(|()| count).map_err(|over| WrongField::new(pointer, over.to_string()))
}

/// Refuses what would be too much beside what a customer has of the unit.
pub(super) fn check_together(purse: &Purse, unit: Unit, count: i64) -> Checked<()> {
    if count <= 0 {
        return Ok(());
    }
    let there = purse.balances().iter().filter(|balance| balance.unit == unit);
    let counts = there.map(|balance| balance.amount).chain([count]).map(Amount::from_micros);
    limit::together(counts).map_err(|over| WrongField::new(pointer_of(unit), over.to_string()))
}

/// The field of a request that names how much of a unit.
pub(super) fn pointer_of(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "/amount",
        Unit::Seconds => "/seconds",
    }
}

/// What is put on, and on which balance: on the main one unless it is seconds, expires or has a priority.
#[derive(Debug, Clone)]
pub(super) struct Gift {
    pub(super) worth: Worth,
    pub(super) line: Option<E164>,
    pub(super) name: Option<String>,
    pub(super) priority: Option<i64>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Gift {
    /// Whether it goes to the main balance, of the customer or of the line.
    pub(super) fn is_main(&self) -> bool {
        self.worth.unit() == Unit::Money && self.priority.is_none() && self.expires_at.is_none()
    }

    /// Refuses a name for what goes to a balance that has one.
    pub(super) fn check_name(&self) -> Checked<()> {
        if self.is_main() && self.name.is_some() {
            let message =
                "is for a balance of its own: give a priority or an expiry too, or leave the name out";
            return Err(WrongField::new("/name", message));
        }
        Ok(())
    }

    /// Puts it on its balance, which is opened if it must be.
    pub(super) fn put(
        self,
        customer: CustomerId,
        purse: &mut Purse,
        booking: &Booking,
        from: Account,
        clock: &Clock,
    ) -> Result<()> {
        let (kind, at) = (booking.kind, booking.booked_at);
        let (count, currency) = (self.worth.count(), self.worth.currency());
        let known = if self.is_main() { main_of(purse, self.line) } else { None };
        let balance = known.unwrap_or_else(|| {
            let id = BalanceId(clock.id());
            purse.open(self.new_balance(id, at));
            id
        });
        purse.add(balance, count, (kind, booking.id.0), at)?;
        if let Some((currency, entry)) = currency.zip(entry_of(kind)) {
            let amount = (from, Amount::from_micros(count));
            purse.post(Entry::booking(customer, entry, booking.id, amount, currency, at));
        }
        Ok(())
    }

    fn new_balance(self, id: BalanceId, at: Timestamp) -> Balance {
        if self.is_main() {
            return new_main(id, self.line, at);
        }
        let unit = self.worth.unit();
        let (name, destinations) = match self.worth {
            Worth::Money(_) => ("Extra money", Vec::new()),
            Worth::Seconds { destinations, .. } => ("Minutes", destinations),
        };
        let name = self.name.unwrap_or_else(|| name.to_owned());
        let (priority, expires_at) = (self.priority.unwrap_or_default(), self.expires_at);
        Balance { name, unit, main: false, destinations, priority, expires_at, ..new_main(id, self.line, at) }
    }
}

/// The main balance of a customer, or of a line of theirs.
pub(super) fn main_of(purse: &Purse, line: Option<E164>) -> Option<BalanceId> {
    purse.balances().iter().find(|balance| balance.main && balance.line == line).map(|balance| balance.id)
}

/// A main balance that is to be opened.
pub(super) fn new_main(id: BalanceId, line: Option<E164>, at: Timestamp) -> Balance {
    Balance {
        id,
        line,
        name: MAIN.to_owned(),
        unit: Unit::Money,
        main: true,
        destinations: Vec::new(),
        priority: 0,
        expires_at: None,
        floor: 0,
        amount: 0,
        reserved: 0,
        created_at: at,
        closed_at: None,
    }
}

/// Whether one of a customer's lines has a number now.
pub(super) fn is_current(lines: &[Line], number: E164, now: Timestamp) -> bool {
    let holds = |line: &Line| line.valid_from <= now && line.valid_to.is_none_or(|to| now < to);
    lines.iter().any(|line| line.number == number && holds(line))
}

/// The entry of the ledger that a booking makes, of those that put something on a balance.
fn entry_of(kind: MovementKind) -> Option<EntryKind> {
    match kind {
        MovementKind::TopUp => Some(EntryKind::TopUp),
        MovementKind::Bonus => Some(EntryKind::Bonus),
        MovementKind::Voucher => Some(EntryKind::Voucher),
        _ => None,
    }
}
