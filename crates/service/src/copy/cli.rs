//! The command `copy-database`.

use std::path::PathBuf;

use serde::Serialize;

use super::{Copied, CopiedTable, copy};
use crate::app::App;
use crate::check::{self, Report};
use crate::cli::Output;
use crate::clock::{Clock, Stopwatch};
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};

/// Copy everything into another, empty database and prove that it is the same
#[derive(Debug, clap::Args)]
pub struct CopyArgs {
    /// Where to: `sqlite://FILE` or `postgres://USER@HOST/NAME`
    #[arg(long, env = "TOLLBOOK_COPY_TO", hide_env_values = true, value_name = "URL")]
    to: String,
    /// The file whose first line is the password of the other database
    #[arg(long, env = "TOLLBOOK_COPY_TO_PASSWORD_FILE", value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Copy although `tollbook check` finds faults, which then are in both
    #[arg(long)]
    with_faults: bool,
}

/// What was copied.
#[derive(Serialize)]
struct Answer<'a> {
    tables: &'a [CopiedTable],
    rows: u64,
    check: &'a Report,
}

/// Copies from the database at a URL; answers whether it was done.
pub async fn copy_database(from: &str, args: CopyArgs, config: Config, output: Output) -> Result<bool> {
    let watch = Stopwatch::start();
    let url = crate::config::with_password(&args.to, args.to_password_file.as_deref())?;
    let source = Db::open_existing(from).await?;
    let target = App::open(&url, Clock::system(), config).await?;
    let bar = output.bar(Some(0), "{bar:30} {pos}/{len} rows {elapsed} {eta}");
    let mut tx = target.db.begin().await?;
    let copied = copy(&mut source.read().await?, &mut tx, &|rows, all| {
        bar.set_length(all);
        bar.inc(rows);
    })
    .await?;
    bar.finish_and_clear();
    let tables = match copied {
        Copied::All(tables) => tables,
        other => return Err(Error::Other(refusal(&other))),
    };
    output.note("every table is the same on both sides; now the proofs of `tollbook check`, over there");
    let report = check::verify(&mut tx, &target).await?;
    let sound = report.faults.is_empty();
    if !sound && !args.with_faults {
        let words = "nothing was copied: the books do not add up, and they did not in the source. \
                     --with-faults copies them as they are";
        return Err(Error::Other(format!("{}\n{words}", check::words(&report))));
    }
    tx.commit().await?;
    let rows = tables.iter().map(|table| table.rows).sum();
    let (from, to) = (source.engine(), target.db.engine());
    let words = format!(
        "{rows} rows of {} tables copied from {from} to {to}, and read again there: the same ({} s)\n{}",
        tables.len(),
        watch.elapsed().as_secs(),
        check::words(&report)
    );
    output.answer(&Answer { tables: &tables, rows, check: &report }, words)?;
    Ok(true)
}

fn refusal(copied: &Copied) -> String {
    match copied {
        Copied::NothingThere => "there is nothing to copy: is it the right database?".to_owned(),
        Copied::OtherSchema { source, target } => format!(
            "the source has the schema {}, this program makes {}: run `tollbook migrate` on the source first",
            source.last().map_or("of nothing", String::as_str),
            target.last().map_or("of nothing", String::as_str)
        ),
        Copied::OtherTables(how) => how.clone(),
        Copied::NotEmpty { table } => {
            format!("the target's table {table} is not empty: name a new database, or empty that one")
        }
        Copied::Different { here, there } => {
            format!("nothing was copied: the target does not read as the source: {here}, but there {there}")
        }
        Copied::All(_) => "everything was copied".to_owned(),
    }
}
