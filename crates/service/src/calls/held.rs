//! Whom of a batch do others hold? Their records are left alone, so that nobody else's wait with them.

use std::collections::BTreeSet;

use super::batch::{Batch, Incoming};
use super::charge::{Charging, needed_hold};
use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;
use crate::prepaid;

/// The customers of a batch whom others hold. All its other customers are held from now on.
pub(super) async fn held_by_others(
    tx: &mut Tx,
    run: &Charging,
    batch: &Batch,
) -> Result<BTreeSet<CustomerId>> {
    if tx.is_only_writer() {
        return Ok(BTreeSet::new());
    }
    let hold = needed_hold(tx, run, batch).await?;
    let customers: BTreeSet<_> =
        batch.incoming.iter().filter_map(Incoming::bill).map(|bill| bill.account.id).collect();
    let free = store::hold_free_customers(tx, &customers, hold).await?;
    let mut held: BTreeSet<_> = customers.difference(&free).copied().collect();
    let with_accounts: BTreeSet<_> = batch.reconciled().map(|record| record.customer).collect();
    let with_accounts: Vec<_> = with_accounts.difference(&held).copied().collect();
    let free = prepaid::hold_free(tx, &with_accounts).await?;
    held.extend(with_accounts.iter().filter(|customer| !free.contains_key(customer)));
    Ok(held)
}
