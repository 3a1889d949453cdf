//! Where customers and their invoices stand on the ladder, and which suspension was announced.

use calculation::money::Amount;
use jiff::Timestamp;
use jiff::civil::Date;

use super::amount;
use crate::db::{self, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};

const REMINDED: Place = Place::new("reminded_customers", &["customer_id"]);

/// When a customer was reminded last, and the suspension that was announced to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RemindedCustomer {
    pub(crate) reminded_at: Option<Timestamp>,
    pub(crate) suspends_at: Option<Timestamp>,
    /// The day of the mail that announced it.
    pub(crate) announced_on: Option<Date>,
    /// Service is suspended for no less, nor stays so.
    pub(crate) least: Amount,
}

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

/// Customers after a cursor whose suspension was announced for no later.
pub(crate) async fn to_suspend(
    tx: &mut Tx,
    now: Timestamp,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = "select customer_id from reminded_customers where suspends_at <= $1 and customer_id > $2
               order by customer_id limit $3";
    customers(&tx.rows(sql, &[&Ts(now), &after.0, &db::limit(limit)]).await?)
}

/// Customers after a cursor with an overdue invoice of which so little is left that it is not worth asking for.
pub(crate) async fn with_rests(
    tx: &mut Tx,
    below: Amount,
    now: Timestamp,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = "select distinct customer_id from receivables
               where open > 0 and open < $1 and open < gross and due_at <= $2 and customer_id > $3
               order by customer_id limit $4";
    customers(&tx.rows(sql, &[&below.micros(), &Ts(now), &after.0, &db::limit(limit)]).await?)
}

/// Those invoices of a customer.
pub(crate) async fn rests(
    tx: &mut Tx,
    customer: CustomerId,
    below: Amount,
    now: Timestamp,
) -> Result<Vec<InvoiceId>> {
    let sql = "select invoice_id from receivables
               where customer_id = $1 and open > 0 and open < $2 and open < gross and due_at <= $3
               order by invoice_id";
    let rows = tx.rows(sql, &[&customer.0, &below.micros(), &Ts(now)]).await?;
    Ok(rows.iter().map(|row| row.get("invoice_id").map(InvoiceId)).collect::<db::Result<_>>()?)
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

/// When a customer was reminded last, and what was announced.
pub(crate) async fn reminded(tx: &mut Tx, customer: CustomerId) -> Result<RemindedCustomer> {
    let sql = "select customer_id, reminded_at, suspends_at, announced_on, least from reminded_customers
               where customer_id = $1";
    let reminded = |row: &Row| {
        Ok(RemindedCustomer {
            reminded_at: row.optional_time("reminded_at")?,
            suspends_at: row.optional_time("suspends_at")?,
            announced_on: match row.get::<Option<String>>("announced_on")? {
                Some(_) => Some(row.parse("announced_on")?),
                None => None,
            },
            least: amount(row, "least")?,
        })
    };
    let row = tx.row(sql, &[&customer.0]).await?;
    Ok(REMINDED.one(row.as_ref(), reminded)?.unwrap_or_default())
}

/// Below which a customer's service is not suspended, nor stays so, by what was announced to them.
pub(crate) async fn least(tx: &mut Tx, customer: CustomerId) -> Result<Amount> {
    Ok(reminded(tx, customer).await?.least)
}

/// Stores when a customer was reminded last, and what was announced.
pub(crate) async fn save_reminded(
    tx: &mut Tx,
    customer: CustomerId,
    reminded: &RemindedCustomer,
) -> Result<()> {
    let sql = "insert into reminded_customers (customer_id, reminded_at, suspends_at, announced_on, least)
               values ($1, $2, $3, $4, $5)
               on conflict (customer_id) do update set reminded_at = excluded.reminded_at,
                 suspends_at = excluded.suspends_at, announced_on = excluded.announced_on, least = excluded.least";
    let RemindedCustomer { reminded_at, suspends_at, announced_on, least } = reminded;
    let announced_on = announced_on.map(|day| day.to_string());
    let params: [&dyn db::Param; 5] =
        [&customer.0, &reminded_at.map(Ts), &suspends_at.map(Ts), &announced_on, &least.micros()];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Withdraws a suspension that was announced, if one was.
pub(crate) async fn withdraw_suspension(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    let sql =
        "update reminded_customers set suspends_at = null where customer_id = $1 and suspends_at is not null";
    tx.execute(sql, &[&customer.0]).await?;
    Ok(())
}
