//! What was given is taken back: allocations, credit, and the place of an invoice on the ladder.

use calculation::money::Amount;
use jiff::Timestamp;

use super::{ALLOCATIONS, CREDITS, RECEIVABLES, amount, one};
use crate::db::{Halves, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId, PaymentId};
use crate::payments::allocate::Credit;
use crate::payments::{PaymentReversal, Source};

/// What of a source is allocated to which invoices, after all that was taken back.
pub(crate) async fn allocated_by(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    id: i64,
) -> Result<Vec<(InvoiceId, Amount)>> {
    let sum = Halves::sum("amount");
    let sql = format!(
        "select customer_id, invoice_id, {} from allocations
         where customer_id = $1 and source = $2 and source_id = $3
         group by customer_id, invoice_id having {} order by invoice_id",
        sum.columns("amount"),
        sum.is_above_zero()
    );
    let settled = |row: &Row| Ok((InvoiceId(row.get("invoice_id")?), row.sum_amount("amount")?));
    let rows = tx.rows(&sql, &[&customer.0, &source.code(), &id]).await?;
    Ok(ALLOCATIONS.all(&rows, settled)?)
}

/// Credit below zero of a customer, the oldest first.
pub(crate) async fn owed_back(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Credit>> {
    let sql = "select source, source_id, remaining from credits where customer_id = $1 and remaining < 0
               order by given_at, source_id";
    Ok(CREDITS.all(&tx.rows(sql, &[&customer.0]).await?, super::credit)?)
}

/// Fills credit below zero by a part. That so much is missing still is what holding the customer is for.
pub(crate) async fn fill_credit(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    id: i64,
    part: Amount,
) -> Result<()> {
    let sql = "update credits set remaining = remaining + $4
               where customer_id = $1 and source = $2 and source_id = $3 and remaining + $4 <= 0";
    let touched = tx.execute(sql, &[&customer.0, &source.code(), &id, &part.micros()]).await?;
    one(touched, || format!("credit of {customer} was filled twice: the customer was not held"))
}

/// Removes what is left of a credit; answers how much that was.
pub(crate) async fn drop_credit(
    tx: &mut Tx,
    customer: CustomerId,
    source: Source,
    id: i64,
) -> Result<Amount> {
    let sql = "select remaining from credits where customer_id = $1 and source = $2 and source_id = $3";
    let row = tx.row(sql, &[&customer.0, &source.code(), &id]).await?;
    let left = row.as_ref().map_or(Ok(Amount::ZERO), |row| amount(row, "remaining"))?;
    let sql = "delete from credits where customer_id = $1 and source = $2 and source_id = $3";
    tx.execute(sql, &[&customer.0, &source.code(), &id]).await?;
    Ok(left)
}

/// Since when nothing is open of an invoice; nothing while something is.
pub(crate) async fn paid_since(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<Option<Timestamp>> {
    let sql = "select max(a.allocated_at) as paid_at from receivables r
               join allocations a on a.customer_id = r.customer_id and a.invoice_id = r.invoice_id
               where r.customer_id = $1 and r.invoice_id = $2 and r.open = 0";
    let row = tx.row(sql, &[&customer.0, &invoice.0]).await?;
    Ok(row.map(|row| row.optional_time("paid_at")).transpose()?.flatten())
}

/// Lets the days of an invoice's ladder go on as if those since it was paid had not been.
pub(crate) async fn pause_ladder(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
    paid_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let sql = "select customer_id, invoice_id, due_at, reminders, ladder_from from receivables
               where customer_id = $1 and invoice_id = $2";
    let place = |row: &Row| {
        Ok((row.time("due_at")?, row.count::<u32>("reminders")?, row.optional_time("ladder_from")?))
    };
    let row = tx.row(sql, &[&customer.0, &invoice.0]).await?;
    let Some((due_at, reminders, from)) = RECEIVABLES.one(row.as_ref(), place)? else { return Ok(()) };
    let from = match (from, reminders) {
        (Some(from), _) => resumed(from, paid_at, now),
        (None, 0) => resumed(due_at, paid_at, now),
        // The last step was taken: it is taken again.
        (None, _) => now,
    };
    let sql = "update receivables set ladder_from = $3 where customer_id = $1 and invoice_id = $2";
    tx.execute(sql, &[&customer.0, &invoice.0, &Ts(from)]).await?;
    Ok(())
}

/// From when on days count that would count from an instant, when those from another until now do not.
fn resumed(from: Timestamp, paused_at: Timestamp, now: Timestamp) -> Timestamp {
    let paused = now.duration_since(paused_at.max(from)).max(jiff::SignedDuration::ZERO);
    from.checked_add(paused).unwrap_or(from)
}

/// Marks a payment as taken back. That it was not before is what holding the customer is for.
pub(crate) async fn mark_reversed(
    tx: &mut Tx,
    customer: CustomerId,
    id: PaymentId,
    reversal: &PaymentReversal,
) -> Result<()> {
    let sql = "update payments set reversed_at = $3, reversal_reason = $4
               where customer_id = $1 and payment_id = $2 and reversed_at is null";
    let PaymentReversal { reversed_at, reason } = reversal;
    let touched = tx.execute(sql, &[&customer.0, &id.0, &Ts(*reversed_at), reason]).await?;
    one(touched, || format!("payment {id} was taken back twice: the customer was not held"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_for_which_an_invoice_counted_as_paid_do_not_count() {
        let at = |second| Timestamp::from_second(second).unwrap();
        // Counted from, paid at, now, counted from then.
        for (from, paid_at, now, expected) in [
            (100, 150, 180, 130),
            (100, 100, 180, 180),
            // Paid before the days began to count.
            (100, 50, 180, 180),
            // They have not begun yet.
            (100, 50, 90, 100),
            (100, 180, 180, 100),
        ] {
            assert_eq!(resumed(at(from), at(paid_at), at(now)), at(expected), "{from} {paid_at} {now}");
        }
    }
}
