//! Holds a customer's invoices back until somebody releases them.

use jiff::Timestamp;

use super::{Held, HeldCustomer};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, NOBODY};
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
/// Billing holds the cycle while it issues: what it has begun is issued before.
pub async fn hold(tx: &mut Tx, id: CustomerId, reason: &str, now: Timestamp) -> Result<Hold> {
    let cycles = store::hold_cycles(tx, &[id]).await?;
    let Some(cycle) = cycles.get(&id) else { return Ok(Hold::UnknownCustomer) };
    if let Some(held) = &cycle.held {
        return Ok(Hold::Already(held.clone()));
    }
    let held = Held { held_at: now, reason: reason.trim().to_owned() };
    store::hold(tx, id, &held).await?;
    Ok(Hold::Held(held))
}

/// Releases a customer. What is approved, or goes out by itself, is issued by the next round.
pub async fn release(tx: &mut Tx, id: CustomerId) -> Result<Release> {
    let mut cycles = store::hold_cycles(tx, &[id]).await?;
    let Some(cycle) = cycles.remove(&id) else { return Ok(Release::UnknownCustomer) };
    let Some(held) = cycle.held else { return Ok(Release::NotHeld) };
    store::release(tx, id).await?;
    Ok(Release::Released(held))
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
