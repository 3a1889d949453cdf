//! Is an amount, price, percentage or tax rate read as what it says?

use std::fmt::Display;
use std::str::FromStr;

use calculation::discount::Percent;
use calculation::money::{Amount, Currency, Exact, Price, Rounding, RoundingMode};
use calculation::tariff::{Increments, Prefix};
use calculation::tax::TaxRate;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(amount) = same_when_written::<Amount>(text) {
        assert_eq!(Some(i128::from(amount.micros())), naive(text, 6), "{text}");
        amounts(amount);
    }
    if let Some(price) = same_when_written::<Price>(text) {
        assert_eq!(Some(i128::from(price.nanos())), naive(text, 9), "{text}");
        prices(price);
    }
    same_when_written::<TaxRate>(text);
    same_when_written::<Percent>(text);
    same_when_written::<Increments>(text);
    same_when_written::<Prefix>(text);
    if let Some(currency) = same_when_written::<Currency>(text) {
        assert!(currency.minor_digits() <= 6 && currency.code() == text, "{text}");
    }
}

/// Reads a value, writes it and reads it again. Nothing if the text is not a value.
fn same_when_written<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    let again = written.parse::<T>().ok();
    assert_eq!(again.as_ref(), Some(&value), "{text} is written as {written}");
    Some(value)
}

/// The units of a decimal number, computed another way. Nothing if it has too many digits or does not fit.
fn naive(text: &str, digits: usize) -> Option<i128> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let part = part.trim_end_matches('0');
    let zeros = digits.checked_sub(part.len())?;
    let all: i128 = format!("{whole}{part}{}", "0".repeat(zeros)).parse().ok()?;
    i64::try_from(sign * all).ok().map(i128::from)
}

fn amounts(amount: Amount) {
    for code in ["EUR", "JPY", "KWD"] {
        let Ok(currency) = code.parse::<Currency>() else { continue };
        if let Some(rounded) = amount.to_minor_unit(currency) {
            assert_eq!(rounded.to_minor_unit(currency), Some(rounded), "{amount} {code}");
            let text = rounded.to_text(currency.minor_digits());
            assert_eq!(text.parse(), Ok(rounded), "{text}");
        }
    }
}

fn prices(price: Price) {
    for mode in ["half-up", "up", "down", "half-even"] {
        let Ok(mode) = mode.parse::<RoundingMode>() else { panic!("{mode} is a mode") };
        let Ok(rounding) = Rounding::new(4, mode) else { continue };
        let exact: Exact = price.for_seconds(61);
        if let Some(amount) = exact.round(rounding) {
            assert_eq!(amount.micros() % 100, 0, "{price} {mode}: {amount}");
        }
    }
}
