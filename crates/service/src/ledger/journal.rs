//! What was posted, over all customers? The journal of a span of time, posting by posting, as it stands in the ledger.

use std::collections::BTreeMap;

use calculation::money::{Amount, Currency, Money};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc::Sender;
use utoipa::ToSchema;

use super::{EntryKind, store};
use crate::calls::MoneySchema;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{CreditNoteId, CustomerId, EntryId, InvoiceId};
use crate::invoices::{self, Subject};

/// A posting of an entry.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JournalLine {
    #[schema(value_type = String, example = "ent_01h2x3y4z5a6b")]
    pub entry_id: EntryId,
    #[schema(value_type = String, format = DateTime)]
    pub posted_at: Timestamp,
    pub kind: EntryKind,
    /// The invoice, credit note, payment, write-off or booking.
    #[schema(example = "inv_01h2x3y4z5a6b")]
    pub subject: String,
    #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
    pub customer_id: CustomerId,
    #[schema(example = "C-1001")]
    pub customer_reference: String,
    #[schema(example = "receivable")]
    pub account: String,
    /// Above zero a debit, below zero a credit.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The number of the invoice or credit note.
    #[schema(example = "INV-2026-000001")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JournalForm {
    /// A line of JSON for each posting.
    #[default]
    Ndjson,
    /// A row for each, for spreadsheets and bookkeeping.
    Csv,
}

const PAGE: usize = 1_000;

/// The names of the cells of a row.
const HEADER: [&str; 10] = [
    "entry_id",
    "posted_at",
    "kind",
    "subject",
    "customer",
    "account",
    "currency",
    "debit",
    "credit",
    "document",
];

/// Sends the postings of a span of time, the oldest first. It reads page by page.
pub async fn journal(
    tx: &mut Tx,
    from: Timestamp,
    to: Timestamp,
    form: JournalForm,
    lines: Sender<Vec<u8>>,
) -> Result<()> {
    let put = |line: Vec<u8>| async {
        lines.send(line).await.map_err(|_| Error::Other("nobody reads the journal any more".to_owned()))
    };
    if form == JournalForm::Csv {
        put(crate::reports::csv_row(HEADER)).await?;
    }
    let mut after = (from, crate::id::NOBODY, EntryId(i64::MIN));
    loop {
        let page = store::posted(tx, after, to, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.posted_at, last.customer, last.id);
        let mut ids: Vec<_> = page.iter().map(|posted| posted.customer).collect();
        ids.sort_unstable();
        ids.dedup();
        let names: BTreeMap<_, _> =
            customers::by_ids(tx, &ids).await?.into_iter().map(|found| (found.id, found.reference)).collect();
        let mut documents: Vec<_> =
            page.iter().filter_map(|posted| Some((posted.customer, document(posted)?))).collect();
        documents.dedup();
        let numbers = invoices::document_numbers(tx, &documents).await?;
        for posted in page {
            let reference = names.get(&posted.customer).cloned().unwrap_or_default();
            let number = document(&posted).and_then(|subject| numbers.get(&subject).cloned());
            if let Some(line) = line(posted, reference, number) {
                put(written(&line, form)?).await?;
            }
        }
    }
}

/// The document that an entry is of.
fn document(posted: &store::JournalRow) -> Option<Subject> {
    match posted.kind {
        EntryKind::Issue => Some(Subject::Invoice(InvoiceId(posted.subject))),
        EntryKind::CreditNote => Some(Subject::CreditNote(CreditNoteId(posted.subject))),
        _ => None,
    }
}

/// A posting as it is shown. An entry of zero has none.
fn line(
    posted: store::JournalRow,
    customer_reference: String,
    document: Option<String>,
) -> Option<JournalLine> {
    let store::JournalRow { customer, id, kind, subject, currency, posted_at, posting } = posted;
    let (account, amount) = posting?;
    Some(JournalLine {
        entry_id: id,
        posted_at,
        kind,
        subject: kind.subject(subject),
        customer_id: customer,
        customer_reference,
        account,
        amount: Money { amount, currency },
        document,
    })
}

fn written(line: &JournalLine, form: JournalForm) -> Result<Vec<u8>> {
    if form == JournalForm::Ndjson {
        let mut text = serde_json::to_vec(line).map_err(|error| Error::Other(error.to_string()))?;
        text.push(b'\n');
        return Ok(text);
    }
    let Money { amount, currency } = line.amount;
    let shown = |amount: Amount, currency: Currency| amount.to_text(currency.minor_digits());
    let nothing = String::new;
    let (debit, credit) = if amount < Amount::ZERO {
        (nothing(), shown(Amount::from_micros(amount.micros().saturating_neg()), currency))
    } else {
        (shown(amount, currency), nothing())
    };
    Ok(crate::reports::csv_row([
        line.entry_id.to_string(),
        line.posted_at.to_string(),
        line.kind.code().to_owned(),
        line.subject.clone(),
        line.customer_reference.clone(),
        line.account.clone(),
        currency.code().to_owned(),
        debit,
        credit,
        line.document.clone().unwrap_or_default(),
    ]))
}
