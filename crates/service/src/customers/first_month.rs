//! With which month does a customer's billing begin, and how many are over already?

use calculation::period::{Calendar, PeriodError};
use jiff::Timestamp;

use super::{Customer, store};
use crate::db::Tx;
use crate::error::Result;

/// Begins a customer's billing with the month that holds their `bill_from`, in their zone as it is now settled; answers how many
/// months are over, this one included.
pub(super) async fn begin(tx: &mut Tx, customer: &Customer, now: Timestamp) -> Result<u64> {
    let Some(bill_from) = store::bill_from(tx, customer.id).await? else { return Ok(0) };
    let calendar = super::calendar(tx, customer).await?;
    // Of an instant that is in no month the billing run tells.
    let Ok(first) = calendar.holding(bill_from) else { return Ok(0) };
    store::begin_cycle(tx, customer.id, first.ends_at).await?;
    Ok(months_over(&calendar, bill_from, now).unwrap_or(0))
}

fn months_over(
    calendar: &Calendar,
    from: Timestamp,
    now: Timestamp,
) -> std::result::Result<u64, PeriodError> {
    let (mut month, mut over) = (calendar.holding(from)?, 0);
    while month.ends_at <= now {
        over += 1;
        month = calendar.next(month)?;
    }
    Ok(over)
}
