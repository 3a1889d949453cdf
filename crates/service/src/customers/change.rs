//! Changes what is known of a customer: the address, how they are billed, and the zone of their months.

use calculation::period::Period;
use jiff::tz::TimeZone;

use super::{ChangeCustomer, Customer, store};
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
}

/// Changes a customer. Another zone holds from the next month on: the running one ends where it would have
/// ended, and the next begins there.
pub async fn change(tx: &mut Tx, id: CustomerId, new: ChangeCustomer, clock: &Clock) -> Result<Changed> {
    let Some(mut customer) = store::hold(tx, id).await? else { return Ok(Changed::Unknown) };
    if let Some(zone) = new.zone.filter(|zone| *zone != customer.zone) {
        if TimeZone::get(&zone).is_err() {
            return Ok(Changed::UnknownZone);
        }
        let calendar = super::calendar(tx, &customer).await?;
        let running = calendar.holding(clock.now()).map_err(|error| Error::Other(error.to_string()))?;
        let until = next_first_day(running)?;
        store::insert_former_zone(tx, id, until, &customer.zone).await?;
        customer.zone = zone;
        customer.zone_step = calculation::zone::ZoneStep::Set;
    }
    customer.party = new.party.unwrap_or(customer.party);
    customer.billing = new.billing.unwrap_or(customer.billing);
    store::update(tx, &customer).await?;
    Ok(Changed::Customer(Box::new(customer)))
}

fn next_first_day(running: Period) -> Result<jiff::civil::Date> {
    running.last_day().tomorrow().map_err(|error| Error::Other(error.to_string()))
}
