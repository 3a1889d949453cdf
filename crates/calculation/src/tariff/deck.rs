//! What prices does a rate deck file hold?
//!
//! A deck is CSV with a header row. Our own column names and those of common decks are understood; a
//! column nobody named is refused, for it might hold a price. A deck with any fault is refused whole,
//! with every fault listed by line: half a price list charges wrongly.

mod cell;
mod ends;
mod layout;
mod row;
mod steps;
mod write;

pub use cell::instant;
use row::Rows;
use steps::join_steps;
pub use write::write;

use super::{Rate, Removed, Tariff, Terms, check, check_terms};

/// Which column is which, where the header's names are not understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Our name and the header's, such as `("rate_per_min", "cost_per_min")`.
    pub named: Vec<(String, String)>,
    /// Names in the header that are to be left out.
    pub ignored: Vec<String>,
    /// Whether an end date belongs to the time that it ends; absent: it does not, and a deck in which that
    /// would leave a day between two rows is refused.
    pub end_dates: Option<EndDates>,
}

/// Whether a price holds on its end date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndDates {
    /// It holds until the end of that day.
    Inclusive,
    /// It is over as that day begins.
    Exclusive,
}

/// What a deck holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deck {
    /// Its rates, by prefix.
    pub rates: Vec<Rate>,
    /// The prefixes that it calls deleted, sorted.
    pub removed: Vec<Removed>,
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
    let deck = read_rows(&terms, file, columns)?;
    Ok(Tariff::new(terms, deck.rates))
}

/// Reads a deck that takes over from another list, with what it calls deleted.
pub fn read_rows(terms: &Terms, file: &[u8], columns: &Columns) -> Result<Deck, Vec<Fault>> {
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let of_terms = |message| Fault { line: 0, field: "terms", message };
    let mut rows = Rows { faults: check_terms(terms).into_iter().map(of_terms).collect(), ..Rows::default() };
    let header = match layout::find(text, columns) {
        Ok(header) => header,
        Err(header_faults) => return Err([rows.faults, header_faults].concat()),
    };
    let below = header.rows_above.saturating_add(1);
    for record in layout::rows(text, header.separator).records().skip(below) {
        match record {
            Ok(record) => {
                let line = layout::line_of(text, record.position());
                rows.read(&header.layout, terms, columns.end_dates, line, &record);
            }
            Err(error) => {
                let line = layout::line_of(text, error.position());
                rows.faults.push(Fault { line, field: "line", message: error.to_string() });
            }
        }
    }
    let Rows { priced, mut deleted, mut faults } = rows;
    faults.extend(cut_end(text));
    if columns.end_dates.is_none() {
        faults.extend(ends::days_between(&priced));
    }
    let (mut rates, lines) = join_steps(priced, &mut faults);
    if rates.is_empty() && deleted.is_empty() && faults.is_empty() {
        faults.push(Fault { line: 1, field: "line", message: "the deck holds no rates".to_owned() });
    }
    for (position, message) in check(terms, &rates) {
        let line = lines.get(position).copied().unwrap_or_default();
        faults.push(Fault { line, field: "prefix", message });
    }
    let removed = ends::delete(&mut rates, &lines, &mut deleted, &mut faults);
    faults.sort();
    if faults.is_empty() { Ok(Deck { rates, removed }) } else { Err(faults) }
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

#[cfg(test)]
mod tests;
