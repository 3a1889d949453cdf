//! Receivables, payments, credit and allocations in the database.

mod due;
mod given;
mod ladder;
mod proof;
mod settled;

use calculation::money::{Amount, Currency, Money};
use jiff::Timestamp;

pub(super) use due::{ageing, ageing_of_customers};
pub(super) use given::{
    allocated_by, drop_credit, fill_credit, mark_reversed, owed_back, paid_since, pause_ladder,
};
pub(super) use ladder::{
    Due, Overdue, RemindedCustomer, least, overdue, reminded, rests, save_reminded, take_step, to_remind,
    to_suspend, with_rests, withdraw_suspension,
};
pub(super) use proof::{
    counts, in_other_currency, lost_receivables, overused, settled_too_early, suspended_for_nothing,
    unfilled, wrong_balances, wrong_credit, wrong_marks, wrong_opens, wrong_references,
};

pub(super) use settled::{given_by, settled_by};

use super::allocate::{Allocation, Credit, Open};
use super::status::Facts;
use super::{NewReceivable, PaidInvoice, Payment, PaymentKind, PaymentReversal, Position, Source, WriteOff};
use crate::db::{self, Cell, Halves, IN_LIST, Kind, Place, Row, Ts, Tx, in_list};
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId, PaymentId};

const CREDITS: Place = Place::new("credits", &["customer_id", "source", "source_id"]);
pub(super) const RECEIVABLES: Place = Place::new("receivables", &["customer_id", "invoice_id"]);
const ALLOCATIONS: Place = Place::new("allocations", &["customer_id", "invoice_id", "source_id"]);
const PAYMENTS: Place = Place::new("payments", &["customer_id", "payment_id"]);

pub(super) fn amount(row: &Row, column: &str) -> db::Result<Amount> {
    row.amount(column)
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
    let mut found = Vec::new();
    for some in customers.chunks(IN_LIST) {
        let sql = format!(
            "select distinct customer_id from credits where remaining > 0 and customer_id in ({})
             order by customer_id",
            in_list(1)
        );
        let ids: Vec<_> = some.iter().map(|customer| customer.0).collect();
        for row in tx.rows_in(&sql, &[], &ids).await? {
            found.push(CustomerId(row.get("customer_id")?));
        }
    }
    Ok(found)
}

/// A customer's credit, the oldest first.
pub(super) async fn credits(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Credit>> {
    let sql = "select source, source_id, remaining from credits where customer_id = $1 and remaining > 0
               order by given_at, source_id";
    Ok(CREDITS.all(&tx.rows(sql, &[&customer.0]).await?, credit)?)
}

fn credit(row: &Row) -> db::Result<Credit> {
    let (source, source_id) = (row.parse("source")?, row.get("source_id")?);
    Ok(Credit { source, source_id, remaining: amount(row, "remaining")? })
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
    Ok(RECEIVABLES.all(&tx.rows(sql, &[&customer.0]).await?, open)?)
}

/// Stores an allocation, and takes it off what is open.
pub(super) async fn save_allocation(
    tx: &mut Tx,
    customer: CustomerId,
    allocation: Allocation,
    id: i64,
    at: Timestamp,
) -> Result<()> {
    let Allocation { invoice, source, source_id, amount } = allocation;
    let sql = "update receivables set open = open - $3
               where customer_id = $1 and invoice_id = $2 and open >= $3";
    let touched = tx.execute(sql, &[&customer.0, &invoice.0, &amount.micros()]).await?;
    one(touched, || format!("invoice {invoice} was settled twice: the customer was not held"))?;
    let sql = "insert into allocations (customer_id, allocation_id, invoice_id, source, source_id, amount, allocated_at)
               values ($1, $2, $3, $4, $5, $6, $7)";
    let source = source.code();
    let params: [&dyn db::Param; 7] =
        [&customer.0, &id, &invoice.0, &source, &source_id, &amount.micros(), &Ts(at)];
    tx.execute(sql, &params).await?;
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

/// What is open of an invoice, if there is such an invoice.
pub(super) async fn receivable(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<Option<Money>> {
    let sql = "select open, currency from receivables where customer_id = $1 and invoice_id = $2";
    let row = tx.row(sql, &[&customer.0, &invoice.0]).await?;
    let open = |row: Row| {
        Ok::<_, db::Error>(Money { amount: amount(&row, "open")?, currency: row.parse("currency")? })
    };
    Ok(row.map(open).transpose()?)
}

/// What is open, overdue and credit of a customer.
pub(super) async fn position(tx: &mut Tx, customer: CustomerId, now: Timestamp) -> Result<Position> {
    let open = Halves::of("open");
    let sql = format!(
        "select customer_id, {}, {} from receivables
         where customer_id = $1 and open > 0 group by customer_id",
        open.summed().columns("open"),
        open.when("due_at <= $2").summed().columns("overdue")
    );
    let row = tx.row(&sql, &[&customer.0, &Ts(now)]).await?;
    let sums = |row: &Row| Ok((row.sum_amount("open")?, row.sum_amount("overdue")?));
    let (open, overdue) = RECEIVABLES.one(row.as_ref(), sums)?.unwrap_or_default();
    let sql = format!(
        "select customer_id, {} from credits where customer_id = $1 group by customer_id",
        Halves::sum("remaining").columns("credit")
    );
    let row = tx.row(&sql, &[&customer.0]).await?;
    let credit = CREDITS.one(row.as_ref(), |row| row.sum_amount("credit"))?.unwrap_or_default();
    Ok(Position { open, overdue, credit })
}

/// What tells how a customer's invoices stand, from one id to another.
pub(super) async fn facts(
    tx: &mut Tx,
    customer: CustomerId,
    first: InvoiceId,
    last: InvoiceId,
) -> Result<Vec<(InvoiceId, Currency, Facts)>> {
    let sql = "select invoice_id, currency, gross, open, credited, written_off, due_at from receivables
               where customer_id = $1 and invoice_id >= $2 and invoice_id <= $3";
    let facts = |row: &Row| Ok((InvoiceId(row.get("invoice_id")?), row.parse("currency")?, read_facts(row)?));
    let rows = tx.rows(sql, &[&customer.0, &first.0, &last.0]).await?;
    Ok(RECEIVABLES.all(&rows, facts)?)
}

/// What tells how an invoice stands, if there is such an invoice.
pub(super) async fn facts_one(
    tx: &mut Tx,
    customer: CustomerId,
    invoice: InvoiceId,
) -> Result<Option<(Currency, Facts)>> {
    let found = facts(tx, customer, invoice, invoice).await?;
    Ok(found.into_iter().next().map(|(_, currency, facts)| (currency, facts)))
}

/// What tells how some invoices stand, and what they came to.
pub(super) async fn facts_of(
    tx: &mut Tx,
    invoices: &[(CustomerId, InvoiceId)],
) -> Result<Vec<(CustomerId, InvoiceId, Money, Facts)>> {
    let sql =
        "select r.customer_id, r.invoice_id, r.currency, r.gross, r.open, r.credited, r.written_off, r.due_at
               from :given g join receivables r on r.customer_id = g.column1 and r.invoice_id = g.column2";
    let keys = invoices.iter().map(|(customer, invoice)| [Cell::Int(customer.0), Cell::Int(invoice.0)]);
    let found = |row: &Row| {
        let gross = Money { amount: amount(row, "gross")?, currency: row.parse("currency")? };
        let (customer, invoice) = (row.get("customer_id")?, row.get("invoice_id")?);
        Ok((CustomerId(customer), InvoiceId(invoice), gross, read_facts(row)?))
    };
    let rows = tx.rows_over(sql, [Kind::Int, Kind::Int], &keys.collect::<Vec<_>>()).await?;
    Ok(RECEIVABLES.all(&rows, found)?)
}

fn read_facts(row: &Row) -> db::Result<Facts> {
    Ok(Facts {
        gross: amount(row, "gross")?,
        open: amount(row, "open")?,
        credited: amount(row, "credited")?,
        written_off: amount(row, "written_off")?,
        due_at: row.time("due_at")?,
    })
}

/// Makes the reference that of this payment; answers whether it was free.
pub(super) async fn claim_reference(tx: &mut Tx, payment: &Payment) -> Result<bool> {
    let sql = "insert into payment_directory (reference, customer_id, payment_id) values ($1, $2, $3)
               on conflict (reference) do nothing";
    Ok(tx.execute(sql, &[&payment.reference, &payment.customer_id.0, &payment.id.0]).await? == 1)
}

pub(super) async fn insert_payment(tx: &mut Tx, payment: &Payment) -> Result<()> {
    let sql =
        "insert into payments (customer_id, payment_id, kind, reference, amount, currency, paid_on, method,
                                     recorded_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let params: [&dyn db::Param; 9] = [
        &payment.customer_id.0,
        &payment.id.0,
        &payment.kind.code(),
        &payment.reference,
        &payment.amount.amount.micros(),
        &payment.amount.currency.code(),
        &payment.paid_on.to_string(),
        &payment.method,
        &Ts(payment.recorded_at),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// The payment that a reference names.
pub(super) async fn by_reference(tx: &mut Tx, reference: &str) -> Result<Option<Payment>> {
    let sql = "select customer_id, payment_id from payment_directory where reference = $1";
    let Some(row) = tx.row(sql, &[&reference]).await? else { return Ok(None) };
    let (customer, id) = (CustomerId(row.get("customer_id")?), PaymentId(row.get("payment_id")?));
    payment_by_id(tx, customer, id).await
}

/// A payment of a customer by its id.
pub(super) async fn payment_by_id(
    tx: &mut Tx,
    customer: CustomerId,
    id: PaymentId,
) -> Result<Option<Payment>> {
    let found = payments(tx, customer, PaymentId(id.0.saturating_add(1)), 1).await?;
    Ok(found.into_iter().find(|payment| payment.id == id))
}

/// A customer's payments before one, newest first, with what of each went to which invoice.
pub(super) async fn payments(
    tx: &mut Tx,
    customer: CustomerId,
    before: PaymentId,
    limit: usize,
) -> Result<Vec<Payment>> {
    let sql =
        "select customer_id, payment_id, kind, reference, amount, currency, paid_on, method, recorded_at, reversed_at,
                 reversal_reason from payments
               where customer_id = $1 and payment_id < $2 order by payment_id desc limit $3";
    let limit = db::limit(limit);
    let rows = tx.rows(sql, &[&customer.0, &before.0, &limit]).await?;
    let mut found: Vec<_> = PAYMENTS.all(&rows, |row| payment(customer, row))?;
    let (Some(newest), Some(oldest)) = (found.first(), found.last()) else { return Ok(found) };
    // Parts that were taken back are in it, below zero.
    let sum = Halves::sum("amount");
    let sql = format!(
        "select customer_id, invoice_id, source_id, {}, min(allocation_id) as first
         from allocations where customer_id = $1 and source = 'payment' and source_id >= $2 and source_id <= $3
         group by customer_id, invoice_id, source_id having {} order by first",
        sum.columns("amount"),
        sum.is_not_zero()
    );
    for row in tx.rows(&sql, &[&customer.0, &oldest.id.0, &newest.id.0]).await? {
        let id = PaymentId(row.get("source_id")?);
        if let Some(payment) = found.iter_mut().find(|payment| payment.id == id) {
            let amount = ALLOCATIONS.read(&row, |row| row.sum_amount("amount"))?;
            let amount = Money { amount, currency: payment.amount.currency };
            payment.allocations.push(PaidInvoice { invoice_id: InvoiceId(row.get("invoice_id")?), amount });
        }
    }
    Ok(found)
}

fn payment(customer_id: CustomerId, row: &Row) -> db::Result<Payment> {
    let kinds = [PaymentKind::Payment, PaymentKind::Refund].map(|kind| (kind.code(), kind));
    Ok(Payment {
        id: PaymentId(row.get("payment_id")?),
        customer_id,
        kind: row.choice("kind", &kinds)?,
        reference: row.get("reference")?,
        amount: Money { amount: amount(row, "amount")?, currency: row.parse("currency")? },
        paid_on: row.parse("paid_on")?,
        method: row.get("method")?,
        recorded_at: row.time("recorded_at")?,
        reversal: match row.optional_time("reversed_at")? {
            Some(reversed_at) => Some(PaymentReversal { reversed_at, reason: row.get("reversal_reason")? }),
            None => None,
        },
        allocations: Vec::new(),
    })
}

pub(super) async fn insert_write_off(tx: &mut Tx, written: &WriteOff) -> Result<()> {
    let WriteOff { id, customer_id, invoice_id, amount, reason, written_at } = written;
    let sql = "insert into write_offs (customer_id, write_off_id, invoice_id, amount, reason, written_at)
               values ($1, $2, $3, $4, $5, $6)";
    let micros = amount.amount.micros();
    tx.execute(sql, &[&customer_id.0, &id.0, &invoice_id.0, &micros, reason, &Ts(*written_at)]).await?;
    let sql = "update receivables set written_off = written_off + $3
               where customer_id = $1 and invoice_id = $2";
    tx.execute(sql, &[&customer_id.0, &invoice_id.0, &micros]).await?;
    Ok(())
}

fn one(touched: u64, fault: impl FnOnce() -> String) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(Error::Contradiction(fault())) }
}
