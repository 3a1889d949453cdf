//! What stands between the title of an invoice and its table?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::Days;

use super::measures::{TABLE_TOP_FIRST, TITLE};
use super::sheet::Sheet;
use super::words::fill;

/// What stands between the title and the table: the period, what is corrected and why, a greeting.
pub(super) struct Opening {
    /// With the baseline and whether it is a fact, which is set in grey.
    pub(super) lines: Vec<(f32, bool, String)>,
    /// Where the table may begin.
    pub(super) bottom: f32,
}

pub(super) fn opening(sheet: &Sheet) -> Opening {
    let (invoice, words) = (sheet.invoice, sheet.words);
    let days = Days { first: invoice.period.first_day, last: invoice.period.last_day };
    let values = [("{days}", words.days(days)), ("{zone}", invoice.period.zone.clone())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut facts = sheet.wrapped(&fill(words.period, &values), 1);
    if let Some(corrects) = &invoice.corrects {
        let date = words.date(corrects.issued_on);
        let (text, _) = words.correction(invoice);
        let corrected = fill(text, &[("{number}", &corrects.number), ("{date}", &date)]);
        facts.extend(sheet.wrapped(&corrected, 2));
        if !corrects.reason.is_empty() {
            facts.extend(sheet.wrapped(&fill(words.reason, &[("{reason}", &corrects.reason)]), 3));
        }
    }
    let greeting = sheet.texts().and_then(|texts| texts.greeting.as_deref()).unwrap_or_default();
    let mut lines = Vec::new();
    let mut at = TITLE + 16.0;
    for fact in facts {
        lines.push((at, true, fact));
        at += 13.0;
    }
    at += 6.0;
    for line in sheet.wrapped(greeting, 4) {
        lines.push((at, false, line));
        at += 12.5;
    }
    Opening { lines, bottom: at.max(TABLE_TOP_FIRST) }
}
