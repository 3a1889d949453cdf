//! What does a customer owe for a month? Invoices: composed, issued once, numbered without gaps, drawn.

mod anew;
mod announce;
mod bill;
mod calls;
pub mod cli;
mod compose;
pub(crate) mod described;
mod documents;
mod drawing;
mod facts;
pub mod file;
pub mod http;
mod issue;
mod itemise;
mod mirrored;
mod number;
mod purge;
mod reckon;
pub mod review;
mod store;
mod tax;
mod verify;

use std::collections::BTreeMap;

use ::documents::Drawing;
use calculation::bill::{ChargedPart, MonthPart, Tax};
use calculation::invoice::Invoice;
use calculation::money::Money;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use bill::{Billed, Run, bill, bill_due, invoices_of_month};
pub use calls::name_invoices;
pub use compose::{Composed, Composition, compose};
pub use documents::given_back_later;
pub use drawing::Subject;
pub(crate) use drawing::draw;
pub use http::{DrawnQuery, SyntaxQuery};
pub use issue::{Issued, Wanted, issue, issue_some};
pub use itemise::itemise;
pub use number::{number_all, number_in};
pub(crate) use purge::document_before;
pub use purge::{count_purgeable, purge};
pub use reckon::{BilledMonth, DueByCalls};
pub use tax::{NewTaxRate, SetTaxRate, TaxRateEntry, set_tax_rate, tax_rates};
pub use verify::{Verified, verify};

use crate::calls::MoneySchema;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments;

/// An issued invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoredInvoice {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub id: InvoiceId,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    /// The legal number; absent for the moment between issuing and numbering.
    #[schema(example = "INV-2026-000001")]
    pub number: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// What is to be paid.
    #[schema(value_type = MoneySchema)]
    pub gross: Money,
    /// How it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<payments::Status>,
    /// What is still to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub open: Option<Money>,
    /// Since when nothing is left of the document but its number, days and totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub purged_at: Option<Timestamp>,
    /// All that the document shows.
    #[schema(value_type = described::InvoiceSchema)]
    pub invoice: Invoice,
}

/// An invoice by its id.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<StoredInvoice>> {
    store::by_id(tx, customer, id).await
}

/// When an invoice was issued.
pub async fn issued_at(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<Timestamp>> {
    store::issued_at(tx, customer, id).await
}

/// When the last of a customer's invoices was issued.
pub async fn last_issued_at(tx: &mut Tx, customer: CustomerId) -> Result<Option<Timestamp>> {
    store::last_issued_at(tx, customer).await
}

/// An invoice as it stands, or as it stood when it was issued.
pub async fn drawing(tx: &mut Tx, stored: &StoredInvoice, as_issued: bool) -> Result<Drawing> {
    let (content, at) = (stored.invoice.clone(), as_issued.then_some(stored.issued_at));
    draw(tx, stored.customer_id, Subject::Invoice(stored.id), content, at).await
}

/// A customer's invoices, newest month first.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<StoredInvoice>> {
    store::of_customer(tx, customer).await
}

/// The invoice of a customer's month, if there is one.
pub async fn of_period(tx: &mut Tx, customer: CustomerId, starts_at: Timestamp) -> Result<Option<InvoiceId>> {
    store::of_period(tx, customer, starts_at).await
}

/// Tells of a customer's invoices how they stand.
pub async fn tell_standing(tx: &mut Tx, invoices: &mut [StoredInvoice], now: Timestamp) -> Result<()> {
    let Some(customer) = invoices.first().map(|stored| stored.customer_id) else { return Ok(()) };
    let ids: Vec<_> = invoices.iter().map(|stored| stored.id).collect();
    let standing = payments::standing(tx, customer, &ids, now).await?;
    for stored in invoices {
        let found = standing.get(&stored.id);
        (stored.status, stored.open) = (found.map(|found| found.status), found.map(|found| found.open));
    }
    Ok(())
}

/// The numbers of some invoices, those that have one; nobody else gives one until the transaction ends.
pub(crate) async fn numbers_of(
    tx: &mut Tx,
    invoices: &[(CustomerId, InvoiceId)],
) -> Result<BTreeMap<InvoiceId, String>> {
    store::numbers_of(tx, invoices).await
}

/// The numbers of some documents as they stand, those that have one.
pub(crate) async fn document_numbers(
    tx: &mut Tx,
    documents: &[(CustomerId, Subject)],
) -> Result<BTreeMap<Subject, String>> {
    store::document_numbers(tx, documents).await
}

/// Whether another invoice took the place of one that was credited in full.
pub async fn is_replaced(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<bool> {
    Ok(store::replaced_by(tx, customer, id).await?.is_some())
}

/// Remembers what was settled of a month by a credit of an invoice.
pub async fn settle(
    tx: &mut Tx,
    of: (CustomerId, InvoiceId),
    month: jiff::civil::Date,
    credit: i64,
    parts: &[((MonthPart, Tax), ChargedPart)],
) -> Result<()> {
    store::settle(tx, of, month, credit, parts).await
}

/// Takes back what a credit settled, by the one that takes it back; answers the months.
pub async fn unsettle(
    tx: &mut Tx,
    customer: CustomerId,
    credit: i64,
    by: i64,
) -> Result<Vec<jiff::civil::Date>> {
    store::unsettle(tx, customer, credit, by).await
}

/// An invoice by its legal number.
pub async fn by_number(tx: &mut Tx, number: &str) -> Result<Option<StoredInvoice>> {
    match store::id_of_number(tx, number).await? {
        Some((customer, id)) => store::by_id(tx, customer, id).await,
        None => Ok(None),
    }
}
