//! The audit log in the database.

use jiff::Timestamp;

use super::Entry;
use crate::db::{self, Cell, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{AuditId, CustomerId};
use crate::seals;

const ENTRIES: Place = Place::new("audit_entries", &["audit_id"]);

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// About this customer.
    pub customer: Option<CustomerId>,
    /// Of this caller.
    pub subject: Option<String>,
    /// At or after this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
    /// Before this entry.
    pub before: Option<AuditId>,
}

pub(super) async fn insert(tx: &mut Tx, entries: &[Entry]) -> Result<()> {
    let Some(first) = entries.first() else { return Ok(()) };
    let batch = tx.seal_batch(|| (first.id.0, first.happened_at));
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                Cell::Int(entry.id.0),
                Cell::Time(entry.happened_at),
                Cell::Text(&entry.subject),
                Cell::Text(&entry.role),
                Cell::Text(&entry.action),
                Cell::Text(&entry.target),
                entry.customer_id.map(|customer| customer.0).into(),
                Cell::Int(entry.status.into()),
                Cell::Text(&entry.request_id),
                Cell::Int(batch),
            ]
        })
        .collect();
    seals::insert(tx, &seals::AUDIT, &rows).await
}

/// Removes some of the entries of before an instant; answers how many. Ids follow time, so the oldest are the first. Those
/// stay by which it is known that a sealed row was removed rightly.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64> {
    let limit = db::limit(limit);
    let sql = "delete from audit_entries where happened_at < $1 and audit_id in
                 (select audit_id from audit_entries where role <> $3 order by audit_id limit $2)";
    Ok(tx.execute(sql, &[&Ts(before), &limit, &seals::REMOVER]).await?)
}

/// Entries, newest first.
pub async fn list(tx: &mut Tx, asked: &Asked, limit: usize) -> Result<Vec<Entry>> {
    let before = asked.before.map_or(i64::MAX, |before| before.0);
    let limit = db::limit(limit);
    let (from, to) = (asked.from.map(Ts), asked.to.map(Ts));
    let mut params: Vec<&dyn Param> = vec![&before, &limit];
    let mut conditions = String::new();
    let mut given = |condition: &str, param| {
        params.push(param);
        conditions.push_str(&condition.replace('?', &format!("${}", params.len())));
    };
    if let Some(customer) = &asked.customer {
        given(" and customer_id = ?", &customer.0);
    }
    if let Some(subject) = &asked.subject {
        given(" and subject = ?", subject);
    }
    if let Some(from) = &from {
        given(" and happened_at >= ?", from);
    }
    if let Some(to) = &to {
        given(" and happened_at < ?", to);
    }
    let sql = format!(
        "select audit_id, happened_at, subject, role, action, target, customer_id, status, request_id
         from audit_entries where audit_id < $1{conditions} order by audit_id desc limit $2"
    );
    Ok(ENTRIES.all(&tx.rows(&sql, &params).await?, entry)?)
}

fn entry(row: &Row) -> db::Result<Entry> {
    Ok(Entry {
        id: AuditId(row.get("audit_id")?),
        happened_at: row.time("happened_at")?,
        subject: row.get("subject")?,
        role: row.get("role")?,
        action: row.get("action")?,
        target: row.get("target")?,
        customer_id: row.get::<Option<i64>>("customer_id")?.map(CustomerId),
        status: row.count("status")?,
        request_id: row.get("request_id")?,
    })
}
