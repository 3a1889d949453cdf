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
}

pub(super) async fn read(tx: &mut Tx) -> Result<Option<Row>> {
    let sql = "select place, seen_at, accepted_at from program_time where place = 1";
    let row = |row: &crate::db::Row| {
        Ok(Row { seen_at: row.time("seen_at")?, accepted_at: row.optional_time("accepted_at")? })
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

/// Notes that this is the time, whatever was seen before.
pub(super) async fn accept(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let sql = "insert into program_time (place, seen_at, accepted_at) values (1, $1, $1)
               on conflict (place) do update set seen_at = excluded.seen_at, accepted_at = excluded.accepted_at";
    tx.execute(sql, &[&Ts(now)]).await?;
    Ok(())
}
