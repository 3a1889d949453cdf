//! The tariffs' commands.

mod look;

use std::path::{Path, PathBuf};

use calculation::money::{Currency, Rounding, RoundingMode};
use calculation::tariff::deck::{self, Columns, EndDates};
use calculation::tariff::{Increments, Mode, Terms};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::described::{TariffDifference, advice, count_of_losses};
use super::{Imported, NewTariff, import, looks_like};
use crate::app::App;
use crate::cli::Output;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TariffId;
use crate::many::Many;
use crate::names;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a rate deck (CSV with a header row) as a new version of a tariff
    Import(ImportArgs),
    /// List tariffs and their versions
    List,
    Show(look::ShowArgs),
    Export(look::ExportArgs),
    Withdraw(look::WithdrawArgs),
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The deck: CSV with a header row
    file: PathBuf,
    /// The tariff's name; a known one gets a new version
    #[arg(long, value_parser = crate::visible::one_line)]
    name: String,
    /// The tariff's terms in TOML (currency, rounding, zone, bands, holidays)
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
    /// The currency, when there is no terms file [default: EUR]
    #[arg(long, conflicts_with = "terms")]
    currency: Option<Currency>,
    /// How charges are rounded, when there is no terms file: digits/mode [default: 4/half-up]
    #[arg(long, value_parser = rounding, conflicts_with = "terms")]
    rounding: Option<Rounding>,
    /// Initial and next seconds for rates that name none
    #[arg(long, value_name = "60/1")]
    increments: Option<Increments>,
    /// Names a column: ours=theirs (may be repeated)
    #[arg(long = "column", value_name = "OURS=THEIRS", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// Leaves a column out (may be repeated)
    #[arg(long = "ignore", value_name = "COLUMN")]
    ignored: Vec<String>,
    /// In force from this instant, or from a day in the terms' zone; at once when absent
    #[arg(long, value_name = "2026-10-01")]
    valid_from: Option<String>,
    /// The list is complete: what it does not name has no price any more
    #[arg(long)]
    replace: bool,
    /// What the list does not name stays, and so do the terms
    #[arg(long, conflicts_with = "replace")]
    amend: bool,
    /// Only print what would change
    #[arg(long)]
    dry_run: bool,
    /// Whether a price still holds on its end date (inclusive) or is over as that day begins (exclusive)
    #[arg(long, value_name = "inclusive|exclusive", value_parser = end_dates)]
    end_dates: Option<EndDates>,
}

impl ImportArgs {
    fn mode(&self) -> Option<Mode> {
        match (self.replace, self.amend) {
            (true, _) => Some(Mode::Replace),
            (_, true) => Some(Mode::Amend),
            _ => None,
        }
    }
}

fn end_dates(text: &str) -> std::result::Result<EndDates, String> {
    match text {
        "inclusive" => Ok(EndDates::Inclusive),
        "exclusive" => Ok(EndDates::Exclusive),
        _ => Err("write inclusive or exclusive".to_owned()),
    }
}

fn rounding(text: &str) -> std::result::Result<Rounding, String> {
    let refusal = || "write digits/mode, such as 4/half-up (half-up, up, down, half-even)".to_owned();
    let (digits, mode) = text.split_once('/').ok_or_else(refusal)?;
    let mode: RoundingMode = mode.parse()?;
    Rounding::new(digits.parse().map_err(|_| refusal())?, mode).map_err(|error| error.to_string())
}

pub fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("write ours=theirs")?;
    Ok((ours.to_owned(), theirs.to_owned()))
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Import(args) => import_deck(app, args, output).await,
        Command::List => list(app, output).await,
        Command::Show(args) => look::show(app, args, output).await,
        Command::Export(args) => look::export(app, &args, output).await,
        Command::Withdraw(args) => look::withdraw(app, &args, output).await,
    }
}

async fn import_deck(app: &App, args: ImportArgs, output: Output) -> Result<bool> {
    let deck = std::fs::read(&args.file).map_err(Error::file(file_name(&args.file)))?;
    let (now, mode) = (app.clock.now(), args.mode());
    let mut tx = app.db.begin().await?;
    let (terms, given) = terms_and_time(&mut tx, &args, now).await?;
    let columns = Columns { named: args.columns, ignored: args.ignored, end_dates: args.end_dates };
    let valid_from = given.unwrap_or(now);
    let new = NewTariff {
        name: &args.name,
        terms,
        deck: &deck,
        columns: &columns,
        valid_from: Some(valid_from),
        mode,
    };
    let imported = import(&mut tx, new, TariffId(app.clock.id()), now).await?;
    let name = &args.name;
    let looks_like = looks_like(&mut tx, name).await?;
    if let Some(other) = &looks_like {
        output.note(format_args!("{}", names::warning(name, other)));
    }
    match imported {
        Imported::New { id, version, rates, change } => {
            let difference = TariffDifference::new(&change, mode);
            let lines = difference.words().join("\n");
            if args.dry_run {
                let value = json!({"dry_run": true, "rates": rates, "difference": difference});
                output.answer(
                    &value,
                    format!("{name}: {rates} rates\n{lines}\nonly tried: nothing was stored"),
                )?;
                return Ok(true);
            }
            tx.commit().await?;
            let value = json!({"tariff_id": id, "version": version, "rates": rates, "valid_from": valid_from,
                "difference": difference, "looks_like": looks_like});
            let first = format!("{name}: version {version} with {rates} rates, in force from {valid_from}");
            output.answer(&value, format!("{first}\n{lines}"))?;
            Ok(true)
        }
        Imported::Same { id, version } => {
            let words = format!("{name}: version {version} is this very deck already, and in force by then");
            output.answer(&json!({"tariff_id": id, "version": version}), words)?;
            Ok(true)
        }
        Imported::Faults(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let words = format!(
                "{}\nrefused whole: {}, nothing was stored",
                lines.join("\n"),
                Many(lines.len(), "fault")
            );
            output.answer(&json!({"faults": lines}), words)?;
            Ok(false)
        }
        Imported::Lost(change) => {
            let count = change.unmeant(mode).count();
            let difference = TariffDifference::new(&change, mode);
            // Only what refuses the list stands above the refusal.
            let mut fatal = difference.clone();
            fatal.without_price.retain(|lost| !lost.meant);
            fatal.without_price_count = count;
            let words = format!(
                "{}\nrefused whole: {}, nothing was stored\n{}",
                fatal.words().join("\n"),
                count_of_losses(count),
                advice(change.advised(mode), "--amend", "--replace")
            );
            output.answer(&json!({"refused": "prices_lost", "difference": difference}), words)?;
            Ok(false)
        }
        Imported::OtherCurrency(currency) => Err(Error::Other(format!(
            "{name} is in {currency}: give a tariff of another currency another name"
        ))),
        Imported::NothingToAmend | Imported::AmendedFromWhen => Err(nothing_to_amend(name, valid_from)),
    }
}

fn file_name(path: &Path) -> String {
    path.display().to_string()
}

fn nothing_to_amend(name: &str, at: Timestamp) -> Error {
    Error::Other(format!("no list of {name} is in force at {at}: import a whole list without --amend"))
}

/// The terms of the version to be, and when it comes into force. An amendment keeps the terms that hold then.
async fn terms_and_time(
    tx: &mut Tx,
    args: &ImportArgs,
    now: Timestamp,
) -> Result<(Terms, Option<Timestamp>)> {
    let valid_from = |zone: &str| {
        let given = args.valid_from.as_deref().map(|text| deck::instant(text, zone)).transpose();
        given.map_err(|error| Error::Other(format!("--valid-from: {error}")))
    };
    let mut terms = match &args.terms {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::file(file_name(path)))?;
            terms_of_toml(&text).map_err(|error| Error::Other(format!("{}: {error}", file_name(path))))?
        }
        None if args.amend => {
            // The zone says when a day begins, the day which terms hold.
            let nothing = || nothing_to_amend(&args.name, now);
            let known = super::terms_at(tx, &args.name, now).await?;
            let from = valid_from(known.as_ref().map_or("UTC", |terms| &terms.zone))?.unwrap_or(now);
            let then = super::terms_at(tx, &args.name, from).await?.ok_or_else(nothing)?;
            Terms { rounding: args.rounding.unwrap_or(then.rounding), ..then }
        }
        None => {
            let usual =
                || Rounding::new(4, RoundingMode::HalfUp).map_err(|error| Error::Other(error.to_string()));
            let rounding = args.rounding.map_or_else(usual, Ok)?;
            let currency = args.currency.map_or_else(|| "EUR".parse(), Ok);
            Terms::new(
                currency.map_err(|error: calculation::money::MoneyError| Error::Other(error.to_string()))?,
                rounding,
            )
        }
    };
    terms.currency = args.currency.unwrap_or(terms.currency);
    terms.increments = args.increments.or(terms.increments);
    let given = valid_from(&terms.zone)?;
    Ok((terms, given))
}

/// Reads terms; a `name` beside them is left to the caller.
pub fn terms_of_toml(text: &str) -> std::result::Result<Terms, toml::de::Error> {
    let mut table: toml::Table = text.parse()?;
    table.remove("name");
    table.try_into()
}

async fn list(app: &App, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let tariffs = super::all(&mut tx).await?;
    let mut words = Vec::new();
    for tariff in &tariffs {
        for version in &tariff.versions {
            let since = match (version.valid_from, version.withdrawn_at) {
                (Some(since), _) => format!("from {since}"),
                (None, Some(withdrawn)) => format!("withdrawn at {withdrawn}"),
                (None, None) => "not published".to_owned(),
            };
            let (name, currency) = (&tariff.name, tariff.currency);
            words.push(format!(
                "{name} {currency} version {}: {} rates, {since}",
                version.version, version.rate_count
            ));
        }
    }
    output.answer(&tariffs, words.join("\n"))?;
    Ok(true)
}
