//! Issues the invoice of one customer's month, once.

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
    /// The settings do not say who sells.
    NoOperator,
    NoTaxRate {
        country: String,
        day: jiff::civil::Date,
    },
}

/// Issues the invoice of a month written as `2026-10`. The month is closed to further calls first: whoever
/// charges into it has finished, whoever comes later finds it closed.
pub async fn issue(
    tx: &mut Tx,
    config: &Config,
    customer: CustomerId,
    month: &str,
    clock: &Clock,
) -> Result<Issued> {
    let now = clock.now();
    let Some(customer) = customers::by_id(tx, customer).await? else { return Ok(Issued::UnknownCustomer) };
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
        let lost =
            || Error::Inconsistent(format!("{month} of {} is closed without an invoice", customer.reference));
        return Ok(Issued::Already(Box::new(known.ok_or_else(lost)?)));
    }
    let invoice = match compose(tx, config, &customer, &period, now).await? {
        Composed::Invoice(invoice) if !config.operator.name.trim().is_empty() => *invoice,
        refusal => {
            store::open_period(tx, customer.id, &period).await?;
            return Ok(match refusal {
                Composed::Invoice(_) => Issued::NoOperator,
                Composed::Nothing => Issued::Nothing,
                Composed::Prepaid => Issued::Prepaid,
                Composed::NoTaxRate { country, day } => Issued::NoTaxRate { country, day },
            });
        }
    };
    let id = InvoiceId(clock.id());
    store::insert(tx, id, customer.id, &invoice, now).await?;
    let stored = store::by_id(tx, customer.id, id).await?;
    let lost = || Error::Inconsistent("an invoice vanished while it was issued".to_owned());
    Ok(Issued::New(Box::new(stored.ok_or_else(lost)?)))
}
