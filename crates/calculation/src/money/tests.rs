//! Is money read, added, rounded and printed exactly?

use super::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

#[test]
fn decimal_text_survives_the_round_trip() {
    for text in ["0.00", "12.34", "-0.01", "0.000001", "9223372036854.775807", "-9223372036854.775808"] {
        assert_eq!(amount(text).to_string(), text);
    }
    assert_eq!(amount("5").to_string(), "5.00");
    assert_eq!(amount("1.2300000000").to_string(), "1.23");
    assert_eq!("0.000000001".parse::<Price>().unwrap().to_string(), "0.000000001");
}

#[test]
fn what_is_not_plain_decimal_is_refused() {
    for text in
        ["", ".", "1.", ".5", "+1", "1e3", "1,5", "1.2.3", " 1", "1 ", "٣", "NaN", "0x1", "-", "1_000"]
    {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
    assert_eq!("1,5".parse::<Amount>(), Err(MoneyError::DecimalComma("1,5".into())));
    assert!(matches!("0.0000001".parse::<Amount>(), Err(MoneyError::TooFine { .. })));
    assert!(matches!("9223372036854.775808".parse::<Amount>(), Err(MoneyError::TooLarge(_))));
    let digits = "9".repeat(500);
    assert!(matches!(digits.parse::<Amount>(), Err(MoneyError::TooLarge(_))));
}

#[test]
fn rounding_is_the_same_for_small_and_large_amounts() {
    for mode in [RoundingMode::HalfUp, RoundingMode::Up, RoundingMode::Down, RoundingMode::HalfEven] {
        for rest in [-59_999, -30_001, -30_000, -29_999, -1, 0, 1, 29_999, 30_000, 30_001, 59_999] {
            let small = divide(60_000 * 7 + rest, 60_000, mode).unwrap();
            let offset = i128::from(i64::MAX) * 2;
            let large = divide((offset + 7) * 60_000 + rest, 60_000, mode).unwrap();
            assert_eq!(large - offset, small, "{mode} {rest}");
        }
    }
    let digits = |digits| Rounding::new(digits, RoundingMode::HalfUp).unwrap();
    let exact = Exact::from(amount("1.234567"));
    let rounded: Vec<_> = (0..=6).map(|places| exact.round(digits(places)).unwrap().to_string()).collect();
    assert_eq!(rounded, ["1.00", "1.20", "1.23", "1.235", "1.2346", "1.23457", "1.234567"]);
}

#[test]
fn a_sum_that_does_not_fit_is_refused() {
    let most = Amount::from_micros(i64::MAX);
    assert_eq!(Amount::sum([most, Amount::from_micros(1)]), None);
    assert_eq!(Amount::sum([most, Amount::from_micros(1), Amount::from_micros(-1)]), Some(most));
}

#[test]
fn a_charge_without_end_is_cut_and_marked() {
    let third = "0.000000001".parse::<Price>().unwrap().for_seconds(20);
    assert_eq!(third.to_string(), "0.00000000033…");
    let exact = "0.03".parse::<Price>().unwrap().for_seconds(70);
    assert_eq!(exact.to_string(), "0.035");
}
