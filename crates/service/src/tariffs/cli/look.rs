//! The commands that look at a tariff, write it as a deck and take a version back.

use std::fmt::Write as _;
use std::path::PathBuf;

use calculation::tariff::deck;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::described::TariffDifference;
use super::super::show::{self, TariffRates};
use super::super::{Tariff, TariffVersion, Withdrawn, by_name, version_at};
use crate::app::App;
use crate::cli::{Output, say};
use crate::db::Tx;
use crate::error::{Error, Result};

/// Show a tariff's versions, or which rates compete for a number and which one holds
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The tariff's name
    name: String,
    /// A number with its +, or a prefix as in a deck
    number: Option<String>,
    /// At this instant, or as this day of the terms' zone begins; now when absent
    #[arg(long, value_name = "2026-10-01")]
    at: Option<String>,
}

/// Write a version as a deck that imports to the very same content
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The tariff's name
    name: String,
    /// This version; the one in force when absent
    #[arg(long, conflicts_with = "at")]
    version: Option<i64>,
    /// The version in force at this instant, or as this day begins
    #[arg(long, value_name = "2026-10-01")]
    at: Option<String>,
    /// Writes the terms of the version into this file, too
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
}

/// Take back a version that is not yet in force
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The tariff's name
    name: String,
    /// The version
    version: i64,
}

async fn find(tx: &mut Tx, name: &str) -> Result<Tariff> {
    let tariff = by_name(tx, name).await?;
    tariff.ok_or_else(|| Error::Other(format!("there is no tariff {name}: see `tollbook tariff list`")))
}

/// The instant that is asked about. A day begins in the zone of the list that is in force now.
fn instant(tariff: &Tariff, text: Option<&str>, now: Timestamp) -> Result<Timestamp> {
    let known = version_at(tariff, now).or(tariff.versions.first());
    let zone = known.map_or("UTC", |version| &version.terms.zone);
    let read = text.map(|text| deck::instant(text, zone)).transpose();
    Ok(read.map_err(|error| Error::Other(format!("--at: {error}")))?.unwrap_or(now))
}

pub(super) async fn show(app: &App, args: ShowArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let tariff = find(&mut tx, &args.name).await?;
    let at = instant(&tariff, args.at.as_deref(), app.clock.now())?;
    let Some(number) = args.number else {
        output.answer(&tariff, versions(&tariff, at))?;
        return Ok(true);
    };
    let asked = show::asked(&number).map_err(Error::Other)?;
    let zone = version_at(&tariff, at).and_then(|version| TimeZone::get(&version.terms.zone).ok());
    let zone = zone.unwrap_or(TimeZone::UTC);
    let rates = show::rates(&mut tx, &app.tariffs, &tariff, &number, &asked, at, &zone).await?;
    output.answer(&rates, words(&args.name, &rates))?;
    Ok(true)
}

/// The versions and their spans, newest first.
fn versions(tariff: &Tariff, at: Timestamp) -> String {
    let mut lines = vec![format!("{} {}", tariff.name, tariff.currency)];
    let now = version_at(tariff, at).map(|version| version.version);
    for version in &tariff.versions {
        let mark = if now == Some(version.version) { " (in force)" } else { "" };
        lines.push(format!(
            "version {}: {} rates, {}{mark}",
            version.version,
            version.rate_count,
            span(tariff, version)
        ));
    }
    lines.join("\n")
}

fn span(tariff: &Tariff, version: &TariffVersion) -> String {
    let Some(from) = version.valid_from else {
        return match (version.withdrawn_at, version.withdrawn_from) {
            (Some(at), Some(from)) => format!("withdrawn at {at}, was to begin {from}"),
            (Some(at), None) => format!("withdrawn at {at}"),
            _ => "not published".to_owned(),
        };
    };
    let begins = |other: &TariffVersion| Some((other.valid_from?, other.version));
    let next = tariff.versions.iter().filter_map(begins).filter(|next| *next > (from, version.version)).min();
    match next {
        Some((until, other)) if until == from => {
            format!("never in force: version {other} begins at the same time")
        }
        Some((until, other)) => format!("from {from} until {until}, when version {other} takes over"),
        None => format!("from {from}"),
    }
}

fn words(name: &str, rates: &TariffRates) -> String {
    let Some(version) = rates.version else {
        return format!("{name} has no list in force at {}", rates.at);
    };
    let mut text = format!("{} at {} by version {version} of {name}", rates.asked, rates.at);
    for rate in &rates.rates {
        let _ = write!(text, "\n  {}: {}", rate.words(), rate.why);
    }
    if rates.rates.is_empty() {
        text.push_str("\n  no rate: calls would wait in suspense");
    }
    for change in &rates.changes {
        let rate = change.rate.as_ref().map_or("no price".to_owned(), show::CompetingRate::words);
        let _ = write!(text, "\n  then from {}, by version {}: {rate}", change.from, change.version);
    }
    text
}

pub(super) async fn export(app: &App, args: &ExportArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let tariff = find(&mut tx, &args.name).await?;
    let at = instant(&tariff, args.at.as_deref(), app.clock.now())?;
    let version = args.version.or(version_at(&tariff, at).map(|version| version.version));
    let nothing = || Error::Other(format!("no list of {} is in force at {at}: give --version", args.name));
    let version = version.ok_or_else(nothing)?;
    let list = super::super::version(&mut tx, tariff.id, version).await?;
    let list = list.ok_or_else(|| Error::Other(format!("{} has no version {version}", args.name)))?;
    let deck = deck::write(list.rates()).map_err(|error| Error::Other(error.to_string()))?;
    if let Some(path) = &args.terms {
        let terms = toml::to_string(list.terms()).map_err(|error| Error::Other(error.to_string()))?;
        crate::whole_file::write(path, terms).map_err(Error::file(path.display().to_string()))?;
    }
    if output.is_json() {
        output.answer(&json!({"version": version, "terms": list.terms(), "deck": deck}), "")?;
    } else {
        say(deck.trim_end())?;
    }
    Ok(true)
}

pub(super) async fn withdraw(app: &App, args: &WithdrawArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let tariff = find(&mut tx, &args.name).await?;
    let WithdrawArgs { name, version } = args;
    match super::super::withdraw(&mut tx, tariff.id, *version, app.clock.now()).await? {
        Withdrawn::Tariff(tariff, change) => {
            tx.commit().await?;
            let difference = change.map(|change| TariffDifference::new(&change, None));
            let lines = difference.as_ref().map(|difference| format!("\n{}", difference.words().join("\n")));
            let text = format!("{name}: version {version} is withdrawn{}", lines.unwrap_or_default());
            output.answer(&json!({"tariff": tariff, "difference": difference}), text)?;
            Ok(true)
        }
        Withdrawn::UnknownTariff | Withdrawn::UnknownVersion => {
            Err(Error::Other(format!("{name} has no version {version}")))
        }
        Withdrawn::Already(since) => {
            Err(Error::Other(format!("version {version} of {name} was withdrawn at {since}")))
        }
        Withdrawn::InForce(since) => Err(Error::Other(format!(
            "version {version} of {name} is in force since {since}, and calls are charged by it: import the list that shall \
             hold instead, with --valid-from and --replace"
        ))),
    }
}
