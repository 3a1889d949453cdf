//! The credit notes' command.

use calculation::money::Amount;
use clap::Args;

use super::{Credited, Credits, NewCredit, TakenBack};
use crate::app::App;
use crate::calls::CallKey;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::invoices;

#[derive(Debug, Args)]
pub struct CreditArgs {
    /// The invoice's number, such as INV-2026-000001; or that of a credit note, which is taken back as a whole
    number: String,
    /// Why, as the credit note shows it
    #[arg(long, value_parser = crate::visible::one_line)]
    reason: String,
    /// Only this line of it, counted from 1
    #[arg(long, value_name = "NUMBER", conflicts_with = "call")]
    line: Option<usize>,
    /// Only so much of the line, net
    #[arg(long, value_name = "AMOUNT", requires = "line")]
    net: Option<Amount>,
    /// Only this call
    #[arg(long, value_name = "SOURCE/RECORD_ID")]
    call: Option<CallKey>,
}

pub async fn credit(app: &App, args: CreditArgs, output: Output) -> Result<bool> {
    let CreditArgs { number, reason, line, net, call } = args;
    let credits = match (line, call) {
        (Some(number), _) => Credits::Line { number, net },
        (None, Some(CallKey { source, record_id })) => Credits::Call { source, record_id },
        (None, None) => Credits::Whole,
    };
    let mut tx = app.db.begin().await?;
    if let Some(note) = super::by_number(&mut tx, &number).await? {
        if !matches!(credits, Credits::Whole) {
            return Err(Error::Other(format!("{number} is a credit note: it is taken back as a whole")));
        }
        let back = match super::take_back(&mut tx, &app.config, note.customer_id, note.id, reason, &app.clock)
            .await?
        {
            TakenBack::New(id) => id,
            refusal => return Err(Error::Other(refusal.to_string())),
        };
        invoices::number_in(&mut tx, &app.config, &app.clock).await?;
        let back = super::by_id(&mut tx, note.customer_id, back).await?;
        let back = back.ok_or_else(|| Error::Contradiction("a credit note vanished".to_owned()))?;
        tx.commit().await?;
        let name = back.number.clone().unwrap_or_default();
        output.answer(&back, format!("{name} takes back {number}: {} are owed again", note.gross))?;
        return Ok(true);
    }
    let invoice = invoices::by_number(&mut tx, &number).await?;
    let invoice = invoice.ok_or_else(|| Error::Other(format!("no invoice has the number {number}")))?;
    let new = NewCredit { reason, credits };
    let id = match super::credit(
        &mut tx,
        (&app.tariffs, &app.config),
        invoice.customer_id,
        invoice.id,
        new,
        &app.clock,
    )
    .await?
    {
        Credited::New(id) => id,
        nothing @ (Credited::Nothing | Credited::Later(_)) => {
            tx.commit().await?;
            output.answer(&serde_json::json!({"credited": "0.00"}), nothing.to_string())?;
            return Ok(true);
        }
        refusal => return Err(Error::Other(refusal.to_string())),
    };
    invoices::number_in(&mut tx, &app.config, &app.clock).await?;
    let note = super::by_id(&mut tx, invoice.customer_id, id).await?;
    let note = note.ok_or_else(|| Error::Contradiction("a credit note vanished".to_owned()))?;
    tx.commit().await?;
    let name = note.number.clone().unwrap_or_default();
    let words = format!("{name} credits {} of {number}", note.gross);
    output.answer(&note, words)?;
    Ok(true)
}
