//! Where was a customer taxed, and how, on a day?

use std::collections::BTreeMap;

use calculation::tax::TaxTreatment;
use jiff::civil::Date;

use super::{Billing, Customer, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// Where a customer is taxed, and how, from a local day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub from: Date,
    pub country: String,
    pub treatment: TaxTreatment,
    pub note: Option<String>,
}

/// Where some customers were taxed and how, the first first; at least one each.
pub async fn seats(tx: &mut Tx, customers: &[Customer]) -> Result<BTreeMap<CustomerId, Vec<Seat>>> {
    let ids: Vec<_> = customers.iter().map(|customer| customer.id).collect();
    let mut seats = store::seats(tx, &ids).await?;
    for customer in customers {
        seats.entry(customer.id).or_insert_with(|| {
            let Billing { tax_treatment, tax_note, .. } = customer.billing.clone();
            let country = customer.party.country.clone();
            vec![Seat { from: Date::MIN, country, treatment: tax_treatment, note: tax_note }]
        });
    }
    Ok(seats)
}
