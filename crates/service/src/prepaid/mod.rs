//! What has a customer paid beforehand? Balances of money and of seconds, and all that moves them.
//!
//! Whoever changes a balance or a session holds the customer's charging account (`hold`), changes the purse in
//! memory and saves it: the database lets no balance fall below its floor.

mod adjust;
mod book;
pub mod cli;
mod code;
mod credit;
mod expire;
pub mod http;
mod purse;
mod renew;
mod replenish;
mod round;
mod statement;
mod store;
mod top_up;
mod top_up_service;
mod transfer;
mod verify;
mod voucher_keys;
mod vouchers;
mod worth;

use calculation::money::Amount;
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use adjust::{Adjusted, NewAdjustment, adjust};
pub use code::{Code, NoCode};
pub use credit::{Agreed, Change, ChangePrepaidTerms, PrepaidTerms, agree, terms};
pub use purse::{Purse, Purses, hold, hold_free, look, purse_of, save};
pub(crate) use renew::{begin_renewals, end_renewals};
pub(crate) use replenish::{low, replenish};
pub use round::{Kept, round};
pub use statement::{
    BookingDone, PrepaidBalance, Quantity, QuantitySchema, StatementMovement, balances, booking_done,
    movements,
};
pub use top_up::{NewTopUp, TopUpKind, ToppedUp, top_up};
pub use top_up_service::TopUpService;
pub use transfer::{NewTransfer, Transferred, transfer};
pub use verify::{Verified, verify};
pub use voucher_keys::VoucherKeys;
pub use vouchers::{Made, NewVouchers, RedeemVoucher, Redeemed, VoucherBatch, make_vouchers, redeem};

use crate::id::BalanceId;

/// Money, or seconds to chosen destinations, that a customer may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub id: BalanceId,
    /// Of calls from this line only; of all the customer's lines when absent.
    pub line: Option<E164>,
    pub name: String,
    pub unit: Unit,
    /// The money balance that top-ups go to, and that an agreed credit limit lets go below zero.
    pub main: bool,
    /// Prefixes of the numbers that seconds are for.
    pub destinations: Vec<Prefix>,
    /// The lowest is used first.
    pub priority: i64,
    pub expires_at: Option<Timestamp>,
    /// The least that may be left: zero, or less by the credit limit. Millionths or seconds, as are the next two.
    pub floor: i64,
    pub amount: i64,
    /// What of it is held for calls under way.
    pub reserved: i64,
    pub created_at: Timestamp,
    /// Expired or used up, and never used again.
    pub closed_at: Option<Timestamp>,
}

/// What is kept of a customer's charging besides the balances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChargingAccount {
    /// Money below this is little: the customer is told, or a top-up is asked for.
    pub low_balance: Option<Amount>,
    /// How much is asked for then.
    pub top_up_amount: Option<Amount>,
    /// How often that was done. It names the top-up that is asked for.
    pub top_ups_asked: i64,
    /// Since when an answer to the last is awaited.
    pub top_up_asked_at: Option<Timestamp>,
    /// When a month of a prepaid plan is to be renewed.
    pub renew_at: Option<Timestamp>,
    /// The fee that a renewal waits for because there was too little money.
    pub renewal_fee: Option<Amount>,
}

/// What a balance is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Seconds,
    Money,
}

/// Why a balance moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    TopUp,
    Bonus,
    Voucher,
    Adjustment,
    Transfer,
    /// The monthly fee of a prepaid plan.
    Fee,
    /// The seconds that a prepaid plan includes in a month.
    Allowance,
    Expiry,
    Call,
}

/// A change of a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub balance: BalanceId,
    pub kind: MovementKind,
    /// The booking or session that moved it.
    pub subject: i64,
    pub amount: i64,
    /// What the balance was after it.
    pub after: i64,
    pub at: Timestamp,
}

/// A field of a request that is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongField {
    /// Where in the request, as a JSON pointer (RFC 6901).
    pub pointer: &'static str,
    /// What is wrong there, to be read after its name.
    pub message: String,
}

/// What was sound, or the field that is not.
type Checked<T> = std::result::Result<T, WrongField>;

impl WrongField {
    fn new(pointer: &'static str, message: impl Into<String>) -> Self {
        Self { pointer, message: message.into() }
    }
}

impl std::fmt::Display for WrongField {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.pointer.trim_start_matches('/'), self.message)
    }
}

impl Balance {
    /// The balance as it pays; `own` is what whoever is to be paid has of it already.
    pub(crate) fn payer(&self, own: i64) -> calculation::prepaid::Balance<'_> {
        calculation::prepaid::Balance {
            id: self.id.0,
            unit: match self.unit {
                Unit::Seconds => calculation::prepaid::Unit::Seconds,
                Unit::Money => calculation::prepaid::Unit::Money,
            },
            destinations: &self.destinations,
            line: self.line,
            priority: self.priority,
            expires_at: self.expires_at,
            available: self.available().saturating_add(own),
        }
    }

    /// What may still be used of it.
    pub fn available(&self) -> i64 {
        self.amount.saturating_sub(self.reserved).saturating_sub(self.floor)
    }

    /// Whether it may be used at an instant.
    pub fn is_usable(&self, at: Timestamp) -> bool {
        self.closed_at.is_none() && self.expires_at.is_none_or(|expires_at| at < expires_at)
    }
}

impl Unit {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Money => "money",
        }
    }
}

impl std::str::FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "seconds" => Ok(Self::Seconds),
            "money" => Ok(Self::Money),
            _ => Err(format!("`{text}` is no unit of a balance")),
        }
    }
}

impl MovementKind {
    pub(crate) const ALL: [Self; 9] = [
        Self::TopUp,
        Self::Bonus,
        Self::Voucher,
        Self::Adjustment,
        Self::Transfer,
        Self::Fee,
        Self::Allowance,
        Self::Expiry,
        Self::Call,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Bonus => "bonus",
            Self::Voucher => "voucher",
            Self::Adjustment => "adjustment",
            Self::Transfer => "transfer",
            Self::Fee => "fee",
            Self::Allowance => "allowance",
            Self::Expiry => "expiry",
            Self::Call => "call",
        }
    }
}

impl std::str::FromStr for MovementKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.code() == text);
        known.ok_or_else(|| format!("`{text}` is no kind of movement"))
    }
}
