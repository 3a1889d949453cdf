//! Do our own tables of facts agree with libphonenumber's?
//!
//! The reference tables are no part of the project. Where they are not at hand, a test prints that it did
//! not run. Ours are right where the two differ, for the reasons below.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test may")]

use std::collections::HashMap;

use calculation::emergency::is_emergency;
use calculation::phone_number::{E164, Region};
use calculation::zone::zone_of;

/// A reference table, or nothing where it is not at hand.
fn reference(name: &str) -> Option<String> {
    let path = format!("{}/../../../shared/data/numbering/{name}", env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(&path).ok();
    if table.is_none() {
        println!("did not run: no {path}");
    }
    table
}

#[test]
fn every_emergency_number_that_libphonenumber_knows_is_recognised() {
    let Some(table) = reference("shortcodes_by_calling_code.csv") else { return };
    let mut compared = 0;
    for line in table.lines() {
        let fields: Vec<&str> = line.split(';').map(str::trim).collect();
        let [_, region, prefix, length, "EMERGENCY", ..] = fields[..] else { continue };
        let Ok(region) = region.parse::<Region>() else { panic!("{line}") };
        let length: usize = length.parse().unwrap();
        for number in spelled_out(prefix) {
            // A prefix that is shorter than the number stands for some of its continuations.
            let known = continuations(&number, length).any(|number| is_emergency(&number, Some(region)));
            assert!(known, "{region} {number} of `{line}` is missing");
            compared += 1;
        }
    }
    assert!(compared > 500, "only {compared} numbers compared");
}

/// All numbers of `length` digits that begin with `prefix`.
fn continuations(prefix: &str, length: usize) -> impl Iterator<Item = String> {
    let missing = length - prefix.len();
    let most = 10_usize.pow(missing.try_into().unwrap());
    (0..most).map(move |rest| match missing {
        0 => prefix.into(),
        _ => format!("{prefix}{rest:0missing$}"),
    })
}

/// `1[0-24]` as 10, 11, 12, 14.
fn spelled_out(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('[') else { return vec![pattern.into()] };
    let (choices, after) = rest.split_once(']').unwrap();
    let mut digits = Vec::new();
    let mut characters = choices.chars().peekable();
    while let Some(first) = characters.next() {
        let last = match characters.next_if_eq(&'-') {
            Some(_) => characters.next().unwrap(),
            None => first,
        };
        digits.extend(first..=last);
    }
    let one = |digit: &char| spelled_out(&format!("{before}{digit}{after}"));
    digits.iter().flat_map(one).collect()
}

/// Prefixes, how many of theirs below them have one zone with other rules than ours (no more and no
/// fewer), and why.
type Difference = (&'static [&'static str], usize, &'static str);

const DIFFERENCES: &[Difference] = &[
    (
        &["1208", "1308", "1541", "1574", "1605", "1606", "1620", "1701", "1775", "1785", "1812", "1906"],
        207,
        "area codes on a border of zones: we answer with the zone of most people, they by exchange",
    ),
    (&["1219", "1270", "1364", "1448", "1850"], 5, "the same; as a whole they give the smaller side"),
    (&["1250"], 22, "the Rocky Mountain side of British Columbia, by exchange"),
    (&["1418", "1709", "1807"], 14, "Magdalen Islands, Labrador, Kenora: by exchange"),
    (&["1867"], 12, "three territories on one code: we know the exchanges of the capitals"),
    (&["1907"], 1, "the western Aleutians, by exchange"),
    (&["1423"], 1, "Chattanooga and Knoxville's north are Eastern: theirs is wrong"),
    (&["1474"], 1, "overlays 306 in Saskatchewan: theirs is wrong"),
    (&["1689"], 1, "overlays 407 in Orlando: theirs is wrong"),
    (&["211", "212", "213", "218", "505", "970"], 6, "a neighbour's zone with other rules: theirs is wrong"),
    (&["2622689"], 1, "262 2689 is not given out"),
    (&["34827"], 1, "overlays 927 in Cáceres: theirs is wrong"),
    (
        &["52614", "5262", "5263", "52652", "52659"],
        5,
        "the state of Chihuahua went to Central time in 2022: theirs is old",
    ),
    (&["52657", "52660", "52663"], 3, "new codes: two that we do not know, 663 is Tijuana"),
    (
        &["55553682", "55673480", "55693527", "55925009"],
        4,
        "single exchanges against their state: theirs is wrong",
    ),
    (&["5581"], 117, "exchanges of Recife as Noronha, which has 3619 only: theirs is wrong"),
    (&["5632"], 1, "Valparaíso but for the exchanges of Easter Island: theirs is wrong"),
    (&["612"], 20, "Lord Howe Island by blocks of a thousand numbers; we know its exchange 6563"),
    (&["617"], 1, "Queensland but for a strip of New South Wales: theirs is wrong"),
    (&["6185", "6189"], 29, "Christmas and Cocos Islands by blocks; parts of Western Australia as Sydney"),
    (&["629"], 4, "Maluku and Papua as Jakarta: theirs is wrong"),
    (&["672"], 1, "Norfolk has 6723, the Antarctic stations have 6721"),
    (&["733", "735"], 2, "the area codes 351, 352 and 353 agree; the others are not given out"),
    (&["740"], 1, "Kaliningrad has no summer time: theirs is wrong"),
    (&["7803", "7804"], 2, "freephone: no place"),
    (&["7845"], 1, "Saratov went to UTC+4 in 2016: theirs is old"),
];

#[test]
fn the_zones_agree_with_libphonenumber_or_there_is_a_reason() {
    let Some(table) = reference("timezones_by_prefix.txt") else { return };
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let theirs: HashMap<&str, &str> = lines.filter_map(|line| line.split_once('|')).collect();
    let mut compared = 0;
    let mut differing = vec![0; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    for (prefix, zone) in theirs.iter().filter(|(_, zones)| !zones.contains('&')) {
        let Some(number) = number_of_exactly(prefix, &theirs) else { continue };
        let ours = zone_of(number).map(|found| found.zone);
        compared += 1;
        if ours.is_some_and(|ours| rules_of(ours) == rules_of(zone)) {
            continue;
        }
        match reason_for(prefix) {
            Some(reason) => differing[reason] += 1,
            None => unexplained.push(format!("{prefix}: {ours:?}, theirs {zone}")),
        }
    }
    unexplained.sort();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    let expected: Vec<usize> = DIFFERENCES.iter().map(|(_, count, _)| *count).collect();
    assert_eq!(differing, expected, "the counts of DIFFERENCES");
    assert!(compared > 2500, "only {compared} prefixes compared");
}

/// The place in `DIFFERENCES` of the longest prefix of `prefix`.
fn reason_for(prefix: &str) -> Option<usize> {
    let reasons = (0..).zip(DIFFERENCES);
    let prefixes = reasons.flat_map(|(at, (prefixes, ..))| prefixes.iter().map(move |known| (known, at)));
    prefixes
        .filter(|(known, _)| prefix.starts_with(**known))
        .max_by_key(|(known, _)| known.len())
        .map(|(_, at)| at)
}

/// A number for which `prefix` and no longer one of the table decides.
fn number_of_exactly(prefix: &str, table: &HashMap<&str, &str>) -> Option<E164> {
    "5012346789".chars().find_map(|digit| {
        let number = prefix.to_owned() + &digit.to_string().repeat(13 - prefix.len());
        let decides = (1..=13).rev().find(|&length| table.contains_key(&number[..length]))?;
        (decides == prefix.len()).then(|| format!("+{number}").parse().unwrap())
    })
}

/// The offset at the beginning of 2026 and every change of it in that year.
fn rules_of(zone: &str) -> Vec<(jiff::Timestamp, jiff::tz::Offset)> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let end: jiff::Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let changes = zone.following(start).take_while(|change| change.timestamp() < end);
    let mut rules = vec![(start, zone.to_offset(start))];
    rules.extend(changes.map(|change| (change.timestamp(), change.offset())));
    rules
}
