//! Which credit goes to which invoice? The first to the first, until one side is used up.

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

/// Allocates credits to invoices, both in the order given, and leaves in both what remains.
pub(super) fn allocate(credits: &mut [Credit], invoices: &mut [Open]) -> Vec<Allocation> {
    let mut allocations = Vec::new();
    let (mut credits, mut invoices) = (credits.iter_mut(), invoices.iter_mut());
    let (mut credit, mut invoice) = (credits.next(), invoices.next());
    while let (Some(from), Some(to)) = (credit.as_mut(), invoice.as_mut()) {
        let amount = from.remaining.min(to.open);
        if amount > Amount::ZERO {
            let Credit { source, source_id, .. } = **from;
            allocations.push(Allocation { invoice: to.invoice, source, source_id, amount });
            from.remaining = minus(from.remaining, amount);
            to.open = minus(to.open, amount);
        }
        if from.remaining <= Amount::ZERO {
            credit = credits.next();
        } else {
            invoice = invoices.next();
        }
    }
    allocations
}

/// The rest of an amount, of which a part no greater than itself is taken.
fn minus(amount: Amount, part: Amount) -> Amount {
    Amount::from_micros(amount.micros() - part.micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Credits and invoices in, `source-invoice:amount` and both rests out.
    fn run(credits: &[i64], invoices: &[i64]) -> (String, Vec<i64>, Vec<i64>) {
        let credit = |(id, remaining): (i64, &i64)| Credit {
            source: Source::Payment,
            source_id: id,
            remaining: Amount::from_micros(*remaining),
        };
        let invoice =
            |(id, open): (i64, &i64)| Open { invoice: InvoiceId(id), open: Amount::from_micros(*open) };
        let mut credits: Vec<_> = (1..).zip(credits).map(credit).collect();
        let mut invoices: Vec<_> = (1..).zip(invoices).map(invoice).collect();
        let shown = allocate(&mut credits, &mut invoices)
            .iter()
            .map(|part| format!("{}-{}:{}", part.source_id, part.invoice.0, part.amount.micros()))
            .collect::<Vec<_>>();
        let credits = credits.iter().map(|credit| credit.remaining.micros()).collect();
        (shown.join(" "), credits, invoices.iter().map(|invoice| invoice.open.micros()).collect())
    }

    #[test]
    fn the_first_goes_to_the_first_until_one_side_is_used_up() {
        for (credits, invoices, shown, left, open) in [
            (&[100][..], &[100][..], "1-1:100", &[0][..], &[0][..]),
            (&[60], &[100], "1-1:60", &[0], &[40]),
            (&[150], &[100], "1-1:100", &[50], &[0]),
            (&[150], &[100, 100], "1-1:100 1-2:50", &[0], &[0, 50]),
            (&[30, 30, 90], &[100, 20], "1-1:30 2-1:30 3-1:40 3-2:20", &[0, 0, 30], &[0, 0]),
            (&[10], &[0, 10], "1-2:10", &[0], &[0, 0]),
            (&[0, 10], &[10], "2-1:10", &[0, 0], &[0]),
            (&[], &[10], "", &[], &[10]),
            (&[10], &[], "", &[10], &[]),
        ] {
            assert_eq!(run(credits, invoices), (shown.to_owned(), left.to_vec(), open.to_vec()));
        }
    }
}
