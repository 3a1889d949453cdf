//! Are the terms of tariffs, plans and discounts, and the content of invoices, the same after they were written as JSON?

use std::fmt::Debug;

use calculation::call_limits::CallLimits;
use calculation::discount::DiscountTerms;
use calculation::invoice::{Invoice, Party};
use calculation::money::Rounding;
use calculation::plan_terms::PlanTerms;
use calculation::tariff::{Band, check_terms};
use calculation::usage_pricing::UsagePricing;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::input::Choice;

pub(crate) fn run(input: &[u8]) {
    let Some((mut choice, text)) = Choice::of_text(input) else { return };
    let read = choice.one::<fn(&str)>(&[
        |text| check(text, |terms: &PlanTerms| (terms.check().is_ok(), terms.check_prepaid().is_ok())),
        |text| check(text, UsagePricing::check),
        |text| check(text, DiscountTerms::check),
        |text| check(text, CallLimits::check),
        |text| check(text, check_terms),
        |text| check(text, |_: &Band| ()),
        |text| check(text, |_: &Rounding| ()),
        |text| check(text, |_: &Invoice| ()),
        |text| check(text, |_: &Party| ()),
    ]);
    read(text);
}

/// Reads a value, writes it and reads it again. Every value can be checked.
fn check<T: DeserializeOwned + Serialize + PartialEq + Debug, Checked>(
    text: &str,
    check: impl Fn(&T) -> Checked,
) {
    let Ok(value) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&value).unwrap_or_else(|error| panic!("{error}: {value:?}"));
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, value, "{written}"),
        Err(error) => panic!("{error}: {written}"),
    }
    check(&value);
}
