//! What is open, by the time since it was due, for the report of ages.

use calculation::total::TotalMoney;
use jiff::Timestamp;

use crate::db::{self, Halves, Row, Ts, Tx};
use crate::error::Result;
use crate::id::CustomerId;
use crate::payments::{AgedCustomer, Ages};

/// Sums of what is open, by how long ago it was due.
fn sums() -> String {
    let open = Halves::of("r.open");
    let ages = [
        ("r.due_at > $1", "not_due"),
        ("r.due_at <= $1 and r.due_at > $2", "days_30"),
        ("r.due_at <= $2 and r.due_at > $3", "days_60"),
        ("r.due_at <= $3 and r.due_at > $4", "days_90"),
        ("r.due_at <= $4", "older"),
    ];
    let sums = ages.map(|(age, name)| open.when(age).summed().columns(name)).join(", ");
    format!("{sums}, {}", open.summed().columns("open"))
}

pub(crate) async fn ageing(tx: &mut Tx, edges: &[Timestamp; 4]) -> Result<Vec<Ages>> {
    let sums = sums();
    let sql = format!(
        "select r.currency, {sums} from receivables r where r.open > 0 group by r.currency order by r.currency"
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
    let sums = sums();
    let sql = format!(
        "select r.customer_id, c.reference, r.currency, {sums}
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
    let sum = |name: &str| Ok::<_, db::Error>(TotalMoney { amount: row.total(name)?, currency });
    Ok(Ages {
        not_due: sum("not_due")?,
        days_1_to_30: sum("days_30")?,
        days_31_to_60: sum("days_60")?,
        days_61_to_90: sum("days_90")?,
        days_over_90: sum("older")?,
        open: sum("open")?,
    })
}
