//! How much of a call is covered by included minutes?

use serde::{Deserialize, Serialize};

use crate::phone_number::Dialled;
use crate::tariff::Prefix;

/// Minutes that a plan includes each month, to chosen destinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// The name, as the invoice and the explanation show it.
    pub name: String,
    /// How many seconds a month.
    pub seconds: u32,
    /// Prefixes of the numbers it covers.
    pub destinations: Vec<Prefix>,
}

/// Seconds that one allowance covers of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Which allowance, by its place in the plan.
    pub allowance: usize,
    /// How many seconds.
    pub seconds: u32,
}

impl Allowance {
    /// Whether it covers a number.
    pub fn covers(&self, dialled: &Dialled) -> bool {
        self.destinations.iter().any(|prefix| prefix.matches(dialled))
    }
}

/// What the allowances cover of a call's billed seconds, in the order of the plan.
///
/// `used` holds the seconds used so far this month, one for each allowance. A call may use up one
/// allowance and go on in the next; what none covers is left to be priced.
///
/// ```
/// use calculation::allowance::{Allowance, Taken, take};
/// use calculation::phone_number::Dialled;
/// let germany = Allowance { name: "Germany".into(), seconds: 6_000, destinations: vec!["49".parse()?] };
/// let berlin = Dialled::Number("+4930123456".parse().unwrap());
/// // 100 seconds are left, and a call of 130 seconds takes just those.
/// assert_eq!(take(&[germany], &[5_900], &berlin, 130), [Taken { allowance: 0, seconds: 100 }]);
/// # Ok::<(), String>(())
/// ```
pub fn take(allowances: &[Allowance], used: &[u64], dialled: &Dialled, billed_seconds: u32) -> Vec<Taken> {
    let mut taken = Vec::new();
    let mut wanted = billed_seconds;
    for (position, (allowance, used)) in allowances.iter().zip(used).enumerate() {
        let left = u64::from(allowance.seconds).saturating_sub(*used);
        let seconds = wanted.min(u32::try_from(left).unwrap_or(u32::MAX));
        if seconds > 0 && allowance.covers(dialled) {
            taken.push(Taken { allowance: position, seconds });
            wanted = wanted.saturating_sub(seconds);
        }
    }
    taken
}
