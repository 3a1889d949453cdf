//! The tax rates in the database.

use calculation::tax::{TaxClass, TaxRate};
use jiff::Timestamp;

use crate::db::{Place, Row, Ts, Tx};
use crate::error::Result;
use crate::invoices::TaxRateEntry;

const TAX_RATES: Place = Place::new("tax_rates", &["country", "class", "valid_from"]);

pub(in crate::invoices) async fn insert_tax_rate(
    tx: &mut Tx,
    entry: &TaxRateEntry,
    now: Timestamp,
) -> Result<bool> {
    let sql =
        "insert into tax_rates (country, class, valid_from, rate, created_at) values ($1, $2, $3, $4, $5)
               on conflict (country, class, valid_from) do nothing";
    let (class, day) = (entry.class.code(), entry.valid_from.to_string());
    Ok(tx.execute(sql, &[&entry.country, &class, &day, &entry.rate.units(), &Ts(now)]).await? == 1)
}

/// The rate that is set for the country, class and day of another.
pub(in crate::invoices) async fn tax_rate(tx: &mut Tx, entry: &TaxRateEntry) -> Result<Option<TaxRate>> {
    let sql = "select rate from tax_rates where country = $1 and class = $2 and valid_from = $3";
    let (class, day) = (entry.class.code(), entry.valid_from.to_string());
    let row = tx.row(sql, &[&entry.country, &class, &day]).await?;
    Ok(row.map(|row| row.get("rate").map(TaxRate::from_units)).transpose()?)
}

pub(in crate::invoices) async fn tax_rates(tx: &mut Tx) -> Result<Vec<TaxRateEntry>> {
    let entry = |row: &Row| {
        let classes = [TaxClass::Standard, TaxClass::Reduced].map(|class| (class.code(), class));
        Ok(TaxRateEntry {
            country: row.get("country")?,
            class: row.choice("class", &classes)?,
            valid_from: row.parse("valid_from")?,
            rate: TaxRate::from_units(row.get("rate")?),
        })
    };
    let sql = "select country, class, valid_from, rate from tax_rates order by country, class, valid_from";
    Ok(TAX_RATES.all(&tx.rows(sql, &[]).await?, entry)?)
}

/// Puts another rate in the place of one that no invoice has.
pub(in crate::invoices) async fn replace_tax_rate(tx: &mut Tx, entry: &TaxRateEntry) -> Result<()> {
    let sql = "update tax_rates set rate = $4 where country = $1 and class = $2 and valid_from = $3";
    let (class, day) = (entry.class.code(), entry.valid_from.to_string());
    tx.execute(sql, &[&entry.country, &class, &day, &entry.rate.units()]).await?;
    Ok(())
}
