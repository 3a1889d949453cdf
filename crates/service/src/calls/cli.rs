//! The calls' commands.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;

use calculation::cdr::{Format, Seventeenth};
use calculation::money::Money;
use calculation::phone_number::{BareDigits, E164, NumberForm, OutsideDigit, Region};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Control, Cursor, HistoryQuery, Import, Imported, Quoted, Source};
use crate::app::App;
use crate::cli::Output;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::names;
use crate::tariffs::cli::pair;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file of call records; `-` reads standard input
    file: PathBuf,
    /// The switch or feed they come from: with each record's id the key that prevents charging twice
    #[arg(long, value_parser = crate::visible::one_line)]
    source: String,
    /// csv, ndjson, asterisk or asterisk-table; told from the first line when absent
    #[arg(long)]
    format: Option<Format>,
    /// The IANA zone of times without an offset; without it they are refused
    #[arg(long, value_parser = zone)]
    zone: Option<TimeZone>,
    /// The region (ISO 3166-1) of calling numbers without a country code
    #[arg(long)]
    region: Option<Region>,
    /// How digits without + are read that are no number of the region: refused (national), or as whole numbers (international)
    #[arg(long, value_name = "HOW", default_value = "national")]
    bare_digits: BareDigits,
    /// The digit that callers dial for an outside line, if it stands before the called numbers, such as 0 or 9
    #[arg(long, value_name = "DIGIT")]
    outside_digit: Option<OutsideDigit>,
    /// The channel name of an Asterisk trunk, such as PJSIP/carrier (may be repeated)
    #[arg(long = "trunk", value_name = "CHANNEL")]
    trunks: Vec<String>,
    /// Names a column: ours=theirs (may be repeated)
    #[arg(long = "column", value_name = "OURS=THEIRS", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// Column 17 of a Master.csv of 17 or 20 columns is the user field, not the unique id
    #[arg(long)]
    userfield: bool,
    /// Charge the file although another source brought such calls at the same times
    #[arg(long)]
    other_calls: bool,
}

fn zone(name: &str) -> std::result::Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no IANA time zone, such as Europe/Berlin"))
}

pub async fn import(app: &App, args: ImportArgs, output: Output) -> Result<bool> {
    let ImportArgs { file, source, format, zone, region, bare_digits, outside_digit, .. } = args;
    let ImportArgs { trunks, columns, userfield, other_calls, .. } = args;
    let form = NumberForm { bare_digits, outside_digit };
    let seventeenth = if userfield { Seventeenth::UserField } else { Seventeenth::UniqueId };
    let name = file.display().to_string();
    let zone = zone.unwrap_or_else(TimeZone::unknown);
    let source = Source {
        name: super::known_feed(app, &source).await?,
        format,
        zone,
        region,
        form,
        trunks,
        columns,
        seventeenth,
        other_calls,
    };
    let (input, size): (Box<dyn std::io::Read + Send>, _) = if name == "-" {
        (Box::new(std::io::stdin()), None)
    } else {
        let opened = File::open(&file).map_err(Error::file(name.clone()))?;
        let size = opened.metadata().map(|metadata| metadata.len()).ok();
        (Box::new(opened), size)
    };
    import_with_progress(app, Import { source, file_name: name, input }, size, output).await
}

/// Imports and shows how far it is; answers whether the input could be read.
pub async fn import_with_progress(
    app: &App,
    import: Import<Box<dyn std::io::Read + Send>>,
    size: Option<u64>,
    output: Output,
) -> Result<bool> {
    let bar = output.bar(size, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}");
    let watch = Stopwatch::start();
    let noted = Mutex::new(0_u64);
    let progress = |bytes: u64, control: &Control| {
        bar.set_position(bytes);
        bar.set_message(format!("{} records", control.records));
        // Where no bar is shown, a line for every million.
        let millions = control.records / 1_000_000;
        let mut noted = noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if bar.is_hidden() && millions > *noted {
            *noted = millions;
            output.note(format_args!("{control}"));
        }
    };
    let imported = super::import(app, import, &progress).await?;
    bar.finish_and_clear();
    match imported {
        Imported::Done { import, reasons, warnings, looks_like } => {
            if let Some(other) = &looks_like {
                output.note(format_args!("{}", names::warning(&import.source, other)));
            }
            let seconds = watch.elapsed().as_millis();
            let mut words = format!("{}: {} ({seconds} ms)", import.file_name, import.control);
            for (reason, count) in &reasons {
                words += &format!("\n  {count} suspended: {reason}");
            }
            if !reasons.is_empty() {
                words += &format!("\n  see `tollbook suspense --source {}`", import.source);
            }
            for (warning, count) in &warnings {
                words += &format!("\n  {count} taken in with a warning: {warning}");
            }
            if !import.control.balances() {
                return Err(Error::Contradiction(format!(
                    "the control total does not balance: {}",
                    import.control
                )));
            }
            output.answer(&json!({"import": import, "suspended": reasons, "warnings": warnings, "looks_like": looks_like}), words)?;
            Ok(true)
        }
        Imported::Unreadable(flaw) => Err(Error::Other(format!("nothing was imported: {flaw}"))),
        Imported::Elsewhere(elsewhere) => Err(Error::Other(format!("nothing was imported: {elsewhere}"))),
    }
}

#[derive(Debug, Args)]
pub struct QuoteArgs {
    /// The calling line, such as +493023125001
    #[arg(long)]
    from: E164,
    /// What is dialled
    #[arg(long)]
    to: String,
    /// Seconds of talk
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// When it is answered; now when absent
    #[arg(long, value_name = "2026-10-05T10:00:00Z")]
    at: Option<Timestamp>,
}

pub async fn quote(app: &App, args: QuoteArgs, output: Output) -> Result<bool> {
    let at = args.at.unwrap_or_else(|| app.clock.now());
    let mut tx = app.db.read().await?;
    match super::quote(&mut tx, app, args.from, &args.to, args.seconds, at).await? {
        Quoted::Quote(quote) => {
            let longest = quote.longest_seconds.map(|seconds| format!("; the balances pay {seconds} s"));
            let words = format!(
                "{} ({}, prefix {}): {} s billed as {} s ({}) cost {}{}",
                quote.number,
                quote.destination,
                quote.prefix,
                quote.talk_seconds,
                quote.billed_seconds,
                quote.increments,
                quote.amount,
                longest.unwrap_or_default()
            );
            output.answer(&quote, words)?;
            Ok(true)
        }
        Quoted::Emergency => {
            output.answer(&json!({"emergency": true}), "an emergency call: always free")?;
            Ok(true)
        }
        Quoted::UnknownLine => Err(Error::Other(format!("nobody holds {} on a plan at {at}", args.from))),
        Quoted::NotANumber(reason) => Err(Error::Other(format!("--to: {reason}"))),
        Quoted::Refused(flaw) => Err(Error::Other(flaw.message)),
    }
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The customer's reference
    customer: String,
    /// Only calls started at or after
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only calls started before
    #[arg(long)]
    to: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on after the last page: the cursor it printed
    #[arg(long)]
    cursor: Option<String>,
}

pub async fn history(app: &App, args: HistoryArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let customer = crate::customers::cli::named(&mut tx, &args.customer).await?;
    let parse =
        |text: String| text.parse::<Cursor>().map_err(|()| Error::Other("the cursor is none of ours".into()));
    let before = args.cursor.map(parse).transpose()?;
    let query = HistoryQuery { from: args.from, to: args.to, before, limit: args.limit };
    let mut calls = super::history(&mut tx, customer.id, &query).await?;
    crate::invoices::name_invoices(&mut tx, customer.id, &mut calls).await?;
    let no_zone =
        |_| Error::Contradiction(format!("`{}` of {} is not a time zone", customer.zone, customer.id));
    let zone = TimeZone::get(&customer.zone).map_err(no_zone)?;
    let mut words: Vec<String> = calls
        .iter()
        .map(|call| {
            let at = zone.to_datetime(call.started_at).strftime("%Y-%m-%d %H:%M:%S");
            let line =
                |called: &str, seconds: i64, amount: Option<Money>, outcome: &str, place: Option<&str>| {
                    let cost = amount.map_or_else(|| outcome.to_owned(), |amount| amount.to_string());
                    let place = place.map(|place| format!("  {place}")).unwrap_or_default();
                    let (source, id) = (&call.source, &call.record_id);
                    format!("{at}  {called:<16}  {seconds:>6} s  {cost:>14}{place}  [{source}/{id}]")
                };
            let called = call.number.as_deref().unwrap_or(&call.called);
            let place = call.destination.as_deref();
            let mut words = line(called, call.talk_seconds, call.amount, &call.outcome, place);
            if call.late_for.is_some() {
                words += "  late";
            }
            if let Some(number) = call.invoice.as_ref().and_then(|invoice| invoice.number.as_ref()) {
                words += &format!("  {number}");
            }
            if let Some(reversed) = &call.reversed {
                words += &format!("  reversed: {}", reversed.reason);
            }
            for before in &call.replaces {
                let called = before.number.as_deref().unwrap_or(&before.called);
                let place = before.destination.as_deref();
                let line = line(called, before.talk_seconds, before.amount, &before.outcome, place);
                words += &format!("\n{line}  reversed: {}", before.reversed.reason);
            }
            words
        })
        .collect();
    if let Some(last) = calls.last().filter(|_| calls.len() == args.limit) {
        words.push(format!("more: --cursor {}", Cursor::after(last)));
    }
    output.answer(&calls, words.join("\n"))?;
    Ok(true)
}
