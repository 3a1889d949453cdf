//! Is a rate deck read whole or not at all, and as the same prices when it is written again?

use calculation::phone_number::Dialled;
use calculation::tariff::deck::{self, Columns, EndDates};
use calculation::tariff::{Tariff, Terms};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::input::Choice;

const TERMS: [&str; 3] = [
    r#"{"currency":"EUR","rounding":{"digits":4,"mode":"half-up"},"increments":"60/60"}"#,
    r#"{"currency":"USD","rounding":{"digits":6,"mode":"up"},"zone":"America/New_York"}"#,
    r#"{"currency":"EUR","rounding":{"digits":2,"mode":"half-even"},"zone":"Europe/Berlin","bands":[{"name":"peak","days":["monday","tuesday"],"from":"08:00","to":"18:00"}]}"#,
];

/// The first line may hold the terms as JSON.
pub(crate) fn run(input: &[u8]) {
    let Some((mut choice, mut file)) = Choice::of(input) else { return };
    let known = choice.one(&TERMS);
    let end_dates = choice.one(&[None, Some(EndDates::Inclusive), Some(EndDates::Exclusive)]);
    let named = choice.one(&[vec![], vec![("rate_per_min".to_owned(), "cost".to_owned())]]);
    let ignored = choice.one(&[vec![], vec!["comment".to_owned()]]);
    let columns = Columns { named, ignored, end_dates };
    let mut terms = known;
    if file.starts_with(b"{") {
        let (first, rest) = file.split_at(file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len()));
        let Ok(text) = std::str::from_utf8(first) else { return };
        (terms, file) = (text, rest.get(1..).unwrap_or_default());
    }
    let Ok(terms) = serde_json::from_str::<Terms>(terms) else { return };
    match deck::read_rows(&terms, file, &columns) {
        Ok(deck) => {
            assert!(deck.rates.iter().all(|rate| !rate.steps.is_empty()), "{deck:?}");
            if !deck.rates.is_empty() {
                written(&terms, &deck);
            }
            rated(&Tariff::new(terms, deck.rates));
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a word");
            assert!(faults.iter().all(|fault| !fault.message.is_empty()), "{faults:?}");
        }
    }
}

fn written(terms: &Terms, deck: &deck::Deck) {
    let text = deck::write(&deck.rates).unwrap_or_else(|error| panic!("{error}: {deck:?}"));
    let exclusive = Columns { end_dates: Some(EndDates::Exclusive), ..Columns::default() };
    match deck::read_rows(terms, text.as_bytes(), &exclusive) {
        Ok(again) => assert_eq!(again.rates, deck.rates, "{text}"),
        Err(faults) => panic!("{faults:?}: {text}"),
    }
}

fn rated(tariff: &Tariff) {
    let Ok(at) = "2026-03-02T09:00:00Z".parse::<Timestamp>() else { return };
    for number in ["+493012345678", "+442079460123", "+12125550123"] {
        let Ok(number) = number.parse() else { return };
        let dialled = Dialled::Number(number);
        if let Some(rate) = tariff.rate_for(&dialled, at, &TimeZone::UTC) {
            assert!(rate.prefix.matches(&dialled), "{rate:?}");
        }
    }
}
