//! Issues the invoice of one customer's month, once.

use calculation::invoice::Invoice;
use calculation::period::Period;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Composed, StoredInvoice, compose, store};
use crate::clock::Clock;
use crate::config::Config;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};
use crate::ledger::{self, Entry};
use crate::payments::{self, NewReceivable};

/// What became of it.
#[derive(Debug)]
pub enum Issued {
    New(Box<StoredInvoice>),
    /// It was issued before.
    Already(Box<StoredInvoice>),
    UnknownCustomer,
    NotAMonth(String),
    /// The month ends only then, in the customer's zone.
    NotOver(Timestamp),
    Nothing,
    Prepaid,
    /// A sum does not fit an amount.
    TooLarge,
    /// The settings do not say who sells.
    NoOperator,
    NoTaxRate {
        country: String,
        day: jiff::civil::Date,
    },
}

/// Issues the invoice of a month written as `2026-10`. The customer is held first: whoever charges has
/// finished, whoever comes later finds the month closed. A refusal is to be rolled back, but for
/// [`Issued::Nothing`], which may be kept: then the month is closed without an invoice.
pub async fn issue(
    tx: &mut Tx,
    config: &Config,
    customer: CustomerId,
    month: &str,
    clock: &Clock,
) -> Result<Issued> {
    let now = clock.now();
    let Some(customer) = customers::hold(tx, customer).await? else { return Ok(Issued::UnknownCustomer) };
    let zone = TimeZone::get(&customer.zone).map_err(|error| Error::Inconsistent(error.to_string()))?;
    let period = match Period::of_month(month, &zone) {
        Ok(period) => period,
        Err(error) => return Ok(Issued::NotAMonth(error.to_string())),
    };
    if now < period.ends_at {
        return Ok(Issued::NotOver(period.ends_at));
    }
    if !store::close_period(tx, customer.id, &period, now).await? {
        let known = store::of_period(tx, customer.id, &period).await?;
        return Ok(known.map_or(Issued::Nothing, |known| Issued::Already(Box::new(known))));
    }
    let invoice = match compose(tx, config, &customer, &period, now).await? {
        Composed::Invoice(_) if config.operator.name.trim().is_empty() => return Ok(Issued::NoOperator),
        Composed::Invoice(invoice) => *invoice,
        Composed::Nothing => return Ok(Issued::Nothing),
        Composed::Prepaid => return Ok(Issued::Prepaid),
        Composed::TooLarge => return Ok(Issued::TooLarge),
        Composed::NoTaxRate { country, day } => return Ok(Issued::NoTaxRate { country, day }),
    };
    let id = InvoiceId(clock.id());
    store::insert(tx, id, customer.id, &invoice, now).await?;
    let Invoice { currency, net, tax, gross, due_on, .. } = invoice;
    ledger::post(tx, &[Entry::issue(customer.id, id, currency, net, tax, gross, now)], clock).await?;
    let due_at = payments::due_at(due_on, &zone)?;
    let receivable = NewReceivable { customer: customer.id, invoice: id, currency, due_at, gross };
    payments::open_receivables(tx, &[receivable], clock).await?;
    let stored = store::by_id(tx, customer.id, id).await?;
    let lost = || Error::Inconsistent("an invoice vanished while it was issued".to_owned());
    Ok(Issued::New(Box::new(stored.ok_or_else(lost)?)))
}
