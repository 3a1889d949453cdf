//! Which months wait for approval, who is held, and what was billed before?

use std::collections::{BTreeMap, BTreeSet};

use calculation::money::Amount;
use jiff::Timestamp;

use super::cycles::CYCLES;
use super::{INVOICE, numbers};
use crate::config::BillingMode;
use crate::db::{self, IN_LIST, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::CustomerId;
use crate::invoices::review::{Held, HeldCustomer};

/// Cycles whose next month is over and waits until somebody approves it; `nothing` when none ever does.
fn waits(mode: Option<BillingMode>) -> Option<&'static str> {
    match mode {
        Some(BillingMode::Automatic) => None,
        None => Some("held_at is null and next_end <> next_start and review_until >= next_end"),
        Some(BillingMode::Review) => Some("held_at is null and next_end <> next_start"),
    }
}

/// How many customers have a month that ended by an instant and waits for approval.
pub(in crate::invoices) async fn count_waiting(
    tx: &mut Tx,
    mode: Option<BillingMode>,
    ended_by: Timestamp,
) -> Result<u64> {
    let Some(waits) = waits(mode) else { return Ok(0) };
    let sql = format!(
        "select count(*) as waiting from cycles where {waits} and next_end <= $1
           and (approved_until is null or approved_until < next_end)"
    );
    Ok(tx.counted(&sql, &[&Ts(ended_by)], "waiting").await?)
}

/// How many customers are held.
pub(in crate::invoices) async fn count_held(tx: &mut Tx) -> Result<u64> {
    let sql = "select count(*) as held from cycles where held_at is not null";
    Ok(tx.counted(sql, &[], "held").await?)
}

/// Approves what waits and ends by an instant, of all customers or of some; answers how many customers that is.
pub(in crate::invoices) async fn approve(
    tx: &mut Tx,
    mode: Option<BillingMode>,
    until: Timestamp,
    of: Option<&[CustomerId]>,
) -> Result<u64> {
    let Some(waits) = waits(mode) else { return Ok(0) };
    let sql = format!(
        "update cycles set approved_until = $1
         where {waits} and next_end <= $1 and (approved_until is null or approved_until < $1)"
    );
    let Some(ids) = of else { return Ok(tx.execute(&sql, &[&Ts(until)]).await?) };
    let sql = format!("{sql} and customer_id = $2");
    let mut approved = 0;
    for id in ids {
        approved += tx.execute(&sql, &[&Ts(until), &id.0]).await?;
    }
    Ok(approved)
}

/// Holds a customer who is not held; answers whether that was so.
pub(in crate::invoices) async fn hold(tx: &mut Tx, id: CustomerId, held: &Held) -> Result<bool> {
    let sql = "update cycles set held_at = $2, held_reason = $3 where customer_id = $1 and held_at is null";
    Ok(tx.execute(sql, &[&id.0, &Ts(held.held_at), &held.reason]).await? == 1)
}

/// Releases a customer who is held; answers whether that was so.
pub(in crate::invoices) async fn release(tx: &mut Tx, id: CustomerId) -> Result<bool> {
    let sql = "update cycles set held_at = null, held_reason = null
               where customer_id = $1 and held_at is not null";
    Ok(tx.execute(sql, &[&id.0]).await? == 1)
}

/// Customers who are held, after a cursor.
pub(in crate::invoices) async fn held(
    tx: &mut Tx,
    after: CustomerId,
    limit: usize,
) -> Result<Vec<HeldCustomer>> {
    // One without a reason is a fault, which the check names.
    let sql = "select c.customer_id, u.reference, c.held_at, c.held_reason
               from cycles c join customers u on u.customer_id = c.customer_id
               where c.held_at is not null and c.held_reason is not null and c.customer_id > $1 order by c.customer_id limit $2";
    let entry = |row: &Row| {
        Ok(HeldCustomer {
            customer_id: CustomerId(row.get("customer_id")?),
            customer_reference: row.get("reference")?,
            hold: Held { held_at: row.time("held_at")?, reason: row.get("held_reason")? },
        })
    };
    Ok(CYCLES.all(&tx.rows(sql, &[&after.0, &db::limit(limit)]).await?, entry)?)
}

/// Forgets why a customer is held.
pub(in crate::invoices) async fn forget_reason(tx: &mut Tx, id: CustomerId, reason: &str) -> Result<()> {
    let sql = "update cycles set held_reason = $2 where customer_id = $1 and held_at is not null";
    tx.execute(sql, &[&id.0, &reason]).await?;
    Ok(())
}

/// What an invoice came to.
#[derive(Debug, Clone)]
pub(in crate::invoices) struct Came {
    pub(in crate::invoices) starts_at: Timestamp,
    pub(in crate::invoices) number: Option<String>,
    pub(in crate::invoices) gross: Amount,
}

/// The invoices of some customers' months that begin in a span, without those that others took the place of.
pub(in crate::invoices) async fn came_to(
    tx: &mut Tx,
    ids: &[CustomerId],
    (from, to): (Timestamp, Timestamp),
) -> Result<BTreeMap<CustomerId, Vec<Came>>> {
    let sql = format!(
        "select customer_id, invoice_id, period_start, number, gross from invoices
         where replaced_by_id is null and period_start >= $1 and period_start <= $2 and customer_id in ({})
         order by customer_id, period_start, invoice_id",
        in_list(3)
    );
    let mut found: BTreeMap<CustomerId, Vec<Came>> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        for row in tx.rows_in(&sql, &[&Ts(from), &Ts(to)], &numbers(some.iter().copied())).await? {
            let came = INVOICE.read(&row, |row| {
                Ok(Came {
                    starts_at: row.time("period_start")?,
                    number: row.get("number")?,
                    gross: row.amount("gross")?,
                })
            })?;
            found.entry(CustomerId(row.get("customer_id")?)).or_default().push(came);
        }
    }
    Ok(found)
}

/// Which of some customers have an invoice of a month that begins before an instant.
pub(in crate::invoices) async fn billed_before(
    tx: &mut Tx,
    ids: &[CustomerId],
    before: Timestamp,
) -> Result<BTreeSet<CustomerId>> {
    let sql = format!(
        "select distinct customer_id from invoices where period_start < $1 and customer_id in ({})",
        in_list(2)
    );
    let mut found = BTreeSet::new();
    for some in ids.chunks(IN_LIST) {
        for row in tx.rows_in(&sql, &[&Ts(before)], &numbers(some.iter().copied())).await? {
            found.insert(CustomerId(row.get("customer_id")?));
        }
    }
    Ok(found)
}

/// Cycles that contradict themselves, and why.
pub(in crate::invoices) async fn contradictions(tx: &mut Tx) -> Result<Vec<String>> {
    let checks = [
        ("held_at is null and held_reason is not null", "has a reason to be held and is not held"),
        ("held_at is not null and (held_reason is null or held_reason = '')", "is held without a reason"),
        ("approved_until < bill_from", "has months approved of before its first"),
        ("next_end < next_start", "has a next month that ends before it begins"),
        ("next_start < bill_from", "is billed from before its first month on"),
    ];
    let mut found = Vec::new();
    for (breaks, what) in checks {
        let sql = format!("select customer_id from cycles where {breaks} order by customer_id limit 100");
        for row in tx.rows(&sql, &[]).await? {
            let id = CustomerId(row.get("customer_id")?);
            found.push(format!("the billing of customer {id} {what}"));
        }
    }
    Ok(found)
}
