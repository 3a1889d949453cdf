//! The clerk's commands about all customers.

use std::io::Write as _;

use calculation::money::Amount;

use super::{Asked, By, Cursor, ListedInvoice, Month, Totals, csv_row};
use crate::app::App;
use crate::cli::{Output, say};
use crate::customers;
use crate::error::{Error, Result};
use crate::many::Many;
use crate::payments::Status;
use crate::visible;

/// List invoices of all customers
#[derive(Debug, clap::Args)]
pub struct InvoicesArgs {
    /// Of this month, such as 2026-10: each customer's own
    #[arg(long)]
    month: Option<String>,
    /// Those that stand so
    #[arg(long)]
    status: Option<Status>,
    /// Of the customer with this reference
    #[arg(long)]
    customer: Option<String>,
    /// Of no less, with tax
    #[arg(long, value_name = "AMOUNT")]
    min: Option<Amount>,
    /// Of no more, with tax
    #[arg(long, value_name = "AMOUNT")]
    max: Option<Amount>,
    /// Rows for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// Add up what was sold in a month
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The month, such as 2026-10: each customer's own
    #[arg(long)]
    month: String,
    /// By what it is added up
    #[arg(long, default_value = "tax")]
    by: By,
    /// Rows for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// So many are read at once.
const PAGE: usize = 500;

fn month_of(text: &str) -> Result<Month> {
    Month::of(text).map_err(|error| Error::Other(format!("--month: {error}")))
}

pub async fn invoices(app: &App, args: InvoicesArgs, output: Output) -> Result<bool> {
    let InvoicesArgs { month, status, customer, min, max, csv } = args;
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let customer = match customer {
        Some(reference) => Some(customers::cli::named(&mut tx, &reference).await?.id),
        None => None,
    };
    let month = month.as_deref().map(month_of).transpose()?;
    let asked = Asked { month, status, customer, min, max };
    let (mut totals, mut after) = (Totals::default(), None);
    if csv {
        put(&csv_row(ListedInvoice::HEADER))?;
    }
    loop {
        let page = super::invoices(&mut tx, &asked, after, PAGE, now).await?;
        let Some(last) = page.last() else { break };
        after = Some(Cursor::of(last));
        for listed in &page {
            totals.add(listed);
            if csv {
                put(&csv_row(listed.cells()))?;
            } else if output.is_json() {
                // A line each: the list may be long.
                say(serde_json::to_string(listed).map_err(|error| Error::Other(error.to_string()))?)?;
            } else {
                say(words(listed))?;
            }
        }
    }
    if !csv && !output.is_json() {
        for total in totals.all() {
            let void = match total.void {
                0 => String::new(),
                void => format!("; of them {void} void: gross {}", total.void_gross),
            };
            let words = format!(
                "{}: net {}, tax {}, gross {}, open {}{void}",
                Many(total.invoices, "invoice"),
                total.net,
                total.tax,
                total.gross,
                total.open
            );
            say(words)?;
        }
        if totals.all().is_empty() {
            say("no invoices")?;
        }
    }
    Ok(true)
}

fn words(listed: &ListedInvoice) -> String {
    let number = listed.number.as_deref().unwrap_or("no number yet");
    let due = listed.due_on.map(|day| day.to_string()).unwrap_or_default();
    format!(
        "{number:<18} {} {:<12} {:<24} due {due:<10} {:<11} {:>14} open {:>14}",
        listed.month,
        listed.customer_reference,
        listed.customer_name,
        listed.status.code(),
        listed.gross.to_string(),
        listed.open.to_string()
    )
}

fn put(row: &[u8]) -> Result<()> {
    match visible::stdout().write_all(row) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::file("standard output")),
    }
}

pub async fn report(app: &App, args: ReportArgs, output: Output) -> Result<bool> {
    let ReportArgs { month, by, csv } = args;
    let mut tx = app.db.read().await?;
    let revenue = super::revenue(&mut tx, &month, month_of(&month)?, by).await?;
    let (header, cells) = (revenue.header(), revenue.cells());
    if csv {
        put(&csv_row(header))?;
        cells.into_iter().try_for_each(|row| put(&csv_row(row)))?;
        return Ok(true);
    }
    let mut lines = vec![header.iter().map(|cell| format!("{cell:<14}")).collect::<Vec<_>>().join(" ")];
    lines.extend(
        cells.iter().map(|row| row.iter().map(|cell| format!("{cell:<14}")).collect::<Vec<_>>().join(" ")),
    );
    let words: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    output.answer(&revenue, words.join("\n"))?;
    Ok(true)
}
