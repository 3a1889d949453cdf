//! What documents charged for months, and what was settled of that, in the database.

use std::collections::BTreeSet;

use calculation::bill::{ChargedPart, MonthPart, Tax};
use calculation::money::Amount;
use calculation::tax::TaxRate;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{INVOICE, INVOICES, invoice};
use crate::db::{self, Cell, Param, Place, Row, Ts, Tx};
use crate::error::{Error, Result};
use crate::id::{CustomerId, InvoiceId};
use crate::invoices::StoredInvoice;

const CREDITED_LINES: Place =
    Place::new("credited_lines", &["customer_id", "invoice_id", "line", "credit_note_id"]);
const SETTLED: Place =
    Place::new("settled_parts", &["customer_id", "month", "invoice_id", "settled_by", "part"]);

/// The invoices of a customer's months since one, and whether another took the place of each.
pub(in crate::invoices) async fn since_month(
    tx: &mut Tx,
    customer: CustomerId,
    starts_at: Timestamp,
) -> Result<Vec<(StoredInvoice, bool)>> {
    let sql =
        format!("{INVOICES} where customer_id = $1 and period_start >= $2 order by period_start, invoice_id");
    let read = |row: &Row| Ok((invoice(row)?, row.get::<Option<i64>>("replaced_by_id")?.is_some()));
    Ok(INVOICE.all(&tx.rows(&sql, &[&customer.0, &Ts(starts_at)]).await?, read)?)
}

/// When an invoice was issued.
pub(in crate::invoices) async fn issued_at(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Option<Timestamp>> {
    let sql = "select issued_at from invoices where customer_id = $1 and invoice_id = $2";
    Ok(tx.row(sql, &[&customer.0, &id.0]).await?.map(|row| row.time("issued_at")).transpose()?)
}

/// When the last of a customer's invoices was issued.
pub(in crate::invoices) async fn last_issued_at(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<Option<Timestamp>> {
    let sql = "select max(issued_at) as issued_at from invoices where customer_id = $1";
    let row = tx.row(sql, &[&customer.0]).await?;
    Ok(row.map(|row| row.optional_time("issued_at")).transpose()?.flatten())
}

/// When the last credit note of a customer was issued, or the last call credited.
pub(in crate::invoices) async fn last_credited_at(
    tx: &mut Tx,
    customer: CustomerId,
) -> Result<Option<Timestamp>> {
    let sql = "select max(at) as at from (
                 select max(issued_at) as at from credit_notes where customer_id = $1
                 union all select max(credited_at) from credited_calls where customer_id = $1) credited";
    let row = tx.row(sql, &[&customer.0]).await?;
    Ok(row.map(|row| row.optional_time("at")).transpose()?.flatten())
}

/// What a credit note gave back of a line.
pub(in crate::invoices) struct Credit {
    pub(in crate::invoices) invoice: InvoiceId,
    pub(in crate::invoices) place: usize,
    pub(in crate::invoices) net: Amount,
    /// Whether calls were credited by it.
    pub(in crate::invoices) of_calls: bool,
    /// Whether it is remembered part by part what was settled by it.
    pub(in crate::invoices) is_settled: bool,
}

/// What was credited of the lines of some invoices of a customer.
pub(in crate::invoices) async fn credits(
    tx: &mut Tx,
    customer: CustomerId,
    invoices: &BTreeSet<InvoiceId>,
) -> Result<Vec<Credit>> {
    let Some(first) = invoices.first() else { return Ok(Vec::new()) };
    let sql = "select l.customer_id, l.invoice_id, l.line, l.credit_note_id, l.net,
                 case when exists (select 1 from credited_calls k where k.customer_id = l.customer_id
                                     and k.invoice_id = l.invoice_id and k.credit_note_id = l.credit_note_id)
                   then 1 else 0 end as of_calls,
                 case when exists (select 1 from settled_parts s where s.customer_id = l.customer_id
                                     and s.settled_by = l.credit_note_id) then 1 else 0 end as is_settled
               from credited_lines l where l.customer_id = $1 and l.invoice_id >= $2";
    let credit = |row: &Row| {
        Ok(Credit {
            invoice: InvoiceId(row.get("invoice_id")?),
            place: row.count("line")?,
            net: row.amount("net")?,
            of_calls: row.get::<i32>("of_calls")? == 1,
            is_settled: row.get::<i32>("is_settled")? == 1,
        })
    };
    let mut found: Vec<Credit> =
        CREDITED_LINES.all(&tx.rows(sql, &[&customer.0, &first.0]).await?, credit)?;
    found.retain(|credit| invoices.contains(&credit.invoice));
    Ok(found)
}

const USAGE: &str = "usage";
const MINIMUM: &str = "minimum";
const DISCOUNT: &str = "discount";

/// The word of a part, and what it makes of a name.
type Kind = (&'static str, fn(String) -> MonthPart);

/// A part of a month with its tax, and what was settled of it.
pub(in crate::invoices) type SettledPart = ((MonthPart, Tax), ChargedPart);

/// What was settled of a month, but for what a void invoice and its credit notes settled.
pub(in crate::invoices) async fn settled(
    tx: &mut Tx,
    customer: CustomerId,
    month: Date,
    but: Option<InvoiceId>,
) -> Result<Vec<SettledPart>> {
    let sql = "select s.customer_id, s.month, s.invoice_id, s.settled_by, s.part, s.kind, s.name, s.tax_category, s.tax_rate,
                 s.amount, s.credited
               from settled_parts s join invoices i on i.customer_id = s.customer_id and i.invoice_id = s.invoice_id
               where s.customer_id = $1 and s.month = $2 and s.invoice_id <> $3 and i.replaced_by_id is null";
    let part = |row: &Row| {
        let kinds: [Kind; 3] =
            [(USAGE, MonthPart::Usage), (MINIMUM, MonthPart::Minimum), (DISCOUNT, MonthPart::Discount)];
        let part = row.choice("kind", &kinds)?(row.get("name")?);
        let tax = (row.word("tax_category")?, TaxRate::from_units(row.get("tax_rate")?));
        let settled = ChargedPart { amount: row.amount("amount")?, credited: row.amount("credited")? };
        Ok(((part, tax), settled))
    };
    let but = but.map_or(0, |id| id.0);
    Ok(SETTLED.all(&tx.rows(sql, &[&customer.0, &month.to_string(), &but]).await?, part)?)
}

/// Remembers what was settled of a month: by an invoice itself, or by a credit of it.
pub(in crate::invoices) async fn settle(
    tx: &mut Tx,
    (customer, invoice): (CustomerId, InvoiceId),
    month: Date,
    settled_by: i64,
    parts: &[SettledPart],
) -> Result<()> {
    let last = "select coalesce(max(part), -1) as part from settled_parts where customer_id = $1 and settled_by = $2";
    let last: i64 = tx.row(last, &[&customer.0, &settled_by]).await?.map_or(Ok(-1), |row| row.get("part"))?;
    let month = month.to_string();
    let words = parts.iter().map(|((_, (category, _)), _)| db::word(category));
    let words = words.collect::<db::Result<Vec<_>>>()?;
    let rows = (last.saturating_add(1)..).zip(parts).zip(&words);
    let rows = rows.map(|((place, ((part, (_, rate)), settled)), category)| {
        let (kind, name) = match part {
            MonthPart::Usage(name) => (USAGE, name),
            MonthPart::Minimum(name) => (MINIMUM, name),
            MonthPart::Discount(name) => (DISCOUNT, name),
        };
        [
            Cell::Int(customer.0),
            Cell::Text(&month),
            Cell::Int(invoice.0),
            Cell::Int(settled_by),
            Cell::Int(place),
            Cell::Text(kind),
            Cell::Text(name),
            Cell::Text(category),
            Cell::Int(rate.units()),
            Cell::Int(settled.amount.micros()),
            Cell::Int(settled.credited.micros()),
        ]
    });
    let columns = [
        "customer_id",
        "month",
        "invoice_id",
        "settled_by",
        "part",
        "kind",
        "name",
        "tax_category",
        "tax_rate",
        "amount",
        "credited",
    ];
    Ok(tx.insert_rows("settled_parts", &columns, &rows.collect::<Vec<_>>()).await?)
}

/// Takes back what a credit settled, by the one that takes it back; answers the months.
pub(in crate::invoices) async fn unsettle(
    tx: &mut Tx,
    customer: CustomerId,
    credit: i64,
    by: i64,
) -> Result<Vec<Date>> {
    let sql = "insert into settled_parts (customer_id, month, invoice_id, settled_by, part, kind, name, tax_category, tax_rate,
                                          amount, credited)
               select customer_id, month, invoice_id, $3, part, kind, name, tax_category, tax_rate, -amount, -credited
               from settled_parts where customer_id = $1 and settled_by = $2";
    tx.execute(sql, &[&customer.0, &credit, &by]).await?;
    let sql =
        "select distinct customer_id, month from settled_parts where customer_id = $1 and settled_by = $2";
    let rows = tx.rows(sql, &[&customer.0, &credit]).await?;
    Ok(rows.iter().map(|row| row.parse("month")).collect::<db::Result<_>>()?)
}

/// Months that late calls were invoiced for, of which calls were credited or parts settled, or that were invoiced anew, of
/// customers whose calls are kept; by an instant of each, and some more than once.
pub(in crate::invoices) async fn months_put_right(tx: &mut Tx) -> Result<Vec<(CustomerId, Timestamp)>> {
    let closed = "join periods p on p.customer_id = c.customer_id and p.starts_at = c.period_start and p.closed_at is not null
                  join customers u on u.customer_id = c.customer_id";
    let sql = format!(
        "select c.customer_id, c.late_for as month from calls c {closed}
         where c.late_for is not null and (u.calls_kept_from is null or u.calls_kept_from <= c.late_for)
         union
         select c.customer_id, coalesce(c.late_for, c.period_start) as month
         from credited_calls k join calls c on c.customer_id = k.customer_id and c.source = k.source and c.record_id = k.record_id
         {closed}
         where u.calls_kept_from is null or u.calls_kept_from <= coalesce(c.late_for, c.period_start)
         union
         select i.customer_id, i.period_start as month from invoices i join customers u on u.customer_id = i.customer_id
         where i.replaced_by_id is not null and i.purged_at is null
           and (u.calls_kept_from is null or u.calls_kept_from <= i.period_start)
         order by 1, 2"
    );
    let month = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.time("month")?));
    let rows = tx.rows(&sql, &[]).await?;
    let mut found: Vec<_> = rows.iter().map(month).collect::<db::Result<_>>()?;
    let sql = "select distinct s.customer_id, s.month, u.calls_kept_from from settled_parts s
               join customers u on u.customer_id = s.customer_id order by s.customer_id, s.month";
    for row in tx.rows(sql, &[]).await? {
        let first_day: Date = row.parse("month")?;
        // In the middle of the month, whatever the zone.
        let at = TimeZone::UTC.to_timestamp(first_day.at(0, 0, 0, 0)).map(|at| days_after(at, 14));
        let at = at.map_err(|error| Error::Contradiction(format!("{first_day}: {error}")))?;
        if row.optional_time("calls_kept_from")?.is_none_or(|from| from <= days_after(at, -16)) {
            found.push((CustomerId(row.get("customer_id")?), at));
        }
    }
    Ok(found)
}

fn days_after(at: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + days * 86_400).unwrap_or(at)
}

/// Whether calls of a month were credited.
pub(in crate::invoices) async fn has_credited_calls(
    tx: &mut Tx,
    customer: CustomerId,
    month: Timestamp,
) -> Result<bool> {
    let sql = "select 1 as found from credited_calls k
               join calls c on c.customer_id = k.customer_id and c.source = k.source and c.record_id = k.record_id
               where k.customer_id = $1 and coalesce(c.late_for, c.period_start) = $2 limit 1";
    let params: [&dyn Param; 2] = [&customer.0, &Ts(month)];
    Ok(tx.row(sql, &params).await?.is_some())
}
