//! What prices does a rate deck file hold?
//!
//! A deck is CSV with a header row. Our own column names and those of common decks are understood; a
//! column nobody named is refused, for it might hold a price. A deck with any fault is refused whole,
//! with every fault listed by line: half a price list charges wrongly.

mod cell;

use std::collections::BTreeMap;

pub use cell::instant;
use cell::{parse_amount, parse_blocked, parse_name, parse_prefixes, parse_price, parse_seconds};
use csv::StringRecord;

use super::{Increments, Prefix, Rate, Step, Tariff, Terms, check, check_terms};
use crate::money::Price;

/// Which column is which, where the header's names are not understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Our name and the header's, such as `("rate_per_min", "cost_per_min")`.
    pub named: Vec<(String, String)>,
    /// Names in the header that are to be left out.
    pub ignored: Vec<String>,
}

/// One thing wrong with a deck, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("line {line}, {field}: {message}")]
pub struct Fault {
    /// The line of the file, from 1.
    pub line: u64,
    /// The column, by our name.
    pub field: &'static str,
    /// What is wrong and what to do about it.
    pub message: String,
}

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
    ("status", &[]),
    ("currency", &[]),
];

/// Reads a deck under the terms of its tariff, or lists all that is wrong with it.
///
/// ```
/// use calculation::tariff::deck::{self, Columns};
/// let terms = serde_json::from_str(
///     r#"{"currency": "USD", "rounding": {"digits": 6, "mode": "up"}, "increments": "60/60"}"#)?;
/// let damaged = "Code,Destination,Rate\n4.95E+12,Germany,\"0,02\"\n";
/// let faults = deck::read(terms, damaged.as_bytes(), &Columns::default()).unwrap_err();
/// assert_eq!(faults.len(), 2);
/// assert_eq!((faults[0].line, faults[0].field), (2, "prefix"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn read(terms: Terms, file: &[u8], columns: &Columns) -> Result<Tariff, Vec<Fault>> {
    let rates = read_rates(&terms, file, columns)?;
    Ok(Tariff::new(terms, rates))
}

fn read_rates(terms: &Terms, file: &[u8], columns: &Columns) -> Result<Vec<Rate>, Vec<Fault>> {
    let mut faults: Vec<Fault> =
        check_terms(terms).into_iter().map(|message| Fault { line: 0, field: "terms", message }).collect();
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let header_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let semicolons = header_line.contains(&b';') && !header_line.contains(&b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .flexible(true)
        .from_reader(text);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(vec![Fault { line: 1, field: "header", message: error.to_string() }]),
    };
    let layout = match Layout::new(&header, columns) {
        Ok(layout) => layout,
        Err(mut header_faults) => {
            faults.append(&mut header_faults);
            return Err(faults);
        }
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => layout.read_row(terms, &record, &mut rows, &mut faults),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.push(Fault { line, field: "line", message: error.to_string() });
            }
        }
    }
    if let Some(fault) = cut_end(text) {
        faults.push(fault);
    }
    let (rates, lines) = join_steps(rows, &mut faults);
    if rates.is_empty() && faults.is_empty() {
        faults.push(Fault { line: 1, field: "line", message: "the deck holds no rates".to_owned() });
    }
    for (position, message) in check(terms, &rates) {
        let line = lines.get(position).copied().unwrap_or_default();
        faults.push(Fault { line, field: "prefix", message });
    }
    faults.sort();
    if faults.is_empty() { Ok(rates) } else { Err(faults) }
}

/// A last line without an end may be cut: 0.0 may have been 0.0150.
fn cut_end(text: &[u8]) -> Option<Fault> {
    let open = text.last().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let line = u64::try_from(text.split(|byte| *byte == b'\n').count()).unwrap_or_default();
    let message = "the last line has no end and may be cut: if it is whole, end it";
    open.then(|| Fault { line, field: "line", message: message.to_owned() })
}

/// The largest decks have some 200,000.
const MOST_RATES: usize = 2_000_000;

/// Where in a record each of our columns stands.
struct Layout {
    positions: BTreeMap<&'static str, usize>,
    width: usize,
}

impl Layout {
    fn new(header: &StringRecord, columns: &Columns) -> Result<Self, Vec<Fault>> {
        let mut positions = BTreeMap::new();
        let mut faults = Vec::new();
        let mut fault = |message: String| faults.push(Fault { line: 1, field: "header", message });
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

    fn read_row(&self, terms: &Terms, record: &StringRecord, rows: &mut Vec<Row>, faults: &mut Vec<Fault>) {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.width {
            let message = format!("{} columns where the header has {}", record.len(), self.width);
            faults.push(Fault { line, field: "line", message });
            return;
        }
        let mut cells = Cells { layout: self, record, line, faults };
        let fault_count = cells.faults.len();
        let prefixes = cells.prefixes();
        let first_price: Option<Price> = cells.optional("first_rate_per_min", parse_price);
        let price = cells.required("rate_per_min", parse_price);
        let increments = cells.increments(terms);
        let row = Row {
            line,
            step_from: cells.optional("step_from", parse_seconds).unwrap_or_default(),
            step_to: cells.optional("step_to", parse_seconds),
            price: first_price.or(price).unwrap_or_default(),
            next_price: first_price.and(price),
            rate: Rate {
                prefix: Prefix("".into()),
                destination: cells.required("destination", parse_name).unwrap_or_default(),
                connection_fee: cells.optional("connection_charge", parse_price).unwrap_or_default(),
                steps: Box::default(),
                increments,
                minimum_charge: cells.optional("min_charge", parse_amount).unwrap_or_default(),
                blocked: cells.optional("status", parse_blocked).unwrap_or_default(),
                band: cells.optional("time_band", parse_name),
                effective_from: cells.optional("effective_from", |text| instant(text, &terms.zone)),
                effective_to: cells.optional("effective_to", |text| instant(text, &terms.zone)),
            },
        };
        cells.currency(terms);
        let too_many = rows.len().saturating_add(prefixes.len()) > MOST_RATES;
        if too_many {
            cells.fault("prefix", format!("more than {MOST_RATES} rates: no deck has so many"));
        }
        if cells.faults.len() == fault_count {
            rows.extend(
                prefixes
                    .into_iter()
                    .map(|prefix| Row { rate: Rate { prefix, ..row.rate.clone() }, ..row.clone() }),
            );
        }
    }
}

/// One row of a deck: a rate with a single price step.
#[derive(Debug, Clone)]
struct Row {
    line: u64,
    step_from: u32,
    step_to: Option<u32>,
    price: Price,
    /// The price after the initial increment, in decks that give two.
    next_price: Option<Price>,
    rate: Rate,
}

/// The cells of one record, with a place to put what is wrong with them.
struct Cells<'a> {
    layout: &'a Layout,
    record: &'a StringRecord,
    line: u64,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Cells<'a> {
    fn text(&self, field: &str) -> &'a str {
        let position = self.layout.positions.get(field);
        position.and_then(|position| self.record.get(*position)).unwrap_or_default().trim()
    }

    fn fault(&mut self, field: &'static str, message: String) {
        self.faults.push(Fault { line: self.line, field, message });
    }

    fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(field).is_empty() {
            return None;
        }
        parse(self.text(field)).map_err(|message| self.fault(field, message)).ok()
    }

    fn required<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(field).is_empty() {
            self.fault(field, "is empty".to_owned());
            return None;
        }
        self.optional(field, parse)
    }

    /// One cell may list several prefixes and ranges of them: `49152, 49172-49174`.
    fn prefixes(&mut self) -> Vec<Prefix> {
        let mut prefixes = Vec::new();
        for part in self.text("prefix").split([',', ';']).map(str::trim) {
            match parse_prefixes(part) {
                Ok(mut more) => prefixes.append(&mut more),
                Err(message) => self.fault("prefix", message),
            }
        }
        prefixes
    }

    fn increments(&mut self, terms: &Terms) -> Increments {
        let pair = self.optional("increments", str::parse).or(terms.increments);
        let initial = self.optional("initial_increment", parse_seconds);
        let next = self.optional("increment", parse_seconds);
        let increments = match (initial, next, pair) {
            (Some(initial_seconds), Some(next_seconds), _) => Increments { initial_seconds, next_seconds },
            (None, Some(seconds), _) => Increments { initial_seconds: seconds, next_seconds: seconds },
            (Some(_), None, _) => {
                self.fault("increment", "an initial increment needs a next one".to_owned());
                return Increments { initial_seconds: 60, next_seconds: 60 };
            }
            (None, None, Some(pair)) => pair,
            (None, None, None) => {
                let message = "no increments: add a column, or name those of the whole tariff (60/60)";
                self.fault("increments", message.to_owned());
                return Increments { initial_seconds: 60, next_seconds: 60 };
            }
        };
        increments.checked().unwrap_or_else(|| {
            self.fault("increment", format!("{increments} is no pair of increments of 1 to 86400 seconds"));
            increments
        })
    }

    fn currency(&mut self, terms: &Terms) {
        let currency = self.text("currency");
        if !currency.is_empty() && currency != terms.currency.code() {
            self.fault("currency", format!("`{currency}`, but the tariff is in {}", terms.currency));
        }
    }
}

/// Joins the rows of one rate, each with one price step, and finds steps that overlap or leave gaps.
fn join_steps(rows: Vec<Row>, faults: &mut Vec<Fault>) -> (Vec<Rate>, Vec<u64>) {
    let mut by_rate = BTreeMap::new();
    for row in rows {
        let key = (row.rate.prefix.clone(), row.rate.band.clone(), row.rate.effective_from);
        by_rate.entry(key).or_insert_with(Vec::new).push(row);
    }
    let mut rates = Vec::new();
    let mut lines = Vec::new();
    for mut rows in by_rate.into_values() {
        rows.sort_by_key(|row| row.step_from);
        let found = step_faults(&rows);
        let Some(first) = rows.first().filter(|_| found.is_empty()) else {
            faults.extend(found);
            continue;
        };
        let steps = rows.iter().flat_map(|row| {
            let later =
                row.next_price.map(|price| Step { from_seconds: row.rate.increments.initial_seconds, price });
            [Some(Step { from_seconds: row.step_from, price: row.price }), later]
        });
        lines.push(first.line);
        rates.push(Rate { steps: steps.flatten().collect(), ..first.rate.clone() });
    }
    (rates, lines)
}

fn step_faults(rows: &[Row]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |row: &Row, field, message| faults.push(Fault { line: row.line, field, message });
    if let Some(first) = rows.first().filter(|first| first.step_from != 0) {
        let message =
            format!("a gap: prefix {} has no price before second {}", first.rate.prefix, first.step_from);
        fault(first, "step_from", message);
    }
    for (one, next) in rows.iter().zip(rows.iter().skip(1)) {
        let prefix = &one.rate.prefix;
        if one.step_from == next.step_from {
            let (first, again) = (one.line.min(next.line), one.line.max(next.line));
            let message = format!("prefix {prefix} is priced twice: first on line {first}");
            faults.push(Fault { line: again, field: "prefix", message });
            continue;
        }
        let mut fault = |field, message| faults.push(Fault { line: next.line, field, message });
        if one.step_to.is_some_and(|end| end != next.step_from) {
            let message =
                format!("a gap or overlap: the step of prefix {prefix} on line {} ends elsewhere", one.line);
            fault("step_from", message);
        }
        if next.rate != one.rate {
            let message = format!(
                "the steps of prefix {prefix} differ in more than their price: see line {}",
                one.line
            );
            fault("prefix", message);
        }
        if one.next_price.is_some() || next.next_price.is_some() {
            let message = "a deck with first and next prices cannot have steps too".to_owned();
            fault("step_from", message);
        }
    }
    if let Some(last) = rows.last().filter(|last| last.step_to.is_some()) {
        let message = format!(
            "a gap: prefix {} has no price after its last step; leave step_to empty",
            last.rate.prefix
        );
        faults.push(Fault { line: last.line, field: "step_to", message });
    }
    faults
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

#[cfg(test)]
mod tests;
