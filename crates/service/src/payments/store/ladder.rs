//! Where customers and their invoices stand on the ladder, and which suspension was announced.

use calculation::money::Amount;
use jiff::Timestamp;

use super::amount;
use crate::db::{self, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

const REMINDED: Place = Place::new("reminded_customers", &["customer_id"]);

/// An overdue invoice, as the ladder sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overdue {
    pub(crate) invoice: InvoiceId,
    pub(crate) due_at: Timestamp,
    pub(crate) open: Amount,
    /// How many steps are done.
    pub(crate) reminders: u32,
    /// From when on the days to the next step count, where that is not told by the due day.
    pub(crate) ladder_from: Option<Timestamp>,
}

/// A customer's overdue invoices, those due earliest first. Those of before the ledger, of which nobody knows whether they
/// are paid, have more reminders than any ladder: they are left out.
pub(crate) async fn overdue(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<Vec<Overdue>> {
    let sql = "select customer_id, invoice_id, due_at, open, reminders, ladder_from from receivables
               where customer_id = $1 and open > 0 and due_at <= $2 and reminders < 1000000 order by due_at, invoice_id";
    let overdue = |row: &Row| {
        Ok(Overdue {
            invoice: InvoiceId(row.get("invoice_id")?),
            due_at: row.time("due_at")?,
            open: amount(row, "open")?,
            reminders: row.count("reminders")?,
            ladder_from: row.optional_time("ladder_from")?,
        })
    };
    Ok(super::RECEIVABLES.all(&tx.rows(sql, &[&customer.0, &Ts(now)]).await?, overdue)?)
}

/// Invoices that may be due for a step: so many steps are done, so much is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) reminders: i64,
    pub(crate) least_open: Amount,
    /// Their days count from no later.
    pub(crate) from: Timestamp,
    /// Where that is not known, they were due no later.
    pub(crate) or_since: Option<Timestamp>,
}

/// Customers after a cursor with an invoice that may be due for a step.
pub(crate) async fn to_remind(
    tx: &mut Tx,
    due: Due,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = "select distinct customer_id from receivables
               where open > 0 and open >= $5 and reminders = $1 and customer_id > $4
                 and (ladder_from <= $2 or (ladder_from is null and due_at <= $3))
               order by customer_id limit $6";
    let Due { reminders, least_open, from, or_since } = due;
    let (due, limit) = (Ts(or_since.unwrap_or(Timestamp::UNIX_EPOCH)), db::limit(limit));
    let rows = tx.rows(sql, &[&reminders, &Ts(from), &due, &after.0, &least_open.micros(), &limit]).await?;
    customers(&rows)
}

fn customers(rows: &[Row]) -> Result<Vec<CustomerId>> {
    Ok(rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<_>>()?)
}

/// Lets an invoice take a step; answers whether nobody else did. `from` is absent after the last one.
pub(crate) async fn take_step(
    tx: &mut Tx,
    customer: CustomerId,
    before: &Overdue,
    step: u32,
    from: Option<Timestamp>,
) -> Result<bool> {
    let sql = "update receivables set reminders = $4, ladder_from = $5
               where customer_id = $1 and invoice_id = $2 and reminders = $3 and open > 0";
    let (done, step) = (i64::from(before.reminders), i64::from(step));
    Ok(tx.execute(sql, &[&customer.0, &before.invoice.0, &done, &step, &from.map(Ts)]).await? == 1)
}

/// Below which a customer's service is not suspended, nor stays so, by what was announced to them.
pub(crate) async fn least(tx: &mut Tx, customer: CustomerId) -> Result<Amount> {
    let sql = "select customer_id, least from reminded_customers where customer_id = $1";
    let row = tx.row(sql, &[&customer.0]).await?;
    Ok(REMINDED.one(row.as_ref(), |row| amount(row, "least"))?.unwrap_or_default())
}

/// Withdraws a suspension that was announced, if one was.
pub(crate) async fn withdraw_suspension(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    let sql =
        "update reminded_customers set suspends_at = null where customer_id = $1 and suspends_at is not null";
    tx.execute(sql, &[&customer.0]).await?;
    Ok(())
}
