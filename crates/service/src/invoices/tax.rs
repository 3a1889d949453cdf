//! Which tax rate holds in a country on a day?

use calculation::country;
use calculation::tax::{TaxClass, TaxRate};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{StoredInvoice, store};
use crate::adjustments::TaxClassSchema;
use crate::db::Tx;
use crate::error::Result;
use crate::id::InvoiceId;

/// A tax rate of a country from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaxRateEntry {
    /// ISO 3166-1 alpha-2.
    #[schema(example = "DE")]
    pub country: String,
    #[schema(value_type = TaxClassSchema)]
    pub class: TaxClass,
    /// The first local day it holds on.
    #[schema(value_type = String, format = Date, example = "2021-01-01")]
    pub valid_from: Date,
    /// Percent.
    #[schema(value_type = String, example = "19")]
    pub rate: TaxRate,
}

/// A tax rate to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaxRate {
    /// ISO 3166-1 alpha-2.
    #[schema(example = "DE")]
    pub country: String,
    /// The standard rate when absent.
    #[serde(default)]
    #[schema(value_type = TaxClassSchema)]
    pub class: TaxClass,
    /// The first local day it holds on.
    #[serde(alias = "from")]
    #[schema(value_type = String, format = Date, example = "2021-01-01")]
    pub valid_from: Date,
    /// Percent.
    #[schema(value_type = String, example = "19")]
    pub rate: TaxRate,
}

/// What became of setting a tax rate.
#[derive(Debug)]
pub enum SetTaxRate {
    Set(TaxRateEntry),
    /// What is wrong with the country.
    NotACountry(String),
    /// Below zero or above a hundred percent.
    OutOfRange,
    /// This rate holds from that day already, and invoices have it.
    Taken(TaxRate),
}

const HUNDRED_PERCENT: TaxRate = TaxRate::from_units(1_000_000);

/// Sets the tax rate of a country from a day on.
pub async fn set_tax_rate(tx: &mut Tx, new: NewTaxRate, now: Timestamp) -> Result<SetTaxRate> {
    let NewTaxRate { country, class, valid_from, rate } = new;
    if let Some(fault) = country::fault(&country) {
        return Ok(SetTaxRate::NotACountry(fault));
    }
    if rate < TaxRate::ZERO || rate > HUNDRED_PERCENT {
        return Ok(SetTaxRate::OutOfRange);
    }
    let entry = TaxRateEntry { country, class, valid_from, rate };
    if store::insert_tax_rate(tx, &entry, now).await? {
        return Ok(SetTaxRate::Set(entry));
    }
    let known = store::tax_rate(tx, &entry).await?.unwrap_or_default();
    if known == rate {
        return Ok(SetTaxRate::Set(entry));
    }
    // One that was mistyped and that no invoice has may be put right.
    if is_used(tx, &TaxRateEntry { rate: known, ..entry.clone() }).await? {
        return Ok(SetTaxRate::Taken(known));
    }
    store::replace_tax_rate(tx, &entry).await?;
    Ok(SetTaxRate::Set(entry))
}

/// A fee in advance is taxed as of the end of the month after its invoice's.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 63);
const PAGE: i64 = 500;

/// Whether an invoice may have a tax rate: a line of that rate for a day from which on it holds.
async fn is_used(tx: &mut Tx, entry: &TaxRateEntry) -> Result<bool> {
    let begins = entry.valid_from.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
    let since = begins.unwrap_or(Timestamp::MIN).checked_sub(AHEAD).unwrap_or(Timestamp::MIN);
    let mut after = InvoiceId(0);
    loop {
        let page = store::since(tx, since, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(false) };
        after = last.id;
        let taxed = |stored: &StoredInvoice| {
            let last_day = stored.invoice.period.last_day;
            stored.invoice.lines.iter().any(|line| {
                let day = line.days.map_or(last_day, |days| days.last.max(last_day));
                day >= entry.valid_from && line.tax_rate == entry.rate
            })
        };
        if page.iter().any(taxed) {
            return Ok(true);
        }
    }
}

/// All tax rates, by country and day.
pub async fn tax_rates(tx: &mut Tx) -> Result<Vec<TaxRateEntry>> {
    store::tax_rates(tx).await
}
