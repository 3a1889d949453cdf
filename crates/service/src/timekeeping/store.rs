//! What programs saw of the time, in the database.

use jiff::Timestamp;

use crate::clock::Expected;
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
    /// What a program expects that doubts its machine's clock.
    pub(super) doubted: Option<Expected>,
}

pub(super) async fn read(tx: &mut Tx) -> Result<Option<Row>> {
    let sql = "select place, seen_at, accepted_at, accepted_beside, doubted_boot, doubted_ahead from program_time where place = 1";
    let row = |row: &crate::db::Row| {
        Ok(Row {
            seen_at: row.time("seen_at")?,
            accepted_at: row.optional_time("accepted_at")?,
            accepted_beside: row.get("accepted_beside")?,
            doubted: row
                .get::<Option<String>>("doubted_boot")?
                .zip(row.get("doubted_ahead")?)
                .map(|(boot, ahead)| Expected { boot, ahead }),
        })
    };
    Ok(PROGRAM_TIME.one(tx.row(sql, &[]).await?.as_ref(), row)?)
}

/// Notes that a program works at an instant, and believes its machine's clock: nobody need doubt that any more.
pub(super) async fn see(tx: &mut Tx, now: Timestamp, boot: Option<String>) -> Result<()> {
    let sql = "insert into program_time (place, seen_at) values (1, $1)
               on conflict (place) do update set seen_at = excluded.seen_at where program_time.seen_at < excluded.seen_at";
    tx.execute(sql, &[&Ts(now)]).await?;
    let sql = "update program_time set doubted_boot = null, doubted_ahead = null where place = 1 and doubted_boot = $1";
    tx.execute(sql, &[&boot]).await?;
    Ok(())
}

/// Notes what is expected of a machine's clock that is in doubt.
pub(super) async fn doubt(tx: &mut Tx, now: Timestamp, expected: &Expected) -> Result<()> {
    let sql = "insert into program_time (place, seen_at, doubted_boot, doubted_ahead) values (1, $1, $2, $3)
               on conflict (place) do update set doubted_boot = excluded.doubted_boot, doubted_ahead = excluded.doubted_ahead";
    tx.execute(sql, &[&Ts(now), &expected.boot, &expected.ahead]).await?;
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
                 accepted_beside = excluded.accepted_beside, doubted_boot = null, doubted_ahead = null";
    tx.execute(sql, &[&Ts(now), &beside]).await?;
    Ok(())
}
