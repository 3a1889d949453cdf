//! Issues a credit note: of what is left of an invoice, of a line, or of one call.

use calculation::credit::{self, ChargesOfLine, CreditError, CreditedBefore, Wanted, left_of, net_of_call};
use calculation::invoice::{Correction, DocumentKind, Invoice, InvoiceLine, Itemisation, LineKind};
use calculation::money::Amount;
use jiff::tz::TimeZone;

use super::{Credits, NewCredit, store};
use crate::calls::{self, Call};
use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices::{self, StoredInvoice};
use crate::ledger::{self, Entry};
use crate::payments;

/// What became of it.
#[derive(Debug)]
pub enum Credited {
    New(CreditNoteId),
    UnknownInvoice,
    /// An invoice is corrected by its number: it has none yet.
    Unnumbered,
    /// Nothing is left of the invoice but its total.
    Purged,
    UnknownCall,
    /// The call is not on this invoice.
    NotOnInvoice,
    /// The call was credited before.
    Already,
    /// The month's minutes were priced, not the call: credit the line.
    PricedByTheMonth,
    /// The call adds less to its line than can be paid: credit the line.
    TooSmall,
    Refused(CreditError),
}

impl std::fmt::Display for Credited {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Self::New(id) => return write!(out, "{id} was issued"),
            Self::Refused(error) => return error.fmt(out),
            Self::UnknownInvoice => "there is no such invoice",
            Self::Unnumbered => "the invoice has no number yet: ask again in a moment",
            Self::Purged => "the invoice's lines are not kept any more",
            Self::UnknownCall => "the customer made no such call",
            Self::NotOnInvoice => "the call is not on this invoice",
            Self::Already => "the call was credited before",
            Self::PricedByTheMonth => {
                "the call has no price of its own, the month's minutes were priced: credit the line"
            }
            Self::TooSmall => "the call adds less to its line than can be paid: credit the line",
        };
        out.write_str(words)
    }
}

/// Credits an invoice. The customer is held, so that two credits do not give back the same.
pub async fn credit(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    new: NewCredit,
    clock: &Clock,
) -> Result<Credited> {
    if customers::hold(tx, customer).await?.is_none() {
        return Ok(Credited::UnknownInvoice);
    }
    let Some(stored) = invoices::by_id(tx, customer, invoice).await? else {
        return Ok(Credited::UnknownInvoice);
    };
    let Some(number) = stored.number.clone() else { return Ok(Credited::Unnumbered) };
    if stored.purged_at.is_some() {
        return Ok(Credited::Purged);
    }
    let zone = TimeZone::get(&stored.invoice.period.zone);
    let zone = zone.map_err(|error| Error::Contradiction(error.to_string()))?;
    let before = store::credited_before(tx, customer, invoice).await?;
    let (wanted, call) = match new.credits {
        Credits::Whole => (Wanted::Whole, None),
        Credits::Line { number, net } => {
            let Some(place) = number.checked_sub(1) else {
                return Ok(Credited::Refused(CreditError::NoSuchLine(number)));
            };
            (Wanted::Line { place, net }, None)
        }
        Credits::Call { source, record_id } => {
            match wanted_of_call(tx, &stored, &before, (&source, &record_id), &zone).await? {
                Ok((wanted, call)) => (wanted, Some(call)),
                Err(refusal) => return Ok(refusal),
            }
        }
    };
    let credit = match credit::credit(&stored.invoice, &before, &wanted) {
        Ok(credit) => credit,
        // Lines are counted from 1 outside.
        Err(CreditError::NoSuchLine(place)) => {
            return Ok(Credited::Refused(CreditError::NoSuchLine(place + 1)));
        }
        Err(error) => return Ok(Credited::Refused(error)),
    };
    let id = CreditNoteId(clock.id());
    let now = clock.now();
    let issued_on = zone.to_datetime(now).date();
    let places: Vec<_> = credit.lines.iter().map(|(place, line)| (*place, line.net)).collect();
    let mut lines: Vec<InvoiceLine> = credit.lines.into_iter().map(|(_, line)| line).collect();
    if let (Some(call), Some(line)) = (&call, lines.first_mut()) {
        *line = line_of_call(line, call, &zone);
    }
    let totals = credit.totals;
    let Invoice { issued_on: corrected_on, .. } = stored.invoice;
    let note = Invoice {
        kind: DocumentKind::CreditNote,
        number: None,
        corrects: Some(Correction { number, issued_on: corrected_on, reason: new.reason }),
        itemisation: Itemisation::None,
        issued_on,
        due_on: issued_on,
        lines,
        taxes: totals.taxes,
        net: totals.net,
        tax: totals.tax,
        gross: totals.gross,
        ..stored.invoice
    };
    let (currency, net, tax, gross) = (note.currency, note.net, note.tax, note.gross);
    store::insert(tx, customer, invoice, id, &note, &places, now).await?;
    if let (Some(call), Some((place, _))) = (&call, places.first()) {
        store::insert_call(tx, customer, call, (invoice, *place), id).await?;
    }
    ledger::post(tx, &[Entry::credit_note(customer, id, currency, net, tax, gross, now)], clock).await?;
    payments::settle_by_credit(tx, customer, invoice, id, gross, now, clock).await?;
    Ok(Credited::New(id))
}

/// The line that a call is on, and what the line would be less without it and those credited before: so all
/// its calls together give back exactly the line.
async fn wanted_of_call(
    tx: &mut Tx,
    stored: &StoredInvoice,
    before: &CreditedBefore,
    (source, record_id): (&str, &str),
    zone: &TimeZone,
) -> Result<std::result::Result<(Wanted, Call), Credited>> {
    let (customer, invoice) = (stored.customer_id, &stored.invoice);
    let Some(found) = calls::by_key(tx, customer, source, record_id).await? else {
        return Ok(Err(Credited::UnknownCall));
    };
    let Some(charge) = &found.charge else { return Ok(Err(Credited::NotOnInvoice)) };
    if charge.month_pricing.is_some() {
        return Ok(Err(Credited::PricedByTheMonth));
    }
    let call = found.call;
    let place = invoice.lines.iter().position(|line| is_on(line, &call, zone));
    let Some(place) = place.filter(|_| call.period_start == Some(invoice.period.starts_at)) else {
        return Ok(Err(Credited::NotOnInvoice));
    };
    if store::is_credited(tx, customer, &call).await? {
        return Ok(Err(Credited::Already));
    }
    let line = &invoice.lines[place];
    let total = calls::of_destination(tx, customer, &call).await?;
    let credited = store::credited_calls(tx, customer, stored.id, place).await?;
    let own = call.amount.map(|money| money.amount).unwrap_or_default();
    let left = match left_of(invoice, before, place) {
        Ok(left) => left,
        Err(error) => return Ok(Err(Credited::Refused(error))),
    };
    let charges = ChargesOfLine { net: line.net, left, charged: total, credited, own };
    let too_large = || Error::Contradiction("a line does not fit an amount".to_owned());
    let net = net_of_call(charges, invoice.currency).ok_or_else(too_large)?;
    if net <= Amount::ZERO {
        let nothing = own == Amount::ZERO || left <= Amount::ZERO;
        let refusal = if nothing { Credited::Refused(CreditError::NothingLeft) } else { Credited::TooSmall };
        return Ok(Err(refusal));
    }
    Ok(Ok((Wanted::Line { place, net: Some(net) }, call)))
}

/// Whether a line adds up calls such as this. Late lines are one for each month: the day says which.
fn is_on(line: &InvoiceLine, call: &Call, zone: &TimeZone) -> bool {
    let kind = if call.late_for.is_some() { LineKind::LateUsage } else { LineKind::Usage };
    let day = zone.to_datetime(call.answered_at.unwrap_or(call.started_at)).date();
    line.kind == kind
        && Some(line.description.as_str()) == call.destination.as_deref()
        && line.days.is_none_or(|days| days.first <= day && day <= days.last)
}

fn line_of_call(line: &InvoiceLine, call: &Call, zone: &TimeZone) -> InvoiceLine {
    let at = zone.to_datetime(call.answered_at.unwrap_or(call.started_at));
    let number = call.number.as_ref().unwrap_or(&call.called);
    let count =
        |seconds: Option<i64>| seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or_default();
    InvoiceLine {
        description: format!("{}, {number}, {}", line.description, at.strftime("%Y-%m-%d %H:%M")),
        calls: 1,
        seconds: count(call.billed_seconds),
        included_seconds: count(call.included_seconds),
        ..line.clone()
    }
}
