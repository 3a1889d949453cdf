//! What is unusual about a draft? What was seen of it, and which flags that raises.

use calculation::money::Amount;

use super::Flag;
use crate::customers::Customer;

/// A call of more billed seconds is long.
const LONG_CALL_SECONDS: u32 = 2 * 60 * 60;
/// A draft of more than this many times the average is unusual.
const TIMES_AVERAGE: i128 = 3;

/// What the database tells of a draft beside its amount.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// What the invoices of the last twelve months came to.
    pub(super) before: Vec<Amount>,
    /// Whether there are earlier ones.
    pub(super) billed_long_ago: bool,
    pub(super) longest_seconds: u32,
    pub(super) new_country: bool,
    pub(super) in_suspense: bool,
}

impl Sight {
    /// The flags of a draft, in the order of their list: of what it comes to, or of why no invoice can be made.
    pub(super) fn flags(&self, comes_to: Result<Amount, Flag>, customer: &Customer) -> Vec<Flag> {
        let raised = [
            (Flag::FirstBill, self.before.is_empty() && !self.billed_long_ago),
            (Flag::ThreeTimesAverage, comes_to.is_ok_and(|gross| exceeds(gross, &self.before))),
            (Flag::Zero, comes_to == Ok(Amount::ZERO)),
            (Flag::LongCall, self.longest_seconds > LONG_CALL_SECONDS),
            (Flag::NewCountry, self.new_country),
            (Flag::Suspense, self.in_suspense),
            (Flag::NoAddress, !customer.can_be_reached()),
        ];
        let raised = raised.into_iter().filter(|(_, is_raised)| *is_raised).map(|(flag, _)| flag);
        raised.chain(comes_to.err()).collect()
    }
}

/// Whether an amount is more than three times the average of some.
fn exceeds(gross: Amount, before: &[Amount]) -> bool {
    let Ok(count) = i128::try_from(before.len()) else { return false };
    let sum: i128 = before.iter().map(|amount| i128::from(amount.micros())).sum();
    count > 0 && i128::from(gross.micros()) * count > sum * TIMES_AVERAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_compared_exactly() {
        let amounts =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Amount>>();
        for (gross, before, unusual) in [
            ("30.00", &["10.00"][..], false),
            ("30.01", &["10.00"], true),
            ("30.00", &["9.99", "10.00"], true),
            ("0.01", &["0.00", "0.00"], true),
            ("0.00", &["0.00"], false),
            ("1000.00", &[], false),
        ] {
            assert_eq!(
                exceeds(gross.parse().unwrap(), &amounts(before)),
                unusual,
                "{gross} after {before:?}"
            );
        }
    }
}
