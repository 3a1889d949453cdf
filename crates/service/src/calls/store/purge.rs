//! Calls that go.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::POSTPAID;
use super::replaced::delete_replaced;
use crate::calls::Removed;
use crate::db::{self, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;

/// A call goes with the month that it is invoiced with. One that belongs to no month goes by its start.
const OF_BEFORE: &str = "k.started_at < $2 and (k.period_start is null or k.period_start < $2)";

pub(in crate::calls) async fn count_purgeable(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<u64> {
    let sql = format!("select count(*) as calls from calls k where k.customer_id = $1 and {OF_BEFORE}");
    Ok(tx.counted(&sql, &[&customer.0, &Ts(before)], "calls").await?)
}

/// Of late calls the month they belong to counts as well: how its minutes were priced decides what they cost.
pub(in crate::calls) async fn unbilled_from(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<Option<Timestamp>> {
    let sql = format!(
        "select min(coalesce(late_for, period_start)) as month from calls
         where customer_id = $1 and started_at < $2 and outcome = 'charged' and {POSTPAID}
           and not exists (select 1 from periods p where p.customer_id = calls.customer_id
                             and p.starts_at = calls.period_start and p.closed_at is not null)"
    );
    let row = tx.row(&sql, &[&customer.0, &Ts(before)]).await?;
    Ok(row.map(|row| row.optional_time("month")).transpose()?.flatten())
}

/// What months have counted: nobody is charged for them any more.
pub(in crate::calls) async fn delete_counters(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
) -> Result<()> {
    for table in ["allowance_uses", "spending"] {
        let sql = format!("delete from {table} where customer_id = $1 and period_start < $2");
        tx.execute(&sql, &[&customer.0, &Ts(before)]).await?;
    }
    Ok(())
}

/// Each import remembers how many of its calls are gone, so that its control total still adds up.
pub(in crate::calls) async fn delete_calls(
    tx: &mut Tx,
    customer: CustomerId,
    before: Timestamp,
    limit: usize,
) -> Result<Removed> {
    let limit = db::limit(limit);
    let those = format!(
        "select k.source, k.record_id from calls k where k.customer_id = $1 and {OF_BEFORE}
         order by k.started_at, k.source, k.record_id limit $3"
    );
    let sql =
        format!("delete from call_allowances where customer_id = $1 and (source, record_id) in ({those})");
    tx.execute(&sql, &[&customer.0, &Ts(before), &limit]).await?;
    let sql = format!(
        "delete from calls where customer_id = $1 and (source, record_id) in ({those}) returning import_id"
    );
    let rows = tx.rows(&sql, &[&customer.0, &Ts(before), &limit]).await?;
    let (mut gone, corrections) = delete_replaced(tx, customer, before).await?;
    let removed = Removed { calls: rows.len() as u64, replaced: gone.len() as u64, corrections };
    for row in &rows {
        gone.push(row.get("import_id")?);
    }
    let mut of_imports: BTreeMap<i64, i64> = BTreeMap::new();
    for import in gone.into_iter().flatten() {
        *of_imports.entry(import).or_default() += 1;
    }
    for (import, calls) in of_imports {
        let sql = "update imports set purged = purged + $2 where import_id = $1";
        tx.execute(sql, &[&import, &calls]).await?;
    }
    Ok(removed)
}
