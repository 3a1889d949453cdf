//! What is told of some invoices: read all at once.

use std::collections::BTreeMap;

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::super::drawing::Subject;
use super::INVOICE;
use crate::calls::InvoiceOfCall;
use crate::db::{self, Cell, Hold, Kind, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::webhooks::events::InvoiceIssued;

fn keys(invoices: &[(CustomerId, InvoiceId)]) -> Vec<[Cell<'static>; 2]> {
    invoices.iter().map(|(customer, invoice)| [Cell::Int(customer.0), Cell::Int(invoice.0)]).collect()
}

const KINDS: [Kind; 2] = [Kind::Int, Kind::Int];

/// Some invoices that have their numbers, in their order.
pub(in crate::invoices) async fn issued(
    tx: &mut Tx,
    invoices: &[(CustomerId, InvoiceId)],
) -> Result<Vec<InvoiceIssued>> {
    let sql = "select i.customer_id, i.invoice_id, i.number, i.period_start, i.currency, i.net, i.tax, i.gross,
                 i.issued_on, i.due_on
               from :given g join invoices i on i.customer_id = g.column1 and i.invoice_id = g.column2
               where i.number is not null and i.issued_on is not null and i.due_on is not null order by i.number";
    let issued = |row: &Row| {
        let currency = row.parse("currency")?;
        let money =
            |column| Ok::<_, db::Error>(Money { amount: Amount::from_micros(row.get(column)?), currency });
        Ok(InvoiceIssued {
            invoice_id: InvoiceId(row.get("invoice_id")?),
            customer_id: CustomerId(row.get("customer_id")?),
            number: row.get("number")?,
            period_start: row.time("period_start")?,
            issued_on: row.parse("issued_on")?,
            due_on: row.parse("due_on")?,
            net: money("net")?,
            tax: money("tax")?,
            gross: money("gross")?,
        })
    };
    let rows = tx.rows_over(sql, KINDS, &keys(invoices)).await?;
    Ok(super::INVOICE.all(&rows, issued)?)
}

/// The numbers of some invoices, those that have one. Nobody else gives one until the transaction ends.
pub(in crate::invoices) async fn numbers_of(
    tx: &mut Tx,
    invoices: &[(CustomerId, InvoiceId)],
) -> Result<BTreeMap<InvoiceId, String>> {
    let sql = format!(
        "select i.invoice_id, i.number
         from :given g join invoices i on i.customer_id = g.column1 and i.invoice_id = g.column2 {}",
        tx.hold(Hold::Shared, "i")
    );
    let mut numbers = BTreeMap::new();
    for row in tx.rows_over(&sql, KINDS, &keys(invoices)).await? {
        if let Some(number) = row.get::<Option<String>>("number")? {
            numbers.insert(InvoiceId(row.get("invoice_id")?), number);
        }
    }
    Ok(numbers)
}

/// The numbers of some documents as they stand, those that have one.
pub(in crate::invoices) async fn document_numbers(
    tx: &mut Tx,
    documents: &[(CustomerId, Subject)],
) -> Result<BTreeMap<Subject, String>> {
    let (mut invoices, mut notes) = (Vec::new(), Vec::new());
    for (customer, subject) in documents {
        match subject {
            Subject::Invoice(id) => invoices.push([Cell::Int(customer.0), Cell::Int(id.0)]),
            Subject::CreditNote(id) => notes.push([Cell::Int(customer.0), Cell::Int(id.0)]),
        }
    }
    let mut numbers = BTreeMap::new();
    let sql = "select i.invoice_id, i.number
               from :given g join invoices i on i.customer_id = g.column1 and i.invoice_id = g.column2
               where i.number is not null";
    for row in tx.rows_over(sql, KINDS, &invoices).await? {
        numbers.insert(Subject::Invoice(InvoiceId(row.get("invoice_id")?)), row.get("number")?);
    }
    let sql = "select n.credit_note_id, n.number
               from :given g join credit_notes n on n.customer_id = g.column1 and n.credit_note_id = g.column2
               where n.number is not null";
    for row in tx.rows_over(sql, KINDS, &notes).await? {
        numbers.insert(Subject::CreditNote(CreditNoteId(row.get("credit_note_id")?)), row.get("number")?);
    }
    Ok(numbers)
}

/// The invoices of months that begin between two instants, both included, by when each month begins.
pub(in crate::invoices) async fn names_of_periods(
    tx: &mut Tx,
    customer: CustomerId,
    first: Timestamp,
    last: Timestamp,
) -> Result<Vec<(Timestamp, InvoiceOfCall)>> {
    let sql = "select customer_id, invoice_id, period_start, number from invoices
               where customer_id = $1 and period_start >= $2 and period_start <= $3
               order by invoice_id";
    let rows = tx.rows(sql, &[&customer.0, &Ts(first), &Ts(last)]).await?;
    let name = |row: &Row| {
        let invoice = InvoiceOfCall { id: InvoiceId(row.get("invoice_id")?), number: row.get("number")? };
        Ok((row.time("period_start")?, invoice))
    };
    Ok(INVOICE.all(&rows, name)?)
}

/// The number of a document, if it has one.
pub(in crate::invoices) async fn number_of(
    tx: &mut Tx,
    customer: CustomerId,
    subject: Subject,
) -> Result<Option<String>> {
    let (table, column, id) = match subject {
        Subject::Invoice(id) => ("invoices", "invoice_id", id.0),
        Subject::CreditNote(id) => ("credit_notes", "credit_note_id", id.0),
    };
    let sql = format!("select number from {table} where customer_id = $1 and {column} = $2");
    let row = tx.row(&sql, &[&customer.0, &id]).await?;
    Ok(row.map(|row| row.get::<Option<String>>("number")).transpose()?.flatten())
}

/// What an invoice came to.
pub(in crate::invoices) async fn gross_of(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Option<Amount>> {
    let sql = "select gross from invoices where customer_id = $1 and invoice_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    Ok(row.map(|row| row.get("gross").map(Amount::from_micros)).transpose()?)
}
