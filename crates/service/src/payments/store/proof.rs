//! What does not add up. Each is one statement over all customers, which joins by customer only.

use crate::db::{self, Halves, Row, Tx};
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
    let left = Halves::of("r.gross").when("r.gross > 0").less(&Halves::column("a.settled"));
    let sql = format!(
        "select r.customer_id, r.invoice_id from receivables r
         left join (select customer_id, invoice_id, {} from allocations
                    group by customer_id, invoice_id) a
           on a.customer_id = r.customer_id and a.invoice_id = r.invoice_id
         where r.open < 0 or {}
         order by r.customer_id, r.invoice_id {FAULTS}",
        Halves::sum("amount").columns("settled"),
        Halves::of("r.open").less(&left).is_not_zero()
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
    let differs = |mark: &str, sum: &str| Halves::of(mark).less(&Halves::column(sum)).is_not_zero();
    let sql = format!(
        "select r.customer_id, r.invoice_id from receivables r
         left join (select customer_id, invoice_id, {} from credit_notes
                    group by customer_id, invoice_id) c
           on c.customer_id = r.customer_id and c.invoice_id = r.invoice_id
         left join (select customer_id, invoice_id, {} from write_offs
                    group by customer_id, invoice_id) w
           on w.customer_id = r.customer_id and w.invoice_id = r.invoice_id
         where {} or {} or r.written_off < 0
         order by r.customer_id, r.invoice_id {FAULTS}",
        Halves::sum("gross").columns("amount"),
        Halves::sum("amount").columns("amount"),
        differs("r.credited", "c.amount"),
        differs("r.written_off", "w.amount")
    );
    invoices(tx, &sql).await
}

/// Whatever settles invoices: of which customer, what, and how much. Refunds are none, nor is what was taken back.
fn given() -> String {
    let (amount, gross) = (Halves::of("amount").columns("amount"), Halves::of("gross"));
    format!(
        "select customer_id, 'payment' as source, payment_id as source_id, {amount} from payments
         where kind = 'payment' and reversed_at is null
         union all select customer_id, 'credit_note', credit_note_id, {} from credit_notes
         union all select customer_id, 'invoice', invoice_id, {} from receivables where gross < 0
         union all select customer_id, 'write_off', write_off_id, {amount} from write_offs",
        gross.columns("amount"),
        gross.negated().columns("amount")
    )
}

/// What settles more, with what remains of it, than it comes to; or less than nothing; or is not there.
pub(crate) async fn overused(tx: &mut Tx) -> Result<Vec<(CustomerId, Source, i64)>> {
    let (one, given_amount) = (Halves::column("amount"), Halves::column("g.amount"));
    let sql = format!(
        "select u.customer_id, u.source, u.source_id
         from (select customer_id, source, source_id, {}, max(case when {} then 1 else 0 end) as below_zero
               from (select customer_id, source, source_id, {} from allocations
                     group by customer_id, source, source_id, invoice_id
                     union all select customer_id, source, source_id, {} from credits where remaining > 0) one
               group by customer_id, source, source_id) u
         left join ({}) g
           on g.customer_id = u.customer_id and g.source = u.source and g.source_id = u.source_id
         where {} or (u.below_zero = 1 and not {})
         order by u.customer_id, u.source_id {FAULTS}",
        one.summed().columns("amount"),
        one.is_below_zero(),
        Halves::sum("amount").columns("amount"),
        Halves::of("remaining").columns("amount"),
        given(),
        Halves::column("u.amount").less(&given_amount).is_above_zero(),
        given_amount.is_below_zero()
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
    let used = Halves::of("amount").negated().columns("amount");
    let sql = format!(
        "select customer_id from (
           select customer_id, amount_high, amount_low from ({}) given_amounts where source <> 'write_off'
           union all select customer_id, {used} from payments where kind = 'refund'
           union all select customer_id, {used} from allocations where source <> 'write_off'
           union all select customer_id, {} from credits) one
         group by customer_id having {} order by customer_id {FAULTS}",
        given(),
        Halves::of("remaining").negated().columns("amount"),
        Halves::column("amount").summed().is_not_zero()
    );
    customers(tx, &sql).await
}

/// Customers whose balance by the ledger is not what is open less their credit.
pub(crate) async fn wrong_balances(tx: &mut Tx) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select customer_id from (
           select customer_id, {} from postings where account = 'receivable'
           union all select customer_id, {} from receivables
           union all select customer_id, {} from credits) one
         group by customer_id having {} order by customer_id {FAULTS}",
        Halves::of("amount").columns("amount"),
        Halves::of("open").negated().columns("amount"),
        Halves::of("remaining").columns("amount"),
        Halves::column("amount").summed().is_not_zero()
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

/// Payments whose currency is not that of their entry in the ledger.
pub(in crate::payments) async fn in_other_currency(tx: &mut Tx) -> Result<Vec<(CustomerId, PaymentId)>> {
    let sql = "select p.customer_id, p.payment_id from payments p
               join ledger_entries e on e.customer_id = p.customer_id and e.subject_id = p.payment_id and e.kind = p.kind
               where e.currency <> p.currency order by p.customer_id, p.payment_id limit 100";
    let found = |row: &Row| Ok((CustomerId(row.get("customer_id")?), PaymentId(row.get("payment_id")?)));
    Ok(tx.rows(sql, &[]).await?.iter().map(found).collect::<db::Result<_>>()?)
}
