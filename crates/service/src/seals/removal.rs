//! Was a sealed row removed rightly? Retention notes what it removes in the audit log, in the same transaction, and that entry
//! is sealed and stays.

use jiff::Timestamp;

use crate::db::{Row, Ts, Tx};
use crate::error::Result;
use crate::id::NOBODY;

/// Who removes what was kept long enough: the role in the audit log.
pub const REMOVER: &str = "retention";

/// What is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// Calls that began before an instant, of a customer.
    Calls,
    /// The content of documents that were issued before an instant.
    Documents,
    /// Entries of the audit log of before an instant.
    AuditEntries,
}

impl Removal {
    /// The action in the audit log.
    pub fn action(self) -> &'static str {
        match self {
            Self::Calls => "remove calls",
            Self::Documents => "remove the content of documents",
            Self::AuditEntries => "remove audit entries",
        }
    }

    /// The target in the audit log.
    pub fn target(before: Timestamp, rows: u64) -> String {
        format!("before={before} rows={rows}")
    }
}

/// Before when something was removed, of a customer or at all, as far as sealed entries of the audit log say.
pub(super) async fn removed_before(
    tx: &mut Tx,
    removal: Removal,
    customer: Option<i64>,
) -> Result<Option<Timestamp>> {
    let of = match customer {
        None => "customer_id is null and cast($3 as bigint) < 0",
        Some(id) if id == NOBODY.0 => "customer_id is null and cast($3 as bigint) = 0",
        Some(_) => "customer_id = $3",
    };
    let sql = format!(
        "select happened_at, target from audit_entries where role = $1 and action = $2 and {of} and seal_batch_id is not null"
    );
    let asked = customer.unwrap_or(-1);
    let rows = tx.rows(&sql, &[&REMOVER, &removal.action(), &asked]).await?;
    Ok(rows.iter().filter_map(before).max())
}

fn before(row: &Row) -> Option<Timestamp> {
    let target: String = row.get("target").ok()?;
    let before = target.split(' ').find_map(|word| word.strip_prefix("before="))?.parse().ok()?;
    // Nothing is removed before its time.
    (before <= row.get::<Ts>("happened_at").ok()?.0).then_some(before)
}
