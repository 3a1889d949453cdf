//! Do the rows of one rate make steps without gap or overlap?

use std::collections::BTreeMap;

use super::Fault;
use super::row::Row;
use crate::tariff::{Rate, Step};

/// Joins the rows of one rate, each with one price step, and finds steps that overlap or leave gaps.
pub(super) fn join_steps(rows: Vec<Row>, faults: &mut Vec<Fault>) -> (Vec<Rate>, Vec<u64>) {
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
