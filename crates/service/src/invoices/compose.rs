//! What would the invoice of a month show? Composed the same for a draft and for issuing.

use calculation::invoice::{self, Invoice, InvoicePeriod};
use calculation::money::Amount;
use calculation::period::Period;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::tax;
use crate::calls;
use crate::config::Config;
use crate::customers::{self, Customer, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::plans::{self, Payment, Plan};

/// What became of composing.
#[derive(Debug)]
pub enum Composed {
    Invoice(Box<Invoice>),
    /// No fee and no calls: nothing is invoiced.
    Nothing,
    /// The customer pays before or while calling: there is no monthly invoice.
    Prepaid,
    /// A sum does not fit an amount.
    TooLarge,
    /// Nobody said what tax is due in this country on this day.
    NoTaxRate {
        country: String,
        day: jiff::civil::Date,
    },
}

/// Composes the invoice of a customer's month.
pub async fn compose(
    tx: &mut Tx,
    config: &Config,
    customer: &Customer,
    period: &Period,
    now: Timestamp,
) -> Result<Composed> {
    let plan = plan_at_end(tx, customer, period).await?;
    let prepaid = plan.as_ref().is_some_and(|plan| plan.payment == Payment::Prepaid);
    let usage = calls::usage(tx, customer.id, period).await?;
    let fees: Vec<(String, Amount)> = plan
        .filter(|plan| plan.payment == Payment::Postpaid && plan.monthly_fee > Amount::ZERO)
        .map(|plan| (format!("{}, monthly fee", plan.name), plan.monthly_fee))
        .into_iter()
        .collect();
    if usage.is_empty() && fees.is_empty() {
        return Ok(if prepaid { Composed::Prepaid } else { Composed::Nothing });
    }
    let (country, day) = (&customer.party.country, period.last_day());
    let Some(tax_rate) = tax::rate_on(tx, country, day).await? else {
        return Ok(Composed::NoTaxRate { country: country.clone(), day });
    };
    let lines = invoice::lines(&fees, &usage, tax_rate, customer.currency);
    let summed = lines.and_then(|lines| Some((invoice::totals(&lines, customer.currency)?, lines)));
    let Some((totals, lines)) = summed else { return Ok(Composed::TooLarge) };
    let zone = TimeZone::get(&customer.zone).map_err(|error| Error::Inconsistent(error.to_string()))?;
    let issued_on = zone.to_datetime(now).date();
    let due_on = issued_on.saturating_add(i32::from(config.invoices.payment_days).days());
    Ok(Composed::Invoice(Box::new(Invoice {
        kind: invoice::DocumentKind::Invoice,
        number: None,
        corrects: None,
        language: invoice::Language::En,
        itemisation: invoice::Itemisation::None,
        tax_note: None,
        issued_on,
        due_on,
        period: InvoicePeriod {
            first_day: period.first_day,
            last_day: period.last_day(),
            starts_at: period.starts_at,
            ends_at: period.ends_at,
            zone: customer.zone.clone(),
        },
        seller: config.operator.clone(),
        buyer: customer.party.clone(),
        customer_reference: customer.reference.clone(),
        currency: customer.currency,
        lines,
        taxes: totals.taxes,
        net: totals.net,
        tax: totals.tax,
        gross: totals.gross,
    })))
}

/// The plan the customer is on when the month ends.
async fn plan_at_end(tx: &mut Tx, customer: &Customer, period: &Period) -> Result<Option<Plan>> {
    let subscriptions = customers::subscriptions(tx, customer.id).await?;
    let holds = |subscription: &&Subscription| {
        subscription.valid_from < period.ends_at
            && subscription.valid_to.is_none_or(|end| end >= period.ends_at)
    };
    match subscriptions.iter().rev().find(holds) {
        Some(subscription) => plans::by_id(tx, subscription.plan_id).await,
        None => Ok(None),
    }
}
