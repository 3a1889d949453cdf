//! Are the settings sound, and what is in force? `tollbook config check` tells all of it, and begins nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Config;
use super::sources::{Fault, Name, Origin, Sources};
use crate::cli::Output;
use crate::clock::Clock;
use crate::db::{Db, Schema};
use crate::error::Result;
use crate::log::{self, Concealed, Traces};
use crate::mail::Mailer;
use crate::prepaid::{TopUpService, VoucherKeys};
use crate::ready::{self, Unready};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show every setting in force and who set it, and all that is wrong
    Check(CheckArgs),
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CheckArgs {
    /// Leave the database alone
    #[arg(long)]
    offline: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    settings: Vec<Shown>,
    database: String,
    faults: Vec<String>,
    /// What could be better.
    notes: Vec<String>,
    /// What keeps invoices, or electronic ones, from going out.
    not_ready_to_bill: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    /// In TOML; nothing when it is not set.
    value: Option<String>,
    origin: String,
}

/// Where the database is said to be, or why that cannot be told.
pub struct Address<'a> {
    pub url: Result<String>,
    pub file: Option<&'a Path>,
}

pub async fn check(
    mut sources: Sources,
    address: Address<'_>,
    args: CheckArgs,
    output: Output,
) -> Result<bool> {
    let (config, mut faults) = sources.settle();
    let in_force = sources.in_force();
    let files = in_force.iter().filter_map(|(name, value, origin)| file(name, value.as_ref()?, origin));
    let files: Vec<_> = files.chain(address.file.map(database_file)).collect();
    faults.extend(files.iter().filter_map(fault_of));
    if let Some(config) = &config {
        let opened = openings(config).into_iter().map(|what| sources.placed(what));
        // A file that is not there was told already.
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        faults.extend(opened.filter(|fault| !told.iter().any(|told| same_file(told, &fault.what))));
    }
    if let Some(config) = &config {
        log::begin(&log::Settings { level: "warn".to_owned(), ..config.log.clone() })?;
    }
    let mut unready = config.as_ref().map(ready::of_settings).unwrap_or_default();
    let database = match &address.url {
        Ok(url) if args.offline => format!("{} (not asked)", Concealed(url)),
        Ok(url) => match ask(url, config.as_ref()).await {
            Ok((answer, found)) => {
                unready.extend(found);
                format!("{}: {answer}", Concealed(url))
            }
            Err(what) => {
                faults.push(Fault { origin: Origin::Default, what: Concealed(&what).to_string() });
                format!("{}: does not answer", Concealed(url))
            }
        },
        Err(error) => {
            faults.push(Fault { origin: Origin::Default, what: error.to_string() });
            "unknown".to_owned()
        }
    };
    let settings = in_force.into_iter().map(shown).collect();
    let notes = config.as_ref().map(notes).unwrap_or_default();
    // What is wrong comes last, where it is seen.
    unready.sort_by_key(|unready| unready.wrong);
    let is_wrong = unready.iter().any(|unready| unready.wrong);
    let unready = unready.into_iter().map(|unready| sources.placed(unready.what));
    // What is wrong is quoted, and may be an address with a secret in it.
    let told = |fault: Fault| Concealed(&fault.to_string()).to_string();
    let (not_ready_to_bill, faults) = (unready.map(told).collect(), faults.into_iter().map(told).collect());
    let found = Found { settings, database, faults, notes, not_ready_to_bill };
    output.answer(&found, words(&found))?;
    Ok(found.faults.is_empty() && !is_wrong)
}

/// Tells what keeps invoices from going out under these settings, for the log.
pub fn warn_of_billing(config: &Config) {
    for unready in ready::of_settings(config) {
        tracing::warn!(lacks = unready.what, "not ready to bill");
    }
}

/// Tells what is wrong with the files that settings name, for the log.
pub fn warn_of_files(sources: &Sources) {
    let in_force = sources.in_force();
    let files = in_force.iter().filter_map(|(name, value, origin)| file(name, value.as_ref()?, origin));
    for fault in files.filter_map(|file| fault_of(&file)) {
        tracing::warn!(%fault, "a file of the settings");
    }
}

/// A file that is named by a setting.
struct Named {
    name: String,
    path: PathBuf,
    origin: Origin,
    secret: bool,
}

fn file(name: &Name, value: &toml::Value, origin: &Origin) -> Option<Named> {
    let key = name.1.strip_suffix("_file")?;
    let path = PathBuf::from(value.as_str()?);
    // A certificate may be read by all.
    let secret = key != "ca";
    Some(Named { name: name.to_string(), path, origin: origin.clone(), secret })
}

fn database_file(path: &Path) -> Named {
    Named {
        name: "--database-url-file".to_owned(),
        path: path.to_owned(),
        origin: Origin::Default,
        secret: true,
    }
}

fn fault_of(file: &Named) -> Option<Fault> {
    let what = match std::fs::metadata(&file.path) {
        Err(error) => error.to_string(),
        Ok(found) if !found.is_file() => "is no file".to_owned(),
        Ok(found) if file.secret && is_open_to_all(&found) => {
            "everybody on this machine may read the secret: chmod o= it".to_owned()
        }
        Ok(_) => return None,
    };
    let what = format!("{} {}", file.name, super::in_file(&file.path, what));
    Some(Fault { origin: file.origin.clone(), what })
}

fn is_open_to_all(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o007 != 0
}

fn same_file(told: &str, what: &str) -> bool {
    let name = what.trim_start_matches("settings: ").split(' ').next().unwrap_or_default();
    name.ends_with("_file") && told.starts_with(name)
}

/// What refuses to begin under these settings.
fn openings(config: &Config) -> Vec<String> {
    let mailer = Mailer::open(config).err();
    let top_ups = TopUpService::open(&config.prepaid).err();
    let vouchers = VoucherKeys::open(&config.prepaid).err();
    let log = config.log.filter().err();
    let traces = Traces::open(&config.log).err();
    let wrong = [mailer, top_ups, vouchers, log, traces].into_iter().flatten();
    wrong.map(|error| error.to_string().trim_start_matches("settings: ").to_owned()).collect()
}

/// What is permitted, and could be better.
fn notes(config: &Config) -> Vec<String> {
    let unkeyed =
        "prepaid.voucher_key_file is not set: who reads the database could try all codes of vouchers";
    let is_unkeyed = config.prepaid.voucher_key_file.is_none();
    is_unkeyed.then(|| unkeyed.to_owned()).into_iter().collect()
}

/// Whether the database answers, without making or changing one.
async fn ask(url: &str, config: Option<&Config>) -> std::result::Result<(String, Vec<Unready>), String> {
    if !Db::is_there(url) {
        return Ok(("there is no such file yet: the first command makes it".to_owned(), Vec::new()));
    }
    let db = Db::open(url).await.map_err(|error| error.to_string())?;
    let engine = db.engine();
    match db.schema().await {
        Ok(Schema::UpToDate) => {
            let found = match config {
                Some(config) => look(&db, config).await.map_err(|error| error.to_string())?,
                None => Vec::new(),
            };
            Ok((format!("{engine} answers, its schema is up to date"), found))
        }
        Ok(Schema::Behind(missing)) => {
            Ok((format!("{engine} answers; the next command will run {}", missing.join(", ")), Vec::new()))
        }
        Ok(Schema::Newer(name)) => {
            Err(format!("the database holds {name}, which this program does not know"))
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn look(db: &Db, config: &Config) -> Result<Vec<Unready>> {
    ready::of_database(&mut db.read().await?, config, Clock::system().now()).await
}

fn shown((name, value, origin): (Name, Option<toml::Value>, Origin)) -> Shown {
    // A secret belongs into a file; one that is given nevertheless is not shown.
    let secret = ["secret", "password", "token"].iter().any(|word| name.1.ends_with(word));
    let value =
        value.map(|value| if secret { "***".to_owned() } else { Concealed(&value.to_string()).to_string() });
    Shown { name: name.to_string(), value, origin: origin.to_string() }
}

fn words(found: &Found) -> String {
    let mut lines = Vec::new();
    for Shown { name, value, origin } in &found.settings {
        lines.push(match value {
            Some(value) => format!("{name} = {value}  ({origin})"),
            None => format!("{name} is not set"),
        });
    }
    lines.push(format!("database {}", found.database));
    lines.extend(found.faults.iter().map(|fault| format!("wrong: {fault}")));
    if found.faults.is_empty() {
        lines.push("nothing is wrong".to_owned());
    }
    lines.extend(found.notes.iter().map(|note| format!("note: {note}")));
    match &found.not_ready_to_bill[..] {
        [] => lines.push("ready to bill".to_owned()),
        lacks => lines.extend(lacks.iter().map(|lack| format!("not ready to bill: {lack}"))),
    }
    lines.join("\n")
}
