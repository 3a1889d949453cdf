//! Opens a dispute about an invoice or a call.

use jiff::Timestamp;

use super::{About, Dispute, NewDispute, store};
use crate::calls::{self, CallKey};
use crate::clock::{Clock, after};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, DisputeId, InvoiceId};
use crate::{customers, invoices, payments};

/// What became of it.
#[derive(Debug)]
pub enum Opened {
    Dispute(Dispute),
    UnknownCustomer,
    /// The customer has no such invoice.
    UnknownInvoice,
    /// The customer has no such call, or its detail is gone.
    UnknownCall,
    /// The same is contested already.
    Already(DisputeId),
}

/// What is contested: the invoice, and from when on calls prove it.
struct Subject {
    invoice: Option<InvoiceId>,
    call: Option<CallKey>,
    keeps_from: Timestamp,
}

/// Opens a dispute.
pub async fn open(tx: &mut Tx, customer: CustomerId, new: NewDispute, clock: &Clock) -> Result<Opened> {
    // Nobody purges meanwhile.
    let Some(held) = customers::hold(tx, customer).await? else { return Ok(Opened::UnknownCustomer) };
    let subject = match new.about {
        About::Invoice { number } => match of_invoice(tx, customer, &number).await? {
            Some(subject) => subject,
            None => return Ok(Opened::UnknownInvoice),
        },
        About::Call(call) => match of_call(tx, customer, call).await? {
            // What is being purged cannot be kept any more.
            Some(subject) if held.calls_kept_from.is_none_or(|from| from <= subject.keeps_from) => subject,
            Some(_) | None => return Ok(Opened::UnknownCall),
        },
    };
    let Subject { invoice, call, keeps_from } = subject;
    for open in store::of_customer(tx, customer).await? {
        if open.settlement.is_none() && open.invoice_id == invoice && open.call == call {
            return Ok(Opened::Already(open.id));
        }
    }
    let issued_at = match invoice {
        Some(invoice) => invoices::issued_at(tx, customer, invoice).await?,
        None => None,
    };
    let now = issued_at.map_or(clock.now(), |issued_at| after(clock.now(), issued_at));
    let dispute = Dispute {
        id: DisputeId(clock.id()),
        customer_id: customer,
        invoice_id: invoice,
        call,
        reason: new.reason,
        opened_at: now,
        keeps_from,
        settlement: None,
    };
    store::insert(tx, &dispute).await?;
    // Service is not suspended for what is contested.
    payments::restore_if_settled(tx, customer, clock.now()).await?;
    Ok(Opened::Dispute(dispute))
}

async fn of_invoice(tx: &mut Tx, customer: CustomerId, number: &str) -> Result<Option<Subject>> {
    let found = invoices::by_number(tx, number).await?.filter(|found| found.customer_id == customer);
    Ok(found.map(|found| {
        let keeps_from = found.invoice.period.starts_at;
        Subject { invoice: Some(found.id), call: None, keeps_from }
    }))
}

async fn of_call(tx: &mut Tx, customer: CustomerId, key: CallKey) -> Result<Option<Subject>> {
    let Some(stored) = calls::by_key(tx, customer, &key.source, &key.record_id).await? else {
        return Ok(None);
    };
    let (started_at, month) = (stored.call.started_at, stored.call.period_start);
    let invoice = match month {
        Some(month) => invoices::of_period(tx, customer, month).await?,
        None => None,
    };
    // A call goes with the month that it is invoiced with.
    let keeps_from = month.unwrap_or(started_at);
    Ok(Some(Subject { invoice, call: Some(key), keeps_from }))
}
