//! What do billed seconds cost by one rate?

use super::Rate;
use crate::money::{Exact, Price};

impl Rate {
    /// The price of the billed seconds after the included ones, before rounding and without the minimum charge.
    #[inline]
    pub(crate) fn exact(&self, billed_seconds: u32, included_seconds: u32) -> Option<Exact> {
        let mut exact = self.connection_fee.per_call();
        let ends = self.steps.iter().skip(1).map(|step| step.from_seconds).chain([u32::MAX]);
        for (step, end) in self.steps.iter().zip(ends) {
            let from = step.from_seconds.max(included_seconds);
            let seconds = end.min(billed_seconds).saturating_sub(from);
            exact = exact.checked_add(step.price.for_seconds(seconds))?;
        }
        Some(exact)
    }

    /// The price per minute of the first second.
    pub fn first_price(&self) -> Price {
        self.steps.first().map(|step| step.price).unwrap_or_default()
    }
}
