//! What is open, by the time since it was due, for the report of ages.

use calculation::money::{Amount, Money};
use jiff::Timestamp;

use super::amount;
use crate::db::{self, Row, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;
use crate::payments::{AgedCustomer, Ages};

/// Sums of what is open, by how long ago it was due.
const AGES: &str = "
  coalesce(cast(sum(case when r.due_at > $1 then r.open else 0 end) as bigint), 0) as not_due,
  coalesce(cast(sum(case when r.due_at <= $1 and r.due_at > $2 then r.open else 0 end) as bigint), 0) as days_30,
  coalesce(cast(sum(case when r.due_at <= $2 and r.due_at > $3 then r.open else 0 end) as bigint), 0) as days_60,
  coalesce(cast(sum(case when r.due_at <= $3 and r.due_at > $4 then r.open else 0 end) as bigint), 0) as days_90,
  coalesce(cast(sum(case when r.due_at <= $4 then r.open else 0 end) as bigint), 0) as older,
  coalesce(cast(sum(r.open) as bigint), 0) as open";

pub(crate) async fn ageing(tx: &mut Tx, edges: &[Timestamp; 4]) -> Result<Vec<Ages>> {
    let sql = format!(
        "select r.currency, {AGES} from receivables r where r.open > 0 group by r.currency order by r.currency"
    );
    let [one, two, three, four] = edges.map(Ts);
    let rows = tx.rows(&sql, &[&one, &two, &three, &four]).await?;
    Ok(super::RECEIVABLES.all(&rows, ages)?)
}

pub(crate) async fn ageing_of_customers(
    tx: &mut Tx,
    edges: &[Timestamp; 4],
    after: CustomerId,
    limit: usize,
) -> Result<Vec<AgedCustomer>> {
    let sql = format!(
        "select r.customer_id, c.reference, r.currency, {AGES}
         from receivables r join customers c on c.customer_id = r.customer_id
         where r.open > 0 and r.customer_id > $5
         group by r.customer_id, c.reference, r.currency order by r.customer_id limit $6"
    );
    let [one, two, three, four] = edges.map(Ts);
    let limit = db::limit(limit);
    let rows = tx.rows(&sql, &[&one, &two, &three, &four, &after.0, &limit]).await?;
    let aged = |row: &Row| {
        let (customer_id, reference) = (CustomerId(row.get("customer_id")?), row.get("reference")?);
        Ok(AgedCustomer { customer_id, reference, ages: ages(row)? })
    };
    Ok(super::RECEIVABLES.all(&rows, aged)?)
}

fn ages(row: &Row) -> db::Result<Ages> {
    let currency = row.parse("currency")?;
    let money = |amount: Amount| Money { amount, currency };
    Ok(Ages {
        not_due: money(amount(row, "not_due")?),
        days_1_to_30: money(amount(row, "days_30")?),
        days_31_to_60: money(amount(row, "days_60")?),
        days_61_to_90: money(amount(row, "days_90")?),
        days_over_90: money(amount(row, "older")?),
        open: money(amount(row, "open")?),
    })
}
