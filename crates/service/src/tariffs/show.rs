//! Which rates compete for a number, which one holds at an instant, and what will hold later?

use calculation::money::Price;
use calculation::phone_number::{Dialled, E164};
use calculation::tariff::{Asked, Competitor, Prefix, Rate, Standing};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Tariff, TariffBook, Version};
use crate::db::Tx;
use crate::error::Result;

/// No more future changes than this are told.
const MOST_CHANGES: usize = 100;

/// What a tariff has for a number or prefix.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TariffRates {
    /// The number or prefix that was asked about.
    #[schema(example = "+491711234567")]
    pub asked: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The version in force then; absent: none is.
    #[schema(nullable)]
    pub version: Option<i64>,
    /// All rates of that version that compete, longest prefix first.
    pub rates: Vec<CompetingRate>,
    /// What will hold later, whenever that changes, up to 100 times.
    pub changes: Vec<RateChange>,
}

/// A rate that competes for a number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompetingRate {
    #[schema(example = "4917")]
    pub prefix: String,
    #[schema(example = "Germany mobile")]
    pub destination: String,
    /// The price per minute from the first second on.
    #[schema(value_type = String, example = "0.10")]
    pub rate_per_min: Price,
    /// All its prices per minute, by the billed second from which each holds, such as `0:0.10,600:0.05`.
    #[schema(example = "0:0.10,600:0.05")]
    pub steps: String,
    #[schema(value_type = String, example = "0.05")]
    pub connection_charge: Price,
    #[schema(example = "60/1")]
    pub increments: String,
    #[schema(nullable)]
    pub band: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub effective_from: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub effective_to: Option<Timestamp>,
    pub blocked: bool,
    pub standing: RateStanding,
    /// The standing in words.
    #[schema(example = "holds: the longest prefix with a price then")]
    pub why: String,
}

/// Where a rate stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateStanding {
    Holds,
    /// A longer prefix holds.
    LongerHolds,
    /// A rate of the same prefix holds that is of the time band, or began later.
    BetterHolds,
    OtherBand,
    BeginsLater,
    Over,
}

/// What will hold from an instant on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RateChange {
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// By which version.
    pub version: i64,
    /// Absent: no price.
    #[schema(nullable)]
    pub rate: Option<CompetingRate>,
}

/// Reads what is asked about: a number with its `+`, or a prefix as in a deck.
pub fn asked(text: &str) -> std::result::Result<Asked, String> {
    let text = text.trim();
    if text.starts_with('+') {
        let number: E164 = text.replace(' ', "").parse().map_err(|error| format!("`{text}`: {error}"))?;
        return Ok(Asked::Number(Dialled::Number(number)));
    }
    text.parse::<Prefix>().map(Asked::Prefix)
}

/// What a tariff has for a number or prefix at an instant on a wall clock, and from then on.
pub async fn rates(
    tx: &mut Tx,
    book: &TariffBook,
    tariff: &Tariff,
    text: &str,
    asked: &Asked,
    at: Timestamp,
    zone: &TimeZone,
) -> Result<TariffRates> {
    let versions = book.published(tx, tariff.id).await?;
    let now = in_force(&versions, at);
    let rates = now.map(|version| version.tariff.competitors(asked, at, zone)).unwrap_or_default();
    let mut instants: Vec<Timestamp> = versions.iter().map(|version| version.valid_from).collect();
    for version in &versions {
        for Competitor { rate, .. } in version.tariff.competitors(asked, at, zone) {
            instants.extend([rate.effective_from, rate.effective_to].into_iter().flatten());
        }
    }
    instants.retain(|instant| *instant > at);
    instants.sort_unstable();
    instants.dedup();
    let mut last = now.and_then(|version| held(version, asked, at, at, zone));
    let mut changes = Vec::new();
    for from in instants {
        let Some(version) = in_force(&versions, from) else { continue };
        let rate = held(version, asked, from, at, zone);
        if rate != last {
            let shown = rate.as_ref().map(|rate| CompetingRate::new(rate, Standing::Holds));
            changes.push(RateChange { from, version: version.version, rate: shown });
            last = rate;
        }
    }
    changes.truncate(MOST_CHANGES);
    Ok(TariffRates {
        asked: text.to_owned(),
        at,
        version: now.map(|version| version.version),
        rates: rates.iter().map(|found| CompetingRate::new(found.rate, found.standing)).collect(),
        changes,
    })
}

/// The version in force at an instant: the versions are sorted by when each begins.
fn in_force(versions: &[Version], at: Timestamp) -> Option<&Version> {
    versions.iter().rev().find(|version| version.valid_from <= at)
}

/// What holds at an instant, in the time band of another: the hours of the week are not what changes.
fn held(version: &Version, asked: &Asked, at: Timestamp, clock: Timestamp, zone: &TimeZone) -> Option<Rate> {
    version.tariff.held(asked, at, clock, zone).cloned()
}

impl CompetingRate {
    fn new(rate: &Rate, standing: Standing) -> Self {
        let (standing, why) = match standing {
            Standing::Holds if rate.blocked => (RateStanding::Holds, "holds, and blocks the destination"),
            Standing::Holds => (RateStanding::Holds, "holds: the longest prefix with a price then"),
            Standing::LongerHolds => (RateStanding::LongerHolds, "a longer prefix holds"),
            Standing::BetterHolds => (
                RateStanding::BetterHolds,
                "another rate of the prefix holds: of the time band, or begun later",
            ),
            Standing::OtherBand => (RateStanding::OtherBand, "its time band is another"),
            Standing::BeginsLater => (RateStanding::BeginsLater, "begins later"),
            Standing::Over => (RateStanding::Over, "is over"),
        };
        let steps = rate.steps.iter().map(|step| format!("{}:{}", step.from_seconds, step.price));
        Self {
            prefix: rate.prefix.to_string(),
            destination: rate.destination.to_string(),
            rate_per_min: rate.first_price(),
            steps: steps.collect::<Vec<_>>().join(","),
            connection_charge: rate.connection_fee,
            increments: rate.increments.to_string(),
            band: rate.band.as_deref().map(ToOwned::to_owned),
            effective_from: rate.effective_from,
            effective_to: rate.effective_to,
            blocked: rate.blocked,
            standing,
            why: why.to_owned(),
        }
    }

    /// The rate in one line.
    pub fn words(&self) -> String {
        let band = self.band.as_ref().map(|band| format!(" in band {band}")).unwrap_or_default();
        let from = self.effective_from.map(|from| format!(" from {from}")).unwrap_or_default();
        let until = self.effective_to.map(|until| format!(" until {until}")).unwrap_or_default();
        format!(
            "{} {} {} at {}{band}{from}{until}",
            self.prefix, self.destination, self.rate_per_min, self.increments
        )
    }
}
