//! What programs saw of the time, in the database.

use jiff::Timestamp;

use crate::db::{Place, Ts, Tx};
use crate::error::Result;

const PROGRAM_TIME: Place = Place::new("program_time", &["place"]);

/// What is kept.
#[derive(Debug)]
pub(super) struct Row {
    /// The latest instant at which a program worked.
    pub(super) seen_at: Timestamp,
    pub(super) accepted_at: Option<Timestamp>,
    /// By how many seconds a right clock is ahead of the database's, when that was said to be wrong.
    pub(super) accepted_beside: Option<i64>,
}

pub(super) async fn read(tx: &mut Tx) -> Result<Option<Row>> {
    let sql = "select place, seen_at, accepted_at, accepted_beside from program_time where place = 1";
    let row = |row: &crate::db::Row| {
        Ok(Row {
            seen_at: row.time("seen_at")?,
            accepted_at: row.optional_time("accepted_at")?,
            accepted_beside: row.get("accepted_beside")?,
        })
    };
    Ok(PROGRAM_TIME.one(tx.row(sql, &[]).await?.as_ref(), row)?)
}

/// Notes that a program works at an instant.
pub(super) async fn see(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let sql = "insert into program_time (place, seen_at) values (1, $1)
               on conflict (place) do update set seen_at = excluded.seen_at where program_time.seen_at < excluded.seen_at";
    tx.execute(sql, &[&Ts(now)]).await?;
    Ok(())
}

/// Writes what stands there already.
pub(super) async fn touch(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let sql = "insert into program_time (place, seen_at) values (1, $1)
               on conflict (place) do update set place = program_time.place";
    tx.execute(sql, &[&Ts(now)]).await?;
    Ok(())
}

/// Notes that this is the time, whatever was seen before, and by how many seconds it is beside a wrong clock of the database.
pub(super) async fn accept(tx: &mut Tx, now: Timestamp, beside: Option<i64>) -> Result<()> {
    let sql = "insert into program_time (place, seen_at, accepted_at, accepted_beside) values (1, $1, $1, $2)
               on conflict (place) do update set seen_at = excluded.seen_at, accepted_at = excluded.accepted_at,
                 accepted_beside = excluded.accepted_beside";
    tx.execute(sql, &[&Ts(now), &beside]).await?;
    Ok(())
}
