//! What would a call cost? Asked of the same function that charges it.

use std::sync::Arc;

use calculation::call::Billable;
use calculation::cdr::Flaw;
use calculation::money::Money;
use calculation::phone_number::{E164, dialled, emergency_dialled, region_of};
use calculation::rating::{self, Caller};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::MoneySchema;
use super::directory::{Account, Directory};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;

/// What a call would cost a line, before any included minutes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Quote {
    /// E.164, or the short code.
    #[schema(example = "+442079460123")]
    pub number: String,
    #[schema(example = "United Kingdom")]
    pub destination: String,
    #[schema(example = "44")]
    pub prefix: String,
    pub band: Option<String>,
    #[schema(example = "60/60")]
    pub increments: String,
    pub talk_seconds: u32,
    pub billed_seconds: u32,
    /// Before rounding.
    #[schema(example = "0.04")]
    pub exact: String,
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The month pricing of the plan that the seconds count to: the invoice prices them, and the amount is 0.
    pub month_pricing: Option<String>,
    /// How many seconds the balances of a prepaid customer pay now; absent for a postpaid one.
    pub longest_seconds: Option<u32>,
}

/// What became of asking.
#[derive(Debug)]
pub enum Quoted {
    Quote(Quote),
    /// An emergency call: always free.
    Emergency,
    /// Nobody holds the calling number at that time, or they are on no plan.
    UnknownLine,
    NotANumber(String),
    Refused(Flaw),
}

/// Quotes a call from a line to what would be dialled.
pub async fn quote(
    tx: &mut Tx,
    app: &App,
    from: E164,
    to: &str,
    talk_seconds: u32,
    at: Timestamp,
) -> Result<Quoted> {
    let everybody = crate::customers::some(tx, &[from], &[], &[]).await?;
    let directory = Directory::load(tx, &app.tariffs, everybody).await?;
    let account = directory.holder(from, at).and_then(|id| directory.account(id));
    let subscribed = |account: &Arc<Account>| Some(account.plan(account.place_of_plan(at)?).clone());
    let Some((account, subscribed)) = account.and_then(|account| Some((account, subscribed(account)?)))
    else {
        return Ok(Quoted::UnknownLine);
    };
    let region = region_of(from).or(account.region);
    if emergency_dialled(to, region).is_some() {
        return Ok(Quoted::Emergency);
    }
    let number = match dialled(to, region) {
        Ok(number) => number,
        Err(reason) => return Ok(Quoted::NotANumber(reason.to_string())),
    };
    let Some(place) = subscribed.place_of_version(at) else { return Ok(Quoted::UnknownLine) };
    let version = subscribed.version(place);
    let usage_pricing = &subscribed.plan.terms.usage_pricing;
    let caller = Caller { zone: account.zone(at), allowances: &[], used: &[], usage_pricing };
    let charge =
        match rating::rate(&version.tariff, caller, &number, Billable { answered_at: at, talk_seconds }) {
            Ok(charge) => charge,
            Err(flaw) => return Ok(Quoted::Refused(flaw)),
        };
    let longest_seconds = crate::sessions::longest(tx, account, from, number, at, &app.config).await?;
    Ok(Quoted::Quote(Quote {
        longest_seconds,
        number: number.to_string(),
        destination: charge.rate.destination.to_string(),
        prefix: charge.rate.prefix.to_string(),
        band: charge.rate.band.as_deref().map(str::to_owned),
        increments: charge.rate.increments.to_string(),
        talk_seconds,
        billed_seconds: charge.billed_seconds,
        exact: charge.exact.to_string(),
        amount: Money { amount: charge.amount, currency: subscribed.plan.currency },
        month_pricing: charge.month_pricing.and_then(|place| Some(usage_pricing.get(place)?.name.clone())),
    }))
}
