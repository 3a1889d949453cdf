//! How much of which invoice does a customer contest? The whole of it, or what a call costs on it.

use std::collections::BTreeMap;

use calculation::money::{Amount, Currency};

use super::store;
use crate::calls::{self, CallKey};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices;

/// How much of an invoice is contested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contested {
    Whole,
    /// With its tax; never less than it may be.
    Part(Amount),
}

impl Contested {
    /// How much of what is open.
    pub fn of(self, open: Amount) -> Amount {
        match self {
            Self::Whole => open,
            Self::Part(part) => part.min(open),
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Part(one), Self::Part(other)) => one.checked_add(other).map_or(Self::Whole, Self::Part),
            _ => Self::Whole,
        }
    }
}

/// What a customer contests of each invoice.
pub async fn contested(tx: &mut Tx, customer: CustomerId) -> Result<BTreeMap<InvoiceId, Contested>> {
    let mut found = BTreeMap::new();
    for dispute in store::open_of(tx, customer).await? {
        let about = match &dispute.call {
            None => dispute.invoice_id.map(|invoice| (invoice, Contested::Whole)),
            Some(call) => of_call(tx, customer, call, dispute.invoice_id).await?,
        };
        let Some((invoice, contested)) = about else { continue };
        let before = found.get(&invoice).copied();
        found.insert(invoice, before.map_or(contested, |before: Contested| before.and(contested)));
    }
    Ok(found)
}

/// The invoice that a call is on, and what it costs there at most. Of a call whose cost on the invoice cannot be told,
/// such as one that is priced by the month, the whole invoice is contested.
async fn of_call(
    tx: &mut Tx,
    customer: CustomerId,
    key: &CallKey,
    known: Option<InvoiceId>,
) -> Result<Option<(InvoiceId, Contested)>> {
    let found = calls::by_key(tx, customer, &key.source, &key.record_id).await?;
    let month = found.as_ref().and_then(|found| found.call.period_start);
    // When it was contested its month may not have been invoiced yet.
    let invoice = match (known, month) {
        (Some(known), _) => Some(known),
        (None, Some(month)) => invoices::of_period(tx, customer, month).await?,
        (None, None) => None,
    };
    let Some(invoice) = invoice else { return Ok(None) };
    let amount = found.and_then(|found| found.call.amount).map(|money| money.amount);
    let Some(net) = amount.filter(|net| *net > Amount::ZERO) else {
        return Ok(Some((invoice, Contested::Whole)));
    };
    let Some(stored) = invoices::by_id(tx, customer, invoice).await? else { return Ok(None) };
    let rate = stored.invoice.taxes.iter().map(|tax| tax.rate).max().unwrap_or_default();
    let currency = stored.invoice.currency;
    let gross = net.to_minor_unit(currency).and_then(|net| net.checked_add(rate.tax_on(net, currency)?));
    let part = gross.map_or(Contested::Whole, |gross| Contested::Part(gross.max(least(currency))));
    Ok(Some((invoice, part)))
}

/// The smallest part of a currency that is paid.
fn least(currency: Currency) -> Amount {
    let digits = 6_u32.saturating_sub(currency.minor_digits().into());
    Amount::from_micros(10_i64.saturating_pow(digits))
}
