//! Issues a credit note: of what is left of an invoice, of a line, or of one call.

use std::collections::BTreeMap;

use calculation::credit::{self, CreditError, CreditedBefore, Wanted, left_of};
use calculation::invoice::{Correction, DocumentKind, Invoice, InvoiceLine, Itemisation, LineKind};
use calculation::money::Amount;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::less::{self, Less};
use super::{Credits, NewCredit, store};
use crate::calls::{self, Call, RecordKey, StoredCall};
use crate::clock::{Clock, after};
use crate::config::Config;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::invoices::{self, BilledMonth, StoredInvoice};
use crate::ledger::{self, Entry};
use crate::payments;
use crate::tariffs::TariffBook;

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
    /// Without the calls the invoice would be the same: they are credited, and nothing is given back.
    Nothing,
    /// Nothing is left of this invoice that would be less; so much is given back with the next one.
    Later(Amount),
    Refused(CreditError),
}

impl std::fmt::Display for Credited {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Self::New(id) => return write!(out, "{id} was issued"),
            Self::Refused(error) => return error.fmt(out),
            Self::Later(net) => {
                return write!(
                    out,
                    "nothing is left of the invoice that it could give back: the next one gives back {} net, without a credit note",
                    net.to_text(2)
                );
            }
            Self::UnknownInvoice => "there is no such invoice",
            Self::Unnumbered => "the invoice has no number yet: ask again in a moment",
            Self::Purged => "the invoice's lines are not kept any more",
            Self::UnknownCall => "the customer made no such call",
            Self::NotOnInvoice => "the call is not on this invoice",
            Self::Already => "the call was credited before",
            Self::Nothing => {
                "without it the month would cost no less: 0.00 is given back, without a credit note"
            }
        };
        out.write_str(words)
    }
}

/// Credits an invoice. The customer is held, so that two credits do not give back the same.
pub async fn credit(
    tx: &mut Tx,
    world: (&TariffBook, &Config),
    customer: CustomerId,
    invoice: InvoiceId,
    new: NewCredit,
    clock: &Clock,
) -> Result<Credited> {
    credit_some(tx, world, (customer, invoice), new, false, clock).await
}

/// Credits a call whose corrected record takes what it took of allowances.
pub async fn credit_replaced(
    tx: &mut Tx,
    world: (&TariffBook, &Config),
    customer: CustomerId,
    invoice: InvoiceId,
    new: NewCredit,
    clock: &Clock,
) -> Result<Credited> {
    credit_some(tx, world, (customer, invoice), new, true, clock).await
}

async fn credit_some(
    tx: &mut Tx,
    (tariffs, config): (&TariffBook, &Config),
    (customer, invoice): (CustomerId, InvoiceId),
    new: NewCredit,
    keeps_allowances: bool,
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
    let mut before = store::credited_before(tx, customer, invoice).await?;
    // What later invoices gave back of it is not given back again.
    for (place, net) in invoices::given_back_later(tx, &stored).await? {
        let sum = before.lines.entry(place).or_default();
        *sum = sum.checked_add(net).ok_or_else(too_large)?;
    }
    let of = Of { tariffs, stored: &stored, before: &before, zone: &zone };
    let asked = match new.credits {
        Credits::Whole => Asked::plain(Wanted::Whole),
        Credits::Line { number, net } => {
            let line = number.checked_sub(1).filter(|place| *place < stored.invoice.lines.len());
            let Some(place) = line else {
                return Ok(Credited::Refused(CreditError::NoSuchLine(number)));
            };
            match net {
                Some(_) => Asked::plain(Wanted::Line { place, net }),
                None if of.nothing_is_left() => return Ok(Credited::Refused(CreditError::NothingLeft)),
                None => asked_of_line(tx, &of, place).await?,
            }
        }
        Credits::Call { source, record_id } => {
            match asked_of_call(tx, &of, (&source, &record_id), keeps_allowances).await? {
                Ok(asked) => asked,
                Err(refusal) => return Ok(refusal),
            }
        }
    };
    // An invoice issued before this shows what is credited now, whichever program's clock was ahead.
    let last = invoices::last_issued_at(tx, customer).await?;
    let now = after(clock.now(), last.unwrap_or(stored.issued_at));
    if !asked.calls.is_empty() && asked.gives_nothing() {
        asked.remember(tx, (customer, invoice), None, now, clock).await?;
        return Ok(if asked.later() > Amount::ZERO {
            Credited::Later(asked.later())
        } else {
            Credited::Nothing
        });
    }
    let credit = match credit::credit(&stored.invoice, &before, &asked.wanted) {
        Ok(credit) => credit,
        // Lines are counted from 1 outside.
        Err(CreditError::NoSuchLine(place)) => {
            return Ok(Credited::Refused(CreditError::NoSuchLine(place + 1)));
        }
        Err(error) => return Ok(Credited::Refused(error)),
    };
    let id = CreditNoteId(clock.id());
    // The seller's day, as an invoice's.
    let issued_on = config.seller_zone().to_datetime(now).date();
    let mut places: BTreeMap<usize, Amount> = BTreeMap::new();
    for (place, line) in &credit.lines {
        let sum = places.entry(*place).or_default();
        *sum = sum.checked_add(line.net).ok_or_else(too_large)?;
    }
    let places: Vec<_> = places.into_iter().collect();
    let mut lines: Vec<InvoiceLine> = credit.lines.into_iter().map(|(_, line)| line).collect();
    if let Some(call) = &asked.shown {
        let of_calls = |line: &&mut InvoiceLine| matches!(line.kind, LineKind::Usage | LineKind::LateUsage);
        if let Some(line) = lines.iter_mut().find(of_calls) {
            *line = line_of_call(line, call, &zone);
        }
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
        ..stored.invoice.clone()
    };
    let (currency, net, tax, gross) = (note.currency, note.net, note.tax, note.gross);
    store::insert(tx, customer, invoice, id, &note, &places, now).await?;
    asked.remember(tx, (customer, invoice), Some((id, net)), now, clock).await?;
    ledger::post(tx, &[Entry::credit_note(customer, id, currency, net, tax, gross, now)], clock).await?;
    payments::settle_by_credit(tx, customer, invoice, id, gross, now, clock).await?;
    Ok(Credited::New(id))
}

fn too_large() -> Error {
    Error::Contradiction("a credit does not fit an amount".to_owned())
}

/// What is credited of what.
struct Of<'o> {
    tariffs: &'o TariffBook,
    stored: &'o StoredInvoice,
    before: &'o CreditedBefore,
    zone: &'o TimeZone,
}

impl Of<'_> {
    /// Whether all of the invoice was credited, or given back later.
    fn nothing_is_left(&self) -> bool {
        let invoice = &self.stored.invoice;
        let nothing_left =
            |place| left_of(invoice, self.before, place).is_ok_and(|left| left == Amount::ZERO);
        !self.before.lines.is_empty() && (0..invoice.lines.len()).all(nothing_left)
    }
}

/// What is to be given back, and the calls that are credited by it.
struct Asked {
    wanted: Wanted,
    calls: Vec<(Call, usize)>,
    /// The call that the note shows.
    shown: Option<Call>,
    /// What is settled of which month by it.
    settled: Option<(BilledMonth, Less)>,
}

impl Asked {
    fn plain(wanted: Wanted) -> Self {
        Self { wanted, calls: Vec::new(), shown: None, settled: None }
    }

    /// What the next invoice gives back, since this one cannot.
    fn later(&self) -> Amount {
        self.settled.as_ref().map_or(Amount::ZERO, |(_, less)| less.later)
    }

    /// Whether what is to be given back comes to nothing: calls of less than half a cent, or that discounts made free.
    fn gives_nothing(&self) -> bool {
        let Wanted::Parts(parts) = &self.wanted else { return false };
        Amount::sum(parts.iter().map(|part| part.line.net)) == Some(Amount::ZERO)
    }

    /// Remembers which calls are credited: by a note or, when they added nothing, without one.
    async fn remember(
        &self,
        tx: &mut Tx,
        (customer, invoice): (CustomerId, InvoiceId),
        note: Option<(CreditNoteId, Amount)>,
        at: Timestamp,
        clock: &Clock,
    ) -> Result<()> {
        let mut net = note.map_or(Amount::ZERO, |(_, net)| net);
        for (call, place) in &self.calls {
            let of = (invoice, *place, note.map(|(id, _)| id));
            store::insert_call(tx, customer, call, of, (net, at)).await?;
            net = Amount::ZERO;
        }
        if let Some((month, less)) = &self.settled {
            let credit = note.map_or_else(|| clock.id(), |(id, _)| id.0);
            let first_day = month.period.first_day;
            invoices::settle(tx, (customer, invoice), first_day, credit, &less.settled).await?;
            if less.later > Amount::ZERO {
                customers::note_change(tx, customer, month.period.starts_at).await?;
            }
        }
        Ok(())
    }
}

/// All that is left of a line: without it the invoice would be less by it and by what discounts took off it.
async fn asked_of_line(tx: &mut Tx, of: &Of<'_>, place: usize) -> Result<Asked> {
    let Of { tariffs, stored, before, zone } = *of;
    let plain = Asked::plain(Wanted::Line { place, net: None });
    let line = &stored.invoice.lines[place];
    let starts_at = stored.invoice.period.starts_at;
    match line.kind {
        LineKind::Usage | LineKind::LateUsage => {
            let own = BilledMonth::load(tx, stored.customer_id, starts_at).await?;
            let known = store::credited_calls(tx, stored.customer_id).await?;
            let (mut calls, mut is_kept) = (Vec::new(), false);
            for found in calls::invoiced_with(tx, stored.customer_id, own.period).await? {
                let is_on = is_on(line, &found, &own, zone);
                is_kept |= is_on;
                if is_on && !known.contains(&key(&found.call)) {
                    calls.push(found.call);
                }
            }
            let Some(first) = calls.first() else {
                // Each was credited; or their detail is not kept any more.
                return Ok(if is_kept { Asked::plain(Wanted::Parts(Vec::new())) } else { plain });
            };
            let month =
                BilledMonth::load(tx, stored.customer_id, first.late_for.unwrap_or(starts_at)).await?;
            let keys = calls.iter().map(key).collect();
            let credited = less::Credited { calls: &keys, place, keeps_allowances: false };
            let less = less::less_calls(tx, tariffs, (stored, before), &month, &credited).await?;
            let calls = calls.into_iter().map(|call| (call, place)).collect();
            let wanted = Wanted::Parts(less.parts.clone());
            Ok(Asked { wanted, calls, shown: None, settled: Some((month, less)) })
        }
        LineKind::Fee | LineKind::OneOff if line.net > Amount::ZERO => {
            let month = BilledMonth::load(tx, stored.customer_id, starts_at).await?;
            let used = calls::InvoicedCalls::load(
                tx,
                stored.customer_id,
                month.calendar.clone(),
                (month.period, None),
            )
            .await?;
            let [used, _now] = used.left(tx, tariffs).await?;
            let less = less::less_line((stored, before), &month, (used, place))?;
            Ok(Asked::plain(Wanted::Parts(less.parts)))
        }
        _ => Ok(plain),
    }
}

/// What the invoice would be less without a call and without those credited before: so all calls of a line together give back
/// exactly the line, and what discounts left of it.
async fn asked_of_call(
    tx: &mut Tx,
    of: &Of<'_>,
    (source, record_id): (&str, &str),
    keeps_allowances: bool,
) -> Result<std::result::Result<Asked, Credited>> {
    let Of { tariffs, stored, before, zone } = *of;
    let (customer, invoice) = (stored.customer_id, &stored.invoice);
    let Some(found) = calls::by_key(tx, customer, source, record_id).await? else {
        return Ok(Err(Credited::UnknownCall));
    };
    let month = found.call.late_for.or(found.call.period_start);
    let Some(month) = month.filter(|_| found.charge.is_some()) else {
        return Ok(Err(Credited::NotOnInvoice));
    };
    let month = BilledMonth::load(tx, customer, month).await?;
    let place = invoice.lines.iter().position(|line| is_on(line, &found, &month, zone));
    let call = found.call;
    let Some(place) = place.filter(|_| call.period_start == Some(invoice.period.starts_at)) else {
        return Ok(Err(Credited::NotOnInvoice));
    };
    if store::is_credited(tx, customer, &call).await? {
        return Ok(Err(Credited::Already));
    }
    if of.nothing_is_left() {
        return Ok(Err(Credited::Refused(CreditError::NothingLeft)));
    }
    let keys = [key(&call)].into();
    let credited = less::Credited { calls: &keys, place, keeps_allowances };
    let less = less::less_calls(tx, tariffs, (stored, before), &month, &credited).await?;
    let shown = Some(call.clone());
    let wanted = Wanted::Parts(less.parts.clone());
    Ok(Ok(Asked { wanted, calls: vec![(call, place)], shown, settled: Some((month, less)) }))
}

fn key(call: &Call) -> RecordKey {
    (call.source.clone(), call.record_id.clone())
}

/// Whether a line adds up calls such as this. Late lines are one for each month: the day says which.
fn is_on(line: &InvoiceLine, found: &StoredCall, month: &BilledMonth, zone: &TimeZone) -> bool {
    let call = &found.call;
    let kind = if call.late_for.is_some() { LineKind::LateUsage } else { LineKind::Usage };
    let day = zone.to_datetime(call.answered_at.unwrap_or(call.started_at)).date();
    let pricing =
        found.charge.as_ref().and_then(|charge| month.pricing(charge.plan_id, charge.month_pricing?));
    line.kind == kind
        && Some(line.description.as_str()) == pricing.or(call.destination.as_deref())
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
