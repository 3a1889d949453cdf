//! Opens receivables: what was invoiced is to be paid, and existing credit pays it at once.

use std::collections::BTreeSet;

use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::Credit;
use super::{NewReceivable, Source, settle, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;

/// Opens receivables in the transaction that issues their invoices; the caller holds the customers. What settles them
/// at once does so at the very instant of issue: a document as it was issued shows it.
///
/// An invoice below zero, as a month of discounts or fees given back may come to, asks for nothing: its
/// receivable opens with nothing open, and its amount is credit, which goes to the customer's open invoices,
/// oldest due first, and waits for the next ones with what is left. One of zero is settled from the start.
///
/// However many invoices there are, customers without credit cost one query together.
pub async fn open_receivables(
    tx: &mut Tx,
    new: &[NewReceivable],
    issued_at: Timestamp,
    clock: &Clock,
) -> Result<()> {
    store::insert_receivables(tx, new).await?;
    for below in new.iter().filter(|receivable| receivable.gross < Amount::ZERO) {
        let remaining = Amount::from_micros(below.gross.micros().saturating_neg());
        let credit = Credit { source: Source::Invoice, source_id: below.invoice.0, remaining };
        settle::give(tx, below.customer, credit, None, issued_at, clock).await?;
    }
    let owing: BTreeSet<_> =
        new.iter().filter(|new| new.gross > Amount::ZERO).map(|new| new.customer).collect();
    let owing: Vec<_> = owing.into_iter().collect();
    for customer in store::with_credit(tx, &owing).await? {
        settle::take_credit(tx, customer, issued_at, clock).await?;
    }
    Ok(())
}
