//! The commands of links to documents.

use serde_json::json;

use super::links::{self, DocumentLink, Revoke, Revoked};
use crate::app::App;
use crate::cli::Output;
use crate::credit_notes;
use crate::error::{Error, Result};
use crate::id::LinkId;
use crate::invoices::{self, Subject};

/// Show the links to an invoice or credit note that were mailed, or revoke them
#[derive(Debug, clap::Args)]
pub struct LinksArgs {
    /// The number of an invoice or credit note, such as INV-2026-000001
    number: String,
    /// Let this link open nothing any more; may be given several times
    #[arg(long, value_name = "LINK")]
    revoke: Vec<LinkId>,
    /// Let all links that were made until now open nothing any more, those of before links had an id too
    #[arg(long, conflicts_with = "revoke")]
    revoke_all: bool,
}

pub async fn links(app: &App, args: LinksArgs, output: Output) -> Result<bool> {
    let LinksArgs { number, revoke, revoke_all } = args;
    let mut tx = app.db.begin().await?;
    let invoice = invoices::by_number(&mut tx, &number).await?;
    let invoice = invoice.map(|found| (found.customer_id, Subject::Invoice(found.id)));
    let note = credit_notes::by_number(&mut tx, &number).await?;
    let note = note.map(|found| (found.customer_id, Subject::CreditNote(found.id)));
    let Some((customer, subject)) = invoice.or(note) else {
        return Err(Error::Other(format!("no invoice or credit note has the number {number}")));
    };
    let which = if revoke_all { Revoke::All } else { Revoke::These(revoke) };
    if which == Revoke::These(Vec::new()) {
        let found = links::links_of(&mut tx, customer, subject, app.clock.now()).await?;
        let lines: Vec<_> = found.iter().map(line).collect();
        let words = if lines.is_empty() { format!("no links to {number}") } else { lines.join("\n") };
        output.answer(&found, words)?;
        return Ok(true);
    }
    let revoked = match links::revoke(&mut tx, customer, subject, &which, app.clock.now()).await? {
        Revoked::Done(revoked) => revoked,
        Revoked::UnknownLink(id) => return Err(Error::Other(format!("{id} is not a link to {number}"))),
    };
    tx.commit().await?;
    output.answer(
        &json!({"number": number, "revoked": revoked}),
        format!("{revoked} links to {number} revoked"),
    )?;
    Ok(true)
}

fn line(link: &DocumentLink) -> String {
    let DocumentLink { id, created_at, expires_at, revoked_at } = link;
    let revoked = revoked_at.map_or(String::new(), |at| format!(", revoked {at}"));
    format!("{id}  made {created_at}, expires {expires_at}{revoked}")
}
