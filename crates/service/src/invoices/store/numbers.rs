//! Documents and their numbers: what waits for one, and the chain of each series.

use std::collections::BTreeMap;

use calculation::invoice::Invoice;
use jiff::civil::Date;

use crate::db::{self, Cell, Digest, Form, Row, Tx};
use crate::error::Result;
use crate::id::{CreditNoteId, CustomerId, InvoiceId};
use crate::jobs::Job;
use crate::seals::{self, Link};

/// What is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::invoices) enum Document {
    Invoice,
    CreditNote,
}

impl Document {
    /// Its table, and the column of its id.
    pub(super) fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Invoice => ("invoices", "invoice_id"),
            Self::CreditNote => ("credit_notes", "credit_note_id"),
        }
    }

    /// How it is chained.
    fn form(self) -> &'static Form {
        match self {
            Self::Invoice => &seals::INVOICE,
            Self::CreditNote => &seals::CREDIT_NOTE,
        }
    }
}

/// An issued document that waits for its number.
pub(in crate::invoices) struct Unnumbered {
    document: Document,
    customer: CustomerId,
    id: i64,
    pub(in crate::invoices) issued_on: Date,
    /// What its form says of it.
    row: Row,
    content: String,
}

/// The last number of a series in a year, and the end of its chain.
#[derive(Debug, Default)]
pub(in crate::invoices) struct Last {
    pub(in crate::invoices) number: i64,
    pub(in crate::invoices) chain_hash: Digest,
}

impl Unnumbered {
    /// Its place in the chain of its series, after another document.
    pub(in crate::invoices) fn link(&self, number: &str, previous: &Digest) -> Result<Link> {
        let form = self.document.form();
        let values = (0..form.columns.len().saturating_sub(2)).map(|place| self.row.value(place));
        let values = values.collect::<db::Result<Vec<_>>>()?;
        Ok(Link::new(form, number, values, seals::content_hash(&self.content), previous))
    }

    /// Which invoice it is, if it is one.
    pub(in crate::invoices) fn invoice(&self) -> Option<(CustomerId, InvoiceId)> {
        (self.document == Document::Invoice).then_some((self.customer, InvoiceId(self.id)))
    }

    /// The job that sends it.
    pub(in crate::invoices) fn send(&self) -> Job {
        let customer_id = self.customer;
        match self.document {
            Document::Invoice => {
                Job::SendInvoice { customer_id, invoice_id: InvoiceId(self.id), again: None }
            }
            Document::CreditNote => {
                Job::SendCreditNote { customer_id, credit_note_id: CreditNoteId(self.id), again: None }
            }
        }
    }
}

/// Whether some document waits for its number.
pub(in crate::invoices) async fn any_unnumbered(tx: &mut Tx, document: Document) -> Result<bool> {
    let (table, _) = document.table();
    let sql = format!("select 1 as waits from {table} where number is null limit 1");
    Ok(tx.row(&sql, &[]).await?.is_some())
}

/// Holds the counters of a series until the transaction ends; answers the last number of each year.
pub(in crate::invoices) async fn hold_series(tx: &mut Tx, series: &str) -> Result<BTreeMap<i64, Last>> {
    // Year 0 is there only to be held.
    let hold = "insert into invoice_series (series, year, last_number) values ($1, 0, 0)
                on conflict (series, year) do update set last_number = 0";
    tx.execute(hold, &[&series]).await?;
    let sql = "select year, last_number, chain_hash from invoice_series where series = $1 and year > 0";
    let last = |row: &Row| {
        let is_chained = row.get::<Option<Vec<u8>>>("chain_hash")?.is_some();
        let chain_hash = if is_chained { row.hash("chain_hash")? } else { Digest::default() };
        Ok((row.get("year")?, Last { number: row.get("last_number")?, chain_hash }))
    };
    Ok(tx.rows(sql, &[&series]).await?.iter().map(last).collect::<db::Result<_>>()?)
}

pub(in crate::invoices) async fn save_series(
    tx: &mut Tx,
    series: &str,
    last: &BTreeMap<i64, Last>,
) -> Result<()> {
    for (year, Last { number, chain_hash }) in last {
        // Nothing of the year is chained yet when all of it is of before.
        let chain_hash = Some(chain_hash.to_vec()).filter(|hash| hash.iter().any(|byte| *byte != 0));
        let sql = "insert into invoice_series (series, year, last_number, chain_hash) values ($1, $2, $3, $4)
                   on conflict (series, year) do update
                   set last_number = excluded.last_number, chain_hash = excluded.chain_hash";
        tx.execute(sql, &[&series, year, number, &chain_hash]).await?;
    }
    Ok(())
}

pub(in crate::invoices) async fn unnumbered(
    tx: &mut Tx,
    document: Document,
    limit: i64,
) -> Result<Vec<Unnumbered>> {
    let (table, id) = document.table();
    let sealed = document.form().columns;
    let sealed = sealed[1..sealed.len() - 1].join(", ");
    let sql = format!(
        "select {sealed}, content from {table} where number is null
         order by issued_at, customer_id, {id} limit $1"
    );
    let entry = |row: Row| {
        // Invoices of before the day had a column of its own say it in their content.
        let issued_on = match row.get::<Option<String>>("issued_on")? {
            Some(_) => row.parse("issued_on")?,
            None => row.json::<Invoice>("content")?.issued_on,
        };
        let customer = CustomerId(row.get("customer_id")?);
        let (number, content) = (row.get(id)?, row.get("content")?);
        Ok(Unnumbered { document, customer, id: number, issued_on, row, content })
    };
    Ok(tx.rows(&sql, &[&limit]).await?.into_iter().map(entry).collect::<db::Result<_>>()?)
}

/// A document that gets a number, and its place in the chain.
pub(in crate::invoices) struct Numbered {
    pub(in crate::invoices) entry: Unnumbered,
    pub(in crate::invoices) number: String,
    pub(in crate::invoices) link: Link,
}

/// Gives documents their numbers, and seals those.
pub(in crate::invoices) async fn save_numbers(
    tx: &mut Tx,
    document: Document,
    numbers: &[Numbered],
    batch: i64,
) -> Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = numbers
        .iter()
        .map(|Numbered { entry, number, link }| {
            let (id, customer) = (Cell::Int(entry.id), Cell::Int(entry.customer.0));
            let hashes = [&link.content_hash, &link.chain_hash].map(|hash| Cell::Bytes(hash));
            [Cell::Text(number), customer, id, hashes[0], hashes[1], Cell::Int(batch)]
        })
        .collect();
    let (table, id) = document.table();
    let update = format!(
        "update {table} set number = g.number from given g
         where {table}.customer_id = g.customer_id and {table}.{id} = g.id"
    );
    let directory = "insert into invoice_directory (number, customer_id, invoice_id, content_hash, chain_hash, seal_batch_id)
                     select number, customer_id, id, content_hash, chain_hash, seal_batch_id from given";
    let definition = "number text, customer_id bigint, id bigint, content_hash bytea, chain_hash bytea,
                      seal_batch_id bigint";
    let columns = ["number", "customer_id", "id", "content_hash", "chain_hash", "seal_batch_id"];
    tx.over_rows(definition, &columns, &rows, &[&update, directory]).await?;
    let form = &*seals::NUMBERED;
    for (Numbered { entry, .. }, row) in numbers.iter().zip(&rows) {
        tx.seal(form, [entry.customer.0, entry.id], &row[..form.columns.len()]);
    }
    Ok(())
}

/// Each series and year: its last number, and how many of its numbers are given.
pub(in crate::invoices) async fn series(tx: &mut Tx) -> Result<Vec<(String, i64, u64, u64)>> {
    // Not `like`, for which a great letter is a small one on SQLite.
    let sql = "select s.series, s.year, s.last_number,
                 (select count(*) from invoice_directory d
                  where substr(d.number, 1, length(s.series) + 6)
                    = s.series || '-' || cast(s.year as text) || '-') as given_numbers
               from invoice_series s where s.year > 0 order by s.series, s.year";
    let entry = |row: &Row| {
        Ok((row.get("series")?, row.get("year")?, row.count("last_number")?, row.count("given_numbers")?))
    };
    Ok(tx.rows(sql, &[]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

/// How many numbers were given.
pub(in crate::invoices) async fn count_numbers(tx: &mut Tx) -> Result<u64> {
    Ok(tx.counted("select count(*) as numbers from invoice_directory", &[], "numbers").await?)
}
