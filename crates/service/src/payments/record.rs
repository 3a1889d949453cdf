//! Records a payment or a refund, once by its reference.

use calculation::allocation::{Left, allocate};
use calculation::limit::{self, OverLimit};
use calculation::money::{Amount, Currency, Money};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::allocate::Credit;
use super::{NewPayment, PaidInvoice, Payment, PaymentKind, Source, reference, settle, store};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId, PaymentId};
use crate::invoices;
use crate::ledger::{self, Entry};

/// What became of it. A refusal is to be rolled back.
#[derive(Debug)]
pub enum Recorded {
    New(Payment),
    /// It was recorded before.
    Known(Payment),
    NotAReference,
    NotAMethod,
    NotPositive,
    /// Alone, or as credit beside what is there.
    TooLarge(OverLimit),
    /// The currency's minor unit has only so many digits.
    TooFine(u8),
    /// The day has begun nowhere yet, or money was older.
    NotADay,
    UnknownCustomer,
    /// The customer pays in this one.
    OtherCurrency(Currency),
    /// Another payment has the reference: with other content, or another customer's.
    ReferenceTaken,
    /// A refund is of the credit, not of an invoice.
    RefundOfInvoice,
    UnknownInvoice,
    /// Only so much is left of the customer's credit.
    BeyondCredit(Money),
}

/// As long as the purpose of a SEPA transfer may be.
const LONGEST_REFERENCE: usize = 140;
const LONGEST_METHOD: usize = 100;

/// Records a payment or refund of a customer, who is held. A payment goes to the invoice it names, what was written off of
/// it as well, then to those due earliest, and to what is contested last; the rest is credit. A refund is taken off the credit that is there longest.
pub async fn record(tx: &mut Tx, customer: CustomerId, new: NewPayment, clock: &Clock) -> Result<Recorded> {
    let now = clock.now();
    if let Some(refused) = refuse(&new, now) {
        return Ok(refused);
    }
    let Some(holder) = customers::hold(tx, customer).await? else { return Ok(Recorded::UnknownCustomer) };
    if holder.currency != new.currency {
        return Ok(Recorded::OtherCurrency(holder.currency));
    }
    let NewPayment { reference, amount, currency, paid_on, method, kind, invoice } = new;
    let reference = reference::known_form(tx, &reference).await?;
    let money = Money { amount, currency };
    let mut payment = Payment {
        id: PaymentId(clock.id()),
        customer_id: customer,
        kind,
        reference,
        amount: money,
        paid_on,
        method,
        recorded_at: now,
        reversal: None,
        allocations: Vec::new(),
    };
    if !store::claim_reference(tx, &payment).await? {
        return known(tx, &payment).await;
    }
    store::insert_payment(tx, &payment).await?;
    match kind {
        PaymentKind::Refund if invoice.is_some() => return Ok(Recorded::RefundOfInvoice),
        PaymentKind::Refund => {
            if let Some(left) = refund(tx, customer, amount).await? {
                return Ok(Recorded::BeyondCredit(Money { amount: left, currency }));
            }
            ledger::post(tx, &[Entry::refund(customer, payment.id, currency, amount, now)], clock).await?;
        }
        PaymentKind::Payment => {
            let first = match invoice {
                None => None,
                Some(name) => match find_invoice(tx, customer, &name).await? {
                    None => return Ok(Recorded::UnknownInvoice),
                    found => found,
                },
            };
            let credits = store::credits(tx, customer).await?;
            let remaining = credits.iter().map(|credit| credit.remaining);
            if let Err(over) = limit::together(remaining.chain([amount])) {
                return Ok(Recorded::TooLarge(over));
            }
            ledger::post(tx, &[Entry::payment(customer, payment.id, currency, amount, now)], clock).await?;
            let credit = Credit { source: Source::Payment, source_id: payment.id.0, remaining: amount };
            let allocations = settle::give(tx, customer, credit, first, now, clock).await?;
            let paid = allocations.iter().map(|allocation| PaidInvoice {
                invoice_id: allocation.invoice,
                amount: Money { amount: allocation.amount, currency },
            });
            payment.allocations = paid.collect();
        }
    }
    Ok(Recorded::New(payment))
}

/// What can be told from the payment alone.
fn refuse(new: &NewPayment, now: Timestamp) -> Option<Recorded> {
    let sound = |text: &str, longest: usize| {
        !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
    };
    if !sound(&new.reference, LONGEST_REFERENCE) {
        return Some(Recorded::NotAReference);
    }
    if new.method.as_ref().is_some_and(|method| !sound(method, LONGEST_METHOD)) {
        return Some(Recorded::NotAMethod);
    }
    if new.amount <= Amount::ZERO {
        return Some(Recorded::NotPositive);
    }
    if let Err(over) = limit::one(new.amount) {
        return Some(Recorded::TooLarge(over));
    }
    if new.amount.to_minor_unit(new.currency) != Some(new.amount) {
        return Some(Recorded::TooFine(new.currency.minor_digits()));
    }
    // The bank may be elsewhere: a day counts as soon as it has begun anywhere.
    let latest = TimeZone::fixed(Offset::constant(14)).to_datetime(now).date();
    let earliest = Date::constant(1970, 1, 1);
    (new.paid_on > latest || new.paid_on < earliest).then_some(Recorded::NotADay)
}

/// The payment that has the reference: the same again, or another.
async fn known(tx: &mut Tx, again: &Payment) -> Result<Recorded> {
    let Some(known) = store::by_reference(tx, &again.reference).await? else {
        return Ok(Recorded::ReferenceTaken);
    };
    let content = |payment: &Payment| {
        let Payment { customer_id, kind, amount, paid_on, method, .. } = payment.clone();
        (customer_id, kind, amount, paid_on, method)
    };
    Ok(if content(&known) == content(again) { Recorded::Known(known) } else { Recorded::ReferenceTaken })
}

/// Takes an amount off the customer's credit; answers what is left of it when that is too little.
async fn refund(tx: &mut Tx, customer: CustomerId, amount: Amount) -> Result<Option<Amount>> {
    let credits = store::credits(tx, customer).await?;
    let too_large = || Error::Contradiction(format!("the credit of {customer} does not fit an amount"));
    let all = Amount::sum(credits.iter().map(|credit| credit.remaining)).ok_or_else(too_large)?;
    if all < amount {
        return Ok(Some(all));
    }
    let credit = |credit: &Credit| Left { id: (credit.source, credit.source_id), amount: credit.remaining };
    let mut credits: Vec<_> = credits.iter().map(credit).collect();
    for part in allocate(&mut credits, &mut [Left { id: (), amount }]) {
        let (source, source_id) = part.credit;
        store::use_credit(tx, customer, source, source_id, part.amount).await?;
    }
    Ok(None)
}

/// A customer's invoice by its number or id.
async fn find_invoice(tx: &mut Tx, customer: CustomerId, name: &str) -> Result<Option<InvoiceId>> {
    let id = match name.trim().parse::<InvoiceId>() {
        Ok(id) => Some((customer, id)),
        Err(_) => invoices::by_number(tx, name.trim()).await?.map(|found| (found.customer_id, found.id)),
    };
    let Some((_, id)) = id.filter(|(holder, _)| *holder == customer) else { return Ok(None) };
    Ok(store::receivable(tx, customer, id).await?.map(|_| id))
}

impl Recorded {
    /// Why it was refused, in words; nothing when it was not.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::New(_) | Self::Known(_) => return None,
            Self::NotAReference => {
                format!("the reference must be 1 to {LONGEST_REFERENCE} characters, none a control character")
            }
            Self::NotAMethod => {
                format!("the method must be 1 to {LONGEST_METHOD} characters, none a control character")
            }
            Self::NotPositive => "the amount must be above zero: what goes back is a refund".to_owned(),
            Self::TooLarge(over) => format!("the amount {over}"),
            Self::TooFine(digits) => format!("the amount has more than the currency's {digits} digits"),
            Self::NotADay => "the day lies in the future, or before 1970".to_owned(),
            Self::UnknownCustomer => "there is no such customer".to_owned(),
            Self::OtherCurrency(currency) => format!("the customer pays in {currency}"),
            Self::ReferenceTaken => {
                "another payment has this reference: look at it, or choose another".to_owned()
            }
            Self::RefundOfInvoice => "a refund is of credit, not of an invoice: name none".to_owned(),
            Self::UnknownInvoice => "the customer has no such invoice".to_owned(),
            Self::BeyondCredit(left) => format!("only {left} are left of the customer's credit"),
        })
    }
}
