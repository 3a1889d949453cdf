//! The invoices in the database.

mod charged;
mod cycles;
mod documents;
mod numbers;
mod purge;
mod rates;
mod review;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use calculation::invoice::Invoice;
use calculation::money::{Amount, Money};
use calculation::period::Period;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::StoredInvoice;
use super::issue::NewInvoice;
use crate::db::{self, Cell, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};

pub(super) use charged::{
    charged, fees_given_back_later, refunded_too_much, remember, remembered, reverse_charges,
};
pub(super) use cycles::{
    Cycle, changed_from, claim_due, cycles, forget_changes, hold_cycles, move_cycles, refuse_cycle, refused,
};
pub(super) use documents::{
    Credit, credits, has_credited_calls, issued_at, last_credited_at, last_issued_at, months_put_right,
    settle, settled, since_month, unsettle,
};
pub(super) use numbers::{
    Document, Numbered, any_unnumbered, count_numbers, hold_series, save_numbers, save_series, series,
    unnumbered,
};
pub(super) use purge::{count_kept, kept, save_purged};
pub(super) use rates::{insert_tax_rate, replace_tax_rate, tax_rate, tax_rates};
pub(super) use review::{
    Came, approve, billed_before, came_to, contradictions, count_held, count_waiting, forget_reason, held,
    hold, release,
};
pub(super) use told::{document_numbers, gross_of, issued, names_of_periods, number_of, numbers_of};

pub(super) const INVOICE: Place = Place::new("invoices", &["customer_id", "invoice_id"]);

const INVOICES: &str = "select customer_id, invoice_id, issued_at, gross, number, content, purged_at, replaced_by_id from invoices";

/// Closes months to further calls.
pub(super) async fn close(tx: &mut Tx, months: &[(CustomerId, Period)], now: Timestamp) -> Result<()> {
    let rows = months.iter().map(|(customer, period)| {
        let [starts_at, ends_at, now] = [period.starts_at, period.ends_at, now].map(Cell::Time);
        [Cell::Int(customer.0), starts_at, ends_at, now]
    });
    let columns = ["customer_id", "starts_at", "ends_at", "closed_at"];
    Ok(tx.insert_rows("periods", &columns, &rows.collect::<Vec<_>>()).await?)
}

fn numbers(ids: impl Iterator<Item = CustomerId>) -> Vec<i64> {
    ids.map(|id| id.0).collect()
}

/// Which of some months are closed.
pub(super) async fn closed(
    tx: &mut Tx,
    months: &[(CustomerId, Timestamp)],
) -> Result<BTreeSet<(CustomerId, Timestamp)>> {
    let mut closed = BTreeSet::new();
    for some in months.chunks(IN_LIST) {
        let starts = || some.iter().map(|(_, starts_at)| *starts_at);
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else { continue };
        let sql = format!(
            "select customer_id, starts_at from periods where closed_at is not null
               and starts_at >= $1 and starts_at <= $2 and customer_id in ({})",
            in_list(3)
        );
        let ids = numbers(some.iter().map(|(customer, _)| *customer));
        for row in tx.rows_in(&sql, &[&Ts(first), &Ts(last)], &ids).await? {
            closed.insert((CustomerId(row.get("customer_id")?), row.time("starts_at")?));
        }
    }
    Ok(closed)
}

/// The months that were billed since an instant, and not before a customer's billing began: oldest first.
pub(super) async fn billed_months(
    tx: &mut Tx,
    ids: &[CustomerId],
    since: Timestamp,
) -> Result<BTreeMap<CustomerId, Vec<Timestamp>>> {
    let mut billed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "select p.customer_id, p.starts_at from periods p join cycles c on c.customer_id = p.customer_id
             where p.closed_at is not null and p.starts_at >= $1 and p.ends_at > c.bill_from
               and p.customer_id in ({}) order by p.starts_at",
            in_list(2)
        );
        for row in tx.rows_in(&sql, &[&Ts(since)], &numbers(some.iter().copied())).await? {
            billed.entry(CustomerId(row.get("customer_id")?)).or_default().push(row.time("starts_at")?);
        }
    }
    Ok(billed)
}

/// Stores invoices as they are frozen, without numbers.
pub(super) async fn insert(tx: &mut Tx, invoices: &[NewInvoice], now: Timestamp) -> Result<()> {
    if invoices.is_empty() {
        return Ok(());
    }
    let text = |new: &NewInvoice| {
        let content = db::json_text(&new.invoice)?;
        Ok((content, new.invoice.issued_on.to_string(), new.invoice.due_on.to_string()))
    };
    let texts = invoices.iter().map(text).collect::<db::Result<Vec<_>>>()?;
    let rows = invoices.iter().zip(&texts).map(|(new, (content, issued_on, due_on))| {
        let NewInvoice { id, customer, kind, invoice } = new;
        [
            Cell::Int(customer.0),
            Cell::Int(id.0),
            Cell::Time(invoice.period.starts_at),
            Cell::Text(kind),
            Cell::Time(now),
            Cell::Text(issued_on),
            Cell::Text(due_on),
            Cell::Text(invoice.currency.code()),
            Cell::Int(invoice.net.micros()),
            Cell::Int(invoice.tax.micros()),
            Cell::Int(invoice.gross.micros()),
            Cell::Text(content),
        ]
    });
    let columns = [
        "customer_id",
        "invoice_id",
        "period_start",
        "kind",
        "issued_at",
        "issued_on",
        "due_on",
        "currency",
        "net",
        "tax",
        "gross",
        "content",
    ];
    Ok(tx.insert_rows("invoices", &columns, &rows.collect::<Vec<_>>()).await?)
}

pub(super) async fn by_id(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<StoredInvoice>> {
    let sql = format!("{INVOICES} where customer_id = $1 and invoice_id = $2");
    Ok(INVOICE.one(tx.row(&sql, &[&customer.0, &id.0]).await?.as_ref(), invoice)?)
}

/// The invoice of a month, if there is one.
pub(super) async fn of_period(
    tx: &mut Tx,
    customer: CustomerId,
    starts_at: Timestamp,
) -> Result<Option<InvoiceId>> {
    let sql = "select invoice_id from invoices
               where customer_id = $1 and period_start = $2 order by invoice_id desc limit 1";
    let row = tx.row(sql, &[&customer.0, &Ts(starts_at)]).await?;
    Ok(row.map(|row| row.get("invoice_id").map(InvoiceId)).transpose()?)
}

/// How many invoices a month has: one, and each that was issued anew.
pub(super) async fn count_of_period(tx: &mut Tx, customer: CustomerId, starts_at: Timestamp) -> Result<u64> {
    let sql = "select count(*) as invoices from invoices where customer_id = $1 and period_start = $2";
    Ok(tx.counted(sql, &[&customer.0, &Ts(starts_at)], "invoices").await?)
}

/// Remembers which invoice took the place of a void one.
pub(super) async fn mark_replaced(
    tx: &mut Tx,
    customer: CustomerId,
    void: InvoiceId,
    by: InvoiceId,
) -> Result<()> {
    let sql = "update invoices set replaced_by_id = $3 where customer_id = $1 and invoice_id = $2";
    tx.execute(sql, &[&customer.0, &void.0, &by.0]).await?;
    Ok(())
}

/// The invoice that took the place of one.
pub(super) async fn replaced_by(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Option<InvoiceId>> {
    let sql = "select replaced_by_id from invoices where customer_id = $1 and invoice_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    Ok(row.map_or(Ok(None), |row| row.get::<Option<i64>>("replaced_by_id"))?.map(InvoiceId))
}

pub(super) async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<StoredInvoice>> {
    let sql = format!("{INVOICES} where customer_id = $1 order by period_start desc, invoice_id desc");
    Ok(INVOICE.all(&tx.rows(&sql, &[&customer.0]).await?, invoice)?)
}

/// The invoices of a month in every zone, by number.
pub(super) async fn of_month(tx: &mut Tx, month: &str) -> Result<Vec<StoredInvoice>> {
    let utc = Period::of_month(month, &TimeZone::UTC).map_err(|error| Error::Other(error.to_string()))?;
    // Elsewhere the month begins up to 14 hours earlier or 12 later.
    let day = SignedDuration::from_hours(24);
    let around = |edge: std::result::Result<Timestamp, jiff::Error>| edge.map_or(Ts(utc.starts_at), Ts);
    let (from, to) = (around(utc.starts_at.checked_sub(day)), around(utc.starts_at.checked_add(day)));
    let sql = format!("{INVOICES} where period_start > $1 and period_start < $2 order by number");
    let rows = tx.rows(&sql, &[&from, &to]).await?;
    let all: Vec<_> = INVOICE.all(&rows, invoice)?;
    let of_month =
        |stored: &StoredInvoice| stored.invoice.period.first_day.strftime("%Y-%m").to_string() == month;
    Ok(all.into_iter().filter(of_month).collect())
}

/// Invoices by id over all customers, after a cursor.
pub(super) async fn after(
    tx: &mut Tx,
    after: InvoiceId,
    limit: i64,
) -> Result<Vec<(InvoiceId, db::Result<StoredInvoice>)>> {
    let sql = format!("{INVOICES} where invoice_id > $1 order by invoice_id limit $2");
    let rows = tx.rows(&sql, &[&after.0, &limit]).await?;
    Ok(INVOICE.each(&rows, |row| row.get("invoice_id").map(InvoiceId), invoice)?)
}

/// Invoices of months that begin at an instant or later, over all customers, after a cursor.
pub(super) async fn since(
    tx: &mut Tx,
    since: Timestamp,
    after: InvoiceId,
    limit: i64,
) -> Result<Vec<StoredInvoice>> {
    let sql = format!(
        "{INVOICES} where period_start >= $1 and invoice_id > $2 and purged_at is null order by invoice_id limit $3"
    );
    Ok(INVOICE.all(&tx.rows(&sql, &[&Ts(since), &after.0, &limit]).await?, invoice)?)
}

pub(super) async fn id_of_number(tx: &mut Tx, number: &str) -> Result<Option<(CustomerId, InvoiceId)>> {
    let sql = "select customer_id, invoice_id from invoice_directory where number = $1";
    let Some(row) = tx.row(sql, &[&number]).await? else { return Ok(None) };
    Ok(Some((CustomerId(row.get("customer_id")?), InvoiceId(row.get("invoice_id")?))))
}

fn invoice(row: &Row) -> db::Result<StoredInvoice> {
    let content: Invoice = row.json("content")?;
    let number: Option<String> = row.get("number")?;
    let gross = Money { amount: Amount::from_micros(row.get("gross")?), currency: content.currency };
    Ok(StoredInvoice {
        id: InvoiceId(row.get("invoice_id")?),
        customer_id: CustomerId(row.get("customer_id")?),
        number: number.clone(),
        issued_at: row.time("issued_at")?,
        gross,
        purged_at: row.optional_time("purged_at")?,
        status: None,
        open: None,
        // The content is frozen before the number is given.
        invoice: Invoice { number, ..content },
    })
}
