//! The ledger in the database.

use calculation::money::{Amount, Currency};
use calculation::posting::Postings;
use calculation::total::Total;
use jiff::Timestamp;

use super::{Entry, EntryKind};
use crate::db::{self, Cell, Halves, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, EntryId};
use crate::seals;

const ENTRIES: Place = Place::new("ledger_entries", &["customer_id", "entry_id"]);
const POSTINGS: Place = Place::new("postings", &["customer_id"]);

pub(super) async fn insert(tx: &mut Tx, entries: &[(EntryId, &Entry)], now: Timestamp) -> Result<()> {
    let Some((first, _)) = entries.first() else { return Ok(()) };
    let batch = tx.seal_batch(|| (first.0, now));
    let rows: Vec<_> = entries
        .iter()
        .map(|(id, entry)| {
            [
                Cell::Int(entry.customer.0),
                Cell::Int(id.0),
                Cell::Text(entry.kind.code()),
                Cell::Int(entry.subject),
                Cell::Text(entry.currency.code()),
                Cell::Time(entry.at),
                Cell::Int(batch),
            ]
        })
        .collect();
    let columns = ["customer_id", "entry_id", "kind", "subject_id", "currency", "posted_at", "seal_batch_id"];
    tx.insert_rows("ledger_entries", &columns, &rows).await?;
    for ((id, entry), row) in entries.iter().zip(&rows) {
        let postings = entry.postings.as_ref().map(seals::postings).unwrap_or_default();
        let [customer, number, kind, subject, currency, at, _] = *row;
        let sealed = [customer, number, kind, subject, currency, at, Cell::Text(&postings)];
        tx.seal(&seals::ENTRY, [entry.customer.0, id.0], &sealed);
    }
    let rows: Vec<_> = entries
        .iter()
        .flat_map(|(id, entry)| {
            entry.postings.iter().flat_map(Postings::iter).map(|(account, amount)| {
                [
                    Cell::Int(entry.customer.0),
                    Cell::Int(id.0),
                    Cell::Text(account.code()),
                    Cell::Int(amount.micros()),
                ]
            })
        })
        .collect();
    tx.insert_rows("postings", &["customer_id", "entry_id", "account", "amount"], &rows).await?;
    Ok(())
}

/// An entry, with what it posts to the receivable account.
pub(super) struct StoredEntry {
    pub(super) id: EntryId,
    pub(super) kind: EntryKind,
    pub(super) subject: i64,
    pub(super) currency: Currency,
    pub(super) posted_at: Timestamp,
    pub(super) amount: Amount,
}

pub(super) async fn entries_after(
    tx: &mut Tx,
    customer: CustomerId,
    after: EntryId,
    limit: usize,
) -> Result<Vec<StoredEntry>> {
    let sql =
        "select e.entry_id, e.kind, e.subject_id, e.currency, e.posted_at, coalesce(p.amount, 0) as amount
               from ledger_entries e
               left join postings p on p.customer_id = e.customer_id and p.entry_id = e.entry_id
                 and p.account = 'receivable'
               where e.customer_id = $1 and e.entry_id > $2
                 and e.kind in ('issue', 'credit_note', 'payment', 'refund', 'write_off', 'recovery', 'reversal')
               order by e.entry_id limit $3";
    let limit = db::limit(limit);
    let entry = |row: &Row| {
        Ok(StoredEntry {
            id: EntryId(row.get("entry_id")?),
            kind: row.parse("kind")?,
            subject: row.get("subject_id")?,
            currency: row.parse("currency")?,
            posted_at: row.time("posted_at")?,
            amount: row.get("amount").map(Amount::from_micros)?,
        })
    };
    let rows = tx.rows(sql, &[&customer.0, &after.0, &limit]).await?;
    Ok(ENTRIES.all(&rows, entry)?)
}

/// A posting of an entry, of whomever; none of an entry of zero.
pub(super) struct JournalRow {
    pub(super) customer: CustomerId,
    pub(super) id: EntryId,
    pub(super) kind: EntryKind,
    pub(super) subject: i64,
    pub(super) currency: Currency,
    pub(super) posted_at: Timestamp,
    pub(super) posting: Option<(String, Amount)>,
}

/// The postings of some entries after one, of before an instant, in the order of time.
pub(super) async fn posted(
    tx: &mut Tx,
    (from, customer, last): (Timestamp, CustomerId, EntryId),
    to: Timestamp,
    limit: usize,
) -> Result<Vec<JournalRow>> {
    let sql =
        "select e.customer_id, e.entry_id, e.kind, e.subject_id, e.currency, e.posted_at, p.account, p.amount
               from (select customer_id, entry_id, kind, subject_id, currency, posted_at from ledger_entries
                     where posted_at >= $1 and posted_at < $2
                       and (posted_at > $1 or customer_id > $3 or (customer_id = $3 and entry_id > $4))
                     order by posted_at, customer_id, entry_id limit $5) e
               left join postings p on p.customer_id = e.customer_id and p.entry_id = e.entry_id
               order by e.posted_at, e.customer_id, e.entry_id, p.account";
    let rows = tx.rows(sql, &[&Ts(from), &Ts(to), &customer.0, &last.0, &db::limit(limit)]).await?;
    let posted = |row: &Row| {
        Ok(JournalRow {
            customer: CustomerId(row.get("customer_id")?),
            id: EntryId(row.get("entry_id")?),
            kind: row.parse("kind")?,
            subject: row.get("subject_id")?,
            currency: row.parse("currency")?,
            posted_at: row.time("posted_at")?,
            posting: match row.get::<Option<String>>("account")? {
                Some(account) => Some((account, row.amount("amount")?)),
                None => None,
            },
        })
    };
    Ok(ENTRIES.all(&rows, posted)?)
}

/// What a customer owed after an entry.
pub(super) async fn balance_until(tx: &mut Tx, customer: CustomerId, last: EntryId) -> Result<Amount> {
    // The customer is read with it, so that a fault names them.
    let sql = format!(
        "select customer_id, {} from postings
         where customer_id = $1 and entry_id <= $2 and account = 'receivable' group by customer_id",
        Halves::sum("amount").columns("balance")
    );
    let row = tx.row(&sql, &[&customer.0, &last.0]).await?;
    Ok(POSTINGS.one(row.as_ref(), |row| row.sum_amount("balance"))?.unwrap_or_default())
}

pub(super) async fn counts(tx: &mut Tx) -> Result<(u64, u64)> {
    let sql = "select count(*) as entries, count(distinct customer_id) as customers from ledger_entries";
    let Some(row) = tx.row(sql, &[]).await? else { return Ok((0, 0)) };
    Ok((row.count("entries")?, row.count("customers")?))
}

/// Of each kind of fault so many are named: more say nothing new.
const FAULTS: &str = "limit 100";

/// Entries whose postings do not sum to zero.
pub(super) async fn unbalanced(tx: &mut Tx) -> Result<Vec<(CustomerId, EntryId, Total)>> {
    let sum = Halves::sum("amount");
    let sql = format!(
        "select customer_id, entry_id, {} from postings
         group by customer_id, entry_id having {} order by customer_id, entry_id {FAULTS}",
        sum.columns("amount"),
        sum.is_not_zero()
    );
    let unbalanced = |row: &Row| {
        let (customer, entry) = (CustomerId(row.get("customer_id")?), EntryId(row.get("entry_id")?));
        Ok((customer, entry, row.total("amount")?))
    };
    Ok(tx.rows(&sql, &[]).await?.iter().map(unbalanced).collect::<db::Result<_>>()?)
}

/// Postings of entries that are not there.
pub(super) async fn lone_postings(tx: &mut Tx) -> Result<Vec<(CustomerId, EntryId)>> {
    let sql = format!(
        "select distinct p.customer_id, p.entry_id from postings p
         left join ledger_entries e on e.customer_id = p.customer_id and e.entry_id = p.entry_id
         where e.entry_id is null order by p.customer_id, p.entry_id {FAULTS}"
    );
    let entry = |row: &Row| Ok((CustomerId(row.get("customer_id")?), EntryId(row.get("entry_id")?)));
    Ok(tx.rows(&sql, &[]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

/// Where a kind's documents are, and what its entry posts of each to receivable, revenue, tax, bank and bad debt.
type Posts = (&'static str, &'static str, &'static str, [&'static str; 5]);

fn documents(kind: EntryKind) -> Posts {
    match kind {
        EntryKind::Issue => ("invoices", "invoice_id", "true", ["gross", "-net", "-tax", "0", "0"]),
        EntryKind::CreditNote => {
            ("credit_notes", "credit_note_id", "true", ["-gross", "net", "tax", "0", "0"])
        }
        EntryKind::Payment => {
            ("payments", "payment_id", "kind = 'payment'", ["-amount", "0", "0", "amount", "0"])
        }
        EntryKind::Refund => {
            ("payments", "payment_id", "kind = 'refund'", ["amount", "0", "0", "-amount", "0"])
        }
        EntryKind::Reversal => {
            ("payments", "payment_id", "reversed_at is not null", ["amount", "0", "0", "-amount", "0"])
        }
        EntryKind::Recovery => {
            ("write_offs", "write_off_id", "amount < 0", ["-amount", "0", "0", "0", "amount"])
        }
        // The prepaid kinds are compared with movements: `prepaid::verify`.
        _ => ("write_offs", "write_off_id", "amount > 0", ["-amount", "0", "0", "0", "amount"]),
    }
}

/// Documents without an entry that posts exactly their amounts. Here and in the next the ledger looks at what
/// other features store, since comparing them is the point.
pub(super) async fn documents_posted_wrong(tx: &mut Tx, kind: EntryKind) -> Result<Vec<(CustomerId, i64)>> {
    let (table, id, those, posts) = documents(kind);
    let posts = posts.map(|amount| match amount.strip_prefix('-') {
        Some(amount) => Halves::of(amount).negated(),
        None => Halves::of(amount),
    });
    let accounts = ["receivable", "revenue", "tax", "bank", "bad_debt"];
    let other = accounts.map(|account| {
        let posted = Halves::of("p.amount").when(&format!("p.account = '{account}'")).summed();
        posted.less(&Halves::column(&format!("d.{account}"))).is_not_zero()
    });
    let halves = accounts.map(|account| format!("d.{account}_high, d.{account}_low")).join(", ");
    let posts = accounts.into_iter().zip(posts).map(|(account, posts)| posts.columns(account));
    let posts = posts.collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select d.customer_id, d.subject_id
         from (select customer_id, {id} as subject_id, {posts} from {table} where {those}) d
         left join ledger_entries e
           on e.customer_id = d.customer_id and e.kind = $1 and e.subject_id = d.subject_id
         left join postings p on p.customer_id = e.customer_id and p.entry_id = e.entry_id
         group by d.customer_id, d.subject_id, {halves} having count(e.entry_id) = 0 or {}
         order by d.customer_id, d.subject_id {FAULTS}",
        other.join(" or ")
    );
    subjects(tx, &sql, kind).await
}

/// Entries of documents that are not there.
pub(super) async fn entries_of_nothing(tx: &mut Tx, kind: EntryKind) -> Result<Vec<(CustomerId, i64)>> {
    let (table, id, those, _) = documents(kind);
    let sql = format!(
        "select e.customer_id, e.subject_id from ledger_entries e
         left join (select customer_id, {id} as subject_id from {table} where {those}) d
           on d.customer_id = e.customer_id and d.subject_id = e.subject_id
         where e.kind = $1 and d.subject_id is null order by e.customer_id, e.subject_id {FAULTS}"
    );
    subjects(tx, &sql, kind).await
}

async fn subjects(tx: &mut Tx, sql: &str, kind: EntryKind) -> Result<Vec<(CustomerId, i64)>> {
    let subject = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.get("subject_id")?));
    Ok(tx.rows(sql, &[&kind.code()]).await?.iter().map(subject).collect::<db::Result<_>>()?)
}
