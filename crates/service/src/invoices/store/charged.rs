//! What months were charged, in the database: by fee and minimum, with the tax it had.

use std::collections::BTreeMap;

use calculation::bill::{Charged, ChargedFor, Remembered, Tax};
use calculation::money::Amount;
use calculation::tax::TaxRate;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::db::{self, Cell, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices::facts::ChargedBefore;

const MONTH_CHARGES: Place =
    Place::new("month_charges", &["customer_id", "charged_for", "subject_id", "month", "invoice_id", "part"]);

const FEE: &str = "fee";
const MINIMUM: &str = "minimum";

fn code(what: ChargedFor) -> (&'static str, i64) {
    match what {
        ChargedFor::Fee(subscription) => (FEE, subscription),
        ChargedFor::Minimum(plan) => (MINIMUM, plan),
    }
}

fn what(row: &Row) -> db::Result<ChargedFor> {
    let id = row.get("subject_id")?;
    let kinds = [(FEE, ChargedFor::Fee(id)), (MINIMUM, ChargedFor::Minimum(id))];
    row.choice("charged_for", &kinds)
}

fn tax(row: &Row) -> db::Result<Option<Tax>> {
    match row.get::<Option<String>>("tax_category")? {
        None => Ok(None),
        Some(_) => Ok(Some((row.word("tax_category")?, TaxRate::from_units(row.get("tax_rate")?)))),
    }
}

/// What some customers were charged for months since an instant, the oldest first.
pub(in crate::invoices) async fn charged(
    tx: &mut Tx,
    ids: &[CustomerId],
    since: Timestamp,
) -> Result<BTreeMap<CustomerId, ChargedBefore>> {
    let since = TimeZone::UTC.to_datetime(since).date().to_string();
    let mut charged: BTreeMap<_, ChargedBefore> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let list = in_list(2);
        let sql = format!(
            "select f.customer_id, f.charged_for, f.subject_id, f.month, f.invoice_id, f.part, f.amount, f.tax_category, f.tax_rate,
               f.given_back + coalesce(c.net, 0) as given_back
             from month_charges f
             left join (select customer_id, invoice_id, line, cast(sum(net) as bigint) as net from credited_lines
                        where customer_id in ({list}) group by customer_id, invoice_id, line) c
               on c.customer_id = f.customer_id and c.invoice_id = f.invoice_id and c.line = f.line
             where f.month >= $1 and f.customer_id in ({list})
             order by f.customer_id, f.month, f.invoice_id, f.part"
        );
        for row in tx.rows_in(&sql, &[&since], &super::numbers(some.iter().copied())).await? {
            let read = |row: &Row| {
                let entry = Charged {
                    tax: tax(row)?,
                    amount: row.amount("amount")?,
                    given_back: row.amount("given_back")?,
                };
                Ok(((what(row)?, row.parse::<Date>("month")?), entry))
            };
            let (key, entry) = MONTH_CHARGES.read(&row, read)?;
            let customer = CustomerId(row.get("customer_id")?);
            charged.entry(customer).or_default().entry(key).or_default().push(entry);
        }
    }
    Ok(charged)
}

/// Remembers what invoices charge for which months.
pub(in crate::invoices) async fn remember(
    tx: &mut Tx,
    charged: &[(CustomerId, InvoiceId, Remembered)],
) -> Result<()> {
    if charged.is_empty() {
        return Ok(());
    }
    let texts = charged.iter().map(|(.., kept)| {
        let category = kept.tax.map(|(category, _)| db::word(&category)).transpose()?;
        Ok((kept.month.to_string(), category))
    });
    let texts = texts.collect::<db::Result<Vec<_>>>()?;
    let rows =
        (0_i64..).zip(charged).zip(&texts).map(|((part, (customer, invoice, kept)), (month, category))| {
            let (charged_for, subject) = code(kept.what);
            [
                Cell::Int(customer.0),
                Cell::Text(charged_for),
                Cell::Int(subject),
                Cell::Text(month),
                Cell::Int(invoice.0),
                Cell::Int(part),
                Cell::Int(kept.amount.micros()),
                Cell::Int(kept.given_back.micros()),
                kept.line.map_or(Cell::Null, Cell::fit),
                category.as_deref().map_or(Cell::Null, Cell::Text),
                kept.tax.map_or(Cell::Null, |(_, rate)| Cell::Int(rate.units())),
            ]
        });
    let columns = [
        "customer_id",
        "charged_for",
        "subject_id",
        "month",
        "invoice_id",
        "part",
        "amount",
        "given_back",
        "line",
        "tax_category",
        "tax_rate",
    ];
    Ok(tx.insert_rows("month_charges", &columns, &rows.collect::<Vec<_>>()).await?)
}

/// Remembers that a month would have been charged so much more up to a minimum without calls that were credited.
pub(in crate::invoices) async fn remember_minimum(
    tx: &mut Tx,
    (customer, invoice): (CustomerId, InvoiceId),
    (plan, month): (i64, Date),
    (amount, (category, rate)): (Amount, Tax),
    credit: i64,
) -> Result<()> {
    let sql = "insert into month_charges (customer_id, charged_for, subject_id, month, invoice_id, part, amount, given_back,
                                          tax_category, tax_rate)
               values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)";
    let (month, category) = (month.to_string(), db::word(&category)?);
    let params: [&dyn db::Param; 9] = [
        &customer.0,
        &MINIMUM,
        &plan,
        &month,
        &invoice.0,
        &credit,
        &amount.micros(),
        &category,
        &rate.units(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Whether all is remembered that a closed month was charged up to minimums.
pub(in crate::invoices) async fn remembers_minimums(
    tx: &mut Tx,
    customer: CustomerId,
    starts_at: Timestamp,
) -> Result<bool> {
    let sql = "select minimums_remembered from periods where customer_id = $1 and starts_at = $2";
    let row = tx.row(sql, &[&customer.0, &Ts(starts_at)]).await?;
    Ok(row.map_or(Ok(0), |row| row.get::<i64>("minimums_remembered"))? == 1)
}

/// The fees, and what was charged up to minimums, that an invoice has by what is remembered of it; nothing for one of before they
/// were remembered.
pub(in crate::invoices) async fn remembered(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Option<(i64, i64)>> {
    let sum = |charged_for: &str| {
        format!(
            "(select coalesce(cast(sum(case when f.amount < 0 then f.amount - f.given_back else f.amount end) as bigint), 0)
              from month_charges f where f.customer_id = i.customer_id and f.invoice_id = i.invoice_id
                and f.charged_for = '{charged_for}' and f.line is not null)"
        )
    };
    let sql = format!(
        "select issued_on, {} as fees, {} as minimums from invoices i where customer_id = $1 and invoice_id = $2",
        sum(FEE),
        sum(MINIMUM)
    );
    let Some(row) = tx.row(&sql, &[&customer.0, &id.0]).await? else { return Ok(None) };
    let is_remembered = row.get::<Option<String>>("issued_on")?.is_some();
    Ok(if is_remembered { Some((row.get("fees")?, row.get("minimums")?)) } else { None })
}

/// Takes back what a void invoice is remembered to have charged: another charges it anew.
pub(in crate::invoices) async fn reverse_charges(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<()> {
    let last =
        "select coalesce(max(part), 0) as part from month_charges where customer_id = $1 and invoice_id = $2";
    let last: i64 = tx.row(last, &[&customer.0, &id.0]).await?.map_or(Ok(0), |row| row.get("part"))?;
    let sql = "insert into month_charges (customer_id, charged_for, subject_id, month, invoice_id, part, amount, given_back,
                                          tax_category, tax_rate)
               select f.customer_id, f.charged_for, f.subject_id, f.month, f.invoice_id, f.part + $3 + 1, -f.amount,
                 -f.given_back - coalesce((select cast(sum(c.net) as bigint) from credited_lines c
                                           where c.customer_id = f.customer_id and c.invoice_id = f.invoice_id and c.line = f.line), 0),
                 f.tax_category, f.tax_rate
               from month_charges f where f.customer_id = $1 and f.invoice_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &last]).await?;
    Ok(())
}

/// Takes back what a credit note remembered of minimums.
pub(in crate::invoices) async fn forget_minimums(
    tx: &mut Tx,
    customer: CustomerId,
    (credit, new): (i64, i64),
) -> Result<()> {
    let sql = "insert into month_charges (customer_id, charged_for, subject_id, month, invoice_id, part, amount, given_back,
                                          tax_category, tax_rate)
               select customer_id, charged_for, subject_id, month, invoice_id, $3, -amount, 0, tax_category, tax_rate
               from month_charges where customer_id = $1 and part = $2 and charged_for = 'minimum'";
    tx.execute(sql, &[&customer.0, &credit, &new]).await?;
    Ok(())
}

/// Months of which more was given back than was charged, or with another tax: customer, what for, month.
pub(in crate::invoices) async fn refunded_too_much(
    tx: &mut Tx,
) -> Result<Vec<(CustomerId, &'static str, Date)>> {
    let sql = "select customer_id, charged_for, subject_id, month from month_charges
               group by customer_id, charged_for, subject_id, month, tax_category, tax_rate
               having sum(amount) < 0 and min(case when tax_rate is null then 0 else 1 end) = 1
               union
               select customer_id, charged_for, subject_id, month from month_charges
               group by customer_id, charged_for, subject_id, month having sum(amount) < 0
               order by 1, 4 limit 100";
    let found = |row: &Row| {
        let what = code(what(row)?).0;
        Ok((CustomerId(row.get("customer_id")?), what, row.parse("month")?))
    };
    Ok(MONTH_CHARGES.all(&tx.rows(sql, &[]).await?, found)?)
}

/// What a month was charged up to the minimum of each plan.
pub(in crate::invoices) async fn minimums_of(
    tx: &mut Tx,
    customer: CustomerId,
    month: Date,
) -> Result<Vec<(i64, Amount)>> {
    let sql = "select subject_id, cast(sum(amount) as bigint) as amount from month_charges
               where customer_id = $1 and charged_for = 'minimum' and month = $2 group by subject_id order by subject_id";
    let rows = tx.rows(sql, &[&customer.0, &month.to_string()]).await?;
    let sum = |row: &Row| Ok((row.get("subject_id")?, Amount::from_micros(row.get("amount")?)));
    Ok(rows.iter().map(sum).collect::<db::Result<_>>()?)
}

/// What other invoices gave back of an invoice's charges, by the place of its line: of the last charge of a month first.
pub(in crate::invoices) async fn given_back_later(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Vec<(usize, Amount)>> {
    let sql = "select f.customer_id, f.charged_for, f.subject_id, f.month, f.invoice_id, f.part, f.amount, f.given_back, f.line
               from month_charges f join (select distinct charged_for, subject_id, month from month_charges
                                          where customer_id = $1 and invoice_id = $2 and line is not null and amount > 0) own
                 on own.charged_for = f.charged_for and own.subject_id = f.subject_id and own.month = f.month
               where f.customer_id = $1 and f.line is not null
               order by f.charged_for, f.subject_id, f.month, f.invoice_id, f.part";
    let mut by_month: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in tx.rows(sql, &[&customer.0, &id.0]).await? {
        let read = |row: &Row| {
            let key = (what(row)?, row.parse::<Date>("month")?);
            let invoice = InvoiceId(row.get("invoice_id")?);
            Ok((
                key,
                (invoice, row.count::<usize>("line")?, row.amount("amount")?, row.amount("given_back")?),
            ))
        };
        let (key, charge) = MONTH_CHARGES.read(&row, read)?;
        by_month.entry(key).or_default().push(charge);
    }
    let mut found = Vec::new();
    for charges in by_month.into_values() {
        let given = charges.iter().filter(|(invoice, _, amount, _)| *invoice != id && *amount < Amount::ZERO);
        let given = given.map(|(_, _, amount, back)| back.micros().saturating_sub(amount.micros()));
        let mut left = given.fold(0_i64, i64::saturating_add);
        for (invoice, place, amount, _) in
            charges.iter().rev().filter(|(.., amount, _)| *amount > Amount::ZERO)
        {
            let part = left.min(amount.micros());
            left = left.saturating_sub(part);
            if *invoice == id && part > 0 {
                found.push((*place, Amount::from_micros(part)));
            }
        }
    }
    Ok(found)
}
