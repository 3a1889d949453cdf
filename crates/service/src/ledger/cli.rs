//! The ledger's command.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use super::JournalForm;
use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::many::Many;
use crate::visible;

/// Write the journal: every posting of a span of time, a line of JSON each
#[derive(Debug, clap::Args)]
pub struct JournalArgs {
    /// The first day, in the zone of the setting customers.zone
    #[arg(long, value_name = "DAY")]
    from: Date,
    /// The last day
    #[arg(long, value_name = "DAY")]
    to: Date,
    /// Rows for a spreadsheet instead
    #[arg(long)]
    csv: bool,
}

/// The instants from the first to the last day of a zone.
pub(super) fn span(from: Date, to: Date, zone: &str) -> std::result::Result<(Timestamp, Timestamp), String> {
    let zone = TimeZone::get(zone).map_err(|error| error.to_string())?;
    if to < from {
        return Err(format!("{to} is before {from}: the last day comes after the first"));
    }
    let first = |day| calculation::period::first_instant(day, &zone);
    // The last day of all has no next.
    let end = to.tomorrow().ok().and_then(|next| first(next).ok()).unwrap_or(Timestamp::MAX);
    Ok((first(from).map_err(|error| error.to_string())?, end))
}

pub async fn journal(app: &App, args: JournalArgs, output: Output) -> Result<bool> {
    let (from, to) = span(args.from, args.to, &app.config.customers.zone)
        .map_err(|what| Error::Other(format!("--to: {what}")))?;
    let form = if args.csv { JournalForm::Csv } else { JournalForm::Ndjson };
    let mut tx = app.db.read().await?;
    let (lines, mut read) = mpsc::channel::<Vec<u8>>(256);
    let write = async {
        let mut out = visible::stdout();
        let mut count = 0_u64;
        while let Some(line) = read.recv().await {
            match out.write_all(&line) {
                // Whoever reads only the first lines has what they wanted.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(None),
                written => written.map_err(Error::file("standard output"))?,
            }
            count += 1;
        }
        out.flush().map_err(Error::file("standard output"))?;
        Ok::<_, Error>(Some(count))
    };
    let (sent, written) = tokio::join!(super::journal(&mut tx, from, to, form, lines), write);
    let Some(count) = written? else { return Ok(true) };
    sent?;
    output.note(Many(count, "line"));
    Ok(true)
}
