//! What did customers call, by the first digits, and how long was the longest of these calls?

use jiff::Timestamp;

use super::CALLS;
use super::months::POSTPAID;
use crate::db::{IN_LIST, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::CustomerId;

/// Seven digits after the `+` tell the country, in every plan that several countries share.
const BEGINNING: &str = "substr(dialled, 1, 8)";

/// The charged calls of a customer's month to numbers that begin alike.
#[derive(Debug, Clone)]
pub(in crate::calls) struct Beginning {
    pub(in crate::calls) customer: CustomerId,
    pub(in crate::calls) period_start: Timestamp,
    /// One of these numbers.
    pub(in crate::calls) dialled: Option<String>,
    pub(in crate::calls) longest_seconds: u32,
}

/// Of some customers' calls that began to ring in a span, or came late, for months that begin in another.
pub(in crate::calls) async fn beginnings(
    tx: &mut Tx,
    customers: &[i64],
    rang: (Timestamp, Timestamp),
    months: (Timestamp, Timestamp),
) -> Result<Vec<Beginning>> {
    let select = format!(
        "select customer_id, period_start, min(dialled) as dialled, max(billed_seconds) as longest from calls
         where {POSTPAID} and period_start >= $1 and period_start <= $2"
    );
    let group = format!("group by customer_id, period_start, {BEGINNING}");
    let (first, last, from, to) = (Ts(months.0), Ts(months.1), Ts(rang.0), Ts(rang.1));
    let sql = format!(
        "{select} and late_for is null and started_at >= $3 and started_at < $4 and customer_id in ({}) {group}",
        in_list(5)
    );
    let mut rows = tx.rows_in(&sql, &[&first, &last, &from, &to], customers).await?;
    let sql = format!("{select} and late_for is not null and customer_id in ({}) {group}", in_list(3));
    rows.append(&mut tx.rows_in(&sql, &[&first, &last], customers).await?);
    let beginning = |row: &Row| {
        Ok(Beginning {
            customer: CustomerId(row.get("customer_id")?),
            period_start: row.time("period_start")?,
            dialled: row.get("dialled")?,
            longest_seconds: row.optional_count("longest")?.unwrap_or_default(),
        })
    };
    Ok(CALLS.all(&rows, beginning)?)
}

/// One number of each beginning that customers were charged for in calls of a span.
pub(in crate::calls) async fn dialled_in(
    tx: &mut Tx,
    customers: &[CustomerId],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(CustomerId, Option<String>)>> {
    let sql = format!(
        "select customer_id, min(dialled) as dialled from calls
         where outcome = 'charged' and started_at >= $1 and started_at < $2 and customer_id in ({})
         group by customer_id, {BEGINNING}",
        in_list(3)
    );
    let mut found = Vec::new();
    for some in customers.chunks(IN_LIST) {
        let ids: Vec<_> = some.iter().map(|id| id.0).collect();
        for row in tx.rows_in(&sql, &[&Ts(from), &Ts(to)], &ids).await? {
            let read = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.get("dialled")?));
            found.push(CALLS.read(&row, read)?);
        }
    }
    Ok(found)
}
