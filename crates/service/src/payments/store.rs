//! Receivables, payments, credit and allocations in the database.

use calculation::money::Amount;
use jiff::Timestamp;

use super::allocate::{Allocation, Credit, Open};
use super::{NewReceivable, Source};
use crate::clock::Clock;
use crate::db::{self, Cell, Row, Ts, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};

pub(super) fn amount(row: &Row, column: &str) -> db::Result<Amount> {
    row.get(column).map(Amount::from_micros)
}

pub(super) async fn insert_receivables(tx: &mut Tx, new: &[NewReceivable]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = new
        .iter()
        .map(|new| {
            [
                Cell::Int(new.customer.0),
                Cell::Int(new.invoice.0),
                Cell::Text(new.currency.code()),
                Cell::Time(new.due_at),
                Cell::Int(new.gross.micros()),
                Cell::Int(new.gross.max(Amount::ZERO).micros()),
                Cell::Int(0),
            ]
        })
        .collect();
    let columns = ["customer_id", "invoice_id", "currency", "due_at", "gross", "open", "reminders"];
    Ok(tx.insert_rows("receivables", &columns, &rows).await?)
}

/// Those of many customers who have credit.
pub(super) async fn with_credit(tx: &mut Tx, customers: &[CustomerId]) -> Result<Vec<CustomerId>> {
    let sql = "select distinct c.customer_id from {} join credits c on c.customer_id = g.customer_id
               where c.remaining > 0 order by c.customer_id";
    let rows = match customers {
        [] => return Ok(Vec::new()),
        [customer] => {
            let sql = sql.replace("{}", "(select cast($1 as bigint) as customer_id) g");
            tx.rows(&sql, &[&customer.0]).await?
        }
        many => {
            let rows: Vec<_> = many.iter().map(|customer| [Cell::Int(customer.0)]).collect();
            let sql = sql.replace("{}", "given g");
            tx.over_rows("customer_id bigint", &["customer_id"], &rows, &[&sql]).await?
        }
    };
    Ok(rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<_>>()?)
}

/// A customer's credit, the oldest first.
pub(super) async fn credits(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Credit>> {
    let sql = "select source, source_id, remaining from credits where customer_id = $1 and remaining > 0
               order by given_at, source_id";
    let credit = |row: &Row| {
        let (source, source_id) = (row.parse("source")?, row.get("source_id")?);
        Ok(Credit { source, source_id, remaining: amount(row, "remaining")? })
    };
    Ok(tx.rows(sql, &[&customer.0]).await?.iter().map(credit).collect::<db::Result<_>>()?)
}

pub(super) async fn insert_credit(
    tx: &mut Tx,
    customer: CustomerId,
    credit: &Credit,
    now: Timestamp,
) -> Result<()> {
    let sql = "insert into credits (customer_id, source, source_id, remaining, given_at)
               values ($1, $2, $3, $4, $5)";
    let (source, remaining) = (credit.source.code(), credit.remaining.micros());
    tx.execute(sql, &[&customer.0, &source, &credit.source_id, &remaining, &Ts(now)]).await?;
    Ok(())
}

/// Takes a part of a credit. That it is there still is what holding the customer is for.
pub(super) async fn use_credit(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    source_id: i64,
    part: Amount,
) -> Result<()> {
    let sql = "update credits set remaining = remaining - $4
               where customer_id = $1 and source = $2 and source_id = $3 and remaining >= $4";
    let touched = tx.execute(sql, &[&customer.0, &source.code(), &source_id, &part.micros()]).await?;
    one(touched, || format!("credit of {customer} was used twice: the customer was not held"))
}

/// A customer's open invoices, those due earliest first.
pub(super) async fn open_invoices(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Open>> {
    let sql = "select invoice_id, open from receivables where customer_id = $1 and open > 0
               order by due_at, invoice_id";
    let open =
        |row: &Row| Ok(Open { invoice: InvoiceId(row.get("invoice_id")?), open: amount(row, "open")? });
    Ok(tx.rows(sql, &[&customer.0]).await?.iter().map(open).collect::<db::Result<_>>()?)
}

/// Stores allocations, and takes them off what is open.
pub(super) async fn save_allocations(
    tx: &mut Tx,
    customer: CustomerId,
    allocations: &[Allocation],
    clock: &Clock,
) -> Result<()> {
    let now = clock.now();
    for allocation in allocations {
        let Allocation { invoice, source, source_id, amount } = *allocation;
        let sql = "update receivables set open = open - $3
                   where customer_id = $1 and invoice_id = $2 and open >= $3";
        let touched = tx.execute(sql, &[&customer.0, &invoice.0, &amount.micros()]).await?;
        one(touched, || format!("invoice {invoice} was settled twice: the customer was not held"))?;
        let sql =
            "insert into allocations (customer_id, allocation_id, invoice_id, source, source_id, amount,
                                            allocated_at)
                   values ($1, $2, $3, $4, $5, $6, $7)";
        let (id, source) = (clock.id(), source.code());
        let params: [&dyn db::Param; 7] =
            [&customer.0, &id, &invoice.0, &source, &source_id, &amount.micros(), &Ts(now)];
        tx.execute(sql, &params).await?;
    }
    Ok(())
}

/// Remembers that so much of an invoice was credited.
pub(super) async fn count_credited(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    amount: Amount,
) -> Result<()> {
    let sql = "update receivables set credited = credited + $3 where customer_id = $1 and invoice_id = $2";
    let touched = tx.execute(sql, &[&customer.0, &invoice.0, &amount.micros()]).await?;
    one(touched, || format!("invoice {invoice} has no receivable"))
}

fn one(touched: u64, fault: impl FnOnce() -> String) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(Error::Inconsistent(fault())) }
}
