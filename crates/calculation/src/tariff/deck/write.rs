//! How is a price list written as a deck that reads as the very same list?

use jiff::Timestamp;

use crate::tariff::{Prefix, Rate};

/// The columns that are written, all by our own names.
const WRITTEN: [&str; 13] = [
    "prefix",
    "destination",
    "rate_per_min",
    "connection_charge",
    "initial_increment",
    "increment",
    "min_charge",
    "step_from",
    "step_to",
    "time_band",
    "effective_from",
    "effective_to",
    "status",
];

/// Writes rates as CSV: read with exclusive end dates under the same terms, it holds the same rates.
///
/// ```
/// use calculation::tariff::deck::{self, Columns};
/// let terms = serde_json::from_str(r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}"#)?;
/// let tariff = deck::read(terms, b"prefix,destination,rate,increments\n44,UK,0.02,60/60\n", &Columns::default()).unwrap();
/// let written = deck::write(tariff.rates()).unwrap();
/// assert!(written.ends_with("44,UK,0.02,0.00,60,60,0.00,0,,,,,\n"), "{written}");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn write(rates: &[Rate]) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(WRITTEN)?;
    for rate in rates {
        let ends = rate.steps.iter().skip(1).map(|step| Some(step.from_seconds)).chain([None]);
        for (step, end) in rate.steps.iter().zip(ends) {
            out.write_record([
                prefix_text(&rate.prefix),
                rate.destination.to_string(),
                step.price.to_string(),
                rate.connection_fee.to_string(),
                rate.increments.initial_seconds.to_string(),
                rate.increments.next_seconds.to_string(),
                rate.minimum_charge.to_string(),
                step.from_seconds.to_string(),
                end.map(|end: u32| end.to_string()).unwrap_or_default(),
                rate.band.as_deref().unwrap_or_default().to_owned(),
                instant_text(rate.effective_from),
                instant_text(rate.effective_to),
                if rate.blocked { "blocked" } else { "" }.to_owned(),
            ])?;
        }
    }
    let bytes = out.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A prefix that looks damaged by a spreadsheet is written as a range of one.
fn prefix_text(prefix: &Prefix) -> String {
    let text = prefix.as_str();
    if text.len() > 9 && text.ends_with("000000") { format!("{text}-{text}") } else { text.to_owned() }
}

fn instant_text(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}
