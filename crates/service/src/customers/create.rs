//! Creates a customer, with lines and a plan if they are known.

use calculation::zone::{ZoneStep, zone_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::check::tidied;
use super::{
    Assigned, Customer, NewCustomer, Subscribed, assign_line, first_month, references, store, subscribe,
};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::names;

/// A customer who was created, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreatedCustomer {
    #[serde(flatten)]
    pub customer: Customer,
    /// How many months from `bill_from` on are over already, each to be an invoice. They wait until somebody approves them
    /// (`POST /v1/billing/approvals`), unless the setting `invoices.mode` is `automatic`. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_invoices: Option<u64>,
    /// The reference of another customer, if this one's looks the same to a reader: capitals, letters of other scripts, `0` and `O`.
    /// Make sure that both are meant. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
}

/// What became of it.
#[derive(Debug)]
pub enum Created {
    Customer(Box<CreatedCustomer>),
    UnknownZone,
    ReferenceTaken,
    /// The line at this place was refused.
    Line(usize, Assigned),
    Subscription(Subscribed),
}

/// Creates a customer; `operator_zone` is for one whose zone is neither set nor found from a number.
pub async fn create(tx: &mut Tx, new: NewCustomer, operator_zone: &str, clock: &Clock) -> Result<Created> {
    let now = clock.now();
    let Some((zone, zone_step)) = zone(&new, operator_zone) else { return Ok(Created::UnknownZone) };
    let NewCustomer { reference, party, currency, lines, subscription, billing, bill_from, .. } = new;
    let id = CustomerId(clock.id());
    let customer = Customer {
        id,
        reference: names::folded(&reference),
        party: tidied(party),
        currency,
        zone,
        zone_step,
        billing,
        created_at: now,
        closed_at: None,
        suspension: None,
        calls_kept_from: None,
        erased_at: None,
    };
    if references::named(tx, &reference).await?.is_some() || !store::insert(tx, &customer).await? {
        return Ok(Created::ReferenceTaken);
    }
    store::insert_cycle(tx, id, bill_from.unwrap_or(now), now).await?;
    for (position, line) in lines.into_iter().enumerate() {
        let assigned = assign_line(tx, id, line, clock).await?;
        if !matches!(assigned, Assigned::Line(_)) {
            return Ok(Created::Line(position, assigned));
        }
    }
    if let Some(subscription) = subscription {
        let subscribed = subscribe(tx, id, subscription, clock).await?;
        if !matches!(subscribed, Subscribed::Subscription(_)) {
            return Ok(Created::Subscription(subscribed));
        }
    }
    // A line may have settled the zone.
    let customer = store::by_id(tx, id).await?.unwrap_or(customer);
    let back_invoices = Some(first_month::begin(tx, &customer, now).await?).filter(|months| *months > 0);
    let looks_like = references::look_alike(tx, &customer.reference).await?;
    Ok(Created::Customer(Box::new(CreatedCustomer { customer, back_invoices, looks_like })))
}

fn zone(new: &NewCustomer, operator_zone: &str) -> Option<(String, ZoneStep)> {
    if let Some(zone) = &new.zone {
        return TimeZone::get(zone).is_ok().then(|| (zone.clone(), ZoneStep::Set));
    }
    let first: Option<Timestamp> = new.lines.iter().map(|line| line.valid_from).min();
    let number = new.lines.iter().find(|line| Some(line.valid_from) == first).map(|line| line.number);
    let found = number.and_then(zone_of).map(|found| (found.zone.to_owned(), found.step));
    Some(found.unwrap_or_else(|| (operator_zone.to_owned(), ZoneStep::OperatorDefault)))
}
