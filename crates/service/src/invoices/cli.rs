//! The invoices' commands.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use calculation::invoice::{DocumentKind, Invoice};
use calculation::money::{Amount, Money};
use clap::Args;
use serde_json::json;

use super::bill::{Run, invoices_of_month};
use super::einvoice::{self, Syntax};
use super::{StoredInvoice, bill as bill_month, by_number, file, tell_standing};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::id::CustomerId;

#[derive(Debug, Args)]
pub struct BillArgs {
    /// The month, such as 2026-10: each customer's own, in the customer's zone
    #[arg(long)]
    month: String,
    /// Also write the month's invoices as PDF files into this folder
    #[arg(long, value_name = "DIR")]
    pdf: Option<PathBuf>,
}

pub async fn bill(app: &App, args: BillArgs, output: Output) -> Result<bool> {
    let customers = customers::count(&mut app.db.read().await?).await?;
    let bar = output.bar(Some(customers), "{bar:30} {pos}/{len} customers {elapsed} {eta}");
    let done = AtomicU64::new(0);
    let progress = || {
        bar.inc(1);
        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Where no bar is shown, a line for every ten thousand.
        if bar.is_hidden() && count.is_multiple_of(10_000) {
            output.note(format_args!("{count} of {customers} customers"));
        }
    };
    let run = bill_month(app, &args.month, &progress).await?;
    bar.finish_and_clear();
    let billed = match run {
        Run::Billed(billed) => billed,
        Run::NotAMonth(error) => return Err(Error::Other(format!("--month: {error}"))),
    };
    let mut words = format!(
        "{}: {} invoices issued, {} issued before, {} customers with nothing to invoice, {} prepaid",
        args.month, billed.issued, billed.already, billed.nothing, billed.prepaid
    );
    for refused in &billed.refused {
        words += &format!("\n  {} got none: {}", refused.reference, refused.reason);
    }
    if let Some(folder) = &args.pdf {
        let written = write_pdfs(app, &invoices_of_month(app, &args.month).await?, folder).await?;
        words += &format!("\n{} PDF files in {}", written.len(), folder.display());
    }
    output.answer(&billed, words)?;
    Ok(billed.refused.is_empty())
}

/// Draws invoices into a folder, one file each, named by its number.
pub async fn write_pdfs(app: &App, invoices: &[StoredInvoice], folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder.display().to_string()))?;
    let mut written = Vec::new();
    for stored in invoices {
        let name = stored.number.clone().unwrap_or_else(|| stored.id.to_string());
        let path = folder.join(format!("{name}.pdf"));
        write_pdf(app, stored.customer_id, &stored.invoice, &path).await?;
        written.push(path);
    }
    Ok(written)
}

async fn write_pdf(app: &App, customer: CustomerId, document: &Invoice, path: &Path) -> Result<()> {
    let bytes = file::of(app, customer, document).await?;
    std::fs::write(path, bytes).map_err(Error::file(path.display().to_string()))
}

fn write_xml(document: &Invoice, syntax: Syntax, path: &Path) -> Result<()> {
    let made = einvoice::xml(document, syntax);
    let text = made.map_err(|error| Error::Other(format!("no XML was written: {error}")))?;
    std::fs::write(path, text).map_err(Error::file(path.display().to_string()))
}

#[derive(Debug, Args)]
pub struct InvoiceArgs {
    /// The number of an invoice or credit note, such as INV-2026-000001
    number: String,
    /// Write it as a PDF to this file
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// Write it as an electronic invoice (EN 16931) to this file
    #[arg(long, value_name = "FILE")]
    xml: Option<PathBuf>,
    /// The XML's syntax: cii for Factur-X and ZUGFeRD, ubl for Peppol
    #[arg(long, value_enum, default_value = "cii", requires = "xml")]
    syntax: Syntax,
}

pub async fn invoice(app: &App, args: InvoiceArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let number = &args.number;
    let found = by_number(&mut tx, number).await?;
    let note = crate::credit_notes::by_number(&mut tx, number).await?;
    let (customer, document) = match (&found, &note) {
        (Some(stored), _) => (stored.customer_id, &stored.invoice),
        (None, Some(note)) => (note.customer_id, &note.credit_note),
        (None, None) => {
            return Err(Error::Other(format!("no invoice or credit note has the number {number}")));
        }
    };
    let purged_at =
        found.as_ref().map_or(note.as_ref().and_then(|note| note.purged_at), |found| found.purged_at);
    if let Some(at) = purged_at.filter(|_| args.pdf.is_some() || args.xml.is_some()) {
        return Err(Error::Other(format!("{number} is not kept any more since {at}: only its totals are")));
    }
    if let Some(path) = &args.pdf {
        write_pdf(app, customer, document, path).await?;
    }
    if let Some(path) = &args.xml {
        write_xml(document, args.syntax, path)?;
    }
    let files: Vec<_> = args.pdf.iter().chain(&args.xml).map(|path| path.display().to_string()).collect();
    if !files.is_empty() {
        let words = format!("{} is in {}", args.number, files.join(" and "));
        output.answer(&json!({"number": args.number, "pdf": args.pdf, "xml": args.xml}), words)?;
        return Ok(true);
    }
    let mut found = found;
    tell_standing(&mut tx, found.as_mut_slice(), app.clock.now()).await?;
    match (found, note) {
        (Some(stored), _) => output.answer(&stored, words(&stored.invoice, stored.open))?,
        (None, Some(note)) => output.answer(&note, words(&note.credit_note, None))?,
        (None, None) => {}
    }
    Ok(true)
}

fn words(invoice: &Invoice, open: Option<Money>) -> String {
    let digits = invoice.currency.minor_digits();
    let amount = |amount: Amount| amount.to_text(digits);
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            invoice.number.as_deref().unwrap_or("no number yet"),
            invoice.issued_on,
            invoice.buyer.name
        ),
        format!("{} to {} ({})", invoice.period.first_day, invoice.period.last_day, invoice.period.zone),
    ];
    if let Some(corrects) = &invoice.corrects {
        lines.push(format!("corrects {} of {}: {}", corrects.number, corrects.issued_on, corrects.reason));
    }
    for line in &invoice.lines {
        let calls = match line.calls {
            0 => String::new(),
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        lines.push(format!("  {:<44} {calls:>12} {:>12}", line.description, amount(line.net)));
    }
    for tax in &invoice.taxes {
        lines.push(format!(
            "  {:<57} {:>12}",
            format!("tax {} % on {}", tax.rate, amount(tax.taxable)),
            amount(tax.tax)
        ));
    }
    let total = if invoice.kind == DocumentKind::CreditNote { "credited" } else { "to pay" };
    lines.push(format!("  {total:<57} {:>12} {}", amount(invoice.gross), invoice.currency));
    if let Some(open) = open {
        lines.push(format!("  {:<57} {:>12} {}", "open", amount(open.amount), open.currency));
    }
    lines.join("\n")
}
