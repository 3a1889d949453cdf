//! Was a sealed row removed rightly? Retention notes what it removes in the audit log, in the same transaction, and that entry
//! is sealed and stays.

use std::fmt::Display;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::rows;
use super::{AUDIT, store};
use crate::db::{Leaf, Row, Tx};
use crate::error::Result;
use crate::id::NOBODY;

/// Who removes what was kept long enough: the role in the audit log.
pub const REMOVER: &str = "retention";

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// Calls that began before an instant, of a customer.
    Calls,
    /// The content of documents that were issued before an instant.
    Documents,
    /// Entries of the audit log of before an instant.
    AuditEntries,
    /// Records in suspense that were seen last before an instant.
    Suspense,
}

impl Removal {
    /// The action in the audit log.
    pub fn action(self) -> &'static str {
        match self {
            Self::Calls => "remove calls",
            Self::Documents => "remove the content of documents",
            Self::AuditEntries => "remove audit entries",
            Self::Suspense => "remove records in suspense",
        }
    }

    /// The target in the audit log.
    pub fn target(before: Timestamp, rows: u64) -> String {
        format!("before={before} rows={rows}")
    }
}

/// What retention removed, of a customer or at all, as far as sealed entries of the audit log say and it may be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Removed {
    pub(super) before: Option<Timestamp>,
    pub(super) rows: u64,
}

impl Removed {
    /// What is wrong when more is gone.
    pub(super) fn exceeded(&self, gone: u64, what: impl Display) -> Option<String> {
        let rows = self.rows;
        (gone > rows).then(|| format!("{gone} {what} are gone, of which retention removed {rows}"))
    }
}

/// What retention removed. An entry that it cannot have made excuses nothing.
pub(super) async fn removed(tx: &mut Tx, removal: Removal, customer: Option<i64>) -> Result<Removed> {
    let of = match customer {
        None => "a.customer_id is null and cast($3 as bigint) < 0",
        Some(id) if id == NOBODY.0 => "a.customer_id is null and cast($3 as bigint) = 0",
        Some(_) => "a.customer_id = $3",
    };
    let sql = format!(
        "select a.audit_id, a.happened_at, a.target, a.customer_id, s.sealed_at, c.calls_kept_from, c.erased_at from audit_entries a
         left join seal_batches b on b.batch_id = a.seal_batch_id left join seals s on s.number = b.seal_number
         left join customers c on c.customer_id = a.customer_id
         where a.role = $1 and a.action = $2 and {of} and a.seal_batch_id is not null"
    );
    let asked = customer.unwrap_or(-1);
    let mut removed = Removed::default();
    for row in tx.rows(&sql, &[&REMOVER, &removal.action(), &asked]).await? {
        let Some((before, rows)) = said(&row.get::<String>("target")?) else { continue };
        let may_be = latest(&row, removal)?.is_some_and(|latest| before <= latest);
        if may_be && is_sealed(tx, row.get("audit_id")?).await? {
            removed.before = removed.before.max(Some(before));
            removed.rows = removed.rows.saturating_add(rows);
        }
    }
    Ok(removed)
}

/// Whether an entry of the audit log is in the batch that it names.
async fn is_sealed(tx: &mut Tx, audit_id: i64) -> Result<bool> {
    for row in rows::at_places(tx, &AUDIT, &[[audit_id, 0]]).await? {
        let Some(batch) = row.batch else { continue };
        for (_, leaves) in store::leaves(tx, &[(batch, 0)]).await? {
            if Leaf::read(&leaves).is_ok_and(|leaves| leaves.iter().any(|leaf| leaf.hash == row.hash)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What a target says: see [`Removal::target`].
fn said(target: &str) -> Option<(Timestamp, u64)> {
    let word = |name: &str| target.split(' ').find_map(|word| word.strip_prefix(name));
    Some((word("before=")?.parse().ok()?, word("rows=")?.parse().ok()?))
}

/// The latest instant of before which an entry's removal may have been.
fn latest(row: &Row, removal: Removal) -> Result<Option<Timestamp>> {
    let (at, sealed_at) = (row.time("happened_at")?, row.optional_time("sealed_at")?);
    // A program's clock may be ahead of that of the one which seals, but not by a day.
    if sealed_at.is_some_and(|sealed_at| at.duration_since(sealed_at) > DAY) {
        return Ok(None);
    }
    let by_age = oldest_kept(removal, at);
    let (kept_from, erased_at) = (row.optional_time("calls_kept_from")?, row.optional_time("erased_at")?);
    Ok(match removal {
        // Who is forgotten loses all. Of others it is known from when on calls are kept, before any goes.
        Removal::Calls if erased_at.is_some() => erased_at.min(Some(at)),
        Removal::Calls if row.get::<Option<i64>>("customer_id")?.is_some() => by_age.min(kept_from),
        _ => by_age,
    })
}

/// What is from then on was kept, whatever the settings: the least are a month of calls and of the audit log, and a year of documents,
/// each a whole one before that which runs.
fn oldest_kept(removal: Removal, at: Timestamp) -> Option<Timestamp> {
    // Wherever a month begins, it does within a day of that of UTC.
    let today = TimeZone::UTC.to_datetime(at.checked_add(DAY).ok()?).date();
    let first = match removal {
        Removal::Calls | Removal::AuditEntries | Removal::Suspense => {
            today.first_of_month().checked_sub(1.month())
        }
        Removal::Documents => today.first_of_year().checked_sub(1.year()),
    };
    TimeZone::UTC.to_timestamp(first.ok()?.at(0, 0, 0, 0)).ok()?.checked_add(DAY).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_before_the_least_time_that_can_be_set() {
        let kept = |removal, at: &str| oldest_kept(removal, at.parse().unwrap()).unwrap().to_string();
        assert_eq!(kept(Removal::Calls, "2026-11-29T12:00:00Z"), "2026-10-02T00:00:00Z");
        // It is December already where the day begins first.
        assert_eq!(kept(Removal::Calls, "2026-11-30T12:00:00Z"), "2026-11-02T00:00:00Z");
        assert_eq!(kept(Removal::AuditEntries, "2026-01-01T12:00:00Z"), "2025-12-02T00:00:00Z");
        assert_eq!(kept(Removal::Documents, "2026-11-29T12:00:00Z"), "2025-01-02T00:00:00Z");
    }

    #[test]
    fn a_target_is_read_as_it_is_written() {
        let before = "2026-10-01T00:00:00Z".parse().unwrap();
        assert_eq!(said(&Removal::target(before, 7)), Some((before, 7)));
        assert_eq!(said("before=2026-10-01T00:00:00Z"), None);
    }
}
