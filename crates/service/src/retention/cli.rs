//! The commands about what is kept.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::{Erased, Purged};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::many::Many;
use crate::visible;
use crate::whole_file::WholeFile;

/// Remove what was kept long enough, as the settings `retention.…` say; `serve` and `work` do it once a day
#[derive(Debug, clap::Args)]
pub struct PurgeArgs {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// Copy all that is known of a customer, a line of JSON for each thing
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The customer's reference
    customer: String,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Forget who a customer is: calls, numbers, names. Invoices are kept as long as the settings say
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// The customer's reference
    customer: String,
    /// It cannot be undone
    #[arg(long, required = true)]
    for_good: bool,
}

pub async fn purge(app: &App, args: PurgeArgs, output: Output) -> Result<bool> {
    let settings = app.config.retention;
    if settings.call_detail_months == 0 {
        output.note("call detail is kept for ever: retention.call_detail_months is 0");
    }
    if settings.invoice_years == 0 {
        output.note("invoices are kept for ever: retention.invoice_years is 0");
    }
    let bar = output.bar(None, "{spinner} {elapsed} removing what was kept long enough");
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let (verb, purged): (_, Purged) = if args.dry_run {
        ("would be removed", super::outlook(app).await?)
    } else {
        ("removed", super::purge(app).await?)
    };
    bar.finish_and_clear();
    output.answer(&purged, format!("{verb}:\n{purged}"))?;
    Ok(true)
}

pub async fn export(app: &App, args: ExportArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let customer = customers::cli::named(&mut tx, &args.customer).await?;
    let name =
        args.to.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let fault = || Error::file(name.clone());
    if args.to.as_ref().is_some_and(|path| path.exists()) {
        return Err(fault()(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut file = args.to.as_deref().map(WholeFile::begin).transpose().map_err(fault())?;
    let mut out = visible::stdout();
    // Lines that a terminal shows tell themselves that they come.
    let are_shown = args.to.is_none() && std::io::stdout().is_terminal();
    let bar =
        if are_shown { ProgressBar::hidden() } else { output.bar(None, "{spinner} {pos} lines {elapsed}") };
    let (lines, read) = mpsc::channel::<Vec<u8>>(256);
    let write = async {
        // It goes when writing fails, so that nobody copies for it any more.
        let mut read = read;
        while let Some(line) = read.recv().await {
            let written = match &mut file {
                Some(file) => file.write_all(&line),
                None => out.write_all(&line),
            };
            written?;
            bar.inc(1);
        }
        out.flush()
    };
    let (copied, written) = tokio::join!(super::export(&mut tx, &customer, lines), write);
    bar.finish_and_clear();
    match written {
        // Whoever read it has read enough.
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(true),
        written => written.map_err(fault())?,
    }
    copied?;
    file.map_or(Ok(()), WholeFile::finish_new).map_err(fault())?;
    output.note(format_args!("all that is known of {} is in {name}", args.customer));
    Ok(true)
}

pub async fn erase(app: &App, args: EraseArgs, output: Output) -> Result<bool> {
    let EraseArgs { customer, .. } = args;
    let mut tx = app.db.begin().await?;
    let id = customers::cli::named(&mut tx, &customer).await?.id;
    let erasure = match super::erase(&mut tx, app, id).await? {
        Erased::Erased(erasure) => erasure,
        Erased::UnknownCustomer => return Err(Error::Contradiction(format!("customer {id} vanished"))),
        Erased::Already(at) => return Err(Error::Other(format!("{customer} was forgotten at {at}"))),
        Erased::Refused(refusal) => return Err(Error::Other(format!("{customer}: {refusal}"))),
    };
    tx.commit().await?;
    let kept = match (erasure.documents_kept, erasure.documents_kept_until) {
        (0, _) => "no documents kept".to_owned(),
        (count, Some(day)) => format!("{} kept until {day}", Many(count, "document")),
        (count, None) => format!("{} kept: retention.invoice_years is 0", Many(count, "document")),
    };
    let words = format!("{customer} is forgotten, now {id}: {} removed, {kept}", Many(erasure.calls, "call"));
    output.answer(&erasure, words)?;
    Ok(true)
}
