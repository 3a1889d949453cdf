//! Takes a payment back that the bank took back: a debit that bounced, a card that was charged back.

use std::collections::BTreeMap;

use calculation::invoice::Language;
use calculation::money::{Amount, Currency, Money};
use calculation::tax::TaxClass;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::announce::announce_reversed;
use super::take_back::take_back;
use super::{PaidInvoice, Payment, PaymentKind, PaymentReversal, Source, store};
use crate::adjustments::{self, Charged, NewCharge, OneOffCharge};
use crate::clock::{Clock, after};
use crate::customers::{self, Customer};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, PaymentId};
use crate::ledger::{self, Entry};

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Reversed {
    Reversed(ReversedPayment),
    UnknownCustomer,
    UnknownPayment,
    /// A refund went to the customer: what comes back of it is a payment.
    Refund,
    Already(Timestamp),
    NotAReason,
}

/// A payment that was taken back.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReversedPayment {
    pub payment: Payment,
    /// The invoices that are open again, and by how much.
    pub reopened: Vec<PaidInvoice>,
    /// What the customer is charged for it, with the next invoice.
    pub fee: Option<OneOffCharge>,
}

/// Takes a payment back, once: what it settled is open again, what was left of it goes, and a fee is charged if the
/// settings have one in its currency and the customer is not closed.
pub async fn reverse(
    tx: &mut Tx,
    customer: CustomerId,
    id: PaymentId,
    reason: &str,
    fees: &BTreeMap<String, Amount>,
    clock: &Clock,
) -> Result<Reversed> {
    if reason.trim().is_empty() || reason.chars().count() > 500 || reason.chars().any(char::is_control) {
        return Ok(Reversed::NotAReason);
    }
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Reversed::UnknownCustomer) };
    let Some(mut payment) = store::payment_by_id(tx, customer, id).await? else {
        return Ok(Reversed::UnknownPayment);
    };
    if payment.kind == PaymentKind::Refund {
        return Ok(Reversed::Refund);
    }
    if let Some(reversal) = &payment.reversal {
        return Ok(Reversed::Already(reversal.reversed_at));
    }
    let (now, Money { amount, currency }) = (after(clock.now(), payment.recorded_at), payment.amount);
    let reversal = PaymentReversal { reversed_at: now, reason: reason.trim().to_owned() };
    store::mark_reversed(tx, customer, id, &reversal).await?;
    ledger::post(tx, &[Entry::reversal(customer, id, currency, amount, now)], clock).await?;
    let taken = take_back(tx, customer, Source::Payment, id.0, amount, now, clock).await?;
    let fee = charge_fee(tx, &holder, &payment, fees, clock).await?;
    (payment.reversal, payment.allocations) = (Some(reversal), Vec::new());
    let paid =
        |(invoice_id, amount): (_, Amount)| PaidInvoice { invoice_id, amount: Money { amount, currency } };
    let reopened = taken.reopened.into_iter().map(paid).collect();
    let reversed = ReversedPayment { payment, reopened, fee };
    announce_reversed(tx, &reversed, clock).await?;
    Ok(Reversed::Reversed(reversed))
}

async fn charge_fee(
    tx: &mut Tx,
    customer: &Customer,
    payment: &Payment,
    fees: &BTreeMap<String, Amount>,
    clock: &Clock,
) -> Result<Option<OneOffCharge>> {
    let currency: Currency = payment.amount.currency;
    let Some(amount) = fees.get(currency.code()).copied().filter(|fee| *fee > Amount::ZERO) else {
        return Ok(None);
    };
    let day = payment.paid_on;
    let description = match customer.billing.language {
        Language::De => format!("Gebühr für die zurückgegebene Zahlung vom {}", day.strftime("%d.%m.%Y")),
        Language::En => format!("Fee for the returned payment of {day}"),
    };
    let amount = Money { amount, currency };
    let new = NewCharge { description, amount, tax_class: TaxClass::Standard, charged_at: None };
    Ok(match adjustments::charge(tx, customer.id, new, clock).await? {
        Charged::Charge(charge) => Some(charge),
        // Nothing is charged to who is closed, and the settings were checked for all else.
        _ => None,
    })
}

impl Reversed {
    /// Why it was refused, in words; nothing when it was not.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::Reversed(_) => return None,
            Self::UnknownCustomer => "there is no such customer".to_owned(),
            Self::UnknownPayment => "there is no such payment".to_owned(),
            Self::Refund => {
                "it is a refund: if the money came back, record that as a payment of its own".to_owned()
            }
            Self::Already(at) => format!("the payment was taken back already, at {at}"),
            Self::NotAReason => {
                "the reason must be 1 to 500 characters, none a control character: say what the bank says"
                    .to_owned()
            }
        })
    }
}
