//! Makes vouchers, and redeems each of them once.

use std::collections::BTreeSet;

use calculation::money::{Amount, Currency};
use calculation::phone_number::E164;
use calculation::tariff::Prefix;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{Booked, Booking, book};
use super::code::{Code, NoCode};
use super::voucher_keys::VoucherKeys;
use super::worth::{Gift, Worth, check_together, is_current};
use super::{
    BookingDone, Checked, MovementKind, Quantity, QuantitySchema, WrongField, booking_done, hold, purse_of,
    save, store,
};
use crate::clock::Clock;
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{BookingId, CustomerId};
use crate::ledger::Account;
use crate::names;
use crate::payments;

const MOST_VOUCHERS: u32 = 10_000;
/// A hundred years.
const MOST_DAYS: i64 = 36_525;

/// Vouchers to be made, all of one worth.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVouchers {
    /// What names the batch, once.
    #[schema(example = "kiosk-2026-11")]
    pub batch: String,
    /// How many.
    #[schema(minimum = 1, maximum = 10_000)]
    pub count: u32,
    /// Money, above zero and no finer than the currency's minor unit; or else `seconds`.
    #[schema(value_type = Option<String>, example = "10.00")]
    pub amount: Option<Amount>,
    #[schema(value_type = Option<String>, example = "EUR")]
    pub currency: Option<Currency>,
    /// Seconds of talk to `destinations`.
    pub seconds: Option<i64>,
    /// Prefixes of the numbers that seconds are for; `*` are all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub destinations: Vec<Prefix>,
    /// How a balance of its own is called.
    pub name: Option<String>,
    /// The lowest is used first; 0 when absent. Money with a priority gets a balance of its own.
    pub priority: Option<i64>,
    /// The balance expires at the end of the day that is so many days after the voucher was redeemed.
    pub balance_days: Option<i64>,
    /// Until before this instant a voucher may be redeemed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// Vouchers that were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VoucherBatch {
    #[schema(example = "kiosk-2026-11")]
    pub batch: String,
    pub count: u32,
    /// What each is worth.
    #[schema(value_type = QuantitySchema)]
    pub worth: Quantity,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Their codes, shown this once: they are not kept. Absent when the request is sent again under its key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["4111-1111-1111-1111"]))]
    pub codes: Vec<String>,
    /// The name of another batch, if this one's looks the same to a reader. Make sure that both are meant. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
}

impl VoucherBatch {
    /// A line for each voucher, for whoever prints them.
    pub fn to_csv(&self) -> Result<String> {
        let fault = |error: String| Error::Other(error);
        let (amount, currency, seconds) = match self.worth {
            Quantity::Money(money) => {
                let digits = money.currency.minor_digits();
                (money.amount.to_text(digits), money.currency.code(), String::new())
            }
            Quantity::Seconds(seconds) => (String::new(), "", seconds.to_string()),
        };
        let expires_at = self.expires_at.map_or(String::new(), |at| at.to_string());
        let mut lines = csv::Writer::from_writer(Vec::new());
        let write = |lines: &mut csv::Writer<Vec<u8>>, row: [&str; 6]| {
            lines.write_record(row).map_err(|error| fault(error.to_string()))
        };
        write(&mut lines, ["code", "batch", "amount", "currency", "seconds", "expires_at"])?;
        for code in &self.codes {
            write(&mut lines, [code, &self.batch, &amount, currency, &seconds, &expires_at])?;
        }
        let bytes = lines.into_inner().map_err(|error| fault(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| fault(error.to_string()))
    }
}

/// What became of making vouchers. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Made {
    Vouchers(VoucherBatch),
    Wrong(WrongField),
    /// There is a batch of this name.
    BatchTaken,
}

/// A voucher that is to be redeemed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemVoucher {
    /// Its code; spaces and dashes mean nothing.
    #[schema(example = "4111-1111-1111-1111")]
    pub code: String,
    /// For calls from this line of the customer only.
    #[schema(value_type = Option<String>, example = "+493023125001", pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub line: Option<E164>,
}

/// What became of redeeming one. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Redeemed {
    New(BookingDone),
    /// This customer redeemed it before.
    Known(BookingDone),
    NotACode,
    /// The check digit tells that the code was mistyped.
    Mistyped,
    UnknownCustomer,
    UnknownVoucher,
    /// Another customer redeemed it.
    Taken,
    /// It could be redeemed until then.
    Expired(Timestamp),
    Closed,
    /// It is worth money of this currency, and the customer pays in another.
    OtherCurrency(Currency),
    /// The customer does not hold the line now.
    NotTheirLine(E164),
    /// It would be too much beside what the customer has.
    TooMuch(WrongField),
}

/// What the vouchers of a batch are worth, as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) name: String,
    pub(super) balance_name: Option<String>,
    pub(super) worth: Worth,
    pub(super) priority: Option<i64>,
    pub(super) balance_days: Option<i64>,
    pub(super) expires_at: Option<Timestamp>,
}

/// A voucher as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Voucher {
    pub(super) batch: Batch,
    /// Who redeemed it, if somebody did.
    pub(super) redeemed: Option<(CustomerId, BookingId)>,
}

/// Makes a batch of vouchers. Their codes are in the answer and nowhere else.
pub async fn make_vouchers(tx: &mut Tx, new: NewVouchers, keys: &VoucherKeys, clock: &Clock) -> Result<Made> {
    let now = clock.now();
    let mut batch = match batch_of(&new, now) {
        Ok(batch) => batch,
        Err(wrong) => return Ok(Made::Wrong(wrong)),
    };
    let others = store::names_of_batches(tx).await?;
    let others = || others.iter().map(String::as_str);
    let looks_like = names::look_alike(&batch.name, others());
    batch.name = names::known_as(&batch.name, others());
    if !store::insert_batch(tx, &batch, new.count, (clock.id(), now)).await? {
        return Ok(Made::BatchTaken);
    }
    let mut codes = BTreeSet::new();
    while u32::try_from(codes.len()).unwrap_or(u32::MAX) < new.count {
        codes.insert(Code::random()?);
    }
    let hashes: Vec<_> = codes.iter().map(|code| keys.hash(code)).collect();
    store::insert_vouchers(tx, &batch.name, &hashes).await?;
    Ok(Made::Vouchers(VoucherBatch {
        count: new.count,
        worth: batch.worth.quantity(),
        expires_at: batch.expires_at,
        codes: codes.iter().map(Code::to_string).collect(),
        looks_like,
        batch: batch.name,
    }))
}

/// What can be told from the request alone.
fn batch_of(new: &NewVouchers, now: Timestamp) -> Checked<Batch> {
    let NewVouchers { batch, name, priority, balance_days, expires_at, .. } = new.clone();
    if batch.trim().is_empty() || batch.chars().count() > 100 || batch.chars().any(char::is_control) {
        return Err(WrongField::new("/batch", "must be 1 to 100 characters, none a control character"));
    }
    if !(1..=MOST_VOUCHERS).contains(&new.count) {
        return Err(WrongField::new(
            "/count",
            format!("must be 1 to {MOST_VOUCHERS}: make another batch for more"),
        ));
    }
    let worth = Worth::of(new.amount, new.currency, new.seconds, &new.destinations)?;
    if balance_days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(WrongField::new("/balance_days", format!("must be 1 to {MOST_DAYS}")));
    }
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(WrongField::new("/expires_at", "is not in the future"));
    }
    let gift = Gift { worth, line: None, name, priority, expires_at: balance_days.map(|_| now) };
    gift.check_name()?;
    let Gift { worth, name, .. } = gift;
    Ok(Batch { name: batch, balance_name: name, worth, priority, balance_days, expires_at })
}

/// Redeems a voucher for a customer, who is held. Of two who try at once the one who comes second finds it
/// redeemed.
pub async fn redeem(
    tx: &mut Tx,
    customer: CustomerId,
    redeem: &RedeemVoucher,
    keys: &VoucherKeys,
    clock: &Clock,
) -> Result<Redeemed> {
    let hashes = match Code::read(&redeem.code) {
        Ok(code) => keys.hashes(&code),
        Err(NoCode::Length) => return Ok(Redeemed::NotACode),
        Err(NoCode::Mistyped) => return Ok(Redeemed::Mistyped),
    };
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Redeemed::UnknownCustomer) };
    let mut purses = hold(tx, &[customer]).await?;
    let mut found = None;
    for hash in hashes {
        let booking = Booking::new(MovementKind::Voucher, None, None, &hash, clock)?;
        let won = store::redeem(tx, &hash, customer, booking.id, booking.booked_at).await?;
        if let Some(voucher) = store::voucher(tx, &hash).await? {
            found = Some((booking, won, voucher));
            break;
        }
    }
    let Some((mut booking, won, Voucher { batch, redeemed })) = found else {
        return Ok(Redeemed::UnknownVoucher);
    };
    let now = booking.booked_at;
    match redeemed {
        _ if won => {}
        Some((by, known)) if by == customer => {
            return Ok(Redeemed::Known(booking_done(tx, &holder, known).await?));
        }
        _ => return Ok(Redeemed::Taken),
    }
    if let Some(expires_at) = batch.expires_at.filter(|expires_at| *expires_at <= now) {
        return Ok(Redeemed::Expired(expires_at));
    }
    if holder.is_closed(now) {
        return Ok(Redeemed::Closed);
    }
    if let Some(currency) = batch.worth.currency().filter(|currency| *currency != holder.currency) {
        return Ok(Redeemed::OtherCurrency(currency));
    }
    if let Some(line) = redeem.line
        && !is_current(&customers::lines(tx, customer).await?, line, now)
    {
        return Ok(Redeemed::NotTheirLine(line));
    }
    booking.reason = Some(batch.name.clone());
    if book(tx, customer, &booking).await? != Booked::New {
        return Err(Error::Contradiction(format!("{} was booked before", booking.id)));
    }
    let expires_at = batch.balance_days.map(|days| end_of_day_in(days, &holder, now)).transpose()?;
    let Batch { balance_name: name, worth, priority, .. } = batch;
    let gift = Gift { worth, line: redeem.line, name, priority, expires_at };
    let purse = purse_of(&mut purses, customer)?;
    if let Err(wrong) = check_together(purse, gift.worth.unit(), gift.worth.count()) {
        return Ok(Redeemed::TooMuch(wrong));
    }
    gift.put(customer, purse, &booking, Account::Vouchers, clock)?;
    save(tx, &mut purses, clock).await?;
    Ok(Redeemed::New(booking_done(tx, &holder, booking.id).await?))
}

/// The end of the customer's local day that is so many days later.
fn end_of_day_in(days: i64, customer: &Customer, now: Timestamp) -> Result<Timestamp> {
    let zone = jiff::tz::TimeZone::get(&customer.zone)
        .map_err(|_| Error::Contradiction(format!("`{}` is no time zone", customer.zone)))?;
    let today = zone.to_datetime(now).date();
    payments::due_at(today.saturating_add(days.days()), &zone)
}
