//! The audit log's command.

use jiff::Timestamp;

use super::{Asked, Entry};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::Result;
use crate::seals;

/// Show who saw or changed what, newest first; prove that nothing was changed without the program
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    command: Option<seals::cli::Command>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only about this customer, by reference
    #[arg(long, value_name = "REFERENCE")]
    customer: Option<String>,
    /// Only of this caller: a client's id, or the subject of an OpenID Connect token
    #[arg(long)]
    subject: Option<String>,
    /// Only at or after this instant, such as 2026-11-01T00:00:00Z
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only before this instant
    #[arg(long)]
    to: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

pub async fn audit(app: &App, args: AuditArgs, output: Output) -> Result<bool> {
    match args.command {
        Some(command) => seals::cli::run(app, command, output).await,
        None => list(app, args.list, output).await,
    }
}

async fn list(app: &App, args: ListArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let customer = match &args.customer {
        None => None,
        Some(reference) => Some(customers::cli::named(&mut tx, reference).await?.id),
    };
    let ListArgs { subject, from, to, limit, .. } = args;
    let entries = super::list(&mut tx, &Asked { customer, subject, from, to, before: None }, limit).await?;
    let mut lines: Vec<_> = entries.iter().map(words).collect();
    if lines.is_empty() {
        lines.push("nothing was seen or changed".to_owned());
    }
    output.answer(&entries, lines.join("\n"))?;
    Ok(true)
}

fn words(entry: &Entry) -> String {
    let Entry { happened_at, subject, role, action, target, status, .. } = entry;
    let who = if subject.is_empty() { "somebody" } else { subject };
    let answered = if *status == 0 { String::new() } else { format!(": {status}") };
    let target = if target.is_empty() { String::new() } else { format!("\n  {target}") };
    format!("{happened_at} {who} ({role}) {action}{answered}{target}")
}
