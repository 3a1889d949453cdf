//! Gives a customer a discount, or ends one.

use calculation::discount::Reduction;
use calculation::terms_error::TermsError;
use jiff::Timestamp;

use super::{Discount, NewDiscount, store};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, DiscountId};

/// What became of it.
#[derive(Debug)]
pub enum Discounted {
    Discount(Discount),
    UnknownCustomer,
    /// The customer is closed.
    Closed,
    Unsound(TermsError),
    /// The amount is finer than the minor unit of the customer's currency.
    TooFine,
}

/// Gives a customer a discount.
pub async fn discount(
    tx: &mut Tx,
    customer: CustomerId,
    new: NewDiscount,
    clock: &Clock,
) -> Result<Discounted> {
    let Some(found) = customers::hold(tx, customer).await? else {
        return Ok(Discounted::UnknownCustomer);
    };
    if found.is_closed(clock.now()) {
        return Ok(Discounted::Closed);
    }
    if let Err(error) = new.terms.check() {
        return Ok(Discounted::Unsound(error));
    }
    if let Reduction::Amount(amount) = new.terms.reduces
        && amount.to_minor_unit(found.currency) != Some(amount)
    {
        return Ok(Discounted::TooFine);
    }
    let NewDiscount { description, terms, valid_from } = new;
    let valid_from = valid_from.unwrap_or_else(|| clock.now());
    let id = DiscountId(clock.id());
    let discount = Discount { id, description, terms, valid_from, valid_to: None, uses: 0 };
    store::insert_discount(tx, customer, &discount, clock.now()).await?;
    if valid_from < clock.now() {
        customers::note_change(tx, customer, valid_from).await?;
    }
    Ok(Discounted::Discount(discount))
}

/// What became of ending a discount.
#[derive(Debug)]
pub enum DiscountEnded {
    Discount(Discount),
    Unknown,
    /// It ended then.
    Already(Timestamp),
}

/// Ends a discount: it is on no invoice of a month that begins at or after the instant.
pub async fn end_discount(
    tx: &mut Tx,
    customer: CustomerId,
    id: DiscountId,
    at: Timestamp,
) -> Result<DiscountEnded> {
    customers::hold(tx, customer).await?;
    let all = super::discounts(tx, customer).await?;
    let Some(mut discount) = all.into_iter().find(|discount| discount.id == id) else {
        return Ok(DiscountEnded::Unknown);
    };
    if let Some(end) = discount.valid_to {
        return Ok(DiscountEnded::Already(end));
    }
    store::end_discount(tx, customer, id, at).await?;
    customers::note_change(tx, customer, at).await?;
    discount.valid_to = Some(at);
    Ok(DiscountEnded::Discount(discount))
}
