//! How does the API describe the terms of a plan? These describe calculation's types, which know no HTTP.

use utoipa::ToSchema;

/// How a plan is billed.
#[derive(ToSchema)]
#[schema(as = PlanTerms)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct PlanTermsSchema {
    /// Arrears when absent.
    #[schema(required = false)]
    fee_timing: FeeTiming,
    /// Whether who is on the plan for a part of a month pays a part of the fee; so it is when absent.
    #[schema(required = false)]
    prorate_fee: bool,
    /// Whether who is on the plan for a part of a month has a part of its allowances.
    #[schema(required = false)]
    prorate_allowances: bool,
    /// The least that a month costs, without tax.
    #[schema(example = "20.00")]
    minimum_commitment: Option<String>,
    /// The most that the calls of a month may cost, without tax.
    spending_cap: Option<String>,
    /// Destinations whose calls are priced by the month. The first that covers a number prices it.
    #[schema(required = false)]
    usage_pricing: Vec<UsagePricing>,
    /// What calls must not exceed while they happen.
    #[schema(required = false)]
    limits: CallLimits,
}

/// When a fee is invoiced.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) enum FeeTiming {
    /// With the calls of its month.
    Arrears,
    /// Before its month begins.
    Advance,
}

/// The price of a month's calls to chosen destinations: `graduated` and `volume` have tiers, `package` minutes and a price.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct UsagePricing {
    /// As the invoice shows it.
    name: String,
    /// Prefixes of the numbers it is for.
    #[schema(example = json!(["49"]))]
    destinations: Vec<String>,
    model: PricingModel,
    tiers: Option<Vec<Tier>>,
    minutes: Option<u32>,
    price: Option<String>,
}

/// How the minutes of a month are priced.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) enum PricingModel {
    Graduated,
    Volume,
    Package,
}

/// Minutes of a month that have one price.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct Tier {
    /// The last minute of the month that belongs to it; absent in the last tier.
    up_to_minutes: Option<u32>,
    #[schema(example = "0.05")]
    price_per_minute: String,
    /// Charged once if any second falls into it.
    #[schema(required = false)]
    flat_fee: String,
}

/// Limits on calls that are asked for before they happen.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(super) struct CallLimits {
    /// Prefixes of numbers that must not be called.
    #[schema(required = false)]
    barred: Vec<String>,
    /// The longest that one call may last.
    call_seconds: Option<u32>,
    /// The most that one call may cost.
    call_amount: Option<String>,
    /// The most that a customer's calls may cost in a day of their zone.
    day_amount: Option<String>,
    /// How many calls a line may have at once.
    calls_at_once: Option<u32>,
}
