//! What does a customer subscribe to? A plan: a fee, included minutes, a tariff, paid before or after.
//!
//! Flat-rate, fixed monthly and prepaid plans differ in their data only. A plan is never changed: a new
//! price is a new plan, to which customers are moved.

mod described;
pub mod http;
mod store;

use calculation::allowance::Allowance;
use calculation::limit::{self, OverLimit};
use calculation::money::{Amount, Currency};
use calculation::plan_terms::PlanTerms;
use calculation::terms_error::TermsError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::Tx;
use crate::error::Result;
use crate::id::{PlanId, TariffId};
use crate::names;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Plan {
    #[schema(value_type = String, example = "pln_01h2x3y4z5a6b")]
    pub id: PlanId,
    #[schema(example = "Berlin 100")]
    pub name: String,
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    pub payment: Payment,
    /// Charged for each month.
    #[schema(value_type = String, example = "9.90")]
    pub monthly_fee: Amount,
    /// What calls cost.
    #[schema(value_type = String, example = "tar_01h2x3y4z5a6b")]
    pub tariff_id: TariffId,
    /// Included minutes, taken in this order.
    #[schema(value_type = Vec<AllowanceSchema>)]
    pub allowances: Vec<Allowance>,
    /// How it is billed: in advance or arrears, for parts of a month, at the least, by the month's minutes.
    #[schema(value_type = described::PlanTermsSchema)]
    pub terms: PlanTerms,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A plan to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    #[schema(example = "Berlin 100")]
    pub name: String,
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    pub payment: Payment,
    /// Charged for each month; nothing when absent.
    #[serde(default)]
    #[schema(value_type = String, example = "9.90")]
    pub monthly_fee: Amount,
    /// The tariff's name.
    #[schema(example = "standard-eur")]
    pub tariff: String,
    /// Included minutes, taken in this order.
    #[serde(default, alias = "allowance")]
    #[schema(value_type = Vec<AllowanceSchema>)]
    pub allowances: Vec<Allowance>,
    /// How it is billed: see docs/money.md. Arrears, fees by the day and whole allowances when absent. A prepaid
    /// plan has its fee taken in advance whatever is said here, and neither month pricing, commitment nor cap.
    #[serde(default)]
    #[schema(value_type = described::PlanTermsSchema, example = json!({"fee_timing": "advance", "minimum_commitment": "20.00"}))]
    pub terms: PlanTerms,
}

/// When calls are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PlanPayment)]
pub enum Payment {
    /// By the monthly invoice.
    Postpaid,
    /// From a balance, before or while calling.
    Prepaid,
}

/// Minutes included each month, to chosen destinations.
#[derive(ToSchema)]
#[schema(as = Allowance)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct AllowanceSchema {
    #[schema(example = "100 minutes to Germany")]
    name: String,
    /// Seconds a month.
    #[schema(example = 6000)]
    seconds: u32,
    /// Prefixes of the numbers it covers.
    #[schema(example = json!(["49"]))]
    destinations: Vec<String>,
}

/// What became of creating a plan.
#[derive(Debug)]
pub enum Created {
    /// With the name of another that looks like it.
    Plan(Plan, Option<String>),
    NameTaken,
    UnknownTariff,
    /// The tariff is in this currency, not the plan's.
    OtherCurrency(Currency),
    NegativeFee,
    /// The fee is beyond the limit.
    FeeTooLarge(OverLimit),
    Unsound(TermsError),
}

/// Creates a plan.
pub async fn create(tx: &mut Tx, new: NewPlan, id: PlanId, now: Timestamp) -> Result<Created> {
    if new.monthly_fee < Amount::ZERO {
        return Ok(Created::NegativeFee);
    }
    if let Err(over) = limit::one(new.monthly_fee) {
        return Ok(Created::FeeTooLarge(over));
    }
    let prepaid = || if new.payment == Payment::Prepaid { new.terms.check_prepaid() } else { Ok(()) };
    if let Err(error) = new.terms.check().and_then(|()| prepaid()) {
        return Ok(Created::Unsound(error));
    }
    let Some(tariff) = crate::tariffs::by_name(tx, &new.tariff).await? else {
        return Ok(Created::UnknownTariff);
    };
    if tariff.currency != new.currency {
        return Ok(Created::OtherCurrency(tariff.currency));
    }
    let NewPlan { name, currency, payment, monthly_fee, allowances, terms, .. } = new;
    let others = store::all(tx).await?;
    let others = || others.iter().map(|plan| &*plan.name);
    let (tariff_id, created_at) = (tariff.id, now);
    let (name, looks_like) = (names::known_as(&name, others()), names::look_alike(&name, others()));
    let plan = Plan { id, name, currency, payment, monthly_fee, tariff_id, allowances, terms, created_at };
    if !store::insert(tx, &plan).await? {
        return Ok(Created::NameTaken);
    }
    Ok(Created::Plan(plan, looks_like))
}

/// A plan by its id.
pub async fn by_id(tx: &mut Tx, id: PlanId) -> Result<Option<Plan>> {
    store::by_id(tx, id).await
}

/// A plan by its name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Plan>> {
    if let Some(plan) = store::by_name(tx, name).await? {
        return Ok(Some(plan));
    }
    let others = store::all(tx).await?;
    let known = names::known_as(name, others.iter().map(|plan| &*plan.name));
    store::by_name(tx, &known).await
}

/// All plans, by name.
pub async fn all(tx: &mut Tx) -> Result<Vec<Plan>> {
    store::all(tx).await
}
