//! Forgets who a customer is (GDPR, article 17). Invoices stay as long as the law wants them (article 17 (3) b): until the
//! purge takes their content as well.

use calculation::invoice::Party;
use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store;
use crate::app::App;
use crate::customers::{Billing, Customer};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::seals::Removal;
use crate::{access, audit, calls, customers, disputes, invoices, payments, sessions};

/// What became of it.
#[derive(Debug)]
pub enum Erased {
    Erased(Erasure),
    UnknownCustomer,
    /// They were forgotten then.
    Already(Timestamp),
    Refused(Refusal),
}

/// Why a customer cannot be forgotten yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotClosed,
    Calling,
    ToBeBilled,
    Unsettled,
    PrepaidMoney,
    Disputed,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::NotClosed => "the customer is not closed: close them first",
            Self::Calling => "a call of the customer is under way",
            Self::ToBeBilled => "the customer is still to be billed: wait for the last invoice, or issue it",
            Self::Unsettled => {
                "the customer owes money or has credit: settle it, pay it out or write it off first"
            }
            Self::PrepaidMoney => "there is money on the customer's balances: pay it out or adjust it first",
            Self::Disputed => "the customer has an open dispute: settle it first",
        })
    }
}

/// What was forgotten, and what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erasure {
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(value_type = String, format = DateTime)]
    pub erased_at: Timestamp,
    /// How many calls were removed.
    pub calls: u64,
    /// How many invoices and credit notes are kept, as the law wants.
    pub documents_kept: u64,
    /// The last day they are kept; absent when the settings say no time, or there are none.
    #[schema(value_type = Option<String>, format = Date)]
    pub documents_kept_until: Option<Date>,
}

/// In one transaction: half a customer is none.
pub async fn erase(tx: &mut Tx, app: &App, id: CustomerId) -> Result<Erased> {
    let now = app.clock.now();
    // Billing holds where it stands before the customer, so that is changed first.
    invoices::review::forget_reason(tx, id).await?;
    let Some(customer) = customers::hold(tx, id).await? else { return Ok(Erased::UnknownCustomer) };
    if let Some(at) = customer.erased_at {
        return Ok(Erased::Already(at));
    }
    let Some(closed_at) = customer.closed_at.filter(|_| customer.is_closed(now)) else {
        return Ok(Erased::Refused(Refusal::NotClosed));
    };
    if let Some(refusal) = refusal(tx, &customer, closed_at, now).await? {
        return Ok(Erased::Refused(refusal));
    }
    let removed = calls::purge(tx, id, now, usize::MAX).await?;
    audit::note_removal(tx, Removal::Calls, Some(id), now, removed.rows(), &app.clock).await?;
    sessions::purge(tx, id, now, usize::MAX).await?;
    store::erase_words(tx, id).await?;
    access::revoke_clients_of(tx, id, &app.clock).await?;
    let party = Party::nobody(customer.party.country.clone());
    let billing = Billing { tax_note: None, ..customer.billing.clone() };
    let erased = Customer { reference: id.to_string(), party, billing, ..customer };
    customers::erase(tx, &erased, now).await?;
    let (documents_kept, last) = store::documents(tx, id).await?;
    let years = app.config.retention.invoice_years;
    let documents_kept_until = last.filter(|_| years > 0).and_then(|last| kept_until(last, years));
    Ok(Erased::Erased(Erasure {
        customer_id: id,
        erased_at: now,
        calls: removed.calls,
        documents_kept,
        documents_kept_until,
    }))
}

async fn refusal(
    tx: &mut Tx,
    customer: &Customer,
    closed_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Refusal>> {
    let id = customer.id;
    let position = payments::position(tx, id, now).await?;
    let refusals = [
        (Refusal::Calling, store::is_calling(tx, id).await?),
        (Refusal::ToBeBilled, is_to_be_billed(tx, customer, closed_at, now).await?),
        (Refusal::Unsettled, position.open != Amount::ZERO || position.credit != Amount::ZERO),
        (Refusal::PrepaidMoney, store::has_prepaid_money(tx, id).await?),
        (Refusal::Disputed, disputes::keep_from(tx, id).await?.is_some()),
    ];
    Ok(refusals.into_iter().find_map(|(refusal, holds)| holds.then_some(refusal)))
}

/// Whether a month is to be billed that began before the customer was closed, or a call.
async fn is_to_be_billed(
    tx: &mut Tx,
    customer: &Customer,
    closed_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    if let Some(next) = store::next_billed(tx, customer.id).await? {
        let calendar = customers::calendar(tx, customer).await?;
        let month = calendar.holding(next).map_err(|error| Error::Other(error.to_string()))?;
        if month.starts_at < closed_at {
            return Ok(true);
        }
    }
    Ok(calls::unbilled_from(tx, customer.id, now).await?.is_some())
}

/// The end of the last of the full years after the one a document was issued in.
fn kept_until(issued_at: Timestamp, years: u16) -> Option<Date> {
    let issued = TimeZone::UTC.to_datetime(issued_at).year();
    Date::new(issued.checked_add(i16::try_from(years).ok()?)?, 12, 31).ok()
}
