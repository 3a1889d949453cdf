//! Does everything add up? `tollbook check` proves it from what is stored, and says what it checked.

mod pairs;
mod sums;
mod values;
mod words;

use std::collections::HashSet;

use serde::Serialize;

pub use sums::Unsummable;

use crate::app::App;
use crate::cli::Output;
use crate::db::Tx;
use crate::error::{Result, noted};
use crate::{calls, credit_notes, invoices, ledger, payments, prepaid, seals, sessions};

/// What was checked and what is wrong.
#[derive(Debug, Serialize)]
pub struct Report {
    imports: u64,
    charges: u64,
    allowances: u64,
    invoices: u64,
    /// Of these: without their calls or their lines, which were kept long enough.
    invoices_without_detail: u64,
    invoice_numbers: u64,
    credit_notes: u64,
    ledger_entries: u64,
    receivables: u64,
    payments: u64,
    balances: u64,
    prepaid_balances: u64,
    movements: u64,
    bookings: u64,
    vouchers: u64,
    sessions: u64,
    /// No fault, but to be seen to.
    pub unbilled: Vec<String>,
    legs_charged_twice: Vec<String>,
    pub refused: Vec<String>,
    held: Vec<String>,
    waiting_for_approval: u64,
    without_record: Vec<String>,
    without_session: u64,
    seals: u64,
    /// Rows that are sealed, or wait for the next seal, and are as they were.
    sealed_rows: u64,
    /// Of these: rows that wait for the next seal.
    rows_to_be_sealed: u64,
    /// Rows of before sealing began.
    not_sealed: u64,
    chained_documents: u64,
    #[serde(skip)]
    first_without_session: Vec<String>,
    /// Sums of customers that no amount holds: `faults` names them too.
    pub cannot_be_summed: Vec<Unsummable>,
    pub faults: Vec<String>,
}

/// Checks everything; answers whether it adds up.
pub(crate) async fn run(app: &App, output: Output) -> Result<bool> {
    let report = verify(&mut app.db.read().await?, app).await?;
    output.answer(&report, words(&report))?;
    Ok(report.faults.is_empty())
}

/// Checks everything that a transaction sees.
pub async fn verify(tx: &mut Tx, app: &App) -> Result<Report> {
    // Of what cannot be read all is named first: one such value stops what reads it.
    let mut faults = Faults(Vec::new());
    for fault in values::verify(tx).await? {
        faults.caught(Err::<(), _>(fault.into()))?;
    }
    for fault in words::verify(tx).await? {
        faults.caught(Err::<(), _>(fault.into()))?;
    }
    let cannot_be_summed = sums::verify(tx).await?;
    faults.0.extend(cannot_be_summed.iter().map(ToString::to_string));
    faults.0.extend(pairs::verify(tx).await?);
    let calls = faults.caught(calls::verify(tx, app).await)?;
    let invoices = faults.caught(invoices::verify(tx).await)?;
    let standing = invoices::review::standing(tx, &app.config, app.clock.now()).await;
    let standing = noted(standing, &mut faults.0)?;
    let ledger = faults.caught(ledger::verify(tx).await)?;
    let payments = faults.caught(payments::verify(tx).await)?;
    let credit_notes = faults.caught(credit_notes::verify(tx).await)?;
    let prepaid = faults.caught(prepaid::verify(tx).await)?;
    let record_hours = app.config.charging.record_hours;
    let sessions = faults.caught(sessions::verify(tx, app.clock.now(), record_hours).await)?;
    let seals = faults.caught(seals::verify(tx).await)?;
    let documents = [calls.faults, invoices.faults, credit_notes.faults, seals.faults];
    let money = [ledger.faults, payments.faults, prepaid.faults, sessions.faults];
    let faults = faults.all(vec![documents.concat(), money.concat()]);
    Ok(Report {
        imports: calls.imports,
        charges: calls.charges,
        allowances: calls.allowances,
        invoices: invoices.invoices,
        invoices_without_detail: invoices.without_detail,
        invoice_numbers: invoices.numbers,
        credit_notes: credit_notes.credit_notes,
        ledger_entries: ledger.entries,
        receivables: payments.receivables,
        payments: payments.payments,
        balances: ledger.customers,
        prepaid_balances: prepaid.balances,
        movements: prepaid.movements,
        bookings: prepaid.bookings,
        vouchers: prepaid.vouchers,
        sessions: sessions.sessions,
        unbilled: calls.unbilled,
        legs_charged_twice: calls.legs,
        refused: invoices.refused,
        held: invoices.held,
        waiting_for_approval: standing.map_or(0, |standing| standing.waiting),
        without_record: sessions.without_record,
        without_session: sessions.without_session,
        seals: seals.seals,
        sealed_rows: seals.rows,
        rows_to_be_sealed: seals.waiting,
        not_sealed: seals.before,
        chained_documents: seals.documents,
        first_without_session: sessions.first_without_session,
        cannot_be_summed,
        faults,
    })
}

/// What is wrong so far.
struct Faults(Vec<String>);

impl Faults {
    /// What a part of the check found. A part that met a value which cannot be, and could not go round it, went no further:
    /// that is a fault, and the other parts go on.
    fn caught<Verified: Default>(&mut self, found: Result<Verified>) -> Result<Verified> {
        Ok(noted(found, &mut self.0)?.unwrap_or_default())
    }

    /// All of them, each once.
    fn all(self, parts: Vec<Vec<String>>) -> Vec<String> {
        let mut seen = HashSet::new();
        self.0
            .into_iter()
            .chain(parts.into_iter().flatten())
            .filter(|fault| seen.insert(fault.clone()))
            .collect()
    }
}

/// What was checked, and what is wrong or to be seen to.
pub(crate) fn words(report: &Report) -> String {
    let mut words = format!(
        "{} imports: every control total balances\n{} charges: computed again from their tariff versions\n\
         {} allowances: used as much as their calls took\n{} invoices: each equals its fees and calls\n\
         {} credit notes: none gives back more than was asked\n{} numbers of invoices and credit notes: \
         without a gap",
        report.imports,
        report.charges,
        report.allowances,
        report.invoices,
        report.credit_notes,
        report.invoice_numbers
    );
    if report.invoices_without_detail > 0 {
        let count = report.invoices_without_detail;
        words += &format!("\n{count} invoices are of months whose detail was purged: checked without it");
    }
    for refused in &report.refused {
        words += &format!("\nnot billed: {refused}");
    }
    for held in &report.held {
        words += &format!("\nheld: {held}");
    }
    if report.waiting_for_approval > 0 {
        words += &format!("\n{} customers have a month that waits for approval", report.waiting_for_approval);
    }
    words += &format!(
        "\n{} ledger entries: each sums to zero and is that of its document\n\
         {} receivables: what is open is what nothing settled\n{} payments and refunds: none is used twice\n\
         {} balances: the open invoices less the credit",
        report.ledger_entries, report.receivables, report.payments, report.balances
    );
    words += &format!(
        "\n{} prepaid balances: each is the sum of its movements, and all are what the ledger says\n\
         {} movements: each says what was left after it\n{} bookings: each moved what it posted\n\
         {} vouchers: none is redeemed twice\n\
         {} calls charged as they happened: each took what was moved, none that is over holds anything",
        report.prepaid_balances, report.movements, report.bookings, report.vouchers, report.sessions
    );
    words += &format!(
        "\n{} seals: each follows the one before it\n\
         {} sealed rows: each is as it was sealed, {} of them wait for the next seal\n\
         {} invoices and credit notes: each is chained to the one before it",
        report.seals, report.sealed_rows, report.rows_to_be_sealed, report.chained_documents
    );
    if report.not_sealed > 0 {
        words += &format!("\n{} are not sealed: they were there before sealing began", report.not_sealed);
    }
    for session in &report.without_record {
        words += &format!("\nwithout a record: {session}");
    }
    if report.without_session > 0 {
        let (count, words_of) = (report.without_session, "prepaid calls were charged by their record alone");
        words += &format!("\n{count} {words_of}: nobody had asked for them");
    }
    for record in &report.first_without_session {
        words += &format!("\nwithout a session: {record}");
    }
    for legs in &report.legs_charged_twice {
        words += &format!("\ncharged twice: {legs}");
    }
    for month in &report.unbilled {
        words += &format!("\nto be billed: {month}");
    }
    if report.faults.is_empty() {
        words += "\nall adds up";
    } else {
        words = format!("checked {words}\n{} faults:\n{}", report.faults.len(), report.faults.join("\n"));
    }
    words
}
