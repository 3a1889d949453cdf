//! The tariffs' commands.

use std::path::PathBuf;

use calculation::money::{Currency, Rounding, RoundingMode};
use calculation::tariff::deck::{self, Columns};
use calculation::tariff::{Increments, Terms};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Imported, NewTariff, import};
use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::id::TariffId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a rate deck (CSV with a header row) as a new version of a tariff
    Import(ImportArgs),
    /// List tariffs and their versions
    List,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The deck: CSV with a header row
    file: PathBuf,
    /// The tariff's name; a known one gets a new version
    #[arg(long)]
    name: String,
    /// The tariff's terms in TOML (currency, rounding, zone, bands, holidays)
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
    /// The currency, when there is no terms file
    #[arg(long, default_value = "EUR", conflicts_with = "terms")]
    currency: Currency,
    /// How charges are rounded, when there is no terms file: digits/mode
    #[arg(long, default_value = "4/half-up", value_parser = rounding, conflicts_with = "terms")]
    rounding: Rounding,
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
    }
}

async fn import_deck(app: &App, args: ImportArgs, output: Output) -> Result<bool> {
    let name = |path: &PathBuf| path.display().to_string();
    let deck = std::fs::read(&args.file).map_err(Error::file(name(&args.file)))?;
    let mut terms = match &args.terms {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::file(name(path)))?;
            terms_of_toml(&text).map_err(|error| Error::Other(format!("{}: {error}", name(path))))?
        }
        None => Terms::new(args.currency, args.rounding),
    };
    terms.increments = args.increments.or(terms.increments);
    let columns = Columns { named: args.columns, ignored: args.ignored };
    let now = app.clock.now();
    let given = args.valid_from.as_deref().map(|text| deck::instant(text, &terms.zone));
    let given = given.transpose().map_err(|error| Error::Other(format!("--valid-from: {error}")))?;
    let new = NewTariff {
        name: &args.name,
        terms,
        deck: &deck,
        columns: &columns,
        valid_from: Some(given.unwrap_or(now)),
    };
    let mut tx = app.db.begin().await?;
    let imported = import(&mut tx, new, TariffId(app.clock.id()), now).await?;
    match imported {
        Imported::New { id, version, rates } => {
            let valid_from = given.unwrap_or(now);
            tx.commit().await?;
            let value =
                json!({"tariff_id": id, "version": version, "rates": rates, "valid_from": valid_from});
            output.answer(
                &value,
                format!("{}: version {version} with {rates} rates, in force from {valid_from}", args.name),
            )?;
            Ok(true)
        }
        Imported::Same { id, version } => {
            let words =
                format!("{}: version {version} is this very deck already, and in force by then", args.name);
            output.answer(&json!({"tariff_id": id, "version": version}), words)?;
            Ok(true)
        }
        Imported::Faults(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let words =
                format!("{}\nrefused whole: {} faults, nothing was stored", lines.join("\n"), lines.len());
            output.answer(&json!({"faults": lines}), words)?;
            Ok(false)
        }
        Imported::OtherCurrency(currency) => Err(Error::Other(format!(
            "{} is in {currency}: give a tariff of another currency another name",
            args.name
        ))),
    }
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
            let since =
                version.valid_from.map_or("not published".to_owned(), |since| format!("from {since}"));
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
