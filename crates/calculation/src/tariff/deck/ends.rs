//! When is a price over: what do end dates and deleted rows leave without one?

use std::collections::BTreeMap;

use super::Fault;
use super::row::Row;
use crate::tariff::{Rate, Removed};

/// Ends after which the next row of the prefix begins a day later, or a second: they show that the end date belongs to
/// the time before, or that a day was forgotten.
pub(super) fn days_between(rows: &[Row]) -> Vec<Fault> {
    if rows.iter().all(|row| row.end.is_none()) {
        return Vec::new();
    }
    let mut begins = BTreeMap::new();
    for row in rows {
        let key = (&row.rate.prefix, &row.rate.band);
        begins.entry(key).or_insert_with(Vec::new).push((row.rate.effective_from, row.line));
    }
    for begins in begins.values_mut() {
        begins.sort_unstable();
    }
    let told = |row: &Row| {
        let end = row.end.filter(|end| row.rate.effective_from < Some(end.at))?;
        let begins = begins.get(&(&row.rate.prefix, &row.rate.band))?;
        let (next, line) = begins.get(begins.partition_point(|(from, _)| *from <= Some(end.at)))?;
        let message = format!(
            "prefix {} has no price between this end and the next begin, on line {line}: if a price holds on its \
             end date, import with --end-dates inclusive, if not, with --end-dates exclusive (by the API \
             `end_dates`)",
            row.rate.prefix
        );
        (next.is_some_and(|next| next <= end.after)).then_some(Fault {
            line: row.line,
            field: "effective_to",
            message,
        })
    };
    let mut faults: Vec<Fault> = rows.iter().filter(|row| row.step_from == 0).filter_map(told).collect();
    faults.dedup();
    faults
}

/// Ends the rates of deleted prefixes; answers from when on each prefix is deleted.
pub(super) fn delete(
    rates: &mut [Rate],
    lines: &[u64],
    deleted: &mut Vec<(u64, Removed)>,
    faults: &mut Vec<Fault>,
) -> Vec<Removed> {
    if deleted.is_empty() {
        return Vec::new();
    }
    deleted.sort_by(|(_, one), (_, other)| one.cmp(other));
    deleted.dedup_by(|(_, later), (_, first)| later.prefix == first.prefix);
    let find = |rate: &Rate| {
        let at = deleted.binary_search_by(|(_, removed)| removed.prefix.cmp(&rate.prefix)).ok()?;
        deleted.get(at)
    };
    for (rate, line) in rates.iter_mut().zip(lines) {
        let Some((deleted_on, removed)) = find(rate) else { continue };
        let both = removed.from == rate.effective_from || removed.from.is_none();
        if both {
            let message = format!(
                "prefix {} is both priced, on line {line}, and deleted: which one holds?",
                rate.prefix
            );
            faults.push(Fault { line: *deleted_on, field: "status", message });
        } else if rate.effective_from < removed.from {
            rate.effective_to = match rate.effective_to {
                Some(to) => removed.from.map(|from| from.min(to)),
                None => removed.from,
            };
        }
    }
    deleted.iter().map(|(_, removed)| removed.clone()).collect()
}
