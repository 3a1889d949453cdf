//! What does a call cost? Cases in `cases/rating.txt`, which says how to read them.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::allowance::Allowance;
use calculation::call::Billable;
use calculation::cdr::Reason;
use calculation::money::Rounding;
use calculation::phone_number::Dialled;
use calculation::rating::{Caller, rate};
use calculation::tariff::{Band, Rate, Step, Tariff, Terms};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

/// What the lines above a call have said.
#[derive(Default)]
struct Table {
    bands: Vec<Band>,
    holidays: Vec<Date>,
    rounding: Option<Rounding>,
    rates: Vec<Rate>,
    allowances: Vec<Allowance>,
    used: Vec<u64>,
}

#[test]
fn what_a_call_costs() {
    let (mut table, mut cases, mut failures) = (Table::default(), 0, Vec::new());
    for (number, line) in (1..).zip(include_str!("cases/rating.txt").lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, rest) = line.split_once(": ").unwrap_or_else(|| panic!("line {number} has no key: {line}"));
        if key != "call" {
            table.read(key, rest);
            continue;
        }
        cases += 1;
        let (question, expected) = rest.split_once(" -> ").expect("a call has an answer");
        let answer = table.call(question);
        if answer != expected {
            failures.push(format!("line {number}: {line}\n    but it is {answer}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(cases >= 160, "only {cases} cases");
}

impl Table {
    fn read(&mut self, key: &str, text: &str) {
        match key {
            "bands" if text == "none" => self.bands.clear(),
            "bands" => self.bands = text.split("; ").map(band).collect(),
            "holidays" => self.holidays = text.split(' ').map(|day| day.parse().unwrap()).collect(),
            "rate" => {
                (self.rates, self.allowances, self.used) = (Vec::new(), Vec::new(), Vec::new());
                self.add_rate(text);
            }
            "also" => self.add_rate(text),
            "included" => {
                let parts = text.split(", ").map(|part| part.split_once(" s less ").unwrap());
                (self.allowances, self.used) = parts
                    .map(|(seconds, used)| {
                        let destinations = vec!["44".parse().unwrap()];
                        let allowance = Allowance {
                            name: "included".to_owned(),
                            seconds: seconds.parse().unwrap(),
                            destinations,
                        };
                        (allowance, used.parse::<u64>().unwrap())
                    })
                    .unzip();
            }
            _ => panic!("unknown key {key}"),
        }
    }

    /// A rate, such as `0.1290 600:0.0790 30/6 4 half-up fee=0.01 least=0.05 band=peak`.
    fn add_rate(&mut self, text: &str) {
        let words: Vec<_> = text.split(' ').collect();
        let increments = words.iter().position(|word| word.contains('/')).unwrap();
        let (prices, [increments, digits, mode, options @ ..]) = words.split_at(increments) else {
            panic!("no increments, digits and mode: {text}")
        };
        let step = |word: &&str| {
            let (from, price) = word.split_once(':').unwrap_or(("0", word));
            Step { from_seconds: from.parse().unwrap(), price: price.parse().unwrap() }
        };
        let option = |name| options.iter().find_map(|word| word.strip_prefix(name));
        let rounding = Some(Rounding::new(digits.parse().unwrap(), mode.parse().unwrap()).unwrap());
        assert!(
            self.rates.is_empty() || rounding == self.rounding,
            "all rates of a list round alike: {text}"
        );
        self.rounding = rounding;
        self.rates.push(Rate {
            prefix: "44".parse().unwrap(),
            destination: "United Kingdom".into(),
            connection_fee: option("fee=").unwrap_or("0").parse().unwrap(),
            steps: prices.iter().map(step).collect(),
            increments: increments.parse().unwrap(),
            minimum_charge: option("least=").unwrap_or("0").parse().unwrap(),
            blocked: options.contains(&"blocked"),
            band: option("band=").map(Into::into),
            effective_from: None,
            effective_to: None,
        });
    }

    /// Answers `61 s at 2026-10-05T10:00:00+02:00`.
    fn call(&self, question: &str) -> String {
        let (seconds, at) = question.split_once(" at ").unwrap_or((question, "2026-10-05T10:00:00+02:00"));
        let mut terms = Terms::new("EUR".parse().unwrap(), self.rounding.unwrap());
        (terms.bands, terms.holidays) = (self.bands.clone(), self.holidays.clone());
        let tariff = Tariff::new(terms, self.rates.clone());
        let caller = Caller {
            zone: &TimeZone::get("Europe/Berlin").unwrap(),
            allowances: &self.allowances,
            used: &self.used,
            usage_pricing: &[],
        };
        let talk = Billable {
            answered_at: at.parse().unwrap(),
            talk_seconds: seconds.trim_end_matches(" s").parse().unwrap(),
        };
        match rate(&tariff, caller, &Dialled::Number("+442079460000".parse().unwrap()), talk) {
            Ok(charge) => {
                let included = match charge.included_seconds() {
                    0 => String::new(),
                    included => format!(", {included} included"),
                };
                let (billed, exact, amount) = (charge.billed_seconds, charge.exact, charge.amount);
                format!("{billed} s{included}, exact {exact}, charge {amount}")
            }
            Err(flaw) if flaw.reason == Reason::BlockedDestination => "barred".to_owned(),
            Err(flaw) => flaw.message,
        }
    }
}

/// A band, such as `peak Mon Tue 08:00-18:00`.
fn band(text: &str) -> Band {
    let words: Vec<_> = text.split(' ').collect();
    let (hours, [name, days @ ..]) = words.split_last().map(|(hours, rest)| (*hours, rest)).unwrap() else {
        panic!("no name: {text}")
    };
    let (from, to) = hours.split_once('-').unwrap();
    let days: Vec<_> = days.iter().map(|day| day.to_lowercase()).collect();
    serde_json::from_value(json!({"name": name, "days": days, "from": from, "to": to})).unwrap()
}
