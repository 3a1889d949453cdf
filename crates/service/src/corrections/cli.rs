//! The command `suspense`: what waits, and what to do with it.

use clap::{Args, Subcommand};

use super::{Replace, Replaced, Replacement};
use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::invoices;
use crate::suspense;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SuspenseArgs {
    #[command(flatten)]
    list: suspense::cli::ListArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put a record that waits in the place of the one that was charged under its id
    ///
    /// For a record with the reason `conflict`. What the other took is given back, by a credit note if it is on an invoice; the
    /// record is charged; both stay in the customer's history.
    Replace(ReplaceArgs),
}

#[derive(Debug, Args)]
struct ReplaceArgs {
    /// The source of both records
    source: String,
    /// The id of both records
    record_id: String,
    /// Why: the history shows it, and the credit note if there is one
    #[arg(long)]
    reason: String,
    /// On which line the right record stood, if several wait under the id
    #[arg(long)]
    line: Option<i64>,
}

pub async fn suspense(app: &App, args: SuspenseArgs, output: Output) -> Result<bool> {
    match args.command {
        None => suspense::cli::list(app, args.list, output).await,
        Some(Command::Replace(args)) => replace(app, args, output).await,
    }
}

async fn replace(app: &App, args: ReplaceArgs, output: Output) -> Result<bool> {
    let ReplaceArgs { source, record_id, reason, line } = args;
    let asked = Replace { source, record_id, line, reason };
    let mut tx = app.db.begin().await?;
    let done = match super::replace(&mut tx, (&app.tariffs, &app.config, &app.clock), &asked).await? {
        Replaced::Done(done) => done,
        refusal => return Err(Error::Other(refusal.to_string())),
    };
    if done.credit_note_id.is_some() {
        invoices::number_in(&mut tx, &app.config, &app.clock).await?;
    }
    tx.commit().await?;
    output.answer(&done, words(&done))?;
    Ok(true)
}

fn words(done: &Replacement) -> String {
    let cost = |call: &crate::calls::Call| {
        let amount = call.amount.map_or_else(|| call.outcome.clone(), |amount| amount.to_string());
        format!("{} s, {amount}", call.talk_seconds)
    };
    let credited = done.credit_note_id.map(|id| format!(", credited by {id}")).unwrap_or_default();
    let Replacement { reversed, call, .. } = done;
    format!(
        "{}/{} was {}{credited}; now {}/{}: {}",
        reversed.source,
        reversed.record_id,
        cost(reversed),
        call.source,
        call.record_id,
        cost(call)
    )
}
