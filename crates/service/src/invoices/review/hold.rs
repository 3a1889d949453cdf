//! Holds a customer's invoices back until somebody releases them.

use jiff::Timestamp;

use super::{Held, HeldCustomer, over_by};
use crate::config::Config;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, NOBODY};
use crate::invoices::facts::contradiction;
use crate::invoices::store;

/// Outcome of holding a customer.
#[derive(Debug)]
pub enum Hold {
    Held(Held),
    UnknownCustomer,
    /// Somebody holds them already.
    Already(Held),
}

/// Outcome of releasing a customer.
#[derive(Debug)]
pub enum Release {
    Released(Held),
    UnknownCustomer,
    NotHeld,
}

/// Holds a customer: no invoice of theirs is issued, whatever the month, until they are released.
///
/// Billing keeps the cycle locked while it issues: what it has begun is issued before. A refusal locks nothing, so that no round
/// passes the customer over.
pub async fn hold(tx: &mut Tx, id: CustomerId, reason: &str, now: Timestamp) -> Result<Hold> {
    let held = Held { held_at: now, reason: reason.trim().to_owned() };
    if !is_held(tx, id).await? && store::hold(tx, id, &held).await? {
        return Ok(Hold::Held(held));
    }
    Ok(hold_of(tx, id).await?.map_or(Hold::UnknownCustomer, Hold::Already))
}

/// Releases a customer. What is approved, or goes out by itself, is issued by the next round.
pub async fn release(tx: &mut Tx, id: CustomerId) -> Result<Release> {
    let mut cycles = store::cycles(tx, &[id]).await?;
    let Some(cycle) = cycles.remove(&id) else { return Ok(Release::UnknownCustomer) };
    let Some(held) = cycle.held else { return Ok(Release::NotHeld) };
    // Somebody else may have released them since.
    Ok(if store::release(tx, id).await? { Release::Released(held) } else { Release::NotHeld })
}

/// What the next round makes of a customer's months that are over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ahead {
    /// They are billed: an invoice for each that comes to something.
    pub billed: u64,
    /// They wait for approval.
    pub waiting: u64,
}

/// Looks ahead at the next round, for a customer who is not held.
pub async fn ahead(tx: &mut Tx, config: &Config, id: CustomerId, now: Timestamp) -> Result<Ahead> {
    let mut ahead = Ahead::default();
    let cycle = store::cycles(tx, &[id]).await?.remove(&id);
    let (Some(cycle), Some(customer)) = (cycle, customers::by_id(tx, id).await?) else { return Ok(ahead) };
    let calendar = customers::calendar(tx, &customer).await?;
    let over_by = over_by(config, now);
    let mut month = calendar.holding(cycle.next_start).map_err(|error| contradiction(&error))?;
    while month.ends_at <= over_by {
        // Months are billed one after the other: those behind one that waits wait, too.
        let goes_out = ahead.waiting == 0 && cycle.goes_out(month, config.invoices.mode);
        ahead.billed += u64::from(goes_out);
        ahead.waiting += u64::from(!goes_out);
        month = calendar.next(month).map_err(|error| contradiction(&error))?;
    }
    Ok(ahead)
}

async fn is_held(tx: &mut Tx, id: CustomerId) -> Result<bool> {
    Ok(hold_of(tx, id).await?.is_some())
}

/// Since when a customer is held and why, if they are.
pub async fn hold_of(tx: &mut Tx, id: CustomerId) -> Result<Option<Held>> {
    Ok(store::cycles(tx, &[id]).await?.remove(&id).and_then(|cycle| cycle.held))
}

/// Customers who are held, after a cursor.
pub async fn held(tx: &mut Tx, after: Option<CustomerId>, limit: usize) -> Result<Vec<HeldCustomer>> {
    store::held(tx, after.unwrap_or(NOBODY), limit).await
}

/// Forgets why a customer is held: a reason may tell who they are.
pub async fn forget_reason(tx: &mut Tx, id: CustomerId) -> Result<()> {
    store::forget_reason(tx, id, "erased").await
}
