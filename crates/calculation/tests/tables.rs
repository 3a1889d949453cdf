//! Do the tables in `cases/` hold? One line, one case, readable by somebody who knows telephony.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use calculation::cdr::{Cdr, ChargedParty, Feed, Flaw, Reader, Service, Seventeenth};
use calculation::commitment::shortfall;
use calculation::discount::{DiscountTerms, Duration, reduction};
use calculation::fee::{DaysOfMonth, days_held, prorated, prorated_seconds};
use calculation::invoice::{Days, InvoiceLine};
use calculation::money::{Amount, Currency};
use calculation::period::Calendar;
use calculation::phone_number::{BareDigits, Dialled, NotANumber, NumberForm, Region, dialled_as};
use calculation::plan_terms::PlanTerms;
use calculation::tax::TaxCategory;
use calculation::usage_pricing::{PricingModel, Tier};
use calculation::zone::zone_of;
use jiff::tz::TimeZone;

/// Gives each `key: value` line of a table to `each`; the failures it answers are shown together.
fn run(table: &str, mut each: impl FnMut(&str, &str) -> Result<(), String>) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (number, line) in (1..).zip(table.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("line {number} has no key: {line}"));
        if let Err(failure) = each(key, value.trim_start()) {
            failures.push(format!("line {number}: {failure}"));
        }
    }
    assert!(count > 0, "the table is empty");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn cdr_cases() {
    let mut feed = cdr_feed("csv");
    let mut reader = None;
    let mut said = String::new();
    run(include_str!("cases/cdr.txt"), |key, value| {
        match key {
            "feed" => {
                feed = cdr_feed(value);
                reader = Reader::new(feed.clone(), b"").ok().map(|(reader, _)| reader);
            }
            "head" => match Reader::new(feed.clone(), value.as_bytes()) {
                Ok((with_header, _)) => {
                    reader = Some(with_header);
                    said = "a reader".into();
                }
                Err(flaw) => said = flaw_text(&flaw),
            },
            "line" => {
                let reader = reader.as_ref().ok_or("no reader: give the header")?;
                said = match reader.read(value.as_bytes()) {
                    Ok(cdr) => cdr_text(&cdr),
                    Err(flaw) => flaw_text(&flaw),
                };
            }
            "cdr" if said != value => return Err(format!("said\n  {said}\nnot\n  {value}")),
            "flaw" if !said.starts_with(value) => return Err(format!("said\n  {said}\nnot\n  {value}")),
            "cdr" | "flaw" => {}
            _ => return Err(format!("unknown key {key}")),
        }
        Ok(())
    });
}

fn cdr_feed(text: &str) -> Feed {
    let mut words = text.split(' ');
    let mut feed =
        Feed::new(words.next().and_then(|name| name.parse().ok()).expect("a feed begins with its format"));
    feed.zone = TimeZone::UTC;
    for word in words {
        match word.split_once('=').expect("a setting is name=value") {
            ("zone", name) => feed.zone = TimeZone::get(name).expect("the zone exists"),
            ("trunk", name) => feed.trunks.push(name.into()),
            ("seventeenth", "userfield") => feed.seventeenth = Seventeenth::UserField,
            ("map", pair) => {
                let (ours, theirs) = pair.split_once('<').expect("a map is ours<theirs");
                feed.columns.push((ours.into(), theirs.into()));
            }
            _ => panic!("no such setting: {word}"),
        }
    }
    feed
}

fn flaw_text(flaw: &Flaw) -> String {
    format!("{} {flaw}", flaw.reason.code())
}

fn cdr_text(cdr: &Cdr) -> String {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let mut parts = vec![format!("{} of {}", cdr.record_id, cdr.call_id)];
    parts.extend(cdr.account_ref.as_ref().map(ToString::to_string));
    let direction = format!("{:?}", cdr.direction).to_lowercase();
    parts.push(format!("{direction} {} > {}", cdr.calling_number, cdr.called_number));
    parts.push(format!("{} {} {}", cdr.start, or_dash(cdr.answer.map(|answer| answer.to_string())), cdr.end));
    let count = |value: Option<i64>| or_dash(value.map(|value| value.to_string()));
    parts.push(format!("{} {}", count(cdr.duration_ms), count(cdr.billsec_ms)));
    parts.push(format!("{:?}", cdr.disposition));
    if cdr.charged_party != ChargedParty::Calling {
        parts.push(format!("{:?} pays", cdr.charged_party));
    }
    parts.extend(cdr.redirecting_number.as_ref().map(|number| format!("by {number}")));
    if cdr.service != Service::Voice {
        parts.push(format!("{:?}", cdr.service));
    }
    parts.join(" | ")
}

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
        let (place, bare_digits) = match place.strip_suffix('*') {
            Some(place) => (place, BareDigits::International),
            None => (place, BareDigits::National),
        };
        let (place, outside) = place.split_once('/').unwrap_or((place, ""));
        let form = NumberForm { bare_digits, outside_digit: outside.parse().ok() };
        let region: Option<Region> = (place != "--").then(|| place.parse().unwrap());
        let written = |region: Option<Region>| region.map_or("--".into(), |region| region.to_string());
        match dialled_as(text.trim(), region, form) {
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
                NotANumber::UnknownCallingCode => "unknown calling code",
                NotANumber::ImpossibleLength { .. } => "impossible length",
                NotANumber::TrunkPrefix { .. } => "trunk prefix",
                NotANumber::NoAreaCode => "no area code",
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

#[test]
fn the_months_of_a_customer_who_moves() {
    hold("calendar.txt", include_str!("cases/calendar.txt"), 19, |question| {
        let (zones, month) = question.rsplit_once(' ').unwrap();
        let mut zones = zones.split(" > ");
        let mut zone = TimeZone::get(zones.next().unwrap()).unwrap();
        let mut former = Vec::new();
        for moved in zones {
            let (from, name) = moved.split_once(' ').unwrap();
            former.push((format!("{from}-01").parse().unwrap(), zone));
            zone = TimeZone::get(name).unwrap();
        }
        let period = Calendar::with_former(former, zone).month(month).unwrap();
        let hours = period.ends_at.duration_since(period.starts_at).as_hours();
        format!("{} .. {}, {hours}", period.starts_at, period.ends_at)
    });
}

fn money(text: &str) -> (Amount, Currency) {
    let (amount, currency) = text.split_once(' ').unwrap();
    (amount.parse().unwrap(), currency.parse().unwrap())
}

/// Days written `14/31`.
fn days_of_month(text: &str) -> DaysOfMonth {
    let (held, of) = text.split_once('/').unwrap();
    DaysOfMonth::new(held.parse().unwrap(), of.parse().unwrap()).unwrap()
}

#[test]
fn a_fee_for_a_part_of_the_month() {
    hold("fee.txt", include_str!("cases/fee.txt"), 15, |question| {
        let (fee, days) = question.rsplit_once(' ').unwrap();
        let (first, last) = days.split_once("..").unwrap();
        let days = Days { first: first.parse().unwrap(), last: last.parse().unwrap() };
        let part = DaysOfMonth::of(days).unwrap();
        let (fee, currency) = money(fee);
        let due = prorated(fee, part, currency).unwrap();
        format!("{due} {}/{}", part.held(), part.days_in_month())
    });
}

#[test]
fn an_allowance_for_a_part_of_the_month() {
    hold("allowance_part.txt", include_str!("cases/allowance_part.txt"), 9, |question| {
        let (seconds, part) = question.split_once(' ').unwrap();
        prorated_seconds(seconds.parse().unwrap(), days_of_month(part)).to_string()
    });
}

#[test]
fn the_days_of_a_span_of_time() {
    hold("days_held.txt", include_str!("cases/days_held.txt"), 24, |question| {
        let (place, span) = question.split_once(" 20").unwrap();
        let (from_zone, zone) = place.split_once(" > ").unwrap_or((place, place));
        let [from_zone, zone] = [from_zone, zone].map(|name| TimeZone::get(name).unwrap());
        let (month, span) = span.split_once(' ').unwrap();
        let month = format!("20{month}");
        let moved_on = format!("{month}-01").parse().unwrap();
        let period = Calendar::with_former(vec![(moved_on, from_zone)], zone.clone()).month(&month).unwrap();
        let (from, to) = span.split_once(" .. ").unwrap();
        let to = (to != "--").then(|| to.parse().unwrap());
        let Some(days) = days_held(from.parse().unwrap(), to, period, &zone) else { return "none".into() };
        format!("{}-{}, {}", days.first.day(), days.last.day(), days.count())
    });
}

#[test]
fn what_is_missing_to_a_commitment() {
    hold("commitment.txt", include_str!("cases/commitment.txt"), 11, |question| {
        let (agreed, counted) = question.split_once(", ").unwrap();
        let (least, days) = agreed.rsplit_once(' ').unwrap();
        let (least, currency) = money(least);
        let missing = shortfall(least, days_of_month(days), counted.parse().unwrap(), currency);
        missing.unwrap().to_string()
    });
}

#[test]
fn the_minutes_of_a_month_priced_together() {
    let mut model = PricingModel::Volume { tiers: Vec::new() };
    let mut currency = "EUR".parse().unwrap();
    run(include_str!("cases/usage_pricing.txt"), |key, value| {
        if let Some((question, expected)) = value.split_once(" -> ") {
            let price = match (key, question.split_once(", ")) {
                ("month", None) => model.price(seconds(question), currency),
                ("late", Some((invoiced, late))) => {
                    model.price_of_late(seconds(invoiced), seconds(late), currency)
                }
                _ => return Err(format!("unknown key {key}")),
            };
            let said = price.map_or("none".into(), |price| price.to_string());
            return if said == expected { Ok(()) } else { Err(format!("{value}, but it is {said}")) };
        }
        currency = value[..3].parse().unwrap();
        model = pricing_model(key, value[3..].trim_start()).ok_or(format!("no prices: {key}: {value}"))?;
        Ok(())
    });
}

/// Minutes and seconds written `10:01`.
fn seconds(text: &str) -> u64 {
    let (minutes, seconds) = text.split_once(':').unwrap();
    minutes.parse::<u64>().unwrap() * 60 + seconds.parse::<u64>().unwrap()
}

fn pricing_model(kind: &str, text: &str) -> Option<PricingModel> {
    if kind == "package" {
        let (minutes, price) = text.split_once(" for ")?;
        return Some(PricingModel::Package { minutes: minutes.parse().ok()?, price: price.parse().ok()? });
    }
    let tier = |text: &str| {
        let (until, price) = text.split_once(" at ")?;
        let (price_per_minute, flat_fee) = price.trim().split_once(" + ")?;
        let up_to_minutes = match until.trim().strip_prefix("to ") {
            Some(minutes) => Some(minutes.parse().ok()?),
            None => None,
        };
        Some(Tier {
            up_to_minutes,
            price_per_minute: price_per_minute.parse().ok()?,
            flat_fee: flat_fee.parse().ok()?,
        })
    };
    let tiers = text.strip_prefix('|')?.split('|').map(tier).collect::<Option<_>>()?;
    match kind {
        "graduated" => Some(PricingModel::Graduated { tiers }),
        "volume" => Some(PricingModel::Volume { tiers }),
        _ => None,
    }
}

#[test]
fn the_terms_of_a_plan() {
    hold("plan_terms.txt", include_str!("cases/plan_terms.txt"), 28, |question| {
        let terms: PlanTerms = match serde_json::from_str(question) {
            Ok(terms) => terms,
            Err(error) => return refusal(&error),
        };
        let written = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<PlanTerms>(&written).unwrap(), terms, "{written}");
        terms.check().map_or_else(|error| error.to_string(), |()| "sound".into())
    });
}

#[test]
fn the_terms_of_a_discount() {
    hold("discount_terms.txt", include_str!("cases/discount_terms.txt"), 19, |question| {
        let terms: DiscountTerms = match serde_json::from_str(question) {
            Ok(terms) => terms,
            Err(error) => return refusal(&error),
        };
        let written = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<DiscountTerms>(&written).unwrap(), terms, "{written}");
        terms.check().map_or_else(|error| error.to_string(), |()| "sound".into())
    });
}

#[test]
fn the_months_of_a_discount() {
    hold("discount_months.txt", include_str!("cases/discount_months.txt"), 17, |question| {
        let [duration, _, begins, _, month, _, uses] = question.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{question}")
        };
        let duration = match duration {
            "once" => Duration::Once,
            "forever" => Duration::Forever,
            months => Duration::Months(months.parse().unwrap()),
        };
        let [begins, month] = [begins, month].map(|month| format!("{}-01", &month[..7]).parse().unwrap());
        let in_force = duration.in_force(begins, month, uses.parse().unwrap());
        if in_force { "yes".into() } else { "no".into() }
    });
}

#[test]
fn what_a_discount_takes_off() {
    let mut currency = "EUR".parse().unwrap();
    let mut lines = Vec::new();
    run(include_str!("cases/discount.txt"), |key, value| {
        if key == "lines" {
            let mut parts = value.split('|').map(str::trim);
            currency = parts.next().unwrap().parse().unwrap();
            lines = parts.map(invoice_line).collect();
            return Ok(());
        }
        let (question, expected) = value.split_once(" -> ").ok_or("no answer")?;
        let (reduces, scope) = question.split_once(" off ").ok_or("of what?")?;
        let (kind, count) =
            reduces.strip_suffix(" %").map_or(("amount", reduces), |percent| ("percent", percent));
        let terms = serde_json::json!({ kind: count, "applies_to": scope, "duration": "once" });
        let terms: DiscountTerms = serde_json::from_value(terms).unwrap();
        let said = match reduction(&terms, &lines, currency) {
            None => "too large".into(),
            Some(parts) if parts.is_empty() => "none".into(),
            Some(parts) => {
                let category = |category| match name_of(category) {
                    name if name == "standard" => String::new(),
                    name => format!(" {name}"),
                };
                let part = |(of, rate, off): &_| format!("{off} at {rate}{}", category(*of));
                parts.iter().map(part).collect::<Vec<_>>().join(", ")
            }
        };
        if said == expected { Ok(()) } else { Err(format!("{value}, but it is {said}")) }
    });
}

fn name_of(category: TaxCategory) -> String {
    serde_json::to_value(category).unwrap().as_str().unwrap().to_owned()
}

/// A line written `fee 10.00 at 19`, with its tax category if that is not the standard one.
fn invoice_line(text: &str) -> InvoiceLine {
    let mut words = text.split(' ').chain(["standard"]);
    let mut word = || words.next().unwrap();
    let (kind, net, _, rate, category) = (word(), word(), word(), word(), word());
    let line = serde_json::json!({
        "kind": kind, "description": "", "calls": 0, "seconds": 0, "included_seconds": 0,
        "net": net, "tax_category": category, "tax_rate": rate,
    });
    serde_json::from_value(line).unwrap()
}

/// What is wrong by serde's word, without what it would rather have.
fn refusal(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let rather = [" at line ", ", expected ", ": write "];
    let said = rather.iter().fold(said.as_str(), |said, rest| said.split(rest).next().unwrap());
    format!("no JSON of terms: {said}")
}
