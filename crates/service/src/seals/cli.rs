//! The commands of seals and proofs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::{Asked, Proven, Seal, Sealed, prove};
use crate::app::App;
use crate::cli::{Output, say};
use crate::error::{Error, Result};
use crate::hash::hex;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the seals, newest first: the hash of one is what an auditor is given
    Seals {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Seal now what waits, instead of when the next seal is due
    Seal,
    /// Export a proof that a row is as it was sealed, for an auditor to check offline: docs/audit.md
    Proof(ProofArgs),
}

#[derive(Debug, Args)]
pub struct ProofArgs {
    #[command(subcommand)]
    of: Of,
    /// Write it to this file instead of to standard output
    #[arg(long, short, value_name = "FILE", global = true)]
    output: Option<PathBuf>,
    /// Up to the seal of this number, whose hash the auditor has; the newest when absent
    #[arg(long, value_name = "SEAL", global = true)]
    until: Option<i64>,
}

#[derive(Debug, Subcommand)]
enum Of {
    /// Of a call
    Call {
        /// The source of its record
        source: String,
        /// The id of its record
        record_id: String,
    },
    /// Of an invoice or credit note
    Invoice {
        /// Its number
        number: String,
    },
    /// Of everything that was sealed on a day of UTC, such as 2026-11-29
    Day { day: Date },
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Seals { limit } => seals(app, limit, output).await,
        Command::Seal => {
            let sealed = seal_all(app).await?;
            let words = match sealed.last() {
                None => "nothing was committed since the last seal".to_owned(),
                Some(_) => sealed.iter().map(words).collect::<Vec<_>>().join("\n"),
            };
            output.answer(&sealed, words)?;
            Ok(true)
        }
        Command::Proof(args) => proof(app, args, output).await,
    }
}

async fn seals(app: &App, limit: usize, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let seals = super::list(&mut tx, i64::MAX, limit).await?;
    let mut lines: Vec<_> = seals.iter().map(words).collect();
    if lines.is_empty() {
        lines.push("nothing is sealed yet: `serve` and `work` do it, and `tollbook audit seal`".to_owned());
    }
    output.answer(&seals, lines.join("\n"))?;
    Ok(true)
}

fn words(seal: &Seal) -> String {
    let Seal { number, sealed_at, rows, hash, .. } = seal;
    format!("{number} {sealed_at} {rows} rows {}", hex(hash))
}

/// Seals all that waits now.
async fn seal_all(app: &App) -> Result<Vec<Seal>> {
    let mut sealed = Vec::new();
    loop {
        let mut tx = app.db.begin().await?;
        let done = super::seal(&mut tx, app.clock.now(), jiff::SignedDuration::ZERO).await?;
        tx.commit().await?;
        let Sealed::New { seal, more } = done else { return Ok(sealed) };
        sealed.push(seal);
        if !more {
            return Ok(sealed);
        }
    }
}

async fn proof(app: &App, args: ProofArgs, output: Output) -> Result<bool> {
    let ProofArgs { of, output: file, until } = args;
    let asked = match of {
        Of::Call { source, record_id } => Asked::Call { source, record_id },
        Of::Invoice { number } => Asked::Document { number },
        Of::Day { day } => Asked::Day(day),
    };
    let mut tx = app.db.read().await?;
    let proof = match prove(&mut tx, &asked, until).await? {
        Proven::Proof(proof) => proof,
        refusal => return Err(Error::Other(format!("{asked}: {refusal}"))),
    };
    let text = serde_json::to_string_pretty(&proof).map_err(|error| Error::Other(error.to_string()))?;
    let Some(file) = file else {
        say(text)?;
        return Ok(true);
    };
    std::fs::write(&file, text).map_err(Error::file(format!("writing {}", file.display())))?;
    output.note(format_args!("wrote {}", file.display()));
    Ok(true)
}
