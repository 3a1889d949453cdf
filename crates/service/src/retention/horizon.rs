//! From when on is a customer's call detail kept? As the setting says, or from further back where something holds it.

use calculation::period::Calendar;
use jiff::{Timestamp, ToSpan};

use super::store;
use crate::config;
use crate::customers::Customer;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{calls, customers, disputes};

/// From when on call detail is kept, and what holds it from before the setting's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Horizon {
    pub(super) from: Timestamp,
    pub(super) held_by: Option<HeldBy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldBy {
    /// What is contested may have to be proven.
    Dispute,
    /// What calls come to is still to be invoiced.
    Unbilled,
    /// What is not paid yet may have to be proven.
    Unpaid,
}

/// The customer's horizon now.
pub(super) async fn of_customer(
    tx: &mut Tx,
    customer: &Customer,
    settings: config::Retention,
    now: Timestamp,
) -> Result<Horizon> {
    let calendar = customers::calendar(tx, customer).await?;
    let from = months_ago(&calendar, now, settings.call_detail_months)?;
    let unpaid = if settings.keep_unpaid { store::oldest_unpaid(tx, customer.id).await? } else { None };
    let holds = [
        (HeldBy::Unpaid, unpaid),
        (HeldBy::Unbilled, calls::unbilled_from(tx, customer.id, from).await?),
        (HeldBy::Dispute, disputes::keep_from(tx, customer.id).await?),
    ];
    let mut horizon = Horizon { from, held_by: None };
    for (held_by, since) in holds {
        if let Some(since) = since.filter(|since| *since < horizon.from) {
            horizon = Horizon { from: since, held_by: Some(held_by) };
        }
    }
    Ok(horizon)
}

/// The beginning of the month so many months before the running one: what ended by then has been kept as long.
pub(super) fn months_ago(calendar: &Calendar, now: Timestamp, months: u16) -> Result<Timestamp> {
    let unknown = |error: calculation::period::PeriodError| Error::Other(error.to_string());
    let running = calendar.holding(now).map_err(unknown)?;
    let first = running.first_day.checked_sub(i64::from(months).months());
    let first = first.map_err(|error| Error::Other(error.to_string()))?;
    Ok(calendar.month_of(first).map_err(unknown)?.starts_at)
}
