//! Changes what is known of a customer: the address, how they are billed, and the zone of their months.

use calculation::invoice::Party;
use calculation::period::Period;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::tidied;
use super::{Billing, ChangeCustomer, Customer, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;

/// What became of it.
#[derive(Debug)]
pub enum Changed {
    Customer(Box<Customer>),
    Unknown,
    UnknownZone,
    /// A day that has not come yet: today is this one.
    NotYet(Date),
    /// The patch makes nothing sound of this part.
    Unreadable(&'static str, String),
}

/// Changes a customer. Another zone holds from the next month on: the running one ends where it would have
/// ended, and the next begins there.
pub async fn change(tx: &mut Tx, id: CustomerId, new: ChangeCustomer, clock: &Clock) -> Result<Changed> {
    let Some(mut customer) = store::hold(tx, id).await? else { return Ok(Changed::Unknown) };
    let before = customer.clone();
    let calendar = super::calendar(tx, &customer).await?;
    let sooner = |error: calculation::period::PeriodError| Error::Other(error.to_string());
    let today = calendar.zone_at(clock.now()).map_err(sooner)?.to_datetime(clock.now()).date();
    let valid_from = new.valid_from.unwrap_or(today);
    if valid_from > today {
        return Ok(Changed::NotYet(today));
    }
    if let Some(zone) = new.zone.filter(|zone| *zone != customer.zone) {
        if TimeZone::get(&zone).is_err() {
            return Ok(Changed::UnknownZone);
        }
        let running = calendar.holding(clock.now()).map_err(|error| Error::Other(error.to_string()))?;
        let until = next_first_day(running)?;
        store::insert_former_zone(tx, id, until, &customer.zone).await?;
        customer.zone = zone;
        customer.zone_step = calculation::zone::ZoneStep::Set;
    }
    if let Some(patch) = &new.party {
        customer.party = match patched(&customer.party, patch) {
            Ok(party) => tidied(party),
            Err(error) => return Ok(Changed::Unreadable("/party", error.to_string())),
        };
    }
    if let Some(patch) = &new.billing {
        customer.billing = match patched(&customer.billing, patch) {
            Ok(billing) => billing,
            Err(error) => return Ok(Changed::Unreadable("/billing", error.to_string())),
        };
    }
    let taxed = |customer: &Customer| {
        let billing = &customer.billing;
        (customer.party.clone(), billing.tax_treatment, billing.tax_note.clone())
    };
    if taxed(&before) != taxed(&customer) {
        if store::seats(tx, &[id]).await?.is_empty() {
            store::insert_party(tx, &before, Date::MIN, clock.now()).await?;
        }
        store::insert_party(tx, &customer, valid_from, clock.now()).await?;
    }
    store::update(tx, &customer).await?;
    Ok(Changed::Customer(Box::new(customer)))
}

/// What no patch of a party or of its billing can be, whatever it is applied to.
pub(super) fn unreadable(new: &ChangeCustomer) -> Option<(&'static str, String)> {
    let party = new.party.as_ref().and_then(|patch| patched(&Party::default(), patch).err());
    let billing = new.billing.as_ref().and_then(|patch| patched(&Billing::default(), patch).err());
    let party = party.map(|error| ("/party", error.to_string()));
    party.or_else(|| billing.map(|error| ("/billing", error.to_string())))
}

/// A value with a merge patch of one level (RFC 7396).
fn patched<T: Serialize + DeserializeOwned>(value: &T, patch: &Value) -> serde_json::Result<T> {
    let mut value = serde_json::to_value(value)?;
    match (&mut value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            fields.extend(patch.iter().map(|(name, value)| (name.clone(), value.clone())));
            fields.retain(|_, value| !value.is_null());
        }
        _ => return Err(serde::de::Error::custom("is no object")),
    }
    serde_json::from_value(value)
}

fn next_first_day(running: Period) -> Result<Date> {
    running.last_day().tomorrow().map_err(|error| Error::Other(error.to_string()))
}
