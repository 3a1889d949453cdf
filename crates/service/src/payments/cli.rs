//! The payments' commands.

use std::path::PathBuf;

use calculation::money::{Currency, Money};
use calculation::total::TotalMoney;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;

use super::import::{amount_of, delimiter};
use super::{
    Ages, ImportedPayments, Layout, NewPayment, PaidInvoice, Payment, PaymentKind, Recorded, Reversed,
    ReversedPayment, ageing, ageing_of_customers, by_reference, record, record_line, reverse,
};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::invoices::{self, Subject};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record a payment or a refund
    Add(AddArgs),
    /// Record the payments of a bank's list, each once
    Import(ImportArgs),
    /// Take a payment back, once: its debit bounced, its card was charged back
    Reverse(ReverseArgs),
}

#[derive(Debug, Args)]
pub struct ReverseArgs {
    /// The payment's reference
    reference: String,
    /// Why, in the bank's words
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// The customer's reference, such as C-1001
    #[arg(long)]
    customer: String,
    /// How much, such as 12.04
    #[arg(long)]
    amount: String,
    /// The customer's currency
    #[arg(long)]
    currency: Currency,
    /// What names the payment: recorded once
    #[arg(long)]
    reference: String,
    /// The bank's day, such as 2026-11-03
    #[arg(long, value_name = "DAY")]
    paid_on: Date,
    /// How it was paid
    #[arg(long)]
    method: Option<String>,
    /// The number of the invoice that is paid first; the oldest open one when absent
    #[arg(long, value_name = "NUMBER")]
    invoice: Option<String>,
    /// Pay the customer back, of their credit
    #[arg(long)]
    refund: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV with the columns reference, amount, currency, date, and customer or invoice; method if there is one
    file: PathBuf,
}

pub async fn run(app: &App, command: Command, output: Output) -> Result<bool> {
    match command {
        Command::Add(args) => add(app, args, output).await,
        Command::Import(args) => import(app, &args, output).await,
        Command::Reverse(args) => take_back(app, &args, output).await,
    }
}

async fn add(app: &App, args: AddArgs, output: Output) -> Result<bool> {
    let AddArgs { customer, amount, currency, reference, paid_on, method, invoice, refund } = args;
    let amount = amount_of(&amount, currency).map_err(|what| Error::Other(format!("--amount: {what}")))?;
    let kind = if refund { PaymentKind::Refund } else { PaymentKind::Payment };
    let new = NewPayment { reference, amount, currency, paid_on, method, kind, invoice };
    let mut tx = app.db.begin().await?;
    let found = customers::cli::named(&mut tx, &customer).await?;
    let recorded = record(&mut tx, found.id, new, &app.clock).await?;
    if let Some(refusal) = recorded.refusal() {
        return Err(Error::Other(refusal));
    }
    let (payment, how) = match &recorded {
        Recorded::Known(payment) => (Some(payment), "recorded before"),
        Recorded::New(payment) => (Some(payment), "recorded"),
        _ => (None, ""),
    };
    let mut lines = Vec::new();
    if let Some(Payment { reference, amount, id, allocations, .. }) = payment {
        lines.push(format!("{reference} of {amount} {how}: {id}"));
        let parts = named(&mut tx, found.id, allocations).await?;
        lines.extend(parts.iter().map(|(amount, number)| format!("  {amount} to {number}")));
    }
    tx.commit().await?;
    output.answer(&payment, lines.join("\n"))?;
    Ok(true)
}

/// Parts of a payment, with the numbers of the invoices that they went to.
async fn named(tx: &mut Tx, customer: CustomerId, parts: &[PaidInvoice]) -> Result<Vec<(Money, String)>> {
    let subject = |part: &PaidInvoice| Subject::Invoice(part.invoice_id);
    let asked: Vec<_> = parts.iter().map(|part| (customer, subject(part))).collect();
    let numbers = invoices::document_numbers(tx, &asked).await?;
    let number = |part: &PaidInvoice| {
        numbers.get(&subject(part)).cloned().unwrap_or_else(|| part.invoice_id.to_string())
    };
    Ok(parts.iter().map(|part| (part.amount, number(part))).collect())
}

async fn take_back(app: &App, args: &ReverseArgs, output: Output) -> Result<bool> {
    let ReverseArgs { reference, reason } = args;
    let mut tx = app.db.begin().await?;
    let found = by_reference(&mut tx, reference).await?;
    let found = found.ok_or_else(|| Error::Other(format!("no payment has the reference `{reference}`")))?;
    let fees = &app.config.payments.reversal_fee;
    let reversed = reverse(&mut tx, found.customer_id, found.id, reason, fees, &app.clock).await?;
    if let Some(refusal) = reversed.refusal() {
        return Err(Error::Other(format!("`{reference}` was not taken back: {refusal}")));
    }
    let Reversed::Reversed(reversed) = reversed else { return Ok(true) };
    let ReversedPayment { payment, reopened, fee } = &reversed;
    let mut lines = vec![format!("{} of {} is taken back", payment.reference, payment.amount)];
    let parts = named(&mut tx, found.customer_id, reopened).await?;
    tx.commit().await?;
    lines.extend(parts.iter().map(|(amount, number)| format!("  {amount} of {number} are open again")));
    lines.extend(fee.iter().map(|fee| format!("  charged: {}, {}", fee.description, fee.amount)));
    output.answer(&reversed, lines.join("\n"))?;
    Ok(true)
}

async fn import(app: &App, args: &ImportArgs, output: Output) -> Result<bool> {
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file).map_err(Error::file(shown.to_string()))?;
    let wrong = |message: String| Error::Other(format!("{shown}: {message}"));
    let delimiter = delimiter(&text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?;
    let layout = Layout::of_header(header).map_err(wrong)?;
    let mut imported = ImportedPayments::default();
    for record in reader.records() {
        let line = match &record {
            Ok(record) => record.position().map_or(0, csv::Position::line),
            Err(error) => error.position().map_or(0, csv::Position::line),
        };
        let read = record.map_err(|error| fault_of_line(&error));
        let became = match read.and_then(|record| layout.read(&record)) {
            Err(message) => Err(message),
            Ok(bank_line) => {
                let mut tx = app.db.begin().await?;
                let became = record_line(&mut tx, bank_line, &app.clock).await?;
                // A refusal leaves nothing behind: dropping the transaction rolls it back.
                if matches!(became, Ok(Recorded::New(_))) {
                    tx.commit().await?;
                }
                became
            }
        };
        imported.count(line, became);
    }
    if !imported.balances() {
        return Err(Error::Contradiction(format!("{shown}: lines are not accounted for: {imported:?}")));
    }
    let ImportedPayments { lines, recorded, duplicate, refused } = &imported;
    let mut words = format!(
        "{shown}: {lines} lines = {recorded} recorded + {duplicate} duplicate + {} refused",
        refused.len()
    );
    for line in refused {
        words += &format!("\n  line {}: {}", line.line, line.message);
    }
    output.answer(&imported, words)?;
    Ok(imported.refused.is_empty())
}

/// What is wrong with a line, without its place, which is shown beside it.
fn fault_of_line(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields, the header {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// So many customers are read at once.
const PAGE: usize = 1_000;

pub async fn show_ageing(app: &App, output: Output) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let totals = ageing(&mut tx, now).await?;
    let mut customers = Vec::new();
    loop {
        let after = customers.last().map(|aged: &super::AgedCustomer| aged.customer_id);
        let page = ageing_of_customers(&mut tx, now, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        customers.extend(page);
    }
    let row = |name: &str, [a, b, c, d, e, f]: [String; 6]| {
        format!("{name:<20} {a:>12} {b:>12} {c:>12} {d:>12} {e:>12} {f:>14}")
    };
    let head = ["not due", "1-30 days", "31-60", "61-90", "over 90", "open"].map(str::to_owned);
    let mut lines = vec![row("", head)];
    lines.extend(customers.iter().map(|aged| row(&aged.reference, columns(&aged.ages))));
    lines.extend(totals.iter().map(|ages| row("all", columns(ages))));
    let words = if totals.is_empty() { "nothing is open".to_owned() } else { lines.join("\n") };
    output.answer(&json!({"as_of": now, "totals": totals, "customers": customers}), words)?;
    Ok(true)
}

fn columns(ages: &Ages) -> [String; 6] {
    let Ages { not_due, days_1_to_30, days_31_to_60, days_61_to_90, days_over_90, open } = ages;
    let amount = |money: &TotalMoney| money.amount.to_text(money.currency.minor_digits());
    [
        amount(not_due),
        amount(days_1_to_30),
        amount(days_31_to_60),
        amount(days_61_to_90),
        amount(days_over_90),
        open.to_string(),
    ]
}
