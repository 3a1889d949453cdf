//! Which credit goes to which invoice? The first to the first, until one side is used up; what is contested comes last.

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

/// What is open of an invoice, and how much of that is contested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed<Id> {
    /// The invoice.
    pub id: Id,
    /// What is open of it.
    pub open: Amount,
    /// What is contested of it; at zero or below it is not contested at all.
    pub contested: Amount,
}

/// In which order money settles invoices that are given in the order of their due days: the one that is named, with all
/// that is open of it; then those that are not contested; then what is not contested of the others; and what is contested
/// last. So an invoice may be named twice.
///
/// ```
/// use calculation::{allocation::{Left, Owed, in_turn}, money::Amount};
/// let amount = Amount::from_micros;
/// let owed = |id, open, contested| Owed { id, open: amount(open), contested: amount(contested) };
/// let turn = in_turn(&[owed("January", 100, 30), owed("February", 50, 0)], None);
/// let left = |id, micros| Left { id, amount: amount(micros) };
/// assert_eq!(turn, [left("February", 50), left("January", 70), left("January", 30)]);
/// ```
pub fn in_turn<Id: Copy + PartialEq>(owed: &[Owed<Id>], first: Option<Id>) -> Vec<Left<Id>> {
    let named = |one: &&Owed<Id>| Some(one.id) == first;
    let others = || owed.iter().filter(move |one| !named(one));
    let contested = |one: &Owed<Id>| one.contested.min(one.open).max(Amount::ZERO);
    let left = |id, amount| Left { id, amount };
    let whole = owed.iter().filter(named).map(|one| left(one.id, one.open));
    let free = others().filter(|one| contested(one) == Amount::ZERO).map(|one| left(one.id, one.open));
    let disputed = || others().filter(move |one| contested(one) > Amount::ZERO);
    let rest_of = disputed().map(|one| left(one.id, rest(one.open, contested(one))));
    let last = disputed().map(|one| left(one.id, contested(one)));
    whole.chain(free).chain(rest_of).chain(last).filter(|one| one.amount > Amount::ZERO).collect()
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
