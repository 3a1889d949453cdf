//! The invoices in the database.

use std::collections::BTreeMap;

use calculation::invoice::Invoice;
use calculation::money::{Amount, Money};
use calculation::period::Period;
use calculation::tax::TaxRate;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{StoredInvoice, TaxRateEntry};
use crate::db::{self, Cell, Param, Row, Ts, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};

const INVOICES: &str = "select customer_id, invoice_id, issued_at, gross, number, content from invoices";

/// Closes a month to further calls; answers whether it was open.
pub(super) async fn close_period(
    tx: &mut Tx,
    customer: CustomerId,
    period: &Period,
    now: Timestamp,
) -> Result<bool> {
    let (start, end) = (Ts(period.starts_at), Ts(period.ends_at));
    let open =
        "insert into periods (customer_id, starts_at, ends_at) values ($1, $2, $3) on conflict do nothing";
    tx.execute(open, &[&customer.0, &start, &end]).await?;
    let close = "update periods set closed_at = $3
                 where customer_id = $1 and starts_at = $2 and closed_at is null";
    Ok(tx.execute(close, &[&customer.0, &start, &Ts(now)]).await? == 1)
}

pub(super) async fn insert(
    tx: &mut Tx,
    id: InvoiceId,
    customer: CustomerId,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<()> {
    let content = serde_json::to_string(invoice).unwrap_or_default();
    let sql =
        "insert into invoices (customer_id, invoice_id, period_start, kind, issued_at, currency, net, tax,
                                     gross, content)
               values ($1, $2, $3, 'invoice', $4, $5, $6, $7, $8, $9)";
    let params: [&dyn Param; 9] = [
        &customer.0,
        &id.0,
        &Ts(invoice.period.starts_at),
        &Ts(now),
        &invoice.currency.code(),
        &invoice.net.micros(),
        &invoice.tax.micros(),
        &invoice.gross.micros(),
        &content,
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

pub(super) async fn by_id(tx: &mut Tx, customer: CustomerId, id: InvoiceId) -> Result<Option<StoredInvoice>> {
    let sql = format!("{INVOICES} where customer_id = $1 and invoice_id = $2");
    Ok(tx.row(&sql, &[&customer.0, &id.0]).await?.as_ref().map(invoice).transpose()?)
}

pub(super) async fn of_period(
    tx: &mut Tx,
    customer: CustomerId,
    period: &Period,
) -> Result<Option<StoredInvoice>> {
    let sql = format!("{INVOICES} where customer_id = $1 and period_start = $2 and kind = 'invoice'");
    Ok(tx.row(&sql, &[&customer.0, &Ts(period.starts_at)]).await?.as_ref().map(invoice).transpose()?)
}

pub(super) async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<StoredInvoice>> {
    let sql = format!("{INVOICES} where customer_id = $1 order by period_start desc");
    Ok(tx.rows(&sql, &[&customer.0]).await?.iter().map(invoice).collect::<db::Result<_>>()?)
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
    let all = rows.iter().map(invoice).collect::<db::Result<Vec<_>>>()?;
    let of_month =
        |stored: &StoredInvoice| stored.invoice.period.first_day.strftime("%Y-%m").to_string() == month;
    Ok(all.into_iter().filter(of_month).collect())
}

/// Invoices by id over all customers, after a cursor.
pub(super) async fn after(tx: &mut Tx, after: InvoiceId, limit: i64) -> Result<Vec<StoredInvoice>> {
    let sql = format!("{INVOICES} where invoice_id > $1 order by invoice_id limit $2");
    Ok(tx.rows(&sql, &[&after.0, &limit]).await?.iter().map(invoice).collect::<db::Result<_>>()?)
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
        status: None,
        open: None,
        // The content is frozen before the number is given.
        invoice: Invoice { number, ..content },
    })
}

/// An issued invoice that waits for its number.
pub(super) struct Unnumbered {
    pub(super) customer: CustomerId,
    pub(super) id: InvoiceId,
    pub(super) issued_on: Date,
}

/// Holds the counters of a series until the transaction ends; answers the last number of each year.
pub(super) async fn hold_series(tx: &mut Tx, series: &str) -> Result<BTreeMap<i64, i64>> {
    // Year 0 is there only to be held.
    let hold = "insert into invoice_series (series, year, last_number) values ($1, 0, 0)
                on conflict (series, year) do update set last_number = 0";
    tx.execute(hold, &[&series]).await?;
    let sql = "select year, last_number from invoice_series where series = $1 and year > 0";
    let rows = tx.rows(sql, &[&series]).await?;
    Ok(rows.iter().map(|row| Ok((row.get("year")?, row.get("last_number")?))).collect::<db::Result<_>>()?)
}

pub(super) async fn save_series(tx: &mut Tx, series: &str, last: &BTreeMap<i64, i64>) -> Result<()> {
    for (year, number) in last {
        let sql = "insert into invoice_series (series, year, last_number) values ($1, $2, $3)
                   on conflict (series, year) do update set last_number = excluded.last_number";
        tx.execute(sql, &[&series, year, number]).await?;
    }
    Ok(())
}

pub(super) async fn unnumbered(tx: &mut Tx, limit: i64) -> Result<Vec<Unnumbered>> {
    let sql = "select customer_id, invoice_id, content from invoices where number is null
               order by issued_at, customer_id, invoice_id limit $1";
    let entry = |row: &Row| {
        let content: Invoice = row.json("content")?;
        let customer = CustomerId(row.get("customer_id")?);
        Ok(Unnumbered { customer, id: InvoiceId(row.get("invoice_id")?), issued_on: content.issued_on })
    };
    Ok(tx.rows(sql, &[&limit]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

pub(super) async fn save_numbers(tx: &mut Tx, numbers: &[(Unnumbered, String)]) -> Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = numbers
        .iter()
        .map(|(entry, number)| [Cell::Text(number), Cell::Int(entry.customer.0), Cell::Int(entry.id.0)])
        .collect();
    let update = "update invoices set number = g.number from given g
                  where invoices.customer_id = g.customer_id and invoices.invoice_id = g.invoice_id";
    let directory = "insert into invoice_directory (number, customer_id, invoice_id)
                     select number, customer_id, invoice_id from given";
    let definition = "number text, customer_id bigint, invoice_id bigint";
    tx.over_rows(definition, &["number", "customer_id", "invoice_id"], &rows, &[update, directory]).await?;
    Ok(())
}

/// Each series and year: its last number, and how many of its numbers are given.
pub(super) async fn series(tx: &mut Tx) -> Result<Vec<(String, i64, i64, i64)>> {
    let sql = "select s.series, s.year, s.last_number,
                 (select count(*) from invoice_directory d
                  where d.number like s.series || '-' || cast(s.year as text) || '-%') as given_numbers
               from invoice_series s where s.year > 0 order by s.series, s.year";
    let entry = |row: &Row| {
        Ok((row.get("series")?, row.get("year")?, row.get("last_number")?, row.get("given_numbers")?))
    };
    Ok(tx.rows(sql, &[]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

pub(super) async fn insert_tax_rate(tx: &mut Tx, entry: &TaxRateEntry, now: Timestamp) -> Result<bool> {
    let sql = "insert into tax_rates (country, class, valid_from, rate, created_at)
               values ($1, 'standard', $2, $3, $4) on conflict (country, class, valid_from) do nothing";
    let day = entry.valid_from.to_string();
    Ok(tx.execute(sql, &[&entry.country, &day, &entry.rate.units(), &Ts(now)]).await? == 1)
}

/// The rate of a country on a day: the one that came into force last. Days sort as text.
pub(super) async fn tax_rate(tx: &mut Tx, country: &str, day: Date) -> Result<Option<TaxRate>> {
    let sql = "select rate from tax_rates where country = $1 and class = 'standard' and valid_from <= $2
               order by valid_from desc limit 1";
    let row = tx.row(sql, &[&country, &day.to_string()]).await?;
    Ok(row.map(|row| row.get("rate").map(TaxRate::from_units)).transpose()?)
}

pub(super) async fn tax_rates(tx: &mut Tx) -> Result<Vec<TaxRateEntry>> {
    let entry = |row: &Row| {
        let rate = TaxRate::from_units(row.get("rate")?);
        Ok(TaxRateEntry { country: row.get("country")?, valid_from: row.parse("valid_from")?, rate })
    };
    let sql = "select country, valid_from, rate from tax_rates order by country, valid_from";
    Ok(tx.rows(sql, &[]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}
