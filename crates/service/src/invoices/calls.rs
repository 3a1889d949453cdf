//! Which invoices are calls on?

use std::collections::BTreeMap;

use super::store;
use crate::calls::Call;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// Names the invoice of each call whose month is invoiced.
pub async fn name_invoices(tx: &mut Tx, customer: CustomerId, calls: &mut [Call]) -> Result<()> {
    let periods = || calls.iter().filter_map(|call| call.period_start);
    let Some((first, last)) = periods().min().zip(periods().max()) else { return Ok(()) };
    let invoices: BTreeMap<_, _> =
        store::names_of_periods(tx, customer, first, last).await?.into_iter().collect();
    for call in calls {
        call.invoice = call.period_start.and_then(|period| invoices.get(&period).cloned());
    }
    Ok(())
}
