//! Which credit goes to which invoice? The first to the first, until one side is used up.

use crate::money::Amount;

/// What is left of something: of a credit, or open of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left<Id> {
    /// What it is of.
    pub id: Id,
    /// How much; below zero it is like nothing.
    pub amount: Amount,
}

/// What of a credit goes to an invoice: always above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated<Credit, Invoice> {
    /// The credit.
    pub credit: Credit,
    /// The invoice.
    pub invoice: Invoice,
    /// How much.
    pub amount: Amount,
}

/// Allocates credits to invoices, both in the order given, and leaves in both what remains.
///
/// ```
/// use calculation::{allocation::{Allocated, Left, allocate}, money::Amount};
/// let left = |id, micros| Left { id, amount: Amount::from_micros(micros) };
/// let (mut credits, mut invoices) = ([left("payment", 150)], [left("one", 100), left("two", 100)]);
/// let allocated = allocate(&mut credits, &mut invoices);
/// let to = |invoice, micros| Allocated { credit: "payment", invoice, amount: Amount::from_micros(micros) };
/// assert_eq!(allocated, [to("one", 100), to("two", 50)]);
/// assert_eq!((credits, invoices), ([left("payment", 0)], [left("one", 0), left("two", 50)]));
/// ```
pub fn allocate<Credit: Copy, Invoice: Copy>(
    credits: &mut [Left<Credit>],
    invoices: &mut [Left<Invoice>],
) -> Vec<Allocated<Credit, Invoice>> {
    let mut allocated = Vec::new();
    let (mut credits, mut invoices) = (credits.iter_mut(), invoices.iter_mut());
    let (mut credit, mut invoice) = (credits.next(), invoices.next());
    while let (Some(from), Some(to)) = (credit.as_mut(), invoice.as_mut()) {
        let amount = from.amount.min(to.amount);
        if amount > Amount::ZERO {
            allocated.push(Allocated { credit: from.id, invoice: to.id, amount });
            from.amount = rest(from.amount, amount);
            to.amount = rest(to.amount, amount);
        }
        if from.amount <= Amount::ZERO {
            credit = credits.next();
        } else {
            invoice = invoices.next();
        }
    }
    allocated
}

/// The rest of an amount of which a part above zero and no greater than itself is taken: it always fits.
fn rest(amount: Amount, part: Amount) -> Amount {
    Amount::from_micros(amount.micros().saturating_sub(part.micros()))
}
