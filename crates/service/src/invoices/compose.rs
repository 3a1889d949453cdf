//! What would the invoice of a month show? Composed the same for a draft and for issuing.

use calculation::bill::{self, Bill, BillError, Fee, Known, OneOff, PlanSpan};
use calculation::invoice::{DocumentKind, Invoice, InvoicePeriod, totals};
use calculation::period::Period;
use calculation::tax::{TaxClass, TaxRate, TaxTreatment};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::facts::{self, Asked, Facts, TaxRates, load};
use crate::config::Config;
use crate::customers::Customer;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{ChargeId, DiscountId};
use crate::plans::Payment;

/// What became of composing.
#[derive(Debug)]
pub enum Composed {
    Invoice(Box<Composition>),
    /// No fee and no calls: nothing is invoiced.
    Nothing,
    /// The customer pays before or while calling: there is no monthly invoice.
    Prepaid,
    /// A sum does not fit an amount.
    TooLarge,
    /// Nobody said what tax is due in this country on this day.
    NoTaxRate {
        country: String,
        class: TaxClass,
        day: Date,
    },
}

/// An invoice, and what must be remembered with it.
#[derive(Debug)]
pub struct Composition {
    pub invoice: Invoice,
    pub(super) fees: Vec<Fee>,
    pub(super) charges: Vec<ChargeId>,
    pub(super) discounts: Vec<(DiscountId, calculation::money::Amount)>,
}

/// Composes the invoice of a customer's month.
pub async fn compose(
    tx: &mut Tx,
    config: &Config,
    customer: &Customer,
    period: &Period,
    now: Timestamp,
) -> Result<Composed> {
    let calendar = crate::customers::calendar(tx, customer).await?;
    let rates = TaxRates::load(tx).await?;
    let asked = Asked { customer: customer.clone(), calendar, period: *period };
    let facts = load(tx, vec![asked]).await?.pop();
    let facts = facts.ok_or_else(|| Error::Contradiction("a month without facts".to_owned()))?;
    compose_facts(config, &rates, &facts, now)
}

/// Composes an invoice from what is known.
pub(super) fn compose_facts(
    config: &Config,
    rates: &TaxRates,
    facts: &Facts,
    now: Timestamp,
) -> Result<Composed> {
    let Facts { customer, calendar, period, .. } = facts;
    let country = &customer.party.country;
    let known = |class, day| rates.on(country, class, day);
    let bill = match bill(config.invoices.zero_invoices, &known, facts) {
        Ok(bill) => bill,
        Err(BillError::TooLarge) => return Ok(Composed::TooLarge),
        Err(BillError::NoTaxRate(class, day)) => {
            return Ok(Composed::NoTaxRate { country: country.clone(), class, day });
        }
    };
    if bill.lines.is_empty() {
        return Ok(if prepaid(facts) { Composed::Prepaid } else { Composed::Nothing });
    }
    let Some(totals) = totals(&bill.lines, customer.currency) else { return Ok(Composed::TooLarge) };
    let zone = calendar.zone_at(now).map_err(|error| Error::Other(error.to_string()))?;
    let issued_on = zone.to_datetime(now).date();
    let due_on = issued_on.saturating_add(i32::from(config.invoices.payment_days).days());
    let treated = customer.billing.tax_treatment != TaxTreatment::Standard;
    let invoice = Invoice {
        kind: DocumentKind::Invoice,
        number: None,
        corrects: None,
        language: customer.billing.language,
        itemisation: customer.billing.itemisation,
        issued_on,
        due_on,
        period: InvoicePeriod {
            first_day: period.first_day,
            last_day: period.last_day(),
            starts_at: period.starts_at,
            ends_at: period.ends_at,
            zone: zone_name(calendar.zone_of(period.first_day)),
        },
        seller: config.operator.clone(),
        buyer: customer.party.clone(),
        customer_reference: customer.reference.clone(),
        currency: customer.currency,
        lines: bill.lines,
        taxes: totals.taxes,
        net: totals.net,
        tax: totals.tax,
        gross: totals.gross,
        tax_note: customer.billing.tax_note.clone().filter(|_| treated),
    };
    Ok(Composed::Invoice(Box::new(Composition {
        invoice,
        fees: bill.fees,
        charges: facts.charges.iter().map(|charge| charge.id).collect(),
        discounts: bill.discounts.into_iter().map(|(id, amount)| (DiscountId(id), amount)).collect(),
    })))
}

fn zone_name(zone: &jiff::tz::TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The lines of a month, from what is known and the tax rates of the customer's country.
pub(super) fn bill(
    zero: bool,
    rates: &dyn Fn(TaxClass, Date) -> Option<TaxRate>,
    facts: &Facts,
) -> std::result::Result<Bill, BillError> {
    let Facts { customer, calendar, period, .. } = facts;
    let paid_afterwards = facts.plans.iter().filter(|(_, plan)| plan.payment == Payment::Postpaid);
    let plans: Vec<_> = paid_afterwards
        .map(|(subscription, plan)| PlanSpan {
            subscription: subscription.id.0,
            plan: plan.id.0,
            name: &plan.name,
            monthly_fee: plan.monthly_fee,
            terms: &plan.terms,
            from: subscription.valid_from,
            to: subscription.valid_to,
        })
        .collect();
    let one_offs: Vec<_> = facts
        .charges
        .iter()
        .map(|charge| OneOff {
            description: &charge.description,
            amount: charge.amount.amount,
            tax_class: charge.tax_class,
            day: facts::day_of(calendar, charge.charged_at).unwrap_or(period.first_day),
        })
        .collect();
    let begins = |at| calendar.holding(at).map_or(period.first_day, |month| month.first_day);
    let discounts: Vec<_> = facts
        .discounts
        .iter()
        .map(|discount| bill::Discount {
            discount: discount.id.0,
            description: &discount.description,
            terms: &discount.terms,
            begins: begins(discount.valid_from),
            uses: discount.uses,
        })
        .collect();
    bill::bill(&Known {
        calendar,
        period: *period,
        currency: customer.currency,
        language: customer.billing.language,
        treatment: customer.billing.tax_treatment,
        rates,
        billed: &facts.billed,
        plans: &plans,
        fees_charged: &facts.fees_charged,
        usage: &facts.usage,
        one_offs: &one_offs,
        discounts: &discounts,
        zero,
    })
}

/// Whether the plan at the month's end is paid before or while calling.
fn prepaid(facts: &Facts) -> bool {
    let ends_at = facts.period.ends_at;
    let at_end = facts.plans.iter().rev().find(|(subscription, _)| {
        subscription.valid_from < ends_at && subscription.valid_to.is_none_or(|to| to >= ends_at)
    });
    at_end.is_some_and(|(_, plan)| plan.payment == Payment::Prepaid)
}
