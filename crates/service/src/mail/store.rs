//! What mails tell of credit notes, receivables and spending, as it stands in the database.

use calculation::invoice::{Invoice, Language};
use calculation::money::Amount;
use jiff::Timestamp;

use crate::db::{Ts, Tx};
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};

/// A credit note, with its number if it has one.
pub(super) async fn credit_note(
    tx: &mut Tx,
    customer: CustomerId,
    id: CreditNoteId,
) -> Result<Option<Invoice>> {
    let sql = "select content, number from credit_notes where customer_id = $1 and credit_note_id = $2";
    let Some(row) = tx.row(sql, &[&customer.0, &id.0]).await? else { return Ok(None) };
    let content: Invoice = row.json("content")?;
    // The content is frozen before the number is given.
    Ok(Some(Invoice { number: row.get("number")?, ..content }))
}

/// What is still to be paid of an invoice.
pub(super) async fn open_amount(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<Amount>> {
    let sql = "select open from receivables where customer_id = $1 and invoice_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    Ok(row.map(|row| row.get("open").map(Amount::from_micros)).transpose()?)
}

/// The language a customer is written to in.
pub(super) async fn language(tx: &mut Tx, customer: CustomerId) -> Result<Language> {
    let sql = "select language from customers where customer_id = $1";
    let row = tx.row(sql, &[&customer.0]).await?;
    let code: Option<String> = row.map(|row| row.get("language")).transpose()?;
    Ok(if code.as_deref() == Some("de") { Language::De } else { Language::En })
}

/// What a customer may spend in a month and has spent, if there is a cap.
pub(super) struct Spending {
    pub(super) used: Amount,
    pub(super) cap: Amount,
}

pub(super) async fn spending(
    tx: &mut Tx,
    customer: CustomerId,
    start: Timestamp,
) -> Result<Option<Spending>> {
    let sql = "select s.amount, c.spending_cap from customers c
               join spending s on s.customer_id = c.customer_id and s.period_start = $2
               where c.customer_id = $1 and c.spending_cap is not null";
    let Some(row) = tx.row(sql, &[&customer.0, &Ts(start)]).await? else { return Ok(None) };
    let (used, cap) =
        (Amount::from_micros(row.get("amount")?), Amount::from_micros(row.get("spending_cap")?));
    Ok(Some(Spending { used, cap }))
}
