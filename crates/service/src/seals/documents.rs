//! Do the chains of invoices and credit notes hold? Each document is compared with the one before it in its series.

use jiff::Timestamp;

use super::form::{CREDIT_NOTE, INVOICE, columns};
use super::hashes::{Link, content_hash};
use super::removal::{Removal, Removed, removed};
use super::rows::Value;
use crate::db::{self, Cell, Digest, Form, Kind, Place, Row, Ts, Tx};
use crate::error::Result;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Chained {
    pub(super) documents: u64,
    /// Of these: only the number, the days and the totals are left.
    without_content: u64,
    pub(super) faults: Vec<String>,
}

/// So many numbers are looked at together.
const PAGE: i64 = 64;
const DIRECTORY: Place = Place::new("invoice_directory", &["number"]);
const SERIES: Place = Place::new("invoice_series", &["series", "year"]);

/// A number as the directory has it.
pub(super) struct Entry {
    content_hash: Option<Digest>,
    pub(super) chain_hash: Option<Digest>,
}

/// A document as it is now.
pub(super) struct Document {
    pub(super) form: &'static Form,
    /// The values of its form, but its number and its content's hash.
    pub(super) values: Vec<Value>,
    own_number: Option<String>,
    issued_at: Timestamp,
    pub(super) content: String,
    pub(super) is_purged: bool,
}

/// Verifies the chain of each series and year.
pub(super) async fn verify(tx: &mut Tx) -> Result<Chained> {
    let mut chained = Chained::default();
    let removed = removed(tx, Removal::Documents, None).await?;
    let sql = "select series, year, last_number, chain_hash from invoice_series where year > 0 order by series, year";
    let series = |row: &Row| {
        let name = format!("{}-{}", row.get::<String>("series")?, row.get::<i64>("year")?);
        Ok((name, row.get::<i64>("last_number")?, optional_hash(row, "chain_hash")?))
    };
    for (series, last, end) in SERIES.all::<_, Vec<_>>(&tx.rows(sql, &[]).await?, series)? {
        let mut chain = Chain { previous: Some(Digest::default()), has_begun: false };
        let mut first = 1;
        while first <= last {
            let to = last.min(first.saturating_add(PAGE - 1));
            let numbers: Vec<_> = (first..=to).map(|count| format!("{series}-{count:06}")).collect();
            let (mut entries, mut documents) = load(tx, &numbers).await?;
            for (number, place) in numbers.iter().zip(0_i64..) {
                let entry = entries.remove(&place);
                chain.follow(number, entry, documents.remove(&place), removed, &mut chained);
            }
            first = to + 1;
        }
        if chain.previous.is_some_and(|previous| previous != end.unwrap_or_default()) {
            chained.faults.push(format!("series {series}: its last number is not the one that was given"));
        }
    }
    chained.faults.extend(removed.exceeded(chained.without_content, "documents without their content"));
    Ok(chained)
}

/// Where a chain stands.
struct Chain {
    /// The hash of the document before; unknown when that is not there.
    previous: Option<Digest>,
    has_begun: bool,
}

impl Chain {
    fn follow(
        &mut self,
        number: &str,
        entry: Option<Entry>,
        document: Option<Document>,
        removed: Removed,
        chained: &mut Chained,
    ) {
        let faults = &mut chained.faults;
        let Some(entry) = entry else {
            self.previous = None;
            return faults.push(format!("number {number} was removed"));
        };
        let (Some(hash), Some(chain_hash)) = (entry.content_hash, entry.chain_hash) else {
            if self.has_begun {
                faults.push(format!("number {number} is not chained, though one before it is"));
                self.previous = None;
            }
            return;
        };
        let previous = self.previous.replace(chain_hash);
        self.has_begun = true;
        let Some(document) = document else { return faults.push(format!("document {number} was removed")) };
        let before = faults.len();
        if document.own_number.as_deref() != Some(number) {
            let own = document.own_number.as_deref().unwrap_or("none");
            faults.push(format!("number {number} is that of a document which says that its number is {own}"));
        }
        if !document.is_purged && content_hash(&document.content) != hash {
            faults.push(format!("the content of {number} was changed"));
        }
        chained.without_content += u64::from(document.is_purged);
        if document.is_purged && removed.before.is_none_or(|before| document.issued_at >= before) {
            faults.push(format!("the content of {number} was removed, and not by retention"));
        }
        if let Some(previous) = previous {
            let values = document.values.iter().map(Value::cell).collect();
            if Link::new(document.form, number, values, hash, &previous).chain_hash != chain_hash {
                faults.push(format!("document {number} was changed, or another took its place"));
            }
        }
        chained.documents += u64::from(faults.len() == before);
    }
}

fn optional_hash(row: &Row, column: &str) -> db::Result<Option<Digest>> {
    Ok(if row.get::<Option<Vec<u8>>>(column)?.is_some() { Some(row.hash(column)?) } else { None })
}

type ByPlace<T> = std::collections::HashMap<i64, T>;

/// Some numbers and their documents, by their place in the list.
pub(super) async fn load(tx: &mut Tx, numbers: &[String]) -> Result<(ByPlace<Entry>, ByPlace<Document>)> {
    let given: Vec<_> =
        numbers.iter().zip(0_i64..).map(|(number, place)| [Cell::Text(number), Cell::Int(place)]).collect();
    let kinds = [Kind::Text, Kind::Int];
    let sql = "select g.column2 as place, d.number, d.content_hash, d.chain_hash
               from :given g join invoice_directory d on d.number = g.column1";
    let entry = |row: &Row| {
        let (content_hash, chain_hash) =
            (optional_hash(row, "content_hash")?, optional_hash(row, "chain_hash")?);
        Ok((row.get("place")?, Entry { content_hash, chain_hash }))
    };
    let entries = DIRECTORY.all(&tx.rows_over(sql, kinds, &given).await?, entry)?;
    let mut documents = ByPlace::new();
    for (form, id) in [(&*INVOICE, "invoice_id"), (&*CREDIT_NOTE, "credit_note_id")] {
        let all = columns(form, "t");
        // The number and the content's hash are the directory's.
        let own = all.split(", ").skip(1).take(form.columns.len() - 2).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "select {own}, g.column2 as place, t.number as own_number, t.issued_at as issued, t.content, t.purged_at
             from :given g join invoice_directory d on d.number = g.column1
             join {} t on t.customer_id = d.customer_id and t.{id} = d.invoice_id",
            form.table
        );
        for row in tx.rows_over(&sql, kinds, &given).await? {
            let own = form.columns.iter().skip(1).take(form.columns.len() - 2).enumerate();
            let values =
                own.map(|(place, column)| Value::of(&row, place, column)).collect::<db::Result<_>>()?;
            let document = Document {
                form,
                values,
                own_number: row.get("own_number")?,
                issued_at: row.get::<Ts>("issued")?.0,
                content: row.get("content")?,
                is_purged: row.get::<Option<Ts>>("purged_at")?.is_some(),
            };
            documents.insert(row.get("place")?, document);
        }
    }
    Ok((entries, documents))
}
