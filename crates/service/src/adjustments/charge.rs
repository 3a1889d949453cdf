//! Charges a customer something once, with the invoice of the month.

use calculation::limit::{self, OverLimit};
use calculation::money::{Amount, Currency, Money};

use super::{NewCharge, OneOffCharge, store};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ChargeId, CustomerId};

/// What became of it.
#[derive(Debug)]
pub enum Charged {
    Charge(OneOffCharge),
    UnknownCustomer,
    /// Nobody knows any more who the customer is.
    Erased,
    /// The customer pays in this currency.
    OtherCurrency(Currency),
    NotAboveZero,
    /// Alone, or beside others that wait for an invoice: no charge is taken back, so they must fit one with their tax.
    TooLarge(OverLimit),
    /// Finer than the currency's minor unit.
    TooFine,
}

/// Charges a customer once.
pub async fn charge(tx: &mut Tx, customer: CustomerId, new: NewCharge, clock: &Clock) -> Result<Charged> {
    let Some(found) = crate::customers::hold(tx, customer).await? else {
        return Ok(Charged::UnknownCustomer);
    };
    // Who is closed may still owe something: it is on the last invoice, or on one of its own.
    if found.erased_at.is_some() {
        return Ok(Charged::Erased);
    }
    let Money { amount, currency } = new.amount;
    if currency != found.currency {
        return Ok(Charged::OtherCurrency(found.currency));
    }
    if amount <= Amount::ZERO {
        return Ok(Charged::NotAboveZero);
    }
    if let Err(over) = limit::one(amount) {
        return Ok(Charged::TooLarge(over));
    }
    if amount.to_minor_unit(currency) != Some(amount) {
        return Ok(Charged::TooFine);
    }
    let waiting = store::waiting_charges(tx, customer).await?;
    if let Err(over) = limit::together([waiting, amount]) {
        return Ok(Charged::TooLarge(over));
    }
    let NewCharge { description, tax_class, charged_at, .. } = new;
    let charge = OneOffCharge {
        id: ChargeId(clock.id()),
        description,
        amount: new.amount,
        tax_class,
        charged_at: charged_at.unwrap_or_else(|| clock.now()),
        invoice_id: None,
    };
    store::insert_charge(tx, customer, &charge, clock.now()).await?;
    Ok(Charged::Charge(charge))
}
