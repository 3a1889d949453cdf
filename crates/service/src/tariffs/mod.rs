//! What do calls cost? Tariffs, imported from decks, versioned and published from an instant on.

mod book;
mod change;
pub mod cli;
pub mod described;
pub mod http;
mod import;
mod publish;
pub mod show;
mod store;
mod withdraw;

use calculation::money::Currency;
use calculation::tariff::Terms;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use book::{TariffBook, Version};
pub use change::Change;
pub use import::{Imported, NewTariff, import, looks_like, terms_at};
pub use publish::{Published, publish};
pub use withdraw::{Withdrawn, withdraw};

use crate::db::Tx;
use crate::error::Result;
use crate::id::TariffId;
use crate::names;

/// A tariff with its versions, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tariff {
    #[schema(value_type = String, example = "tar_01h2x3y4z5a6b")]
    pub id: TariffId,
    #[schema(example = "standard-eur")]
    pub name: String,
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub versions: Vec<TariffVersion>,
}

/// One version of a tariff: a whole deck. Calls answered from `valid_from` on are charged by it, until
/// the next version's.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TariffVersion {
    /// Counts from 1.
    pub version: i64,
    #[schema(value_type = TermsSchema)]
    pub terms: Terms,
    /// How many rates.
    pub rate_count: i64,
    #[schema(value_type = String, format = DateTime)]
    pub imported_at: Timestamp,
    /// Absent while it is not published, and when it was withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// Present when it was taken back before it came into force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
    /// When it would have come into force, had it not been withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_from: Option<Timestamp>,
}

/// The terms that hold for a whole tariff.
#[derive(ToSchema, Deserialize)]
#[schema(as = Terms)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct TermsSchema {
    #[schema(example = "EUR")]
    currency: String,
    rounding: RoundingSchema,
    /// The IANA zone in which dates without a time begin.
    #[schema(nullable = false, example = "Europe/Berlin")]
    zone: Option<String>,
    /// Initial and next increment of rates that name none.
    #[schema(example = "60/1")]
    increments: Option<String>,
    /// Local days that count as `holiday`.
    #[schema(nullable = false, example = json!(["2026-10-03"]))]
    holidays: Option<Vec<String>>,
    #[schema(nullable = false)]
    bands: Option<Vec<BandSchema>>,
}

/// How a charge is rounded, once a call.
#[derive(ToSchema, Deserialize)]
#[schema(as = Rounding)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct RoundingSchema {
    /// Digits after the point, 0 to 6.
    #[schema(example = 4)]
    digits: u8,
    mode: RoundingMode,
}

/// Where a charge is rounded to.
#[derive(ToSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundingMode {
    /// To the nearest; a half goes away from zero.
    HalfUp,
    /// Away from zero.
    Up,
    /// Toward zero.
    Down,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
}

/// A day of the week, or a holiday, which replaces the weekday it falls on.
#[derive(ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Holiday,
}

/// Hours of some days of the week, in the customer's zone.
#[derive(ToSchema, Deserialize)]
#[schema(as = Band)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct BandSchema {
    #[schema(example = "peak")]
    name: String,
    #[schema(example = json!(["mon", "tue", "wed", "thu", "fri"]))]
    days: Vec<Day>,
    #[schema(example = "08:00")]
    from: String,
    /// `24:00` is the end of the day.
    #[schema(example = "18:00")]
    to: String,
}

/// The rates of one version of a tariff.
pub async fn version(tx: &mut Tx, id: TariffId, version: i64) -> Result<Option<calculation::tariff::Tariff>> {
    store::load(tx, id, version).await
}

/// The version that is in force at an instant.
pub fn version_at(tariff: &Tariff, at: Timestamp) -> Option<&TariffVersion> {
    let begun = tariff.versions.iter().filter(|version| version.valid_from.is_some_and(|from| from <= at));
    begun.max_by_key(|version| (version.valid_from, version.version))
}

/// A tariff by its id.
pub async fn by_id(tx: &mut Tx, id: TariffId) -> Result<Option<Tariff>> {
    store::by_id(tx, id).await
}

/// A tariff by its name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Tariff>> {
    if let Some(tariff) = store::by_name(tx, name).await? {
        return Ok(Some(tariff));
    }
    let known = store::names(tx).await?;
    let known = names::known_as(name, known.iter().map(String::as_str));
    store::by_name(tx, &known).await
}

/// All tariffs, by name.
pub async fn all(tx: &mut Tx) -> Result<Vec<Tariff>> {
    store::all(tx).await
}
