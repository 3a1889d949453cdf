//! Suspends a customer's service, and restores it.
//!
//! What was suspended because invoices were overdue is restored when none is any more; what was suspended by
//! hand, by hand only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// That a customer's service is suspended, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suspension {
    #[schema(value_type = String, format = DateTime)]
    pub suspended_at: Timestamp,
    pub suspended_for: SuspendedFor,
    /// In the words of who did it by hand.
    pub reason: Option<String>,
}

/// Why a customer's service is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspendedFor {
    /// Invoices are overdue. It ends by itself when none is any more.
    Overdue,
    /// Somebody decided it, and decides when it ends.
    Hand,
}

impl SuspendedFor {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Hand => "hand",
        }
    }
}

/// What became of suspending by hand.
#[derive(Debug)]
pub enum Suspended {
    Suspended(Suspension),
    UnknownCustomer,
    /// It was suspended by hand before.
    Already(Suspension),
}

/// Suspends a customer's service by hand. One that is suspended for what is overdue stays so until somebody
/// restores it.
pub async fn suspend(tx: &mut Tx, customer: CustomerId, reason: &str, now: Timestamp) -> Result<Suspended> {
    if store::hold(tx, customer).await?.is_none() {
        return Ok(Suspended::UnknownCustomer);
    }
    if let Some(known) = store::suspension(tx, customer).await?
        && known.suspended_for == SuspendedFor::Hand
    {
        return Ok(Suspended::Already(known));
    }
    let (suspended_for, reason) = (SuspendedFor::Hand, Some(reason.to_owned()));
    let suspension = Suspension { suspended_at: now, suspended_for, reason };
    store::suspend(tx, customer, &suspension).await?;
    Ok(Suspended::Suspended(suspension))
}

/// Suspends the service of a customer, whom the caller holds, because invoices are overdue; answers whether
/// it was not suspended before.
pub async fn suspend_overdue(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<bool> {
    if store::suspension(tx, customer).await?.is_some() {
        return Ok(false);
    }
    let suspension = Suspension { suspended_at: now, suspended_for: SuspendedFor::Overdue, reason: None };
    store::suspend(tx, customer, &suspension).await?;
    Ok(true)
}

/// What became of restoring by hand.
#[derive(Debug)]
pub enum Restored {
    Restored,
    UnknownCustomer,
    NotSuspended,
}

/// Restores a customer's service, whatever it was suspended for.
pub async fn restore(tx: &mut Tx, customer: CustomerId) -> Result<Restored> {
    if store::hold(tx, customer).await?.is_none() {
        return Ok(Restored::UnknownCustomer);
    }
    let restored = store::restore(tx, customer, &[SuspendedFor::Overdue, SuspendedFor::Hand]).await?;
    Ok(if restored { Restored::Restored } else { Restored::NotSuspended })
}

/// Restores what was suspended because invoices were overdue; answers whether it was.
pub async fn restore_overdue(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    store::restore(tx, customer, &[SuspendedFor::Overdue]).await
}

/// Since when and why a customer's service is suspended, if it is.
pub async fn suspension(tx: &mut Tx, customer: CustomerId) -> Result<Option<Suspension>> {
    store::suspension(tx, customer).await
}
