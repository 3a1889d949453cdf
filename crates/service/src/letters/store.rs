//! The letters in the database.

use jiff::Timestamp;

use super::{Kept, Letter};
use crate::db::{self, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::id::{CustomerId, LetterId};

const LETTERS: Place = Place::new("letters", &["customer_id", "letter_id"]);

pub(super) async fn insert(
    tx: &mut Tx,
    customer: CustomerId,
    id: LetterId,
    kept: &Kept,
    now: Timestamp,
) -> Result<()> {
    // A job that was tried twice is one letter.
    let sql = "insert into letters (customer_id, letter_id, job, created_at) values ($1, $2, $3, $4)
               on conflict (customer_id, letter_id) do nothing";
    tx.execute(sql, &[&customer.0, &id.0, &db::json_text(kept)?, &Ts(now)]).await?;
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, printed: bool, after: LetterId, limit: usize) -> Result<Vec<Letter>> {
    let which = if printed { "is not null" } else { "is null" };
    let sql = format!(
        "select l.customer_id, l.letter_id, l.job, l.created_at, l.printed_at, c.reference
         from letters l join customers c on c.customer_id = l.customer_id
         where l.printed_at {which} and l.letter_id > $1 order by l.letter_id limit $2"
    );
    Ok(LETTERS.all(&tx.rows(&sql, &[&after.0, &db::limit(limit)]).await?, letter)?)
}

pub(super) async fn mark_printed(tx: &mut Tx, id: LetterId, now: Timestamp) -> Result<u64> {
    let sql = "update letters set printed_at = $2 where letter_id = $1 and printed_at is null";
    Ok(tx.execute(sql, &[&id.0, &Ts(now)]).await?)
}

/// When a letter was printed, if there is one.
pub(super) async fn printed_at(
    tx: &mut Tx,
    customer: CustomerId,
    id: LetterId,
) -> Result<Option<Option<Timestamp>>> {
    let sql =
        "select customer_id, letter_id, printed_at from letters where customer_id = $1 and letter_id = $2";
    let row = tx.row(sql, &[&customer.0, &id.0]).await?;
    Ok(LETTERS.one(row.as_ref(), |row| row.optional_time("printed_at"))?)
}

fn letter(row: &Row) -> db::Result<Letter> {
    let Kept { title, job } = row.json("job")?;
    Ok(Letter {
        id: LetterId(row.get("letter_id")?),
        customer_id: CustomerId(row.get("customer_id")?),
        customer_reference: row.get("reference")?,
        title,
        created_at: row.time("created_at")?,
        printed_at: row.optional_time("printed_at")?,
        job,
    })
}
