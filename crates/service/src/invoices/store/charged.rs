//! What fees months were charged, in the database, with the tax they had.

use std::collections::BTreeMap;

use calculation::bill::{Charged, Remembered, Tax};
use calculation::money::Amount;
use calculation::tax::TaxRate;
use calculation::total::Total;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::db::{self, Cell, Halves, IN_LIST, Place, Row, Tx, in_list};
use crate::error::Result;
use crate::id::{CustomerId, InvoiceId};
use crate::invoices::facts::ChargedBefore;

const FEE_CHARGES: Place =
    Place::new("fee_charges", &["customer_id", "subscription_id", "month", "invoice_id", "part"]);

fn tax(row: &Row) -> db::Result<Option<Tax>> {
    match row.get::<Option<String>>("tax_category")? {
        None => Ok(None),
        Some(_) => Ok(Some((row.word("tax_category")?, TaxRate::from_units(row.get("tax_rate")?)))),
    }
}

/// What fees some customers were charged for months since an instant, the oldest first.
pub(in crate::invoices) async fn charged(
    tx: &mut Tx,
    ids: &[CustomerId],
    since: Timestamp,
) -> Result<BTreeMap<CustomerId, ChargedBefore>> {
    let since = TimeZone::UTC.to_datetime(since).date().to_string();
    let mut charged: BTreeMap<_, ChargedBefore> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let list = in_list(2);
        let credited = Halves::of("f.credited").plus(&Halves::column("c.net").when("f.amount > 0"));
        let sql = format!(
            "select f.customer_id, f.subscription_id, f.month, f.invoice_id, f.part, f.amount, f.discounted, f.discounts_of,
               f.tax_category, f.tax_rate, {}
             from fee_charges f
             left join (select customer_id, invoice_id, line, {} from credited_lines
                        where customer_id in ({list}) group by customer_id, invoice_id, line) c
               on c.customer_id = f.customer_id and c.invoice_id = f.invoice_id and c.line = f.line
             where f.month >= $1 and f.customer_id in ({list})
             order by f.customer_id, f.month, f.invoice_id, f.part",
            credited.columns("credited"),
            Halves::sum("net").columns("net")
        );
        for row in tx.rows_in(&sql, &[&since], &super::numbers(some.iter().copied())).await? {
            let read = |row: &Row| {
                let entry = Charged {
                    tax: tax(row)?,
                    amount: row.amount("amount")?,
                    discounted: row.amount("discounted")?,
                    credited: row.sum_amount("credited")?,
                    discounts_of: row.optional_parse("discounts_of")?,
                };
                Ok(((row.get("subscription_id")?, row.parse::<Date>("month")?), entry))
            };
            let (key, entry) = FEE_CHARGES.read(&row, read)?;
            let customer = CustomerId(row.get("customer_id")?);
            charged.entry(customer).or_default().entry(key).or_default().push(entry);
        }
    }
    Ok(charged)
}

/// Remembers what fees invoices charge for which months.
pub(in crate::invoices) async fn remember(
    tx: &mut Tx,
    charged: &[(CustomerId, InvoiceId, Remembered)],
) -> Result<()> {
    if charged.is_empty() {
        return Ok(());
    }
    let texts = charged.iter().map(|(.., kept)| {
        let category = kept.tax.map(|(category, _)| db::word(&category)).transpose()?;
        Ok((kept.month.to_string(), kept.discounts_of.to_string(), category))
    });
    let texts = texts.collect::<db::Result<Vec<_>>>()?;
    let rows = (0_i64..).zip(charged).zip(&texts).map(
        |((part, (customer, invoice, kept)), (month, discounts_of, category))| {
            [
                Cell::Int(customer.0),
                Cell::Int(kept.subscription),
                Cell::Text(month),
                Cell::Int(invoice.0),
                Cell::Int(part),
                Cell::Int(kept.amount.micros()),
                Cell::Int(kept.discounted.micros()),
                Cell::Int(kept.credited.micros()),
                kept.line.map_or(Cell::Null, Cell::fit),
                category.as_deref().map_or(Cell::Null, Cell::Text),
                kept.tax.map_or(Cell::Null, |(_, rate)| Cell::Int(rate.units())),
                Cell::Text(discounts_of),
            ]
        },
    );
    let columns = [
        "customer_id",
        "subscription_id",
        "month",
        "invoice_id",
        "part",
        "amount",
        "discounted",
        "credited",
        "line",
        "tax_category",
        "tax_rate",
        "discounts_of",
    ];
    Ok(tx.insert_rows("fee_charges", &columns, &rows.collect::<Vec<_>>()).await?)
}

/// The fees that an invoice has by what is remembered of it; nothing for one of before they were remembered.
pub(in crate::invoices) async fn remembered(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Option<Total>> {
    let sql = "select issued_on from invoices where customer_id = $1 and invoice_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    let issued_on: Option<String> = row.map_or(Ok(None), |row| row.get("issued_on"))?;
    if issued_on.is_none() {
        return Ok(None);
    }
    let given_back = Halves::of("discounted").plus(&Halves::of("credited")).when("amount <= 0");
    let sql = format!(
        "select {} from fee_charges where customer_id = $1 and invoice_id = $2 and line is not null",
        Halves::of("amount").less(&given_back).summed().columns("fees")
    );
    let row = tx.row(&sql, &[&customer.0, &id.0]).await?;
    Ok(row.map(|row| row.total("fees")).transpose()?)
}

/// Takes back the fees that a void invoice is remembered to have charged, as far as they were credited: another charges them anew.
pub(in crate::invoices) async fn reverse_charges(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<()> {
    let last =
        "select coalesce(max(part), 0) as part from fee_charges where customer_id = $1 and invoice_id = $2";
    let last: i64 = tx.row(last, &[&customer.0, &id.0]).await?.map_or(Ok(0), |row| row.get("part"))?;
    let sql = "insert into fee_charges (customer_id, subscription_id, month, invoice_id, part, amount, discounted, credited,
                                        tax_category, tax_rate, discounts_of)
               select f.customer_id, f.subscription_id, f.month, f.invoice_id, f.part + $3 + 1,
                 case when f.amount > 0 then -c.net else -f.amount end,
                 case when f.amount > c.net then 0 else -f.discounted end,
                 case when f.amount > 0 then -f.credited - c.net else -f.credited end, f.tax_category, f.tax_rate, f.discounts_of
               from fee_charges f
               join (select i.customer_id, i.part, coalesce(cast(sum(l.net) as bigint), 0) as net from fee_charges i
                     left join credited_lines l on l.customer_id = i.customer_id and l.invoice_id = i.invoice_id and l.line = i.line
                     where i.customer_id = $1 and i.invoice_id = $2 group by i.customer_id, i.part) c
                 on c.customer_id = f.customer_id and c.part = f.part
               where f.customer_id = $1 and f.invoice_id = $2";
    tx.execute(sql, &[&customer.0, &id.0, &last]).await?;
    Ok(())
}

/// Months of which more was given back of a fee than was charged, or with another tax.
pub(in crate::invoices) async fn refunded_too_much(tx: &mut Tx) -> Result<Vec<(CustomerId, Date)>> {
    let is_below_zero = Halves::sum("amount").is_below_zero();
    let sql = format!(
        "select customer_id, subscription_id, month from fee_charges
         group by customer_id, subscription_id, month, tax_category, tax_rate
         having {is_below_zero} and min(case when tax_rate is null then 0 else 1 end) = 1
         union
         select customer_id, subscription_id, month from fee_charges
         group by customer_id, subscription_id, month having {is_below_zero}
         order by 1, 3 limit 100"
    );
    let found = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.parse("month")?));
    Ok(FEE_CHARGES.all(&tx.rows(&sql, &[]).await?, found)?)
}

/// What other invoices gave back of an invoice's fees, by the place of its line: of the last charge of a month first.
pub(in crate::invoices) async fn fees_given_back_later(
    tx: &mut Tx,
    customer: CustomerId,
    id: InvoiceId,
) -> Result<Vec<(usize, Amount)>> {
    let not_paid = Halves::of("f.discounted").plus(&Halves::of("f.credited")).columns("not_paid");
    let sql = format!(
        "select f.customer_id, f.subscription_id, f.month, f.invoice_id, f.part, f.amount, {not_paid}, f.line
               from fee_charges f join (select distinct subscription_id, month from fee_charges
                                        where customer_id = $1 and invoice_id = $2 and line is not null and amount > 0) own
                 on own.subscription_id = f.subscription_id and own.month = f.month
               where f.customer_id = $1 and f.line is not null
               order by f.subscription_id, f.month, f.invoice_id, f.part"
    );
    let mut by_month: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in tx.rows(&sql, &[&customer.0, &id.0]).await? {
        let read = |row: &Row| {
            let key = (row.get::<i64>("subscription_id")?, row.parse::<Date>("month")?);
            let invoice = InvoiceId(row.get("invoice_id")?);
            Ok((
                key,
                (invoice, row.count::<usize>("line")?, row.amount("amount")?, row.sum_amount("not_paid")?),
            ))
        };
        let (key, charge) = FEE_CHARGES.read(&row, read)?;
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
