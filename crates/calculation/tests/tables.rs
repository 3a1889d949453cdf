//! Do the tables of cases hold? One file a question, one line a case: `what is asked -> answer`.
//!
//! Lines that begin with `#` are comments. A failure names file and line, and all failures are shown.

use calculation::phone_number::{BareDigits, Dialled, NotANumber, Region, dialled_on};
use calculation::zone::zone_of;

/// Asks `answer` every question of a table and compares.
fn hold(name: &str, table: &str, least: usize, answer: impl Fn(&str) -> String) {
    let mut failures = Vec::new();
    let mut cases = 0;
    for (number, line) in (1..).zip(table.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        cases += 1;
        let Some((question, expected)) = line.rsplit_once(" -> ") else {
            failures.push(format!("{name}:{number}: no ` -> ` in `{line}`"));
            continue;
        };
        let answered = answer(question.trim());
        if answered != expected.trim() {
            failures.push(format!("{name}:{number}: {line}\n    but it is {answered}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases >= least, "{name} has only {cases} cases");
}

#[test]
fn what_was_dialled() {
    hold("phone_number.txt", include_str!("cases/phone_number.txt"), 60, |question| {
        let (place, text) = question.split_once(' ').unwrap_or((question, ""));
        let (place, bare) = match place.strip_suffix('*') {
            Some(place) => (place, BareDigits::International),
            None => (place, BareDigits::National),
        };
        let region: Option<Region> = (place != "--").then(|| place.parse().unwrap());
        let written = |region: Option<Region>| region.map_or("--".into(), |region| region.to_string());
        match dialled_on(text.trim(), region, bare) {
            Ok(Dialled::Number(number)) => number.to_string(),
            Ok(Dialled::Emergency(code)) => format!("emergency {} {}", written(code.region()), code.digits()),
            Ok(Dialled::Short(code)) => format!("short {} {}", written(code.region()), code.digits()),
            Err(reason) => match reason {
                NotANumber::Empty => "empty",
                NotANumber::Anonymous => "anonymous",
                NotANumber::FeatureCode => "feature code",
                NotANumber::Extension => "extension",
                NotANumber::TooShort => "too short",
                NotANumber::TooLong => "too long",
                NotANumber::NoRegion => "no region",
                NotANumber::Ambiguous => "ambiguous",
                NotANumber::Invalid => "invalid",
            }
            .into(),
        }
    });
}

#[test]
fn the_zone_of_a_number() {
    hold("zone.txt", include_str!("cases/zone.txt"), 60, |question| {
        let found = zone_of(question.parse().unwrap());
        found.map_or("none".into(), |found| format!("{} {}", found.zone, found.step.code()))
    });
}
