//! The disputes' commands.

use super::{About, Dispute, NewDispute, Opened, Outcome, Settled};
use crate::app::App;
use crate::calls::CallKey;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::id::DisputeId;

/// What customers contest: while a dispute is open nobody is reminded of it and nothing of it is purged
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Open a dispute about an invoice or a call
    Open(OpenArgs),
    /// Say who was right; what is given back is a credit note (`tollbook credit`)
    Settle(SettleArgs),
    /// Show a customer's disputes, the newest first
    List {
        /// The customer's reference
        customer: String,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "about")]
pub struct Subject {
    /// The invoice's number, such as INV-2026-000001
    #[arg(long, value_name = "NUMBER")]
    invoice: Option<String>,
    /// The call
    #[arg(long, value_name = "SOURCE/RECORD_ID")]
    call: Option<CallKey>,
}

#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// The customer's reference
    customer: String,
    #[command(flatten)]
    about: Subject,
    /// What the customer says
    #[arg(long, value_parser = crate::visible::one_line)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct SettleArgs {
    /// The customer's reference
    customer: String,
    /// The dispute's id
    dispute: DisputeId,
    /// Who was right
    outcome: Outcome,
    /// What was agreed
    #[arg(long, value_parser = crate::visible::one_line)]
    note: Option<String>,
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Open(args) => open(app, args, output).await,
        Command::Settle(args) => settle(app, args, output).await,
        Command::List { customer } => list(app, &customer, output).await,
    }
}

async fn open(app: &App, args: OpenArgs, output: Output) -> Result<bool> {
    let about = match (args.about.invoice, args.about.call) {
        (_, Some(call)) => About::Call(call),
        (number, None) => About::Invoice { number: number.unwrap_or_default() },
    };
    let mut tx = app.db.begin().await?;
    let customer = customers::cli::named(&mut tx, &args.customer).await?.id;
    let new = NewDispute { about, reason: args.reason };
    let dispute = match super::open(&mut tx, customer, new, &app.clock).await? {
        Opened::Dispute(dispute) => dispute,
        Opened::UnknownCustomer => return Err(Error::Contradiction(format!("customer {customer} vanished"))),
        Opened::UnknownInvoice => return Err(said("--invoice: the customer has no such invoice")),
        Opened::UnknownCall => {
            return Err(said("--call: the customer has no such call, or its detail is not kept any more"));
        }
        Opened::Already(id) => return Err(said(&format!("it is contested already: {id}"))),
    };
    tx.commit().await?;
    output.answer(&dispute, words(&dispute))?;
    Ok(true)
}

async fn settle(app: &App, args: SettleArgs, output: Output) -> Result<bool> {
    let SettleArgs { customer, dispute, outcome, note } = args;
    let mut tx = app.db.begin().await?;
    let id = customers::cli::named(&mut tx, &customer).await?.id;
    let dispute = match super::settle(&mut tx, id, dispute, outcome, note, &app.clock).await? {
        Settled::Dispute(dispute) => dispute,
        Settled::Unknown => return Err(said(&format!("{customer} has no dispute {dispute}"))),
        Settled::Already(settlement) => {
            return Err(said(&format!("the dispute was settled at {}", settlement.settled_at)));
        }
    };
    tx.commit().await?;
    output.answer(&dispute, words(&dispute))?;
    Ok(true)
}

async fn list(app: &App, customer: &str, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let id = customers::cli::named(&mut tx, customer).await?.id;
    let disputes = super::of_customer(&mut tx, id).await?;
    let mut lines: Vec<_> = disputes.iter().map(words).collect();
    if lines.is_empty() {
        lines.push(format!("{customer} contests nothing"));
    }
    output.answer(&disputes, lines.join("\n"))?;
    Ok(true)
}

fn said(what: &str) -> Error {
    Error::Other(what.to_owned())
}

fn words(dispute: &Dispute) -> String {
    let Dispute { id, invoice_id, call, reason, opened_at, settlement, .. } = dispute;
    let about = match (call, invoice_id) {
        (Some(call), _) => format!("call {}/{}", call.source, call.record_id),
        (None, Some(invoice)) => format!("invoice {invoice}"),
        (None, None) => "nothing".to_owned(),
    };
    let standing = settlement.as_ref().map_or_else(
        || "open".to_owned(),
        |settlement| {
            let note = settlement.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("{} at {}{note}", settlement.outcome.code(), settlement.settled_at)
        },
    );
    format!("{id} about {about}, {standing}\n  {opened_at} {reason}")
}
