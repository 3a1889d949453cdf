//! What do a month's calls to some destinations cost together?
//!
//! Most calls are priced one by one. A plan may price those to chosen destinations by the month instead:
//! then the sum of their billed seconds has a price, and no single call has.

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Currency, Exact, Price, Rounding, RoundingMode};
use crate::phone_number::Dialled;
use crate::tariff::Prefix;
use crate::terms_error::TermsError;

/// The price of a month's calls to chosen destinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UsagePricingText")]
pub struct UsagePricing {
    /// The name, as the invoice shows it.
    pub name: String,
    /// Prefixes of the numbers it is for.
    pub destinations: Vec<Prefix>,
    /// How their seconds are priced.
    #[serde(flatten)]
    pub model: PricingModel,
}

/// How the billed seconds of a month are priced.
///
/// ```
/// use calculation::usage_pricing::UsagePricing;
/// let pricing: UsagePricing = serde_json::from_str(
///     r#"{"name": "Germany", "destinations": ["49"], "model": "graduated", "tiers": [
///         {"up_to_minutes": 10, "price_per_minute": "10", "flat_fee": "2"},
///         {"price_per_minute": "5", "flat_fee": "3"}]}"#,
/// )?;
/// let euro = "EUR".parse()?;
/// assert_eq!(pricing.model.price(10 * 60, euro), Some("102".parse()?));
/// assert_eq!(pricing.model.price(11 * 60, euro), Some("110".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum PricingModel {
    /// Each tier prices the seconds that fall into it.
    Graduated {
        /// The tiers, by the minutes of the month.
        tiers: Vec<Tier>,
    },
    /// The tier that the total falls into prices all seconds.
    Volume {
        /// The tiers, by the total.
        tiers: Vec<Tier>,
    },
    /// Packages of minutes, each paid whole once it is begun.
    Package {
        /// The minutes of a package.
        minutes: u32,
        /// The price of a package.
        price: Amount,
    },
}

/// [`UsagePricing`] as it is written, where one model's fields may stand beside another's name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsagePricingText {
    name: String,
    destinations: Vec<Prefix>,
    model: ModelName,
    tiers: Option<Vec<Tier>>,
    minutes: Option<u32>,
    price: Option<Amount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModelName {
    Graduated,
    Volume,
    Package,
}

/// Minutes of a month that have one price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The last minute of the month that belongs to it; absent in the last tier, which has no end.
    #[serde(default)]
    pub up_to_minutes: Option<u32>,
    /// The price per minute.
    pub price_per_minute: Price,
    /// Charged once if any second falls into it.
    #[serde(default)]
    pub flat_fee: Amount,
}

impl TryFrom<UsagePricingText> for UsagePricing {
    type Error = &'static str;

    fn try_from(text: UsagePricingText) -> Result<Self, Self::Error> {
        let UsagePricingText { name, destinations, model, tiers, minutes, price } = text;
        let model = match (model, tiers, minutes, price) {
            (ModelName::Graduated, Some(tiers), None, None) => PricingModel::Graduated { tiers },
            (ModelName::Volume, Some(tiers), None, None) => PricingModel::Volume { tiers },
            (ModelName::Package, None, Some(minutes), Some(price)) => {
                PricingModel::Package { minutes, price }
            }
            (ModelName::Package, ..) => return Err("the model `package` has `minutes` and `price`"),
            _ => return Err("the models `graduated` and `volume` have `tiers`, and no `minutes` or `price`"),
        };
        Ok(Self { name, destinations, model })
    }
}

impl UsagePricing {
    /// Whether it is for a number.
    pub fn covers(&self, dialled: &Dialled) -> bool {
        self.destinations.iter().any(|prefix| prefix.matches(dialled))
    }

    /// Whether it prices every second, and nothing below zero.
    pub fn check(&self) -> Result<(), TermsError> {
        let refuse_name = |message| Err(TermsError::new("/name", message));
        if self.name.trim().is_empty() {
            return refuse_name("is empty");
        }
        if self.name.chars().any(char::is_control) {
            return refuse_name("has a control character");
        }
        if self.name.chars().count() > 200 {
            return refuse_name("is longer than 200 characters");
        }
        if self.destinations.is_empty() {
            return Err(TermsError::new("/destinations", "is empty: name a prefix, or `*` for all numbers"));
        }
        self.model.check()
    }
}

impl PricingModel {
    /// What the billed seconds of a month cost, rounded once, half-up, to the currency's minor unit; nothing
    /// when that does not fit or no tier is for them.
    pub fn price(&self, seconds: u64, currency: Currency) -> Option<Amount> {
        if seconds == 0 {
            return Some(Amount::ZERO);
        }
        let exact = match self {
            Self::Graduated { tiers } => graduated(tiers, seconds),
            Self::Volume { tiers } => {
                tiers.iter().find(|tier| seconds <= tier.up_to_seconds())?.price(seconds)
            }
            Self::Package { minutes, price } => packages(*minutes, *price, seconds),
        }?;
        exact.round(Rounding::new(currency.minor_digits(), RoundingMode::HalfUp).ok()?)
    }

    /// What the month costs more once `late` seconds are added to those that were invoiced; less than zero
    /// where a volume makes all of them cheaper.
    ///
    /// ```
    /// use calculation::usage_pricing::PricingModel;
    /// let hours = PricingModel::Package { minutes: 60, price: "3.00".parse()? };
    /// let euro = "EUR".parse()?;
    /// assert_eq!(hours.price_of_late(3_000, 600, euro), Some("0.00".parse()?)); // the hour was begun
    /// assert_eq!(hours.price_of_late(3_000, 601, euro), Some("3.00".parse()?));
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn price_of_late(&self, invoiced: u64, late: u64, currency: Currency) -> Option<Amount> {
        let all = self.price(invoiced.checked_add(late)?, currency)?;
        let more = all.micros().checked_sub(self.price(invoiced, currency)?.micros())?;
        Some(Amount::from_micros(more))
    }

    fn check(&self) -> Result<(), TermsError> {
        match self {
            Self::Graduated { tiers } | Self::Volume { tiers } => check_tiers(tiers),
            Self::Package { minutes: 0, .. } => {
                Err(TermsError::new("/minutes", "is 0: a package has minutes"))
            }
            Self::Package { price, .. } => TermsError::sound_amount("/price", *price),
        }
    }
}

impl Tier {
    fn up_to_seconds(&self) -> u64 {
        self.up_to_minutes.map_or(u64::MAX, |minutes| u64::from(minutes).saturating_mul(60))
    }

    fn price(&self, seconds: u64) -> Option<Exact> {
        let units = i128::from(self.price_per_minute.nanos()).checked_mul(seconds.into())?;
        Exact::from_units(units).checked_add(self.flat_fee.into())
    }

    fn check(&self) -> Result<(), TermsError> {
        TermsError::sound_price("/price_per_minute", self.price_per_minute)?;
        TermsError::sound_amount("/flat_fee", self.flat_fee)
    }
}

fn graduated(tiers: &[Tier], seconds: u64) -> Option<Exact> {
    let mut exact = Exact::default();
    let mut priced = 0;
    for tier in tiers {
        let until = tier.up_to_seconds().min(seconds);
        let within = until.saturating_sub(priced);
        if within > 0 {
            exact = exact.checked_add(tier.price(within)?)?;
            priced = until;
        }
    }
    (priced == seconds).then_some(exact)
}

fn packages(minutes: u32, price: Amount, seconds: u64) -> Option<Exact> {
    let package_seconds = u64::from(minutes).checked_mul(60)?;
    let begun = seconds.checked_next_multiple_of(package_seconds)?.checked_div(package_seconds)?;
    Exact::from(price).units().checked_mul(begun.into()).map(Exact::from_units)
}

fn check_tiers(tiers: &[Tier]) -> Result<(), TermsError> {
    let Some(last) = tiers.len().checked_sub(1) else {
        return Err(TermsError::new("/tiers", "is empty: a month's minutes need a price"));
    };
    let mut before = 0;
    for (place, tier) in tiers.iter().enumerate() {
        let within = |error: TermsError| error.within(&format!("/tiers/{place}"));
        let refuse = |message: String| Err(within(TermsError::new("/up_to_minutes", message)));
        match tier.up_to_minutes {
            None if place < last => {
                return refuse("is missing: only the last tier has no end".into());
            }
            Some(_) if place == last => {
                return refuse("is too much: leave it out, as the last tier has no end".into());
            }
            Some(minutes) if minutes <= before => {
                return refuse(format!("is not above {before}: tiers are in the order of their minutes"));
            }
            Some(minutes) => before = minutes,
            None => {}
        }
        tier.check().map_err(within)?;
    }
    Ok(())
}
