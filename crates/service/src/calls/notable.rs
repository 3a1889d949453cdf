//! What is unusual about the calls of a month? Long ones, and countries that a customer did not call before.

use std::collections::{BTreeMap, BTreeSet};

use calculation::phone_number::{E164, Region, region_of};
use jiff::Timestamp;

use super::usage::{Spans, spans};
use super::{Month, store};
use crate::db::{IN_LIST, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// What a person may want to look at before a month is billed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notable {
    /// The billed seconds of the longest call.
    pub longest_seconds: u32,
    /// The countries that were called.
    pub countries: BTreeSet<Region>,
}

/// What is notable about the calls that some customers' months are invoiced with, one month a customer.
pub async fn notable(tx: &mut Tx, months: &[Month]) -> Result<BTreeMap<CustomerId, Notable>> {
    let mut found: BTreeMap<CustomerId, Notable> = BTreeMap::new();
    for some in months.chunks(IN_LIST) {
        let Some(Spans { rang, months: starts }) = spans(some) else { continue };
        let customers: Vec<_> = some.iter().map(|(customer, _)| customer.0).collect();
        for beginning in store::beginnings(tx, &customers, rang, starts).await? {
            let wanted = |(id, period): &Month| {
                *id == beginning.customer && period.starts_at == beginning.period_start
            };
            if some.iter().any(wanted) {
                let notable = found.entry(beginning.customer).or_default();
                notable.longest_seconds = notable.longest_seconds.max(beginning.longest_seconds);
                notable.countries.extend(country_of(beginning.dialled.as_deref()));
            }
        }
    }
    Ok(found)
}

/// The countries that customers were charged for calling in a span.
pub async fn countries_before(
    tx: &mut Tx,
    customers: &[CustomerId],
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<CustomerId, BTreeSet<Region>>> {
    let mut found: BTreeMap<CustomerId, BTreeSet<Region>> = BTreeMap::new();
    for (customer, dialled) in store::dialled_in(tx, customers, from, to).await? {
        found.entry(customer).or_default().extend(country_of(dialled.as_deref()));
    }
    Ok(found)
}

fn country_of(dialled: Option<&str>) -> Option<Region> {
    region_of(dialled?.parse::<E164>().ok()?)
}
