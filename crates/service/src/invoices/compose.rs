//! What would the invoice of a month show? Composed the same for a draft and for issuing.

use std::sync::Arc;

use calculation::bill::{self, Bill, BillError, Known, OneOff, PlanSpan, Remembered, Settled, Tax};
use calculation::invoice::{DocumentKind, Invoice, InvoiceLine, InvoicePeriod, totals};
use calculation::period::{Calendar, Period};
use calculation::tax::{TaxCategory, TaxClass, TaxRate, TaxTreatment};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::facts::{self, Asked, AskedBill, Facts, TaxRates, load, seat_on};
use crate::adjustments::Discount;
use crate::config::Config;
use crate::customers::{Customer, Subscription};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{ChargeId, DiscountId};
use crate::plans::{Payment, Plan};

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
    pub(super) remembered: Vec<Remembered>,
    pub(super) settled: Vec<Settled>,
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
    let asked = Asked { customer: customer.clone(), calendar, period: *period, bill: AskedBill::New };
    let facts = load(tx, vec![asked]).await?.pop();
    let facts = facts.ok_or_else(|| Error::Contradiction("a month without facts".to_owned()))?;
    Ok(compose_facts(config, &rates, &facts, now))
}

/// Composes an invoice from what is known.
pub(super) fn compose_facts(config: &Config, rates: &TaxRates, facts: &Facts, now: Timestamp) -> Composed {
    let Facts { customer, calendar, period, .. } = facts;
    // A small business charges no tax, whoever buys, and says why.
    let small_business = config.operator.small_business.as_ref();
    let tax = |class, day| match small_business {
        Some(_) => Some(TaxTreatment::Exempt.apply(TaxRate::ZERO)),
        None => rates.tax(&facts.seats, class, day),
    };
    let bill = match bill(config.invoices.zero_invoices, &tax, facts) {
        Ok(bill) => bill,
        Err(BillError::TooLarge) => return Composed::TooLarge,
        Err(BillError::NoTaxRate(class, day)) => {
            let country = seat_on(&facts.seats, day).map_or(&customer.party.country, |seat| &seat.country);
            return Composed::NoTaxRate { country: country.clone(), class, day };
        }
    };
    if bill.lines.is_empty() {
        return if prepaid(facts) { Composed::Prepaid } else { Composed::Nothing };
    }
    let Some(totals) = totals(&bill.lines, customer.currency) else { return Composed::TooLarge };
    // The seller's day: numbers and days go up together, wherever customers are.
    let issued_on = config.seller_zone().to_datetime(now).date();
    let due_on = issued_on.saturating_add(i32::from(config.invoices.payment_days).days());
    let untaxed =
        |line: &InvoiceLine| matches!(line.tax_category, TaxCategory::Exempt | TaxCategory::ReverseCharge);
    let treated = bill.lines.iter().any(untaxed);
    let note = small_business.cloned();
    let note = note.or_else(|| facts.seats.iter().rev().find_map(|seat| seat.note.clone()));
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
        seller: config.operator.party.clone(),
        buyer: customer.party.clone(),
        customer_reference: customer.reference.clone(),
        currency: customer.currency,
        lines: bill.lines,
        taxes: totals.taxes,
        net: totals.net,
        tax: totals.tax,
        gross: totals.gross,
        tax_note: note.filter(|_| treated),
    };
    Composed::Invoice(Box::new(Composition {
        invoice,
        remembered: bill.remembered,
        settled: bill.settled,
        charges: facts.charges.iter().map(|charge| charge.id).collect(),
        discounts: bill.discounts.into_iter().map(|(id, amount)| (DiscountId(id), amount)).collect(),
    }))
}

fn zone_name(zone: &jiff::tz::TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The lines of a month, from what is known and the tax of a day.
pub(super) fn bill(
    zero: bool,
    tax: &dyn Fn(TaxClass, Date) -> Option<Tax>,
    facts: &Facts,
) -> std::result::Result<Bill, BillError> {
    let Facts { customer, calendar, period, .. } = facts;
    let plans = plan_spans(&facts.plans);
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
    let discounts = given(&facts.discounts, calendar, *period);
    let of_months: Vec<_> =
        facts.reopened.iter().map(|month| given(&month.discounts, calendar, month.period)).collect();
    let reopened: Vec<_> = facts
        .reopened
        .iter()
        .zip(&of_months)
        .map(|(month, discounts)| bill::Reopened {
            period: month.period,
            one_offs: &month.one_offs,
            before: &month.before,
            late: &month.late,
            discounts,
            charged: &month.charged,
            has_minimums: month.is_billed,
        })
        .collect();
    bill::bill(&Known {
        calendar,
        period: *period,
        currency: customer.currency,
        language: customer.billing.language,
        tax,
        billed: &facts.billed,
        plans: &plans,
        charged: &facts.charged,
        usage: &facts.usage,
        reopened: &reopened,
        one_offs: &one_offs,
        discounts: &discounts,
        zero,
    })
}

/// The plans that are paid afterwards.
pub(super) fn plan_spans(plans: &[(Subscription, Arc<Plan>)]) -> Vec<PlanSpan<'_>> {
    let paid_afterwards = plans.iter().filter(|(_, plan)| plan.payment == Payment::Postpaid);
    paid_afterwards
        .map(|(subscription, plan)| PlanSpan {
            subscription: subscription.id.0,
            plan: plan.id.0,
            name: &plan.name,
            monthly_fee: plan.monthly_fee,
            terms: &plan.terms,
            from: subscription.valid_from,
            to: subscription.valid_to,
        })
        .collect()
}

/// Discounts as they are given.
pub(super) fn given<'d>(
    discounts: &'d [Discount],
    calendar: &Calendar,
    month: Period,
) -> Vec<bill::Discount<'d>> {
    let begins = |at| calendar.holding(at).map_or(Date::MIN, |month| month.first_day);
    discounts
        .iter()
        .map(|discount| bill::Discount {
            discount: discount.id.0,
            description: &discount.description,
            terms: &discount.terms,
            begins: begins(discount.valid_from),
            uses: discount.uses,
            is_over: !facts::overlaps(discount, month),
        })
        .collect()
}

/// Whether the plan at the month's end is paid before or while calling.
fn prepaid(facts: &Facts) -> bool {
    let ends_at = facts.period.ends_at;
    let at_end = facts.plans.iter().rev().find(|(subscription, _)| {
        subscription.valid_from < ends_at && subscription.valid_to.is_none_or(|to| to >= ends_at)
    });
    at_end.is_some_and(|(_, plan)| plan.payment == Payment::Prepaid)
}
