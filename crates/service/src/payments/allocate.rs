//! Which credit goes to which invoice? The first to the first, until one side is used up.

use calculation::allocation::{self, Left};
use calculation::money::Amount;

use super::Source;
use crate::id::InvoiceId;

/// What is open of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) invoice: InvoiceId,
    pub(super) open: Amount,
}

/// What of a payment, credit note or invoice below zero no invoice has taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Credit {
    pub(super) source: Source,
    pub(super) source_id: i64,
    pub(super) remaining: Amount,
}

/// What of a credit goes to an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allocation {
    pub(super) invoice: InvoiceId,
    pub(super) source: Source,
    pub(super) source_id: i64,
    pub(super) amount: Amount,
}

/// Allocates credits to invoices, both in the order given, and leaves in both what remains. An invoice that is named
/// twice gets one part of a credit all the same.
pub(super) fn allocate(credits: &mut [Credit], invoices: &mut [Open]) -> Vec<Allocation> {
    let credit = |credit: &Credit| Left { id: (credit.source, credit.source_id), amount: credit.remaining };
    let mut left: Vec<_> = credits.iter().map(credit).collect();
    let mut open: Vec<_> = invoices.iter().map(|open| Left { id: open.invoice, amount: open.open }).collect();
    let allocated = allocation::allocate(&mut left, &mut open);
    for (credit, left) in credits.iter_mut().zip(left) {
        credit.remaining = left.amount;
    }
    for (invoice, open) in invoices.iter_mut().zip(open) {
        invoice.open = open.amount;
    }
    let allocation = |part: allocation::Allocated<(Source, i64), InvoiceId>| {
        let (source, source_id) = part.credit;
        Allocation { invoice: part.invoice, source, source_id, amount: part.amount }
    };
    let mut together: Vec<Allocation> = Vec::new();
    for part in allocated.into_iter().map(allocation) {
        let of = |one: &Allocation| (one.invoice, one.source, one.source_id);
        match together.iter_mut().find(|one| of(one) == of(&part)) {
            Some(one) => one.amount = sum(one.amount, part.amount),
            None => together.push(part),
        }
    }
    together
}

/// Parts of one credit together: they always fit, since the credit does.
fn sum(one: Amount, other: Amount) -> Amount {
    Amount::from_micros(one.micros().saturating_add(other.micros()))
}
