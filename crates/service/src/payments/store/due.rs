//! What is due, for reminders and the report of ages.

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::amount;
use crate::db::{self, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::payments::{AgedCustomer, Ages};

/// Customers after a cursor with an open invoice that had so many reminders and was due until then.
pub(crate) async fn to_remind(
    tx: &mut Tx,
    reminders: i64,
    due_before: Timestamp,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = "select distinct customer_id from receivables
               where open > 0 and reminders = $1 and due_at <= $2 and customer_id > $3
               order by customer_id limit $4";
    let limit = db::limit(limit);
    let rows = tx.rows(sql, &[&reminders, &Ts(due_before), &after.0, &limit]).await?;
    Ok(rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<_>>()?)
}

/// A customer's overdue invoices: when each was due and how many reminders it had.
pub(crate) async fn overdue(
    tx: &mut Tx,
    customer: CustomerId,
    now: Timestamp,
) -> Result<Vec<(InvoiceId, Timestamp, i64)>> {
    let sql = "select invoice_id, due_at, reminders from receivables
               where customer_id = $1 and open > 0 and due_at <= $2 order by due_at, invoice_id";
    let overdue = |row: &Row| {
        Ok((InvoiceId(row.get("invoice_id")?), row.time("due_at")?, row.count::<u32>("reminders")?.into()))
    };
    Ok(super::RECEIVABLES.all(&tx.rows(sql, &[&customer.0, &Ts(now)]).await?, overdue)?)
}

/// Counts the reminders of an invoice up to a step; answers whether nobody else did.
pub(crate) async fn count_reminders(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    done: i64,
    step: u32,
) -> Result<bool> {
    let sql = "update receivables set reminders = $4
               where customer_id = $1 and invoice_id = $2 and reminders = $3 and open > 0";
    Ok(tx.execute(sql, &[&customer.0, &invoice.0, &done, &i64::from(step)]).await? == 1)
}

/// Sums of what is open, by how long ago it was due.
const AGES: &str = "
  coalesce(cast(sum(case when r.due_at > $1 then r.open else 0 end) as bigint), 0) as not_due,
  coalesce(cast(sum(case when r.due_at <= $1 and r.due_at > $2 then r.open else 0 end) as bigint), 0) as days_30,
  coalesce(cast(sum(case when r.due_at <= $2 and r.due_at > $3 then r.open else 0 end) as bigint), 0) as days_60,
  coalesce(cast(sum(case when r.due_at <= $3 and r.due_at > $4 then r.open else 0 end) as bigint), 0) as days_90,
  coalesce(cast(sum(case when r.due_at <= $4 then r.open else 0 end) as bigint), 0) as older,
  coalesce(cast(sum(r.open) as bigint), 0) as open";

pub(crate) async fn ageing(tx: &mut Tx, edges: &[Timestamp; 4]) -> Result<Vec<Ages>> {
    let sql = format!(
        "select r.currency, {AGES} from receivables r where r.open > 0 group by r.currency order by r.currency"
    );
    let [one, two, three, four] = edges.map(Ts);
    let rows = tx.rows(&sql, &[&one, &two, &three, &four]).await?;
    Ok(super::RECEIVABLES.all(&rows, ages)?)
}

pub(crate) async fn ageing_of_customers(
    tx: &mut Tx,
    edges: &[Timestamp; 4],
    after: CustomerId,
    limit: usize,
) -> Result<Vec<AgedCustomer>> {
    let sql = format!(
        "select r.customer_id, c.reference, r.currency, {AGES}
         from receivables r join customers c on c.customer_id = r.customer_id
         where r.open > 0 and r.customer_id > $5
         group by r.customer_id, c.reference, r.currency order by r.customer_id limit $6"
    );
    let [one, two, three, four] = edges.map(Ts);
    let limit = db::limit(limit);
    let rows = tx.rows(&sql, &[&one, &two, &three, &four, &after.0, &limit]).await?;
    let aged = |row: &Row| {
        let (customer_id, reference) = (CustomerId(row.get("customer_id")?), row.get("reference")?);
        Ok(AgedCustomer { customer_id, reference, ages: ages(row)? })
    };
    Ok(super::RECEIVABLES.all(&rows, aged)?)
}

fn ages(row: &Row) -> db::Result<Ages> {
    let currency = row.parse("currency")?;
    let money = |amount: Amount| Money { amount, currency };
    Ok(Ages {
        not_due: money(amount(row, "not_due")?),
        days_1_to_30: money(amount(row, "days_30")?),
        days_31_to_60: money(amount(row, "days_60")?),
        days_61_to_90: money(amount(row, "days_90")?),
        days_over_90: money(amount(row, "older")?),
        open: money(amount(row, "open")?),
    })
}
