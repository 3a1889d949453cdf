//! Do the tables in `cases/` hold? One line, one case, readable by somebody who knows telephony.

use calculation::cdr::{Cdr, ChargedParty, Feed, Flaw, Format, Reader, Service, Seventeenth};
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
    let mut feed = Feed::new(Format::Canonical);
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
