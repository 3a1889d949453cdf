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
    /// Where a program expects its machine's clock.
    pub(super) expected: Option<Expected>,
}

pub(super) async fn read(tx: &mut Tx) -> Result<Option<Row>> {
    let sql = "select place, seen_at, accepted_at, accepted_beside, expected_boot, expected_ahead from program_time where place = 1";
    let row = |row: &crate::db::Row| {
        Ok(Row {
            seen_at: row.time("seen_at")?,
            accepted_at: row.optional_time("accepted_at")?,
            accepted_beside: row.get("accepted_beside")?,
            expected: row
                .get::<Option<String>>("expected_boot")?
                .zip(row.get("expected_ahead")?)
                .map(|(boot, ahead)| Expected { boot, ahead }),
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

/// Forgets where a machine's clock was expected since one of its starts.
pub(super) async fn expect_nothing(tx: &mut Tx, boot: &str) -> Result<()> {
    let sql = "update program_time set expected_boot = null, expected_ahead = null where place = 1 and expected_boot = $1";
    tx.execute(sql, &[&boot]).await?;
    Ok(())
}

/// Notes where a machine's clock is expected.
pub(super) async fn expect(tx: &mut Tx, now: Timestamp, expected: &Expected) -> Result<()> {
    let sql = "insert into program_time (place, seen_at, expected_boot, expected_ahead) values (1, $1, $2, $3)
               on conflict (place) do update set expected_boot = excluded.expected_boot, expected_ahead = excluded.expected_ahead";
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
                 accepted_beside = excluded.accepted_beside, expected_boot = null, expected_ahead = null";
    tx.execute(sql, &[&Ts(now), &beside]).await?;
    Ok(())
}
