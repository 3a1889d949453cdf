//! The command `suspense`: what waits, and what to do with it.

use clap::{Args, Subcommand};

use super::{Replace, Replaced, Replacement};
use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::id::ImportId;
use crate::{credit_notes, customers, invoices, suspense};

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
    #[arg(long, value_parser = crate::visible::one_line)]
    reason: String,
    /// On which line the right record stood, if several wait under the id
    #[arg(long)]
    line: Option<i64>,
    /// Of which import the right record is, if several wait under the id
    #[arg(long, value_name = "IMPORT_ID")]
    import: Option<ImportId>,
}

pub async fn suspense(app: &App, args: SuspenseArgs, output: Output) -> Result<bool> {
    match args.command {
        None => suspense::cli::list(app, args.list, output).await,
        Some(Command::Replace(args)) => Box::pin(replace(app, args, output)).await,
    }
}

async fn replace(app: &App, args: ReplaceArgs, output: Output) -> Result<bool> {
    let ReplaceArgs { source, record_id, reason, line, import } = args;
    let asked = Replace { source, record_id, line, import_id: import, reason };
    let mut tx = app.db.begin().await?;
    let done =
        match Box::pin(super::replace(&mut tx, (&app.tariffs, &app.config, &app.clock), &asked)).await? {
            Replaced::Done(done) => done,
            refusal => return Err(Error::Other(refusal.to_string())),
        };
    let mut credited_by = None;
    if let Some(id) = done.credit_note_id {
        invoices::number_in(&mut tx, &app.config, &app.clock).await?;
        credited_by =
            credit_notes::by_id(&mut tx, done.reversed_customer_id, id).await?.and_then(|note| note.number);
    }
    let mut moved = None;
    if done.reversed_customer_id != done.customer_id {
        let from = customers::by_id(&mut tx, done.reversed_customer_id).await?;
        let to = customers::by_id(&mut tx, done.customer_id).await?;
        moved =
            from.zip(to).map(|(from, to)| format!(" (moved from {} to {})", from.reference, to.reference));
    }
    tx.commit().await?;
    let words = words(&done, credited_by.as_deref()) + &moved.unwrap_or_default();
    output.answer(&done, words)?;
    Ok(true)
}

fn words(done: &Replacement, credited_by: Option<&str>) -> String {
    let cost = |call: &crate::calls::Call| {
        let amount = call.amount.map_or_else(|| call.outcome.clone(), |amount| amount.to_string());
        let called = call.number.as_deref().unwrap_or(&call.called);
        format!("{} s to {called}, {amount}", call.talk_seconds)
    };
    let credited = credited_by.map(|number| format!(", credited by {number}")).unwrap_or_default();
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
