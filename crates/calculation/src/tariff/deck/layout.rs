//! Which column of a deck is which?

use std::collections::BTreeMap;

use csv::StringRecord;

use super::{Columns, Fault};

/// What may stand between columns.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// A header is looked for in so many rows: some decks have a title above it.
const MOST_TITLE_ROWS: usize = 20;

/// Our column names, each with the names that common decks give it.
const COLUMNS: [(&str, &[&str]); 16] = [
    ("prefix", &["code", "dialprefix", "dial prefix", "destination prefixes", "prefixes", "dst code"]),
    ("destination", &["description", "code name", "destination name", "name"]),
    (
        "rate_per_min",
        &["cost per min", "cost/min", "price / min", "rate", "price", "price n", "rate cost", "rateinitial"],
    ),
    ("first_rate_per_min", &["price 1"]),
    (
        "connection_charge",
        &["connect cost", "connection cost", "connectcharge", "price per call", "setup fee", "sf"],
    ),
    ("initial_increment", &["initblock", "interval 1", "rate minimum", "min"]),
    ("increment", &["billingblock", "interval n", "increment s", "rate increment", "int"]),
    ("increments", &["billing", "billing increments"]),
    ("min_charge", &["minimum charge"]),
    ("step_from", &[]),
    ("step_to", &[]),
    ("time_band", &["time profile"]),
    ("effective_from", &["effective date", "effective"]),
    ("effective_to", &["end date"]),
    ("status", &["change", "change type"]),
    ("currency", &[]),
];

/// Where in a record each of our columns stands.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) positions: BTreeMap<&'static str, usize>,
    pub(super) width: usize,
}

/// Where a deck's header is, and what it says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) separator: u8,
    /// How many rows stand above it.
    pub(super) rows_above: usize,
    pub(super) layout: Layout,
}

/// Finds the header: the first row that names all columns that a deck needs, between whichever separators.
/// Without one, the row that comes nearest says what is wrong.
pub(super) fn find(text: &[u8], columns: &Columns) -> Result<Header, Vec<Fault>> {
    let mut nearest: Option<(usize, Vec<Fault>)> = None;
    for separator in SEPARATORS {
        let mut known_above = 0;
        for (rows_above, record) in rows(text, separator).records().take(MOST_TITLE_ROWS).enumerate() {
            let (known, faults) = match record {
                Ok(record) => match Layout::new(&record, line_of(text, record.position()), columns) {
                    // Below a header that is not understood stand prices, not a title.
                    Ok(layout) if known_above < 2 => return Ok(Header { separator, rows_above, layout }),
                    Ok(_) => break,
                    Err(faults) => (known_names(&record, columns), faults),
                },
                Err(error) => {
                    let line = line_of(text, error.position());
                    (0, vec![Fault { line, field: "line", message: error.to_string() }])
                }
            };
            known_above = known_above.max(known);
            if nearest.as_ref().is_none_or(|(most, _)| *most < known) {
                nearest = Some((known, faults));
            }
        }
    }
    let empty = || Layout::new(&StringRecord::new(), 1, columns).err().unwrap_or_default();
    Err(nearest.map_or_else(empty, |(_, faults)| faults))
}

/// The rows of a deck, the header among them.
pub(super) fn rows(text: &[u8], separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(separator).flexible(true).has_headers(false).from_reader(text)
}

/// The line on which a row begins. The reader counts from where the row before ends, before its line end of two
/// characters is over and before empty lines.
pub(super) fn line_of(text: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.get(from..).unwrap_or_default().iter();
    let ends = rest.take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line().saturating_add(u64::try_from(ends).unwrap_or_default())
}

fn known_names(record: &StringRecord, columns: &Columns) -> usize {
    record.iter().filter(|name| our_name(name, columns).is_some()).count()
}

impl Layout {
    pub(super) fn new(header: &StringRecord, line: u64, columns: &Columns) -> Result<Self, Vec<Fault>> {
        let mut positions = BTreeMap::new();
        let mut faults = Vec::new();
        let mut fault = |message: String| faults.push(Fault { line, field: "header", message });
        for (ours, theirs) in &columns.named {
            if !COLUMNS.iter().any(|(name, _)| name == ours) {
                fault(format!("`{ours}` is none of our columns: {}", our_columns()));
            }
            if !header.iter().any(|name| name == theirs) {
                fault(format!("column `{theirs}`, mapped to {ours}, is not in the header"));
            }
        }
        for (position, name) in header.iter().enumerate() {
            if columns.ignored.iter().any(|ignored| ignored == name) {
                continue;
            }
            let Some(ours) = our_name(name, columns) else {
                fault(format!("column `{name}` is not understood: map it to one of ours or ignore it"));
                continue;
            };
            if positions.insert(ours, position).is_some() {
                fault(format!("two columns are both {ours}: map or ignore one of them"));
            }
        }
        for required in ["prefix", "destination", "rate_per_min"] {
            if !positions.contains_key(required) {
                fault(format!("no column is {required}: name the one that is"));
            }
        }
        if faults.is_empty() { Ok(Self { positions, width: header.len() }) } else { Err(faults) }
    }
}

fn our_name(theirs: &str, columns: &Columns) -> Option<&'static str> {
    let mapped = columns.named.iter().find(|(_, name)| name == theirs).map(|(ours, _)| ours.as_str());
    let plain = theirs.trim().to_ascii_lowercase().replace('_', " ");
    // A name that the map takes away from one of ours is no alias any more.
    let taken = |ours: &str| columns.named.iter().any(|(name, _)| name == ours);
    COLUMNS.iter().find_map(|(ours, aliases)| {
        let by_alias = || plain == ours.replace('_', " ") || aliases.contains(&plain.as_str());
        let found = mapped.map_or_else(|| !taken(ours) && by_alias(), |mapped| mapped == *ours);
        found.then_some(*ours)
    })
}

fn our_columns() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}
