//! Settles a dispute: says who was right.

use super::{Dispute, Outcome, Settlement, store};
use crate::clock::{Clock, after};
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, DisputeId};

/// What became of it.
#[derive(Debug)]
pub enum Settled {
    Dispute(Dispute),
    Unknown,
    /// It was settled so.
    Already(Settlement),
}

/// Settles an open dispute.
pub async fn settle(
    tx: &mut Tx,
    customer: CustomerId,
    id: DisputeId,
    outcome: Outcome,
    note: Option<String>,
    clock: &Clock,
) -> Result<Settled> {
    customers::hold(tx, customer).await?;
    let Some(mut dispute) = store::by_id(tx, customer, id).await? else { return Ok(Settled::Unknown) };
    if let Some(settlement) = dispute.settlement {
        return Ok(Settled::Already(settlement));
    }
    let settlement = Settlement { outcome, note, settled_at: after(clock.now(), dispute.opened_at) };
    store::settle(tx, customer, id, &settlement).await?;
    dispute.settlement = Some(settlement);
    Ok(Settled::Dispute(dispute))
}
