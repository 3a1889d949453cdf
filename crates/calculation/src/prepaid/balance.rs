//! Which balances pay a call or a fee, and how much from each?

use jiff::Timestamp;

use super::Means;
use crate::money::Amount;
use crate::phone_number::{Dialled, E164};
use crate::tariff::Prefix;

/// What a balance holds, in the order in which calls are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Seconds to chosen destinations.
    Seconds,
    /// Money, for every destination.
    Money,
}

/// What a customer or one of their lines has paid before calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance<'a> {
    /// Which one it is; of balances that are alike the lower is drawn first.
    pub id: i64,
    /// What it holds.
    pub unit: Unit,
    /// Prefixes of the numbers that seconds cover; money asks for none.
    pub destinations: &'a [Prefix],
    /// The line whose calls it pays; absent: all lines of the customer.
    pub line: Option<E164>,
    /// The lower is drawn first.
    pub priority: i64,
    /// It can be used until before this instant; absent: for ever.
    pub expires_at: Option<Timestamp>,
    /// What can be drawn: seconds, or millionths of money. A credit limit is part of it, what is reserved
    /// is not. Below zero it is like nothing.
    pub available: i64,
}

/// What one balance pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The balance.
    pub balance: i64,
    /// How many seconds or millionths of money, always above zero.
    pub quantity: i64,
}

/// The balances that may pay a call from a line to what was dialled, in the order in which they are drawn:
/// seconds before money, the lower priority, the earlier expiry, the lower id.
///
/// ```
/// use calculation::{money::Amount, phone_number::Dialled, prepaid::{Balance, Means, Part, Unit, draw, means, usable}};
/// let main = Balance {
///     id: 1, unit: Unit::Money, destinations: &[], line: None, priority: 0, expires_at: None, available: 5_000_000,
/// };
/// let germany = ["49".parse()?];
/// let minutes = Balance { id: 2, unit: Unit::Seconds, destinations: &germany, available: 100, ..main };
/// let berlin = Dialled::Number("+4930123456".parse().unwrap());
/// let balances = [main, minutes];
/// let payers = usable(&balances, None, &berlin, "2026-11-05T12:00:00Z".parse().unwrap());
/// assert_eq!(payers, [&minutes, &main]);
/// assert_eq!(means(&payers), Means { seconds: 100, money: Amount::from_micros(5_000_000) });
/// // A call of 130 seconds takes all of the minutes and leaves 30 seconds to be paid with money.
/// assert_eq!(draw(&payers, Unit::Seconds, 130), [Part { balance: 2, quantity: 100 }]);
/// # Ok::<(), String>(())
/// ```
pub fn usable<'b, 'a>(
    balances: &'b [Balance<'a>],
    line: Option<E164>,
    dialled: &Dialled,
    at: Timestamp,
) -> Vec<&'b Balance<'a>> {
    let covers = |balance: &Balance<'_>| {
        balance.unit == Unit::Money || balance.destinations.iter().any(|prefix| prefix.matches(dialled))
    };
    in_order(balances, |balance| balance.is_there_for(line, at) && covers(balance))
}

/// What each balance pays of a fee, in the same order; nothing when all of them together have too little. What is kept
/// for one line pays no fee.
///
/// ```
/// use calculation::{money::Amount, prepaid::{Balance, Part, Unit, pay_fee}};
/// let now = "2026-11-05T12:00:00Z".parse().unwrap();
/// let main = Balance {
///     id: 1, unit: Unit::Money, destinations: &[], line: None, priority: 0, expires_at: None, available: 50,
/// };
/// let bonus = Balance { id: 2, expires_at: "2026-12-01T00:00:00Z".parse().ok(), available: 20, ..main };
/// let parts = pay_fee(&[main, bonus], Amount::from_micros(60), now).unwrap();
/// assert_eq!(parts, [Part { balance: 2, quantity: 20 }, Part { balance: 1, quantity: 40 }]);
/// assert_eq!(pay_fee(&[main, bonus], Amount::from_micros(71), now), None);
/// ```
pub fn pay_fee(balances: &[Balance<'_>], fee: Amount, at: Timestamp) -> Option<Vec<Part>> {
    let payers = in_order(balances, |balance| balance.unit == Unit::Money && balance.is_there_for(None, at));
    let parts = draw(&payers, Unit::Money, fee.micros());
    let paid = Amount::sum(parts.iter().map(|part| Amount::from_micros(part.quantity)))?;
    (paid == fee).then_some(parts)
}

/// Some balances in the order in which they are drawn.
fn in_order<'b, 'a>(
    balances: &'b [Balance<'a>],
    pays: impl Fn(&Balance<'a>) -> bool,
) -> Vec<&'b Balance<'a>> {
    let mut payers: Vec<_> = balances.iter().filter(|balance| pays(balance)).collect();
    payers.sort_by_key(|balance| {
        let expiry = (balance.expires_at.is_none(), balance.expires_at);
        (balance.unit, balance.priority, expiry, balance.id)
    });
    payers
}

/// What balances have together.
pub fn means(usable: &[&Balance<'_>]) -> Means {
    let of = |unit| usable.iter().filter(move |balance| balance.unit == unit);
    let seconds = of(Unit::Seconds).map(|balance| u64::try_from(balance.available).unwrap_or_default());
    let money = of(Unit::Money).map(|balance| balance.available.max(0));
    Means {
        seconds: seconds.fold(0, u64::saturating_add),
        money: Amount::from_micros(money.fold(0, i64::saturating_add)),
    }
}

/// Takes what is wanted of a unit from balances in their order: from each as much as there is. The parts
/// come to less than is wanted when the balances are used up.
pub fn draw(usable: &[&Balance<'_>], unit: Unit, wanted: i64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut wanted = wanted;
    for balance in usable.iter().filter(|balance| balance.unit == unit) {
        let quantity = wanted.min(balance.available);
        if quantity > 0 {
            parts.push(Part { balance: balance.id, quantity });
            wanted = wanted.saturating_sub(quantity);
        }
    }
    parts
}

impl Balance<'_> {
    /// Whether it is in force, for all lines or for this one.
    fn is_there_for(&self, line: Option<E164>, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| at < expiry) && self.line.is_none_or(|own| line == Some(own))
    }
}
