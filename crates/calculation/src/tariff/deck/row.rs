//! What price does one row of a deck hold?

use csv::StringRecord;

use super::cell::{
    End, Status, instant, parse_amount, parse_end, parse_list, parse_name, parse_price, parse_seconds,
    parse_status,
};
use super::layout::Layout;
use super::{EndDates, Fault, MOST_RATES};
use crate::money::Price;
use crate::tariff::{Increments, Prefix, Rate, Removed, Terms};

/// One row of a deck: a rate with a single price step.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) step_from: u32,
    pub(super) step_to: Option<u32>,
    pub(super) price: Price,
    /// The price after the initial increment, in decks that give two.
    pub(super) next_price: Option<Price>,
    /// How its end may be read.
    pub(super) end: Option<End>,
    pub(super) rate: Rate,
}

/// What the rows of a deck hold.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) priced: Vec<Row>,
    /// Prefixes that rows call deleted, each with its line.
    pub(super) deleted: Vec<(u64, Removed)>,
    pub(super) faults: Vec<Fault>,
}

impl Rows {
    /// Reads one record; a blank one holds nothing.
    pub(super) fn read(
        &mut self,
        layout: &Layout,
        terms: &Terms,
        ends: Option<EndDates>,
        line: u64,
        record: &StringRecord,
    ) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return;
        }
        if record.len() != layout.width {
            let message = format!("{} columns where the header has {}", record.len(), layout.width);
            self.faults.push(Fault { line, field: "line", message });
            return;
        }
        let fault_count = self.faults.len();
        let mut cells = Cells { layout, record, line, faults: &mut self.faults };
        let Some(prefixes) = cells.prefixes() else { return };
        let status = cells.optional("status", parse_status).unwrap_or_default();
        let from = cells.optional("effective_from", |text| instant(text, &terms.zone));
        let destination = cells.required("destination", parse_name).unwrap_or_default();
        if status == Status::Deleted {
            cells.not_of_a_deleted_row();
            if cells.faults.len() == fault_count {
                let removed = |prefix| (line, Removed { prefix, from });
                self.deleted.extend(prefixes.into_iter().map(removed));
            }
            return;
        }
        let first_price: Option<Price> = cells.optional("first_rate_per_min", parse_price);
        let price = cells.required("rate_per_min", parse_price);
        let increments = cells.increments(terms);
        let end = cells.optional("effective_to", |text| parse_end(text, &terms.zone));
        let inclusive = ends == Some(EndDates::Inclusive);
        let row = Row {
            line,
            step_from: cells.optional("step_from", parse_seconds).unwrap_or_default(),
            step_to: cells.optional("step_to", parse_seconds),
            price: first_price.or(price).unwrap_or_default(),
            next_price: first_price.and(price),
            end,
            rate: Rate {
                prefix: Prefix("".into()),
                destination,
                connection_fee: cells.optional("connection_charge", parse_price).unwrap_or_default(),
                steps: Box::default(),
                increments,
                minimum_charge: cells.optional("min_charge", parse_amount).unwrap_or_default(),
                blocked: status == Status::Blocked,
                band: cells.optional("time_band", parse_name),
                effective_from: from,
                effective_to: end.map(|end| if inclusive { end.after } else { end.at }),
            },
        };
        cells.currency(terms);
        if self.priced.len().saturating_add(prefixes.len()) > MOST_RATES {
            cells.fault("prefix", format!("more than {MOST_RATES} rates: no deck has so many"));
        }
        if cells.faults.len() == fault_count {
            let priced = |prefix| Row { rate: Rate { prefix, ..row.rate.clone() }, ..row.clone() };
            self.priced.extend(prefixes.into_iter().map(priced));
        }
    }
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

    /// One cell may list several prefixes and ranges of them: `49152, 49172-49174`. Nothing when the
    /// row is not one of prices.
    fn prefixes(&mut self) -> Option<Vec<Prefix>> {
        let text = self.text("prefix");
        let is_word = text != "*" && !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_digit());
        if is_word {
            let message = format!("`{text}` is not a prefix: is this row a heading or a total? Take it out");
            self.fault("prefix", message);
            return None;
        }
        let mut prefixes = Vec::new();
        for part in parse_list(text) {
            match part {
                Ok(mut more) => prefixes.append(&mut more),
                Err(message) => self.fault("prefix", message),
            }
        }
        Some(prefixes)
    }

    /// A deleted prefix is deleted at all times of the week, and for good.
    fn not_of_a_deleted_row(&mut self) {
        for field in ["time_band", "effective_to"] {
            if !self.text(field).is_empty() {
                let message = "a deleted row needs none: the prefix is deleted from effective_from on";
                self.fault(field, message.to_owned());
            }
        }
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
