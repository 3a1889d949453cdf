//! Takes back a credit note that was a mistake: by a credit note of the same amounts below zero, which names it.

use calculation::invoice::{Correction, Invoice, InvoiceLine, TaxLine};
use calculation::money::Amount;
use calculation::period::first_instant;
use jiff::tz::TimeZone;

use super::{CreditNote, store};
use crate::clock::{Clock, after};
use crate::config::Config;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId};
use crate::invoices;
use crate::ledger::{self, Entry};
use crate::payments;

/// What became of it.
#[derive(Debug)]
pub enum TakenBack {
    New(CreditNoteId),
    Unknown,
    /// A document is named by its number: it has none yet.
    Unnumbered,
    /// Nothing is left of the credit note but its total.
    Purged,
    /// By that one.
    Already(CreditNoteId),
    /// It takes back another one: credit the invoice again.
    TakesBack,
    /// The month was invoiced anew since: both invoices would be open.
    Replaced,
}

impl std::fmt::Display for TakenBack {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::New(id) => return write!(out, "{id} was issued"),
            Self::Already(id) => return write!(out, "the credit note was taken back by {id}"),
            Self::Unknown => "there is no such credit note",
            Self::Unnumbered => "the credit note has no number yet: ask again in a moment",
            Self::Purged => "the credit note's lines are not kept any more",
            Self::TakesBack => "this one takes another back: credit the invoice again",
            Self::Replaced => {
                "the month was invoiced anew since: credit the new invoice where it is too much"
            }
        })
    }
}

/// Takes a credit note back. The customer is held.
pub async fn take_back(
    tx: &mut Tx,
    config: &Config,
    customer: CustomerId,
    id: CreditNoteId,
    reason: String,
    clock: &Clock,
) -> Result<TakenBack> {
    if customers::hold(tx, customer).await?.is_none() {
        return Ok(TakenBack::Unknown);
    }
    let Some(note) = store::by_id(tx, customer, id).await? else { return Ok(TakenBack::Unknown) };
    let Some(number) = note.number.clone() else { return Ok(TakenBack::Unnumbered) };
    if note.purged_at.is_some() {
        return Ok(TakenBack::Purged);
    }
    if note.takes_back.is_some() {
        return Ok(TakenBack::TakesBack);
    }
    if let Some(by) = store::taken_back_by(tx, customer, id).await? {
        return Ok(TakenBack::Already(by));
    }
    if invoices::is_replaced(tx, customer, note.invoice_id).await? {
        return Ok(TakenBack::Replaced);
    }
    let (new, now) = (CreditNoteId(clock.id()), after(clock.now(), note.issued_at));
    let document = note.credit_note.clone();
    let issued_on = config.seller_zone().to_datetime(now).date();
    let negative = |amount: Amount| Amount::from_micros(amount.micros().saturating_neg());
    let line = |line: InvoiceLine| InvoiceLine { net: negative(line.net), ..line };
    let tax = |tax: TaxLine| TaxLine { taxable: negative(tax.taxable), tax: negative(tax.tax), ..tax };
    let back = Invoice {
        number: None,
        corrects: Some(Correction { number, issued_on: document.issued_on, reason }),
        issued_on,
        due_on: issued_on,
        lines: document.lines.into_iter().map(line).collect(),
        taxes: document.taxes.into_iter().map(tax).collect(),
        net: negative(document.net),
        tax: negative(document.tax),
        gross: negative(document.gross),
        ..document
    };
    let (currency, net, tax, gross) = (back.currency, back.net, back.tax, back.gross);
    let places = store::lines_of(tx, customer, note.invoice_id, id).await?;
    let places: Vec<_> = places.into_iter().map(|(place, net)| (place, negative(net))).collect();
    store::insert(tx, customer, note.invoice_id, new, &back, &places, now).await?;
    store::mark_takes_back(tx, customer, new, id).await?;
    store::forget_credited_calls(tx, customer, id).await?;
    put_right_later(tx, &note, new).await?;
    ledger::post(tx, &[Entry::credit_note(customer, new, currency, net, tax, gross, now)], clock).await?;
    payments::take_back_credit(tx, customer, note.invoice_id, id, negative(gross), now, clock).await?;
    Ok(TakenBack::New(new))
}

/// What the credit settled is so no more. What else is known by now is charged or given back by the next bill.
async fn put_right_later(tx: &mut Tx, note: &CreditNote, by: CreditNoteId) -> Result<()> {
    let (customer, period) = (note.customer_id, &note.credit_note.period);
    let months = invoices::unsettle(tx, customer, note.id.0, by.0).await?;
    let zone = TimeZone::get(&period.zone).map_err(|error| Error::Contradiction(error.to_string()))?;
    let mut from = period.starts_at;
    for month in months {
        let first = first_instant(month, &zone).map_err(|error| Error::Contradiction(error.to_string()))?;
        from = from.min(first);
    }
    customers::note_change(tx, customer, from).await
}
