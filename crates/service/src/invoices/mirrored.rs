//! Do refunds mirror what was charged, and do months cost what their agreements say, whatever came late or was credited?

use std::collections::BTreeSet;

use calculation::bill::changes;
use calculation::money::Amount;
use jiff::Timestamp;

use super::{BilledMonth, store};
use crate::calls::{self, Invoiced};
use crate::db::Tx;
use crate::error::{Error, Result, noted};
use crate::id::CustomerId;

/// What is wrong with what months were charged, and with months of which calls came late or were credited.
pub(super) async fn faults(tx: &mut Tx) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (customer, month) in store::refunded_too_much(tx).await? {
        faults.push(format!(
            "{customer}: more was given back of a fee of {month} than was charged, or with another tax"
        ));
    }
    let mut seen = BTreeSet::new();
    for (customer, at) in store::months_put_right(tx).await? {
        let found = of_month(tx, customer, at, &mut seen).await;
        let fault = noted(found, &mut faults)?.flatten();
        faults.extend(fault);
    }
    Ok(faults)
}

/// What is wrong with a month, unless it was looked at before.
async fn of_month(
    tx: &mut Tx,
    customer: CustomerId,
    at: Timestamp,
    seen: &mut BTreeSet<(CustomerId, Timestamp)>,
) -> Result<Option<String>> {
    let month = BilledMonth::load(tx, customer, at).await?;
    // The next bill puts it right.
    if month.is_changed || !seen.insert((customer, month.period.starts_at)) {
        return Ok(None);
    }
    let invoiced = Invoiced { customer, calendar: &month.calendar, month: month.period, but: None };
    let due = month.due(&[], calls::invoiced_usage(tx, &invoiced).await?.invoiced)?;
    let too_large = || Error::Contradiction(format!("{customer}: a month does not fit"));
    let changes = changes(&due.parts, &month.charged, month.customer.currency).ok_or_else(too_large)?;
    let more = Amount::sum(changes.iter().map(|change| change.net)).ok_or_else(too_large)?;
    let credited = store::has_credited_calls(tx, customer, at).await?;
    // What a credited call would make dearer is not charged.
    let is_wrong = more < Amount::ZERO || (more > Amount::ZERO && !credited);
    Ok(is_wrong.then(|| {
        format!(
            "{customer}: {} costs {more} with all that is known, beside what its documents charged",
            month.period.month()
        )
    }))
}
