//! What holds data, and what of a customer goes, over all tables.

use jiff::Timestamp;

use crate::db::{self, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// Customers after one who have calls, or calls while they happened, of before an instant, in the order of their ids.
pub(super) async fn customers_with_detail(
    tx: &mut Tx,
    after: CustomerId,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = "select c.customer_id from customers c where c.customer_id > $1
                 and (exists (select 1 from calls k where k.customer_id = c.customer_id and k.started_at < $2
                                and (k.period_start is null or k.period_start < $2))
                   or exists (select 1 from charging_sessions s where s.customer_id = c.customer_id
                                and s.opened_at < $2 and s.state <> 'open' and s.called <> ''))
               order by c.customer_id limit $3";
    let limit = db::limit(limit);
    let rows = tx.rows(sql, &[&after.0, &Ts(before), &limit]).await?;
    Ok(rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<_>>()?)
}

/// The first month of a customer whose invoice is not paid.
pub(super) async fn oldest_unpaid(tx: &mut Tx, customer: CustomerId) -> Result<Option<Timestamp>> {
    let sql = "select min(i.period_start) as month from receivables r
               join invoices i on i.customer_id = r.customer_id and i.invoice_id = r.invoice_id
               where r.customer_id = $1 and r.open > 0";
    let row = tx.row(sql, &[&customer.0]).await?;
    Ok(row.map(|row| row.optional_time("month")).transpose()?.flatten())
}

/// An instant of the next month to be billed of a customer.
pub(super) async fn next_billed(tx: &mut Tx, customer: CustomerId) -> Result<Option<Timestamp>> {
    let row = tx.row("select next_start from cycles where customer_id = $1", &[&customer.0]).await?;
    Ok(row.map(|row| row.time("next_start")).transpose()?)
}

/// Whether a call of the customer is under way.
pub(super) async fn is_calling(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    let sql = "select session_id from charging_sessions where customer_id = $1 and state = 'open' limit 1";
    Ok(tx.row(sql, &[&customer.0]).await?.is_some())
}

/// Whether money is on the customer's balances, or missing on them.
pub(super) async fn has_prepaid_money(tx: &mut Tx, customer: CustomerId) -> Result<bool> {
    let sql = "select balance_id from balances
               where customer_id = $1 and unit = 'money' and closed_at is null and amount <> 0 limit 1";
    Ok(tx.row(sql, &[&customer.0]).await?.is_some())
}

/// How many documents of a customer still have their content, and when the last of them was issued.
pub(super) async fn documents(tx: &mut Tx, customer: CustomerId) -> Result<(u64, Option<Timestamp>)> {
    let sql = "select count(*) as documents, max(issued_at) as last from (
                 select issued_at from invoices where customer_id = $1 and purged_at is null
                 union all
                 select issued_at from credit_notes where customer_id = $1 and purged_at is null) d";
    let Some(row) = tx.row(sql, &[&customer.0]).await? else { return Ok((0, None)) };
    Ok((row.count("documents")?, row.optional_time("last")?))
}

/// Takes away what people wrote about a customer, and the numbers of their balances.
pub(super) async fn erase_words(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    for sql in [
        "update one_off_charges set description = '' where customer_id = $1",
        "update discounts set description = '' where customer_id = $1",
        "update write_offs set reason = '' where customer_id = $1",
        "update payments set reversal_reason = '' where customer_id = $1 and reversed_at is not null",
        "update bookings set reason = null where customer_id = $1",
        "update disputes set reason = '', note = null where customer_id = $1",
        "update balances set line = null where customer_id = $1",
    ] {
        tx.execute(sql, &[&customer.0]).await?;
    }
    Ok(())
}

/// How many rows of a table are of before an instant.
pub(super) async fn count(tx: &mut Tx, table_and_condition: &str, before: Timestamp) -> Result<u64> {
    let sql = format!("select count(*) as entries from {table_and_condition}");
    Ok(tx.counted(&sql, &[&Ts(before)], "entries").await?)
}
