//! Approves months that wait: they are billed by the next round.

use calculation::period::Period;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Held;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::invoices::store;

/// What is approved.
#[derive(Debug, Clone, Copy)]
pub struct Approval<'a> {
    /// Months up to this one, such as 2026-10; up to the last that is over when absent.
    pub month: Option<&'a str>,
    /// Of these customers; of all who are not held when absent.
    pub of: Option<&'a [CustomerId]>,
}

/// Outcome of approving.
#[derive(Debug)]
pub enum Approved {
    /// Months up to this one, of so many customers.
    Approved {
        month: String,
        customers: u64,
        /// When the month is over everywhere, if it is not yet: where it is not, it is not approved.
        over_everywhere_at: Option<Timestamp>,
    },
    NotAMonth(String),
    /// The month ends nowhere before then.
    NotOver(Timestamp),
    /// The customer at this place is not known.
    Unknown(usize),
    /// The customer at this place is held.
    Held(usize, Held),
}

/// The month begins that much before UTC's in the first zone, and no more than that after it in the last.
const FIRST_ZONE: SignedDuration = SignedDuration::from_hours(14);
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Approves months that have ended in the customers' own time zones. Held customers stay held.
pub async fn approve(
    tx: &mut Tx,
    config: &Config,
    approval: Approval<'_>,
    now: Timestamp,
) -> Result<Approved> {
    let month = match approval.month {
        Some(month) => Period::of_month(month, &TimeZone::UTC),
        None => last_over(now),
    };
    let month = match month {
        Ok(month) => month,
        Err(error) => return Ok(Approved::NotAMonth(error.to_string())),
    };
    let first_end = month.ends_at.checked_sub(FIRST_ZONE).unwrap_or(month.ends_at);
    if now < first_end {
        return Ok(Approved::NotOver(first_end));
    }
    if let Some(ids) = approval.of {
        let cycles = store::cycles(tx, ids).await?;
        for (place, id) in ids.iter().enumerate() {
            match cycles.get(id) {
                None => return Ok(Approved::Unknown(place)),
                Some(cycle) => {
                    if let Some(held) = &cycle.held {
                        return Ok(Approved::Held(place, held.clone()));
                    }
                }
            }
        }
    }
    // A day after its end in UTC the month is over everywhere, and the next one nowhere.
    let until = month.ends_at.checked_add(A_DAY).map_or(now, |end| end.min(now));
    let customers = store::approve(tx, config.invoices.mode, until, approval.of).await?;
    let over_everywhere_at = month.ends_at.checked_add(FIRST_ZONE).ok().filter(|over| now < *over);
    Ok(Approved::Approved { month: month.month(), customers, over_everywhere_at })
}

/// The last month that is over somewhere.
fn last_over(now: Timestamp) -> std::result::Result<Period, calculation::period::PeriodError> {
    let latest = now.checked_add(FIRST_ZONE).unwrap_or(now);
    let running = Period::holding(latest, &TimeZone::UTC)?;
    let before = running.starts_at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(running.starts_at);
    Period::holding(before, &TimeZone::UTC)
}
