//! What happens when one price list takes over from another? A table of cases, and comparisons with a slow search.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::phone_number::Dialled;
use calculation::tariff::deck::{self, Columns, Deck};
use calculation::tariff::{Difference, Mode, Span, Tariff, Terms, Why, compare, complete};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn terms() -> Terms {
    serde_json::from_str(
        r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}, "increments": "60/60",
            "bands": [{"name": "peak", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"}]}"#,
    )
    .unwrap()
}

/// A list from rows such as `4917 0.12 from 2026-12-06 to 2026-12-31 in peak is deleted`.
fn list(rows: &str) -> Deck {
    let mut text =
        "prefix,destination,rate_per_min,effective_from,effective_to,time_band,status\n".to_owned();
    for row in rows.split('|').map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|found| *found == word).map_or("", |at| words[at + 1]);
        let [from, to, band, status] = ["from", "to", "in", "is"].map(after);
        text += &format!("{},to {},{},{from},{to},{band},{status}\n", words[0], words[0], words[1]);
    }
    if rows.is_empty() {
        return Deck::default();
    }
    deck::read_rows(&terms(), text.as_bytes(), &Columns::default()).unwrap()
}

fn day(text: &str) -> Timestamp {
    deck::instant(text, "UTC").unwrap()
}

/// A difference in a line.
fn words(found: &Difference) -> String {
    let counts = [
        ("added", found.added.count),
        ("removed", found.removed.count),
        ("dearer", found.dearer.count),
        ("cheaper", found.cheaper.count),
        ("blocked", found.barred.count),
        ("otherwise", found.otherwise.count),
        ("unchanged", found.unchanged),
    ];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let day = |at: Timestamp| at.to_string().replace("T00:00:00Z", "");
    let lost = found.lost.iter().map(|lost| {
        let band = lost.band.as_ref().map(|band| format!(" in {band}")).unwrap_or_default();
        let until = lost.until.map(|until| format!(" until {}", day(until))).unwrap_or_default();
        let instead = lost.instead.as_ref().map_or("none".to_owned(), |rate| rate.price.to_string());
        format!("{}{band} {:?} {}{until}, {instead} instead", lost.prefix, lost.why, day(lost.from))
    });
    [counts.join(", ")].into_iter().chain(lost).collect::<Vec<_>>().join("; ")
}

/// What a list of the mode becomes: refused, or the prices of calls such as `4917 on 2026-11-28`.
fn outcome(old: &Tariff, new: &Deck, mode: Option<Mode>, span: Span, asked: &str) -> String {
    let rates = match mode {
        Some(mode) => complete(mode, old, new.rates.clone(), &new.removed, span),
        None => new.rates.clone(),
    };
    let tariff = Tariff::new(terms(), rates);
    if compare(old, &tariff, &new.removed, span).lost.iter().any(|lost| !lost.is_meant(mode)) {
        return "refused".to_owned();
    }
    let prices = asked.split(',').map(|asked| {
        let (prefix, at) = asked.trim().split_once(" on ").unwrap();
        let number = Dialled::Number(format!("+{prefix:1<12}").parse().unwrap());
        let rate = tariff.rate_for(&number, day(at), &TimeZone::UTC);
        rate.map_or("none".to_owned(), |rate| rate.steps[0].price.to_string())
    });
    prices.collect::<Vec<_>>().join(", ")
}

#[test]
fn price_list_cases() {
    let mut failures = Vec::new();
    let (mut old, mut new, mut asked, mut count) = (String::new(), String::new(), String::new(), 0);
    let mut span = Span { from: day("2026-11-28"), until: None };
    for (number, line) in (1..).zip(include_str!("cases/price_lists.txt").lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(':').unwrap();
        let value = value.trim();
        let was = Tariff::new(terms(), list(&old).rates);
        let is = list(&new);
        let mut expect = |found: String| {
            count += 1;
            if found != value {
                failures.push(format!("line {number}: {found}"));
            }
        };
        match key {
            "old" => old = value.to_owned(),
            "new" => new = value.to_owned(),
            "until" => span.until = (value != "ever").then(|| day(value)),
            "calls" => asked = value.to_owned(),
            "says" => {
                expect(words(&compare(&was, &Tariff::new(terms(), is.rates.clone()), &is.removed, span)));
            }
            "none" => expect(outcome(&was, &is, None, span, &asked)),
            "replace" => expect(outcome(&was, &is, Some(Mode::Replace), span, &asked)),
            "amend" => expect(outcome(&was, &is, Some(Mode::Amend), span, &asked)),
            _ => panic!("line {number}: {key} is none of the keys"),
        }
    }
    assert!(count > 40, "{count} cases");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

const PREFIXES: [&str; 6] = ["4", "49", "491", "4917", "44", "33"];

/// Some rows of each prefix: from a day, perhaps until a day.
fn rows(ends: bool) -> impl Strategy<Value = String> {
    let row = (0..PREFIXES.len(), 1_u32..9, prop::option::of(1_u32..9), prop::option::of(1_u32..9));
    prop::collection::btree_map((0..PREFIXES.len(), prop::option::of(1_u32..9)), row, 0..8).prop_map(
        move |rows| {
            let rows = rows.into_iter().map(|((prefix, from), (_, price, _, length))| {
                let begin = from.map(|from| format!(" from 2026-11-{:02}", from + 20)).unwrap_or_default();
                let end = length
                    .filter(|_| ends)
                    .map(|length| format!(" to 2026-11-{:02}", from.unwrap_or(0) + length + 20));
                format!("{} 0.0{price}{begin}{}", PREFIXES[prefix], end.unwrap_or_default())
            });
            rows.collect::<Vec<_>>().join(" | ")
        },
    )
}

fn own_price(tariff: &Tariff, prefix: &str, at: Timestamp) -> Option<String> {
    let of = tariff.rates().iter().filter(|rate| rate.prefix.as_str() == prefix && rate.in_force(at));
    of.max_by_key(|rate| rate.effective_from).map(|rate| rate.steps[0].price.to_string())
}

fn exclusive(rows: &str) -> Deck {
    let mut text = "prefix,destination,rate_per_min,effective_from,effective_to\n".to_owned();
    for row in rows.split('|').map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|found| *found == word).map_or("", |at| words[at + 1]);
        text += &format!("{},x,{},{},{}\n", words[0], words[1], after("from"), after("to"));
    }
    let columns = Columns { end_dates: Some(deck::EndDates::Exclusive), ..Columns::default() };
    deck::read_rows(&terms(), text.as_bytes(), &columns).unwrap_or_default()
}

proptest! {
    #[test]
    fn whatever_loses_its_price_is_listed_and_nothing_else(
        old in rows(true), new in rows(true), from in 18_u32..30, until in prop::option::of(30_u32..40),
    ) {
        let at = |count: u32| day("2026-11-01").checked_add(jiff::SignedDuration::from_hours(i64::from(count) * 24)).unwrap();
        let (was, is) = (Tariff::new(terms(), exclusive(&old).rates), Tariff::new(terms(), exclusive(&new).rates));
        let span = Span { from: at(from), until: until.map(at) };
        let found = compare(&was, &is, &[], span);
        for instant in (from..until.unwrap_or(45)).map(at) {
            for prefix in PREFIXES {
                let lost = own_price(&was, prefix, instant).is_some() && own_price(&is, prefix, instant).is_none();
                let listed = found.lost.iter().any(|lost| lost.prefix.as_str() == prefix && lost.why != Why::NewGap
                    && lost.from <= instant && lost.until.is_none_or(|until| instant < until));
                prop_assert_eq!(lost, listed, "{} at {}", prefix, instant);
            }
        }
        prop_assert!(compare(&was, &was, &[], span).same);
    }

    #[test]
    fn an_amendment_keeps_every_price_until_the_new_one_begins(old in rows(true), new in rows(false), from in 18_u32..30) {
        let at = |count: u32| day("2026-11-01").checked_add(jiff::SignedDuration::from_hours(i64::from(count) * 24)).unwrap();
        let (was, is) = (Tariff::new(terms(), exclusive(&old).rates), exclusive(&new));
        let span = Span { from: at(from), until: None };
        let merged = complete(Mode::Amend, &was, is.rates.clone(), &[], span);
        let faults = calculation::tariff::check(&terms(), &merged);
        prop_assert!(faults.is_empty(), "{:?}", faults);
        let amended = Tariff::new(terms(), merged);
        let listed = Tariff::new(terms(), is.rates.clone());
        for instant in (from..45).map(at) {
            for prefix in PREFIXES {
                let (before, then) = (own_price(&was, prefix, instant), own_price(&listed, prefix, instant));
                prop_assert_eq!(own_price(&amended, prefix, instant), then.or(before), "{} at {}", prefix, instant);
            }
        }
        prop_assert!(compare(&was, &amended, &[], span).lost.is_empty());
        let again = Tariff::new(terms(), complete(Mode::Amend, &amended, is.rates, &[], span));
        prop_assert!(compare(&amended, &again, &[], span).same);
    }
}

/// Any rate that a deck can hold.
fn any_rate() -> impl Strategy<Value = String> {
    let destination = prop::sample::select(vec!["Germany", "a, \\\"b\\\"", "Côte d'Ivoire", "x;y|z"]);
    let prefix = prop::sample::select(vec!["49", "4917", "*", "DE:118", "4999999999-5000000001", "33"]);
    let band = prop::sample::select(vec!["", "peak"]);
    let day = || prop::option::of(1_u32..28);
    (prefix, destination, 0_u32..1_000_000_000, band, day(), day(), any::<bool>(), 0_u32..100, 1_u32..100).prop_map(
        |(prefix, destination, price, band, from, length, blocked, initial, next)| {
            let date = |day: Option<u32>| day.map(|day| format!("2026-10-{day:02}T12:00:{day:02}Z")).unwrap_or_default();
            let end = length.map(|length| format!("2026-11-{length:02}T01:02:03.5Z")).unwrap_or_default();
            let status = if blocked { "blocked" } else { "" };
            let destination = destination.replace('\\', "").replace('"', "\"\"");
            format!("{prefix},\"{destination}\",0.{price:09},0.05,{initial},{next},0.01,{band},{},{end},{status}\n", date(from))
        },
    )
}

proptest! {
    #[test]
    fn a_list_that_was_written_reads_as_the_very_same_list(rows in prop::collection::vec(any_rate(), 0..12)) {
        let header = "prefix,destination,rate_per_min,connection_charge,initial_increment,increment,min_charge,time_band,\
                      effective_from,effective_to,status\n";
        let columns = Columns { end_dates: Some(deck::EndDates::Exclusive), ..Columns::default() };
        let every = "*,All,0.5,0,1,1,0,,,,\n49,All,0.5,0,1,1,0,,2020-01-01,,\nDE:11,All,0.5,0,1,1,0,,,,\n";
        // Rows that price a prefix twice leave the deck.
        let mut text = format!("{header}{every}");
        for row in rows {
            if deck::read_rows(&terms(), format!("{text}{row}").as_bytes(), &columns).is_ok() {
                text += &row;
            }
        }
        let stepped = "34,Spain,0.2,0,30,6,0,,,,,0\n34,Spain,0.1,0,30,6,0,,,,,600\n";
        let text = text.lines().map(|line| format!("{line}{}", if line.starts_with("prefix") { ",step_from\n" } else { ",\n" }));
        let text = text.collect::<String>() + stepped;
        let first = Tariff::new(terms(), deck::read_rows(&terms(), text.as_bytes(), &columns).unwrap().rates);
        let written = deck::write(first.rates()).unwrap();
        let again = Tariff::new(terms(), deck::read_rows(&terms(), written.as_bytes(), &columns).unwrap().rates);
        prop_assert_eq!(first.rates(), again.rates());
        prop_assert_eq!(deck::write(again.rates()).unwrap(), written);
    }
}
