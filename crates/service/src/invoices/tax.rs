//! Which tax rate holds in a country on a day?

use calculation::tax::{TaxClass, TaxRate};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::adjustments::TaxClassSchema;
use crate::db::Tx;
use crate::error::Result;

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
    NotACountry,
    /// Below zero or above a hundred percent.
    OutOfRange,
    /// This rate holds from that day already; what is set is never changed.
    Taken(TaxRate),
}

const HUNDRED_PERCENT: TaxRate = TaxRate::from_units(1_000_000);

/// Sets the tax rate of a country from a day on.
pub async fn set_tax_rate(tx: &mut Tx, new: NewTaxRate, now: Timestamp) -> Result<SetTaxRate> {
    let NewTaxRate { country, class, valid_from, rate } = new;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(SetTaxRate::NotACountry);
    }
    if rate < TaxRate::ZERO || rate > HUNDRED_PERCENT {
        return Ok(SetTaxRate::OutOfRange);
    }
    let entry = TaxRateEntry { country, class, valid_from, rate };
    if store::insert_tax_rate(tx, &entry, now).await? {
        return Ok(SetTaxRate::Set(entry));
    }
    let known = store::tax_rate(tx, &entry).await?.unwrap_or_default();
    Ok(if known == rate { SetTaxRate::Set(entry) } else { SetTaxRate::Taken(known) })
}

/// All tax rates, by country and day.
pub async fn tax_rates(tx: &mut Tx) -> Result<Vec<TaxRateEntry>> {
    store::tax_rates(tx).await
}
