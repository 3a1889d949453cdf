//! How long may a call last, and who pays? Cases in `cases/longest_call.txt` and `cases/balances.txt`.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::money::{Amount, Rounding};
use calculation::phone_number::{Dialled, E164};
use calculation::prepaid::{Balance, Means, Unit, draw, longest, means, usable};
use calculation::tariff::{Prefix, Rate, Step, Tariff, Terms};
use jiff::Timestamp;

/// Gives each `key: question -> answer` line to `each`, which answers too; keys without an answer say `""`.
fn hold(table: &str, least: usize, mut each: impl FnMut(&str, &str) -> String) {
    let mut failures = Vec::new();
    let mut cases = 0;
    for (number, line) in
        (1..).zip(table.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let (key, rest) = line.split_once(':').unwrap_or_else(|| panic!("line {number} has no key: {line}"));
        let (question, expected) = rest.split_once(" ->").unwrap_or((rest, ""));
        cases += usize::from(rest.contains(" ->"));
        let answer = each(key, question.trim());
        if answer != expected.trim() {
            failures.push(format!("line {number}: {line}\n    but it is {answer}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(cases >= least, "only {cases} cases");
}

#[test]
fn the_longest_call() {
    let mut tariff = None;
    hold(include_str!("cases/longest_call.txt"), 85, |key, question| match key {
        "rate" => {
            tariff = Some(tariff_of(question));
            String::new()
        }
        "call" => longest_call(tariff.as_ref().expect("a rate comes first"), question),
        _ => panic!("unknown key {key}"),
    });
}

/// A tariff of one rate, such as `0.1290 600:0.0790 30/6 4 half-up fee=0.01 least=0.05`.
fn tariff_of(text: &str) -> Tariff {
    let words: Vec<_> = text.split(' ').collect();
    let increments = words.iter().position(|word| word.contains('/')).unwrap();
    let (prices, [increments, digits, mode, options @ ..]) = words.split_at(increments) else {
        panic!("no increments, digits and mode: {text}")
    };
    let step = |word: &&str| {
        let (from, price) = word.split_once(':').unwrap_or(("0", word));
        Step { from_seconds: from.parse().unwrap(), price: price.parse().unwrap() }
    };
    let option = |name| options.iter().find_map(|word| word.strip_prefix(name)).unwrap_or("0");
    let rounding = Rounding::new(digits.parse().unwrap(), mode.parse().unwrap()).unwrap();
    let rate = Rate {
        prefix: "44".parse().unwrap(),
        destination: "United Kingdom".into(),
        connection_fee: option("fee=").parse().unwrap(),
        steps: prices.iter().map(step).collect(),
        increments: increments.parse().unwrap(),
        minimum_charge: option("least=").parse().unwrap(),
        blocked: false,
        band: None,
        effective_from: None,
        effective_to: None,
    };
    Tariff::new(Terms::new("EUR".parse().unwrap(), rounding), vec![rate])
}

/// Answers `90 s + 0.05, for 3600`.
fn longest_call(tariff: &Tariff, question: &str) -> String {
    let (there, wanted) = question.split_once(", for ").unwrap();
    let (seconds, money) = there.split_once(" s + ").unwrap();
    let there = Means { seconds: seconds.parse().unwrap(), money: money.parse().unwrap() };
    let found = longest(tariff, &tariff.rates()[0], there, wanted.parse().unwrap());
    let limit = if found.is_limit { ", no more" } else { "" };
    let (talk, billed, included) = (found.talk_seconds, found.billed_seconds, found.included_seconds);
    format!("{talk}, {billed}, {included}, {}{limit}", found.amount)
}

#[test]
fn the_balances_that_pay() {
    let mut balances: Vec<Known> = Vec::new();
    let mut payers: Vec<usize> = Vec::new();
    hold(include_str!("cases/balances.txt"), 32, |key, text| {
        match key {
            "case" => balances.clear(),
            "balance" => balances.push(Known::read(text)),
            "call" => {
                let all: Vec<_> = balances.iter().map(Known::balance).collect();
                let usable = who_pays(&all, text);
                payers =
                    usable.iter().map(|payer| all.iter().position(|one| one == *payer).unwrap()).collect();
                let ids: Vec<_> = usable.iter().map(|balance| balance.id.to_string()).collect();
                let there = means(&usable);
                return format!("{}: {} s + {}", ids.join(" "), there.seconds, there.money);
            }
            "draw" => {
                let all: Vec<_> = balances.iter().map(Known::balance).collect();
                return drawn(&payers.iter().map(|place| &all[*place]).collect::<Vec<_>>(), text);
            }
            _ => panic!("unknown key {key}"),
        }
        String::new()
    });
}

/// A balance with the destinations that it lends.
struct Known {
    balance: Balance<'static>,
    destinations: Vec<Prefix>,
}

impl Known {
    /// Reads `2 has 100 s to 49,44 | of +493023125001 | priority 9 | until 2026-12-01T00:00:00Z`.
    fn read(text: &str) -> Self {
        let mut parts = text.split(" | ");
        let (id, has) = parts.next().unwrap().split_once(" has ").unwrap();
        let seconds = has.split_once(" s to ");
        let destinations =
            seconds.map(|(_, prefixes)| prefixes.split(',').map(|prefix| prefix.parse().unwrap()).collect());
        let mut balance = Balance {
            id: id.parse().unwrap(),
            unit: if seconds.is_some() { Unit::Seconds } else { Unit::Money },
            destinations: &[],
            line: None,
            priority: 0,
            expires_at: None,
            available: seconds
                .map_or_else(|| has.parse::<Amount>().unwrap().micros(), |(count, _)| count.parse().unwrap()),
        };
        for part in parts {
            match part.split_once(' ').unwrap() {
                ("of", line) => balance.line = Some(line.parse().unwrap()),
                ("priority", priority) => balance.priority = priority.parse().unwrap(),
                ("until", expiry) => balance.expires_at = Some(expiry.parse().unwrap()),
                _ => panic!("unknown: {part}"),
            }
        }
        Self { balance, destinations: destinations.unwrap_or_default() }
    }

    fn balance(&self) -> Balance<'_> {
        Balance { destinations: &self.destinations, ..self.balance }
    }
}

/// Who pays `+493023125001 > +442079460000 at 2026-11-05T12:00:00Z`.
fn who_pays<'b, 'a>(balances: &'b [Balance<'a>], call: &str) -> Vec<&'b Balance<'a>> {
    let (line, rest) = call.split_once(" > ").unwrap();
    let (number, at) = rest.split_once(" at ").unwrap();
    let line: Option<E164> = (line != "-").then(|| line.parse().unwrap());
    usable(balances, line, &Dialled::Number(number.parse().unwrap()), at.parse::<Timestamp>().unwrap())
}

/// What is drawn when `100 s` or `5.00` are wanted.
fn drawn(payers: &[&Balance<'_>], wanted: &str) -> String {
    let parts = match wanted.strip_suffix(" s") {
        Some(seconds) => draw(payers, Unit::Seconds, seconds.parse().unwrap()),
        None => draw(payers, Unit::Money, wanted.parse::<Amount>().unwrap().micros()),
    };
    let is_time = wanted.ends_with(" s");
    let quantity =
        |count: i64| if is_time { count.to_string() } else { Amount::from_micros(count).to_string() };
    let parts: Vec<_> =
        parts.iter().map(|part| format!("{} {}", part.balance, quantity(part.quantity))).collect();
    parts.join(", ")
}
