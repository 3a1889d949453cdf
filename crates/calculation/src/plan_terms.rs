//! What does a plan agree besides its fee, its allowances and its tariff?

use serde::{Deserialize, Serialize};

use crate::call_limits::CallLimits;
use crate::fee::FeeTiming;
use crate::money::Amount;
use crate::terms_error::TermsError;
use crate::usage_pricing::UsagePricing;

/// What a plan agrees besides its fee, its allowances and its tariff. All of it may be left out.
///
/// ```
/// use calculation::{fee::FeeTiming, plan_terms::PlanTerms};
/// let terms: PlanTerms = serde_json::from_str("{}")?;
/// assert_eq!(terms, PlanTerms::default());
/// assert!(terms.prorate_fee && !terms.prorate_allowances && terms.fee_timing == FeeTiming::Arrears);
/// let terms: PlanTerms = serde_json::from_str(r#"{"minimum_commitment": "-1.00"}"#)?;
/// assert_eq!(terms.check().unwrap_err().pointer, "/minimum_commitment");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanTerms {
    /// Whether the fee is invoiced with the month it is for or with the month before.
    pub fee_timing: FeeTiming,
    /// Whether who is on the plan for a part of a month pays a part of the fee.
    pub prorate_fee: bool,
    /// Whether who is on the plan for a part of a month has a part of its allowances.
    pub prorate_allowances: bool,
    /// The least that a month costs, without tax.
    pub minimum_commitment: Option<Amount>,
    /// The most that the calls of a month may cost, without tax.
    pub spending_cap: Option<Amount>,
    /// Destinations whose calls are priced by the month. The first that covers a number prices it.
    pub usage_pricing: Vec<UsagePricing>,
    /// What calls must not exceed while they happen.
    pub limits: CallLimits,
}

impl Default for PlanTerms {
    fn default() -> Self {
        Self {
            fee_timing: FeeTiming::Arrears,
            prorate_fee: true,
            prorate_allowances: false,
            minimum_commitment: None,
            spending_cap: None,
            usage_pricing: Vec::new(),
            limits: CallLimits::default(),
        }
    }
}

impl PlanTerms {
    /// Whether the terms can be kept: no amount is below zero or beyond the limit, and every second has a price.
    pub fn check(&self) -> Result<(), TermsError> {
        let amounts =
            [("/minimum_commitment", self.minimum_commitment), ("/spending_cap", self.spending_cap)];
        for (pointer, amount) in amounts {
            TermsError::sound_amount(pointer, amount.unwrap_or_default())?;
        }
        for (place, pricing) in self.usage_pricing.iter().enumerate() {
            pricing.check().map_err(|error| error.within(&format!("/usage_pricing/{place}")))?;
        }
        self.limits.check().map_err(|error| error.within("/limits"))
    }
}

impl PlanTerms {
    /// Whether the terms can be kept by a plan that is paid beforehand: its calls are paid one by one as they
    /// happen, so nothing can be priced, filled up or capped by the month.
    ///
    /// ```
    /// use calculation::plan_terms::PlanTerms;
    /// assert_eq!(PlanTerms::default().check_prepaid(), Ok(()));
    /// let terms: PlanTerms = serde_json::from_str(r#"{"spending_cap": "10.00"}"#)?;
    /// assert_eq!(terms.check_prepaid().unwrap_err().pointer, "/spending_cap");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn check_prepaid(&self) -> Result<(), TermsError> {
        let none = |pointer: &str, given: bool, instead: &str| {
            let message = format!("is for plans that are paid by the month: {instead}");
            if given { Err(TermsError::new(pointer, message)) } else { Ok(()) }
        };
        let pricing = !self.usage_pricing.is_empty();
        none("/usage_pricing", pricing, "a prepaid call has its price when it is made")?;
        none("/minimum_commitment", self.minimum_commitment.is_some(), "give a prepaid plan a monthly fee")?;
        none("/spending_cap", self.spending_cap.is_some(), "nobody spends more than their balance")
    }
}
