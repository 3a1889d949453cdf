//! Why does this call cost what it costs? Computed again from what was stored, and told in a sentence.

use calculation::money::{Amount, Exact, Money};
use calculation::phone_number::{Dialled, E164};
use calculation::rating;
use calculation::tariff::{Rate, Tariff};
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, StoredCall, StoredCharge};
use super::{Call, MoneySchema};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{PlanId, TariffId};
use crate::plans::Plan;

/// Why a call costs what it costs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Why {
    /// The explanation in a sentence.
    #[schema(example = "61 s to United Kingdom are billed as 120 s (60/60), at 0.02 a minute: 0.04 EUR.")]
    pub sentence: String,
    #[schema(value_type = String)]
    pub plan_id: PlanId,
    #[schema(value_type = String)]
    pub tariff_id: TariffId,
    #[schema(example = "standard-eur")]
    pub tariff: String,
    pub tariff_version: i64,
    /// The prefix that matched.
    #[schema(example = "44")]
    pub prefix: String,
    /// The time band that applied.
    pub band: Option<String>,
    /// Initial and next seconds.
    #[schema(example = "60/60")]
    pub increments: String,
    /// Prices per minute, by billed second from the start of the call.
    pub steps: Vec<StepShown>,
    #[schema(example = "0.05")]
    pub connection_fee: String,
    #[schema(example = "0.00")]
    pub minimum_charge: String,
    pub talk_seconds: i64,
    pub billed_seconds: i64,
    /// The month pricing of the plan that the seconds count to: the invoice prices them.
    pub month_pricing: Option<String>,
    /// Seconds covered by each allowance of the plan.
    pub allowances: Vec<TakenShown>,
    /// The charge before rounding; `…` marks a fraction without end.
    #[schema(example = "0.0365")]
    pub exact: String,
    /// The rounding, once a call.
    #[schema(example = "half-up to 4 digits")]
    pub rounding: String,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
}

/// A price per minute from a billed second on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepShown {
    pub from_seconds: u32,
    #[schema(example = "0.02")]
    pub price_per_minute: String,
}

/// Seconds that an allowance covered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TakenShown {
    #[schema(example = "100 minutes to Germany")]
    pub name: String,
    pub seconds: i64,
}

/// A stored charge, computed again.
#[derive(Debug)]
pub struct Recomputed {
    /// What it comes to now.
    pub amount: Amount,
    /// Whether that is what was stored, before and after rounding.
    pub same: bool,
}

/// Explains a charged call; nothing for one that costs nothing.
pub async fn explain(tx: &mut Tx, app: &App, stored: &StoredCall) -> Result<Option<Why>> {
    let StoredCall { customer, call, charge } = stored;
    let (Some(charge), Some(amount)) = (charge, call.amount) else { return Ok(None) };
    let (tariff, zone) = context(tx, app, stored, charge).await?;
    let rate = rate_of(&tariff, &zone, call, charge)?;
    let lost = |what: String| move || Error::Contradiction(format!("no {what}"));
    let info = crate::tariffs::by_id(tx, charge.tariff_id).await?;
    let info = info.ok_or_else(lost(format!("tariff {}", charge.tariff_id)))?;
    let plan = crate::plans::by_id(tx, charge.plan_id).await?;
    let plan = plan.ok_or_else(lost(format!("plan {}", charge.plan_id)))?;
    let taken = store::taken(tx, *customer, call).await?;
    let name = |position: i64| {
        let allowance = plan.allowances.get(usize::try_from(position).ok()?)?;
        Some(allowance.name.clone())
    };
    let mut allowances = Vec::with_capacity(taken.len());
    for (position, seconds) in taken {
        let name = name(position).ok_or_else(lost(format!("allowance {position} in {}", plan.name)))?;
        allowances.push(TakenShown { name, seconds });
    }
    let steps = rate
        .steps
        .iter()
        .map(|step| StepShown { from_seconds: step.from_seconds, price_per_minute: step.price.to_string() });
    let rounding = tariff.terms().rounding;
    let mut why = Why {
        sentence: String::new(),
        plan_id: charge.plan_id,
        tariff_id: charge.tariff_id,
        tariff: info.name,
        tariff_version: charge.tariff_version,
        prefix: charge.prefix.clone(),
        band: charge.band.clone(),
        increments: rate.increments.to_string(),
        steps: steps.collect(),
        connection_fee: rate.connection_fee.to_string(),
        minimum_charge: rate.minimum_charge.to_string(),
        talk_seconds: call.talk_seconds,
        billed_seconds: call.billed_seconds.unwrap_or_default(),
        month_pricing: month_pricing(&plan, charge),
        allowances,
        exact: charge.exact.to_string(),
        rounding: format!("{} to {} digits", rounding.mode(), rounding.digits()),
        amount,
    };
    why.sentence = sentence(&why, &rate.destination, rate, call);
    Ok(Some(why))
}

fn month_pricing(plan: &Plan, charge: &StoredCharge) -> Option<String> {
    Some(plan.terms.usage_pricing.get(charge.month_pricing?)?.name.clone())
}

fn sentence(why: &Why, destination: &str, rate: &Rate, call: &Call) -> String {
    let Why { talk_seconds, billed_seconds, increments, amount, rounding, exact, .. } = why;
    let mut text =
        format!("{talk_seconds} s to {destination} are billed as {billed_seconds} s ({increments})");
    for taken in &why.allowances {
        text += &format!(", {} s of them included in “{}”", taken.seconds, taken.name);
    }
    let priced = billed_seconds - call.included_seconds.unwrap_or_default();
    if priced == 0 {
        return format!("{text}: nothing to pay.");
    }
    if let Some(pricing) = &why.month_pricing {
        return format!("{text}: {priced} s count to the month's “{pricing}”, which the invoice prices.");
    }
    let band = why.band.as_ref().map(|band| format!(" ({band})")).unwrap_or_default();
    let prices: Vec<_> = why
        .steps
        .iter()
        .map(|step| match step.from_seconds {
            0 => step.price_per_minute.clone(),
            from => format!("{} from second {from}", step.price_per_minute),
        })
        .collect();
    text += &format!(", {priced} s at {} a minute{band}", prices.join(", "));
    if rate.connection_fee.nanos() != 0 {
        text += &format!(", plus {} for the connection", why.connection_fee);
    }
    text += &format!(": {exact}, rounded {rounding}");
    if rate.minimum_charge == amount.amount && rate.minimum_charge > Amount::ZERO {
        text += &format!(", at least {}", why.minimum_charge);
    }
    format!("{text}: {amount}.")
}

/// Computes a stored charge again, from its tariff version and the seconds that were included.
pub async fn recompute(tx: &mut Tx, app: &App, stored: &StoredCall) -> Result<Option<Recomputed>> {
    let StoredCall { call, charge, .. } = stored;
    let (Some(charge), Some(amount)) = (charge, call.amount) else { return Ok(None) };
    let (tariff, zone) = context(tx, app, stored, charge).await?;
    let rate = rate_of(&tariff, &zone, call, charge)?;
    let no_longer_fits = || Error::Contradiction("a charge no longer fits".to_owned());
    let seconds = |seconds: i64| u32::try_from(seconds).map_err(|_| no_longer_fits());
    let included = seconds(call.included_seconds.ok_or_else(no_longer_fits)?)?;
    let billed = rate.increments.billed(seconds(call.talk_seconds)?).ok_or_else(no_longer_fits)?;
    let priced = match charge.month_pricing {
        // The month's minutes are priced, not the call.
        Some(_) => Some((Exact::default(), Amount::ZERO)),
        None => rating::price(&tariff, rate, billed, included),
    };
    let (exact, again) = priced.ok_or_else(no_longer_fits)?;
    let same = exact == charge.exact && again == amount.amount && call.billed_seconds == Some(billed.into());
    Ok(Some(Recomputed { amount: again, same }))
}

async fn context(
    tx: &mut Tx,
    app: &App,
    stored: &StoredCall,
    charge: &StoredCharge,
) -> Result<(std::sync::Arc<Tariff>, TimeZone)> {
    let tariff = app.tariffs.version(tx, charge.tariff_id, charge.tariff_version).await?;
    let missing =
        || Error::Contradiction(format!("no version {} of {}", charge.tariff_version, charge.tariff_id));
    let unknown = || Error::Contradiction(format!("no customer {}", stored.customer));
    let customer = crate::customers::by_id(tx, stored.customer).await?.ok_or_else(unknown)?;
    let calendar = crate::customers::calendar(tx, &customer).await?;
    let at = stored.call.answered_at.unwrap_or(stored.call.started_at);
    let zone = calendar.zone_at(at).map_err(|error| Error::Contradiction(error.to_string()))?;
    Ok((tariff.ok_or_else(missing)?, zone.clone()))
}

/// The rate that was applied: the one of that prefix and band that was in force then.
pub(super) fn rate_of<'t>(
    tariff: &'t Tariff,
    zone: &TimeZone,
    call: &Call,
    charge: &StoredCharge,
) -> Result<&'t Rate> {
    let at = call.answered_at.unwrap_or(call.started_at);
    let by_number = call.number.as_ref().and_then(|number| number.parse::<E164>().ok()).map(Dialled::Number);
    let asked = by_number.and_then(|dialled| tariff.rate_for(&dialled, at, zone));
    let matches = |rate: &&Rate| {
        rate.prefix.as_str() == charge.prefix
            && rate.band.as_deref() == charge.band.as_deref()
            && rate.in_force(at)
    };
    asked
        .filter(matches)
        .or_else(|| tariff.rates().iter().find(matches))
        .ok_or_else(|| Error::Contradiction(format!("no rate for prefix {} in its tariff", charge.prefix)))
}
