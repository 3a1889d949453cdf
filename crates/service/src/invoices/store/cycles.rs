//! Where does each customer's billing stand?

use std::collections::BTreeMap;

use calculation::period::Period;
use jiff::Timestamp;

use crate::config::BillingMode;
use crate::db::{self, Hold, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::CustomerId;
use crate::invoices::review::Held;

pub(super) const CYCLES: Place = Place::new("cycles", &["customer_id"]);

/// Where a customer's billing stands: the next month to be billed is the one that holds `next_start`.
#[derive(Debug, Clone)]
pub(in crate::invoices) struct Cycle {
    pub(in crate::invoices) customer: CustomerId,
    pub(in crate::invoices) next_start: Timestamp,
    pub(in crate::invoices) next_end: Timestamp,
    pub(in crate::invoices) held: Option<Held>,
    /// Months that end by then were approved.
    pub(in crate::invoices) approved_until: Option<Timestamp>,
    /// Months that end by then were over when the customer was created.
    pub(in crate::invoices) review_until: Option<Timestamp>,
}

/// The cycles of some customers, held until the transaction ends in the order of their ids.
pub(in crate::invoices) async fn hold_cycles(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Cycle>> {
    let mut held = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "{CYCLE} where customer_id in ({}) order by customer_id {}",
            in_list(1),
            tx.hold(Hold::Exclusive, "cycles")
        );
        for row in tx.rows_in(&sql, &[], &some.iter().map(|id| id.0).collect::<Vec<_>>()).await? {
            let cycle = CYCLES.read(&row, cycle)?;
            held.insert(cycle.customer, cycle);
        }
    }
    Ok(held)
}

/// The cycles of some customers.
pub(in crate::invoices) async fn cycles(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Cycle>> {
    let mut found = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!("{CYCLE} where customer_id in ({})", in_list(1));
        for row in tx.rows_in(&sql, &[], &some.iter().map(|id| id.0).collect::<Vec<_>>()).await? {
            let cycle = CYCLES.read(&row, cycle)?;
            found.insert(cycle.customer, cycle);
        }
    }
    Ok(found)
}

const CYCLE: &str =
    "select customer_id, next_start, next_end, held_at, held_reason, approved_until, review_until
                     from cycles";

fn cycle(row: &Row) -> db::Result<Cycle> {
    let held = match row.optional_time("held_at")? {
        Some(held_at) => Some(Held { held_at, reason: row.get("held_reason")? }),
        None => None,
    };
    Ok(Cycle {
        customer: CustomerId(row.get("customer_id")?),
        next_start: row.time("next_start")?,
        next_end: row.time("next_end")?,
        held,
        approved_until: row.optional_time("approved_until")?,
        review_until: row.optional_time("review_until")?,
    })
}

/// Moves cycles to where they say. Those of a zone go to the same month, so a statement moves many.
pub(in crate::invoices) async fn move_cycles(tx: &mut Tx, cycles: &[Cycle]) -> Result<()> {
    let mut by_month: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Cycle { customer, next_start, next_end, .. } in cycles {
        by_month.entry((*next_start, *next_end)).or_default().push(customer.0);
    }
    let sql = format!(
        "update cycles set next_start = $1, next_end = $2, retry_at = null, refused = null
         where customer_id in ({})",
        in_list(3)
    );
    for ((start, end), ids) in by_month {
        for some in ids.chunks(IN_LIST) {
            tx.rows_in(&sql, &[&Ts(start), &Ts(end)], some).await?;
        }
    }
    Ok(())
}

/// Cycles whose next month may be billed by itself, when it is over. The indexes `cycles_open`, `cycles_reviewed` and
/// `cycles_approved` have these conditions, word by word: whoever waits or is held is not looked at.
fn goes_out(mode: Option<BillingMode>) -> &'static str {
    match mode {
        Some(BillingMode::Automatic) => "held_at is null",
        None => {
            "held_at is null and (next_end = next_start or approved_until >= next_end or review_until is null \
             or next_end > review_until)"
        }
        Some(BillingMode::Review) => {
            "held_at is null and (next_end = next_start or approved_until >= next_end)"
        }
    }
}

/// Claims customers whose next month ended before an instant and may be billed, those that no other worker holds; the longest
/// ended first.
pub(in crate::invoices) async fn claim_due(
    tx: &mut Tx,
    mode: Option<BillingMode>,
    ended_by: Timestamp,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "select customer_id from cycles where {} and next_end <= $1 and (retry_at is null or retry_at <= $2)
         order by next_end, customer_id limit {limit} {}",
        goes_out(mode),
        tx.hold(Hold::Free, "cycles")
    );
    let rows = tx.rows(&sql, &[&Ts(ended_by), &Ts(now)]).await?;
    let mut ids =
        rows.iter().map(|row| row.get("customer_id").map(CustomerId)).collect::<db::Result<Vec<_>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// Remembers why a customer's month could not be billed, and when to try again.
pub(in crate::invoices) async fn refuse_cycle(
    tx: &mut Tx,
    customer: CustomerId,
    reason: &str,
    retry_at: Timestamp,
) -> Result<()> {
    let sql = "update cycles set refused = $2, retry_at = $3 where customer_id = $1";
    tx.execute(sql, &[&customer.0, &reason, &Ts(retry_at)]).await?;
    Ok(())
}

/// Customers whose month could not be billed: reference, an instant of the month, reason.
pub(in crate::invoices) async fn refused(
    tx: &mut Tx,
    limit: i64,
) -> Result<Vec<(String, Timestamp, String)>> {
    let sql = "select u.reference, c.next_start, c.refused from cycles c
               join customers u on u.customer_id = c.customer_id
               where c.refused is not null order by u.reference limit $1";
    let entry = |row: &Row| Ok((row.get("reference")?, row.time("next_start")?, row.get("refused")?));
    Ok(tx.rows(sql, &[&limit]).await?.iter().map(entry).collect::<db::Result<_>>()?)
}

/// Since when the plans of some customers are others than was billed, of those for whom they are.
pub(in crate::invoices) async fn changed_from(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Timestamp>> {
    let mut changed = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "select customer_id, changed_from from cycles where changed_from is not null and customer_id in ({})",
            in_list(1)
        );
        for row in tx.rows_in(&sql, &[], &some.iter().map(|id| id.0).collect::<Vec<_>>()).await? {
            changed.insert(CustomerId(row.get("customer_id")?), row.time("changed_from")?);
        }
    }
    Ok(changed)
}

/// Forgets changes of plans that a billed month has put right: those of customers who have no later month that is billed.
pub(in crate::invoices) async fn forget_changes(tx: &mut Tx, billed: &[(CustomerId, Period)]) -> Result<()> {
    let mut by_month: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (customer, period) in billed {
        by_month.entry(period.starts_at).or_default().push(customer.0);
    }
    let sql = format!(
        "update cycles set changed_from = null where changed_from is not null and customer_id in ({})
           and not exists (select 1 from periods p where p.customer_id = cycles.customer_id
                             and p.closed_at is not null and p.starts_at > $1)",
        in_list(2)
    );
    for (start, ids) in by_month {
        for some in ids.chunks(IN_LIST) {
            tx.rows_in(&sql, &[&Ts(start)], some).await?;
        }
    }
    Ok(())
}
