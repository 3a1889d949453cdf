//! What does a new version change, as JSON and in words?

use calculation::money::Price;
use calculation::tariff::{self, Lost, Mode, Why};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::change::Change;

/// No more prefixes without a price than this are listed in JSON, and in words.
const MOST_LISTED: usize = 1_000;
const MOST_IN_WORDS: usize = 50;

/// What a version changes when it comes into force, compared with the list that was in force before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TariffDifference {
    /// The version that it was compared with; absent: nothing was in force.
    #[schema(nullable)]
    pub compared_with: Option<i64>,
    /// When a version that was imported before takes over; absent: none does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub in_force_until: Option<Timestamp>,
    /// Prefixes that get a price of their own.
    pub added: PriceChanges,
    /// Prefixes that have none any more.
    pub removed: PriceChanges,
    /// Prefixes on which some calls get dearer and none cheaper.
    pub dearer: PriceChanges,
    /// Prefixes on which some calls get cheaper and none dearer.
    pub cheaper: PriceChanges,
    /// Prefixes that are blocked.
    pub barred: PriceChanges,
    /// Prefixes whose price changes otherwise, such as dearer for short calls and cheaper for long ones.
    pub otherwise: PriceChanges,
    /// How many prefixes keep their price.
    pub unchanged: usize,
    /// How many prefixes would have no price of their own for some time, though they have one now.
    pub without_price_count: usize,
    /// Those that begin most numbers, up to 1,000.
    pub without_price: Vec<WithoutPrice>,
}

/// How many prefixes change in one way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PriceChanges {
    pub count: usize,
    /// The ten that matter most.
    pub most: Vec<PriceChange>,
}

/// How the price of one prefix changes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PriceChange {
    #[schema(example = "4917")]
    pub prefix: String,
    #[schema(example = "Germany mobile")]
    pub destination: String,
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// The price per minute before.
    #[schema(value_type = Option<String>, example = "0.10")]
    pub old_rate_per_min: Option<Price>,
    /// The price per minute after.
    #[schema(value_type = Option<String>, example = "0.12")]
    pub new_rate_per_min: Option<Price>,
    /// By how many thousandths a call of three minutes gets dearer; below zero: cheaper.
    #[schema(nullable, example = 200)]
    pub permille: Option<i64>,
}

/// A prefix that would have no price of its own for some time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WithoutPrice {
    #[schema(example = "4917")]
    pub prefix: String,
    #[schema(example = "Germany mobile")]
    pub destination: String,
    /// Its price per minute now.
    #[schema(value_type = String, example = "0.10")]
    pub rate_per_min: Price,
    /// The time band that has none; absent: at all times, or outside of the bands.
    #[schema(nullable)]
    pub band: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Absent: for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why, in words.
    #[schema(example = "its new price begins later")]
    pub why: String,
    /// What would be charged instead; absent: nothing, the calls would wait in suspense.
    #[schema(nullable)]
    pub instead: Option<ShorterRate>,
    /// Whether the list or the request says that this is meant.
    pub meant: bool,
}

/// A rate of a shorter prefix, which is charged where a longer one has no price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShorterRate {
    #[schema(example = "49")]
    pub prefix: String,
    #[schema(example = "Germany")]
    pub destination: String,
    #[schema(value_type = String, example = "0.02")]
    pub rate_per_min: Price,
}

impl TariffDifference {
    pub fn new(change: &Change, mode: Option<Mode>) -> Self {
        let found = &change.difference;
        let shown = |lost: &Lost| WithoutPrice::new(lost, lost.is_meant(mode));
        // What refuses the list is listed before what is meant.
        let mut lost: Vec<&Lost> = found.lost.iter().collect();
        lost.sort_by_key(|lost| lost.is_meant(mode));
        Self {
            compared_with: change.compared_with,
            in_force_until: change.next.map(|(from, _)| from),
            added: (&found.added).into(),
            removed: (&found.removed).into(),
            dearer: (&found.dearer).into(),
            cheaper: (&found.cheaper).into(),
            barred: (&found.barred).into(),
            otherwise: (&found.otherwise).into(),
            unchanged: found.unchanged,
            without_price_count: found.lost.len(),
            without_price: lost.into_iter().take(MOST_LISTED).map(shown).collect(),
        }
    }

    /// The difference, a line each.
    pub fn words(&self) -> Vec<String> {
        let Some(version) = self.compared_with else {
            let mut lines = vec![format!("nothing was in force before: {} prefixes added", self.added.count)];
            lines.extend(
                self.without_price.iter().take(MOST_IN_WORDS).map(|lost| format!("  {}", lost.words())),
            );
            return lines;
        };
        let mut counts = format!(
            "compared with version {version}: {} added, {} removed, {} dearer, {} cheaper, {} unchanged",
            self.added.count, self.removed.count, self.dearer.count, self.cheaper.count, self.unchanged
        );
        for (changes, word) in [(&self.barred, "blocked"), (&self.otherwise, "changed otherwise")] {
            if changes.count > 0 {
                counts.push_str(&format!(", {} {word}", changes.count));
            }
        }
        let kinds = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("dearer", &self.dearer),
            ("cheaper", &self.cheaper),
            ("blocked", &self.barred),
            ("otherwise", &self.otherwise),
        ];
        let mut lines = vec![counts];
        for (word, changes) in kinds {
            lines.extend(changes.most.iter().map(|change| format!("  {word}: {}", change.words())));
        }
        lines.extend(self.without_price.iter().take(MOST_IN_WORDS).map(|lost| format!("  {}", lost.words())));
        if self.without_price_count > MOST_IN_WORDS {
            lines.push(format!("  and {} more without a price", self.without_price_count - MOST_IN_WORDS));
        }
        if let Some(until) = self.in_force_until {
            lines.push(format!("  only until {until}: then a version that was imported before takes over"));
        }
        lines
    }
}

impl From<&tariff::Changes> for PriceChanges {
    fn from(changes: &tariff::Changes) -> Self {
        let change = |change: &tariff::Change| PriceChange {
            prefix: change.prefix.to_string(),
            destination: change.destination.to_string(),
            from: change.from,
            old_rate_per_min: change.old,
            new_rate_per_min: change.new,
            permille: change.permille.filter(|permille| *permille != i64::MAX),
        };
        Self { count: changes.count, most: changes.examples.iter().map(change).collect() }
    }
}

impl PriceChange {
    fn words(&self) -> String {
        let price = |price: Option<Price>| price.map_or("none".to_owned(), |price| price.to_string());
        let by = self.permille.map(|permille| {
            let sign = if permille < 0 { '-' } else { '+' };
            format!(" ({sign}{}.{} %)", permille.unsigned_abs() / 10, permille.unsigned_abs() % 10)
        });
        format!(
            "{} {}, {} -> {}{}, from {}",
            self.prefix,
            self.destination,
            price(self.old_rate_per_min),
            price(self.new_rate_per_min),
            by.unwrap_or_default(),
            self.from
        )
    }
}

impl WithoutPrice {
    fn new(lost: &Lost, meant: bool) -> Self {
        let why = match lost.why {
            Why::NotNamed => "the list does not name it",
            Why::Deleted => "the list deletes it",
            Why::DeletedLater => "the list deletes it, but only later",
            Why::BeginsLater => "its new price begins later",
            Why::Ends => "its price ends",
            Why::Gap | Why::NewGap => "the list has a gap",
        };
        let instead = lost.instead.as_ref().map(|rate| ShorterRate {
            prefix: rate.prefix.to_string(),
            destination: rate.destination.to_string(),
            rate_per_min: rate.price,
        });
        Self {
            prefix: lost.prefix.to_string(),
            destination: lost.destination.to_string(),
            rate_per_min: lost.price,
            band: lost.band.as_deref().map(ToOwned::to_owned),
            from: lost.from,
            until: lost.until,
            why: why.to_owned(),
            instead,
            meant,
        }
    }

    /// What would happen, in one sentence.
    pub fn words(&self) -> String {
        let band = self.band.as_ref().map(|band| format!(" in band {band}")).unwrap_or_default();
        let until = self.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let instead = match &self.instead {
            Some(rate) => {
                format!("calls would cost {} as {} ({})", rate.rate_per_min, rate.destination, rate.prefix)
            }
            None => "calls would wait in suspense".to_owned(),
        };
        format!(
            "no price of its own{band}: {} {} ({}), from {}{until}: {}; {instead}",
            self.prefix, self.destination, self.rate_per_min, self.from, self.why
        )
    }
}

/// How many prices would be lost.
pub fn count_of_losses(count: usize) -> String {
    if count == 1 { "1 price would be lost".to_owned() } else { format!("{count} prices would be lost") }
}

/// What to do about prefixes that would have no price.
pub fn advice(mode: Option<Mode>, amend: &str, replace: &str) -> String {
    match mode {
        None => format!(
            "{amend} keeps what the list does not name, {replace} ends it; with either a code keeps its old price \
             until its new one begins"
        ),
        Some(_) => {
            "the list itself leaves them without a price: add rows for that time, or rows with the status \
                    deleted"
                .to_owned()
        }
    }
}
