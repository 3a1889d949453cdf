//! Which invoice does money go to first? The one that is named, else the one due earliest; what is contested comes last.

use std::collections::BTreeMap;

use calculation::allocation::{Owed, in_turn};
use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::Open;
use super::store;
use crate::db::Tx;
use crate::disputes::{self, Contested};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

/// A customer's open invoices in the order in which money settles them. One that is contested in part is there twice.
pub(super) async fn in_order(
    tx: &mut Tx,
    customer: CustomerId,
    first: Option<InvoiceId>,
) -> Result<Vec<Open>> {
    let open = store::open_invoices(tx, customer).await?;
    if open.is_empty() {
        return Ok(open);
    }
    let contested = disputes::contested(tx, customer).await?;
    let owed: Vec<_> = open
        .iter()
        .map(|one| Owed { id: one.invoice, open: one.open, contested: of(&contested, one) })
        .collect();
    let turn = in_turn(&owed, first);
    Ok(turn.into_iter().map(|left| Open { invoice: left.id, open: left.amount }).collect())
}

fn of(contested: &BTreeMap<InvoiceId, Contested>, one: &Open) -> Amount {
    contested.get(&one.invoice).map_or(Amount::ZERO, |contested| contested.of(one.open))
}

/// What is overdue of a customer's invoices and not contested.
pub(super) async fn uncontested_overdue(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<Amount> {
    let overdue = store::overdue(tx, customer, now).await?;
    if overdue.is_empty() {
        return Ok(Amount::ZERO);
    }
    let contested = disputes::contested(tx, customer).await?;
    let free = overdue.iter().map(|one| {
        let open = Open { invoice: one.invoice, open: one.open };
        one.open.micros().saturating_sub(of(&contested, &open).micros())
    });
    Ok(Amount::from_micros(free.fold(0, i64::saturating_add)))
}
