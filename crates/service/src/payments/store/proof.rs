//! What does not add up. Each is one statement over all customers, which joins by customer only.

use crate::db::{self, Row, Tx};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId, PaymentId};
use crate::payments::Source;

/// Of each kind of fault so many are named: more say nothing new.
const FAULTS: &str = "limit 100";

pub(crate) async fn counts(tx: &mut Tx) -> Result<(u64, u64)> {
    let sql = "select (select count(*) from receivables) as receivables,
                 (select count(*) from payments) as payments";
    let Some(row) = tx.row(sql, &[]).await? else { return Ok((0, 0)) };
    Ok((row.count("receivables")?, row.count("payments")?))
}

/// Invoices without a receivable of their amount.
pub(crate) async fn lost_receivables(tx: &mut Tx) -> Result<Vec<(CustomerId, InvoiceId)>> {
    let sql = format!(
        "select i.customer_id, i.invoice_id from invoices i
         left join receivables r on r.customer_id = i.customer_id and r.invoice_id = i.invoice_id
         where r.invoice_id is null or r.gross <> i.gross or r.currency <> i.currency
         order by i.customer_id, i.invoice_id {FAULTS}"
    );
    invoices(tx, &sql).await
}

/// Receivables of which something else is open than their amount less their allocations.
pub(crate) async fn wrong_opens(tx: &mut Tx) -> Result<Vec<(CustomerId, InvoiceId)>> {
    let sql = format!(
        "select r.customer_id, r.invoice_id from receivables r
         left join (select customer_id, invoice_id, sum(amount) as settled from allocations
                    group by customer_id, invoice_id) a
           on a.customer_id = r.customer_id and a.invoice_id = r.invoice_id
         where r.open < 0
           or r.open <> (case when r.gross > 0 then r.gross else 0 end) - coalesce(a.settled, 0)
         order by r.customer_id, r.invoice_id {FAULTS}"
    );
    invoices(tx, &sql).await
}

/// Invoices that something settled before they were issued: as they were issued they would show it.
pub(crate) async fn settled_too_early(tx: &mut Tx) -> Result<Vec<(CustomerId, InvoiceId)>> {
    let sql = format!(
        "select distinct a.customer_id, a.invoice_id from allocations a
         join invoices i on i.customer_id = a.customer_id and i.invoice_id = a.invoice_id
         where a.allocated_at < i.issued_at order by a.customer_id, a.invoice_id {FAULTS}"
    );
    invoices(tx, &sql).await
}

/// Receivables that say they were credited or written off otherwise than they were.
pub(crate) async fn wrong_marks(tx: &mut Tx) -> Result<Vec<(CustomerId, InvoiceId)>> {
    let sql = format!(
        "select r.customer_id, r.invoice_id from receivables r
         left join (select customer_id, invoice_id, sum(gross) as amount from credit_notes
                    group by customer_id, invoice_id) c
           on c.customer_id = r.customer_id and c.invoice_id = r.invoice_id
         left join (select customer_id, invoice_id, sum(amount) as amount from write_offs
                    group by customer_id, invoice_id) w
           on w.customer_id = r.customer_id and w.invoice_id = r.invoice_id
         where r.credited <> coalesce(c.amount, 0) or r.written_off <> coalesce(w.amount, 0) or r.written_off < 0
         order by r.customer_id, r.invoice_id {FAULTS}"
    );
    invoices(tx, &sql).await
}

/// Whatever settles invoices: of which customer, what, and how much. Refunds are none, nor is what was taken back.
const GIVEN: &str = "
  select customer_id, 'payment' as source, payment_id as source_id, amount from payments
  where kind = 'payment' and reversed_at is null
  union all select customer_id, 'credit_note', credit_note_id, gross from credit_notes
  union all select customer_id, 'invoice', invoice_id, -gross from receivables where gross < 0
  union all select customer_id, 'write_off', write_off_id, amount from write_offs";

/// What settles more, with what remains of it, than it comes to; or less than nothing; or is not there.
pub(crate) async fn overused(tx: &mut Tx) -> Result<Vec<(CustomerId, Source, i64)>> {
    let sql = format!(
        "select u.customer_id, u.source, u.source_id
         from (select customer_id, source, source_id, sum(amount) as amount, min(amount) as least
               from (select customer_id, source, source_id, sum(amount) as amount from allocations
                     group by customer_id, source, source_id, invoice_id
                     union all select customer_id, source, source_id, remaining from credits where remaining > 0) one
               group by customer_id, source, source_id) u
         left join ({GIVEN}) g
           on g.customer_id = u.customer_id and g.source = u.source and g.source_id = u.source_id
         where u.amount > coalesce(g.amount, 0) or (u.least < 0 and coalesce(g.amount, 0) >= 0)
         order by u.customer_id, u.source_id {FAULTS}"
    );
    let source =
        |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.parse("source")?, row.get("source_id")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(source).collect::<db::Result<_>>()?)
}

/// Customers with credit beside credit below zero, which whichever comes second fills.
pub(crate) async fn unfilled(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select customer_id from credits group by customer_id having min(remaining) < 0 and max(remaining) > 0
         order by customer_id {FAULTS}"
    );
    customers(tx, &sql).await
}

/// Customers whose credit is not all that was given less allocations and refunds.
pub(crate) async fn wrong_credit(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select customer_id from (
           select customer_id, amount from ({GIVEN}) given_amounts where source <> 'write_off'
           union all select customer_id, -amount from payments where kind = 'refund'
           union all select customer_id, -amount from allocations where source <> 'write_off'
           union all select customer_id, -remaining from credits) one
         group by customer_id having sum(amount) <> 0 order by customer_id {FAULTS}"
    );
    customers(tx, &sql).await
}

/// Customers whose balance by the ledger is not what is open less their credit.
pub(crate) async fn wrong_balances(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select customer_id from (
           select customer_id, amount from postings where account = 'receivable'
           union all select customer_id, -open from receivables
           union all select customer_id, remaining from credits) one
         group by customer_id having sum(amount) <> 0 order by customer_id {FAULTS}"
    );
    customers(tx, &sql).await
}

/// Customers whose service is suspended for what is overdue, and who owe nothing.
pub(crate) async fn suspended_for_nothing(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select c.customer_id from customers c where c.suspended_for = 'overdue' and not exists
           (select 1 from receivables r where r.customer_id = c.customer_id and r.open > 0)
         order by c.customer_id {FAULTS}"
    );
    customers(tx, &sql).await
}

/// Payments that their reference does not lead to.
pub(crate) async fn wrong_references(tx: &mut Tx) -> Result<Vec<(CustomerId, PaymentId)>> {
    let sql = format!(
        "select p.customer_id, p.payment_id from payments p
         left join payment_directory d on d.reference = p.reference
         where d.payment_id is null or d.payment_id <> p.payment_id or d.customer_id <> p.customer_id
         order by p.customer_id, p.payment_id {FAULTS}"
    );
    let payment = |row: &Row| Ok((CustomerId(row.get("customer_id")?), PaymentId(row.get("payment_id")?)));
    Ok(tx.rows(&sql, &[]).await?.iter().map(payment).collect::<db::Result<_>>()?)
}

async fn invoices(tx: &mut Tx, sql: &str) -> Result<Vec<(CustomerId, InvoiceId)>> {
    let invoice = |row: &Row| Ok((CustomerId(row.get("customer_id")?), InvoiceId(row.get("invoice_id")?)));
    Ok(tx.rows(sql, &[]).await?.iter().map(invoice).collect::<db::Result<_>>()?)
}

async fn customers(tx: &mut Tx, sql: &str) -> Result<Vec<CustomerId>> {
    let customer = |row: &Row| row.get("customer_id").map(CustomerId);
    Ok(tx.rows(sql, &[]).await?.iter().map(customer).collect::<db::Result<_>>()?)
}
