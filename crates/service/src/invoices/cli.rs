//! The invoices' commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use calculation::invoice::{Days, DocumentKind, Invoice, InvoiceLine, Language, LineKind};
use calculation::money::Amount;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use documents::Drawing;
use documents::einvoice::{self, Syntax};
use serde_json::json;

use super::bill::{Run, invoices_of_month, refusal};
use super::review::{self, Standing};
use super::{Issued, StoredInvoice, Subject, bill as bill_month, by_number, file, number, tell_standing};
use crate::app::App;
use crate::cli::Output;
use crate::customers;
use crate::error::{Error, Result};
use crate::id::CustomerId;
use crate::mail::{self, SentAgain};
use crate::many::Many;
use crate::timekeeping;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Examples:\n  tollbook bill --preview --flagged        what is unusual about last month's invoices\n  \
                        tollbook bill hold C-1001 --reason …     keep a customer's back\n  \
                        tollbook bill approve                    let all others go out that wait\n  \
                        tollbook bill --month 2026-10            issue a month's now, whether they wait or not\n  \
                        tollbook bill --month 2026-10 --customer C-1001   the same of one customer"
)]
pub struct BillArgs {
    /// The month, such as 2026-10: each customer's own, in the customer's zone
    #[arg(long)]
    month: Option<String>,
    /// Only of the customer with this reference; anew, if the month's invoice was credited in full
    #[arg(long, value_name = "REFERENCE", requires = "month", conflicts_with = "preview")]
    customer: Option<String>,
    /// Also write the month's invoices as PDF files into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "preview")]
    pdf: Option<PathBuf>,
    /// Issue nothing: show what each invoice would come to, of the last month that is over or of `--month`
    #[arg(long)]
    preview: bool,
    /// Show only those with something unusual
    #[arg(long, requires = "preview")]
    flagged: bool,
    #[command(subcommand)]
    command: Option<review::cli::Command>,
}

pub async fn bill(app: &App, args: BillArgs, output: Output) -> Result<bool> {
    let BillArgs { month, customer, pdf, preview, flagged, command } = args;
    match (command, month, customer) {
        (Some(command), ..) => review::cli::run(app, command, output).await,
        (None, month, _) if preview => review::cli::preview(app, month, flagged, output).await,
        (None, Some(month), None) => issue(app, &month, pdf.as_deref(), output).await,
        (None, Some(month), Some(customer)) => {
            Box::pin(issue_one(app, &month, &customer, pdf.as_deref(), output)).await
        }
        (None, None, _) => {
            let last = review::last_month(&app.config, app.clock.now())?;
            Err(Error::Other(format!(
                "say which month is to be billed: `tollbook bill --month {last}`. What it would come to shows \
                 `tollbook bill --preview`"
            )))
        }
    }
}

/// Issues the invoice of one customer's month, as `POST …/invoices` does.
async fn issue_one(
    app: &App,
    month: &str,
    reference: &str,
    pdf: Option<&Path>,
    output: Output,
) -> Result<bool> {
    timekeeping::require(app).await?;
    let mut tx = app.db.begin().await?;
    let customer = customers::cli::named(&mut tx, reference).await?.id;
    let issued = super::issue(&mut tx, &app.config, customer, month, &app.clock).await?;
    let (id, when) = match &issued {
        Issued::New(id) => (*id, "issued"),
        Issued::Already(id) => (*id, "issued before"),
        other => return Err(Error::Other(format!("{reference}: {}", refusal(other)))),
    };
    // Nothing leaves the house unnumbered.
    number::number_in(&mut tx, &app.config, &app.clock).await?;
    let mut found = super::by_id(&mut tx, customer, id).await?;
    tell_standing(&mut tx, found.as_mut_slice(), app.clock.now()).await?;
    tx.commit().await?;
    let stored = found.ok_or_else(|| Error::Contradiction(format!("invoice {id} vanished")))?;
    let number = stored.number.as_deref().unwrap_or("without a number");
    let mut words = format!("{month}: {number} of {reference} over {} {when}", stored.gross);
    if let Some(folder) = pdf {
        let written = write_pdfs(app, std::slice::from_ref(&stored), folder).await?;
        if let Some(why) = written.refused.first() {
            return Err(Error::Other(why.clone()));
        }
        words += &format!("\n{} in {}", Many(written.files.len(), "PDF file"), folder.display());
    }
    output.answer(&stored, words)?;
    Ok(true)
}

async fn issue(app: &App, month: &str, pdf: Option<&Path>, output: Output) -> Result<bool> {
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
    let run = bill_month(app, month, &progress).await?;
    bar.finish_and_clear();
    let billed = match run {
        Run::Billed(billed) => billed,
        Run::NotAMonth(error) => return Err(Error::Other(format!("--month: {error}"))),
    };
    let mut words = format!(
        "{month}: {} issued, {} issued before, {} with nothing to invoice, {} prepaid",
        Many(billed.issued, "invoice"),
        billed.already,
        Many(billed.nothing, "customer"),
        billed.prepaid
    );
    for refused in &billed.refused {
        words += &format!("\n  {} got none: {}", refused.reference, refused.reason);
    }
    if billed.standing != Standing::default() {
        words += &format!("\n{}", billed.standing);
    }
    let mut drawn = true;
    if let Some(folder) = pdf {
        let written = write_pdfs(app, &invoices_of_month(app, month).await?, folder).await?;
        words += &format!("\n{} in {}", Many(written.files.len(), "PDF file"), folder.display());
        written.refused.iter().for_each(|why| words += &format!("\n  {why}"));
        drawn = written.refused.is_empty();
    }
    output.answer(&billed, words)?;
    Ok(billed.refused.is_empty() && drawn)
}

/// What became of drawing invoices.
#[derive(Debug, Default)]
pub struct Written {
    pub files: Vec<PathBuf>,
    /// Those with a letter that no font has, and which.
    pub refused: Vec<String>,
}

/// Draws invoices into a folder, one file each, named by its number. One that cannot be drawn keeps no other.
pub async fn write_pdfs(app: &App, invoices: &[StoredInvoice], folder: &Path) -> Result<Written> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder.display().to_string()))?;
    let (mut written, mut lacking) = (Written::default(), BTreeMap::<String, usize>::new());
    for stored in invoices {
        let name = stored.number.clone().unwrap_or_else(|| stored.id.to_string());
        let path = folder.join(format!("{name}.pdf"));
        let drawing = super::drawing(&mut app.db.read().await?, stored, false).await?;
        match write_pdf(app, stored.customer_id, &drawing, &path).await {
            Ok(lacks) => {
                written.files.push(path);
                if let Some(lacks) = lacks {
                    *lacking.entry(lacks).or_default() += 1;
                }
            }
            Err(Error::Letters(why)) => written.refused.push(why),
            Err(error) => return Err(error),
        }
    }
    for (lacks, files) in &lacking {
        tell_without_xml(lacks, *files);
    }
    Ok(written)
}

/// Writes a document as a PDF file; answers why it has no electronic invoice inside.
async fn write_pdf(
    app: &App,
    customer: CustomerId,
    drawing: &Drawing,
    path: &Path,
) -> Result<Option<String>> {
    let drawn = file::draw(app, customer, drawing).await?;
    crate::whole_file::write(path, drawn.file).map_err(Error::file(path.display().to_string()))?;
    Ok(drawn.lacks)
}

fn tell_without_xml(lacks: &str, files: usize) {
    tracing::warn!(lacks, "{} without XML", Many(files, "PDF file"));
}

fn write_xml(drawing: &Drawing, syntax: Syntax, path: &Path) -> Result<()> {
    let made = einvoice::xml(drawing, syntax);
    let text = made.map_err(|error| Error::Other(format!("no XML was written: {error}")))?;
    crate::whole_file::write(path, text).map_err(Error::file(path.display().to_string()))
}

/// The names of the syntaxes are all that the command line must know of them.
fn syntax() -> impl TypedValueParser<Value = Syntax> {
    PossibleValuesParser::new(Syntax::ALL.map(Syntax::name)).try_map(|name| name.parse())
}

#[derive(Debug, clap::Subcommand)]
enum OfInvoice {
    Links(mail::cli::LinksArgs),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct InvoiceArgs {
    #[command(subcommand)]
    command: Option<OfInvoice>,
    /// The number of an invoice or credit note, such as INV-2026-000001
    #[arg(required = true)]
    number: Option<String>,
    /// Write it as a PDF to this file
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// Write it as an electronic invoice (EN 16931) to this file
    #[arg(long, value_name = "FILE")]
    xml: Option<PathBuf>,
    /// The XML's syntax: cii for Factur-X and ZUGFeRD, ubl for Peppol
    #[arg(long, value_parser = syntax(), default_value = "cii", requires = "xml")]
    syntax: Syntax,
    /// As it stood when it was issued, not as it stands now
    #[arg(long)]
    as_issued: bool,
    /// Send it by mail once more, to this address or to the customer's
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "")]
    mail: Option<String>,
}

pub async fn invoice(app: &App, mut args: InvoiceArgs, output: Output) -> Result<bool> {
    if let Some(OfInvoice::Links(args)) = args.command.take() {
        return mail::cli::links(app, args, output).await;
    }
    let mut tx = app.db.read().await?;
    let number = args.number.clone().unwrap_or_default();
    let number = number.as_str();
    let found = by_number(&mut tx, number).await?;
    let note = crate::credit_notes::by_number(&mut tx, number).await?;
    let (customer, subject, drawing) = match (&found, &note) {
        (Some(stored), _) => {
            let drawing = super::drawing(&mut tx, stored, args.as_issued).await?;
            (stored.customer_id, Subject::Invoice(stored.id), drawing)
        }
        (None, Some(note)) => {
            let drawing = crate::credit_notes::drawing(&mut tx, note, args.as_issued).await?;
            (note.customer_id, Subject::CreditNote(note.id), drawing)
        }
        (None, None) => {
            return Err(Error::Other(format!("no invoice or credit note has the number {number}")));
        }
    };
    let purged_at =
        found.as_ref().map_or(note.as_ref().and_then(|note| note.purged_at), |found| found.purged_at);
    let needs_content = args.pdf.is_some() || args.xml.is_some() || args.mail.is_some();
    if let Some(at) = purged_at.filter(|_| needs_content) {
        return Err(Error::Other(format!("{number} is not kept any more since {at}: only its totals are")));
    }
    if let Some(path) = &args.pdf {
        let lacks = write_pdf(app, customer, &drawing, path).await?;
        if let Some(lacks) = &lacks {
            tell_without_xml(lacks, 1);
        }
    }
    if let Some(path) = &args.xml {
        write_xml(&drawing, args.syntax, path)?;
    }
    let files: Vec<_> = args.pdf.iter().chain(&args.xml).map(|path| path.display().to_string()).collect();
    if !files.is_empty() && args.mail.is_none() {
        let words = format!("{number} is in {}", files.join(" and "));
        output.answer(&json!({"number": number, "pdf": args.pdf, "xml": args.xml}), words)?;
        return Ok(true);
    }
    drop(tx);
    if let Some(address) = &args.mail {
        let to = Some(address.clone()).filter(|address| !address.is_empty());
        return send_again(app, (customer, subject), to, number, output).await;
    }
    let mut found = found;
    tell_standing(&mut app.db.read().await?, found.as_mut_slice(), app.clock.now()).await?;
    match (found, note) {
        (Some(stored), _) => output.answer(&stored, words(&drawing))?,
        (None, Some(note)) => output.answer(&note, words(&drawing))?,
        (None, None) => {}
    }
    Ok(true)
}

async fn send_again(
    app: &App,
    (customer, subject): (CustomerId, Subject),
    to: Option<String>,
    number: &str,
    output: Output,
) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let asked = mail::send_again(&mut tx, customer, subject, to, &app.clock).await?;
    let to = match asked {
        SentAgain::Asked { to } => to,
        refusal => return Err(Error::Other(format!("{number} is not sent: {refusal}"))),
    };
    tx.commit().await?;
    let words = format!("{number} is sent to {to} by the next `tollbook work`");
    output.answer(&json!({"number": number, "to": to}), words)?;
    Ok(true)
}

fn words(drawing: &Drawing) -> String {
    let Drawing { invoice, settlement } = drawing;
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
        let reason =
            if corrects.reason.is_empty() { String::new() } else { format!(": {}", corrects.reason) };
        lines.push(format!("corrects {} of {}{reason}", corrects.number, corrects.issued_on));
    }
    for (number, line) in (1..).zip(&invoice.lines) {
        let calls = match line.calls {
            0 => String::new(),
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        let description = format!("{}{}", line.description, days(invoice, line));
        lines.push(format!("{number:>3} {description:<56} {calls:>12} {:>12}", amount(line.net)));
    }
    let mut sum = |label: &str, of: Amount, after: &str| {
        let line = format!("    {label:<69} {:>12}{after}", amount(of));
        lines.push(line);
    };
    for tax in &invoice.taxes {
        sum(&format!("tax {} % on {}", tax.rate, amount(tax.taxable)), tax.tax, "");
    }
    let currency = format!(" {}", invoice.currency);
    let total = if invoice.kind == DocumentKind::CreditNote { "credited" } else { "to pay" };
    sum(total, invoice.gross, &currency);
    let told = documents::Words::of(Language::En);
    for settled in &settlement.settled {
        sum(&told.settled(settled), settled.amount, &currency);
    }
    if drawing.gives().is_none() {
        sum("open", settlement.open, &currency);
    }
    lines.extend(told.standing(drawing).into_iter().map(|sentence| format!("    {sentence}")));
    lines.join("\n")
}

/// The days that a fee is for, and those of any other line that are not the invoice's.
fn days(invoice: &Invoice, line: &InvoiceLine) -> String {
    let whole = Days { first: invoice.period.first_day, last: invoice.period.last_day };
    let days = line.days.or_else(|| (line.kind == LineKind::Fee).then_some(whole));
    days.map_or(String::new(), |days| format!(", {} to {}", days.first, days.last))
}
