//! What may a customer's calls not exceed while they happen?

use serde::{Deserialize, Serialize};

use crate::limit;
use crate::money::Amount;
use crate::phone_number::Dialled;
use crate::tariff::Prefix;
use crate::terms_error::TermsError;

/// Limits on calls that are asked for before they happen. A record of a call that happened is charged
/// whatever they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallLimits {
    /// Prefixes of numbers that must not be called, besides what the tariff bars.
    pub barred: Vec<Prefix>,
    /// The longest that one call may last.
    pub call_seconds: Option<u32>,
    /// The most that one call may cost.
    pub call_amount: Option<Amount>,
    /// The most that a customer's calls may cost in a day of their zone.
    pub day_amount: Option<Amount>,
    /// How many calls a line may have at once.
    pub calls_at_once: Option<u32>,
}

impl CallLimits {
    /// Whether a number must not be called.
    pub fn bars(&self, dialled: &Dialled) -> bool {
        self.barred.iter().any(|prefix| prefix.matches(dialled))
    }

    /// Whether the limits let some call through.
    pub fn check(&self) -> Result<(), TermsError> {
        let amounts = [("/call_amount", self.call_amount), ("/day_amount", self.day_amount)];
        let counts = [("/call_seconds", self.call_seconds), ("/calls_at_once", self.calls_at_once)];
        let over = amounts.into_iter().find(|(_, most)| limit::one(most.unwrap_or_default()).is_err());
        if let Some((pointer, _)) = over {
            return Err(TermsError::new(pointer, limit::OverLimit::One.to_string()));
        }
        let amounts =
            amounts.into_iter().filter(|(_, amount)| amount.is_some_and(|most| most <= Amount::ZERO));
        let counts = counts.into_iter().filter(|(_, count)| *count == Some(0));
        match amounts.map(|(pointer, _)| pointer).chain(counts.map(|(pointer, _)| pointer)).next() {
            None => Ok(()),
            Some(pointer) => Err(TermsError::new(pointer, "is not above zero")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(json: &str) -> CallLimits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_limit_of_nothing_is_refused_where_it_stands() {
        assert_eq!(limits("{}").check(), Ok(()));
        assert_eq!(
            limits(r#"{"call_seconds": 1, "day_amount": "0.01", "calls_at_once": 1}"#).check(),
            Ok(())
        );
        for (json, pointer) in [
            (r#"{"call_amount": "0"}"#, "/call_amount"),
            (r#"{"day_amount": "-1.00"}"#, "/day_amount"),
            (r#"{"call_seconds": 0}"#, "/call_seconds"),
            (r#"{"calls_at_once": 0}"#, "/calls_at_once"),
        ] {
            assert_eq!(limits(json).check().unwrap_err().pointer, pointer);
        }
    }

    #[test]
    fn a_prefix_bars_the_numbers_that_begin_with_it() {
        let limits = limits(r#"{"barred": ["4490"]}"#);
        let number = |text: &str| Dialled::Number(text.parse().unwrap());
        assert!(limits.bars(&number("+449098790000")) && !limits.bars(&number("+442079460000")));
    }
}
