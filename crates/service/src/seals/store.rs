//! Seals and their batches in the database.

use jiff::Timestamp;

use super::Seal;
use super::rows::FORMS;
use crate::db::{self, Cell, Digest, Halves, IN_LIST, Param, Place, Row, Ts, Tx, in_list};
use crate::error::Result;

const SEALS: Place = Place::new("seals", &["number"]);
const BATCHES: Place = Place::new("seal_batches", &["batch_id"]);
const SERIES: Place = Place::new("seal_series", &["series"]);

/// Whether something waits to be sealed.
pub(super) async fn any_waits(tx: &mut Tx) -> Result<bool> {
    let sql = "select 1 as waits from seal_batches where seal_number is null limit 1";
    Ok(tx.row(sql, &[]).await?.is_some())
}

/// How much waits: batches and their rows, and since when.
pub(super) async fn waits(tx: &mut Tx) -> Result<(u64, u64)> {
    let waiting = Halves::sum("row_count").columns("waiting");
    let sql = format!("select count(*) as batches, {waiting} from seal_batches where seal_number is null");
    let Some(row) = tx.row(&sql, &[]).await? else { return Ok((0, 0)) };
    Ok((row.count("batches")?, row.sum_count("waiting")?))
}

/// Holds the series of seals until the transaction ends; answers the last seal.
pub(super) async fn hold_series(tx: &mut Tx) -> Result<Option<Seal>> {
    let hold = "insert into seal_series (series, last_number, calls_before, entries_before, audit_entries_before, documents_before)
                values ('seals', 0, 0, 0, 0, 0) on conflict (series) do update set last_number = seal_series.last_number";
    tx.execute(hold, &[]).await?;
    last(tx).await
}

const SEAL: &str =
    "select number, previous_hash, root, batch_count, row_count, sealed_at, seal_hash from seals";

fn seal(row: &Row) -> db::Result<Seal> {
    Ok(Seal {
        number: row.get("number")?,
        previous: row.hash("previous_hash")?,
        root: row.hash("root")?,
        batches: row.get("batch_count")?,
        rows: row.get("row_count")?,
        sealed_at: row.time("sealed_at")?,
        hash: row.hash("seal_hash")?,
    })
}

/// The last seal.
pub(super) async fn last(tx: &mut Tx) -> Result<Option<Seal>> {
    Ok(before(tx, i64::MAX, 1).await?.pop())
}

/// Seals up to a number, the newest first.
pub(super) async fn before(tx: &mut Tx, number: i64, limit: usize) -> Result<Vec<Seal>> {
    let sql = format!("{SEAL} where number <= $1 order by number desc limit $2");
    Ok(SEALS.all(&tx.rows(&sql, &[&number, &db::limit(limit)]).await?, seal)?)
}

/// Seals from a number on.
pub(super) async fn from(tx: &mut Tx, number: i64, limit: usize) -> Result<Vec<Seal>> {
    let sql = format!("{SEAL} where number >= $1 order by number limit $2");
    Ok(SEALS.all(&tx.rows(&sql, &[&number, &db::limit(limit)]).await?, seal)?)
}

/// The seals that were made from an instant on and before another.
pub(super) async fn between(tx: &mut Tx, from: Timestamp, to: Timestamp) -> Result<Vec<Seal>> {
    let sql = format!("{SEAL} where sealed_at >= $1 and sealed_at < $2 order by number");
    Ok(SEALS.all(&tx.rows(&sql, &[&Ts(from), &Ts(to)]).await?, seal)?)
}

/// What the series remembers: the last seal, and how many rows there were before sealing began.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) last_number: i64,
    pub(super) last_hash: Option<Vec<u8>>,
    /// In the order of their forms.
    pub(super) before: [u64; FORMS],
}

/// How many rows of each form there were.
const BEFORE: [&str; FORMS] = [
    "calls_before",
    "entries_before",
    "audit_entries_before",
    "documents_before",
    "versions_before",
    "rates_before",
    "corrections_before",
    "voucher_batches_before",
    "suspense_before",
];

pub(super) async fn series(tx: &mut Tx) -> Result<Series> {
    let counts = BEFORE.join(", ");
    let sql =
        format!("select series, last_number, last_hash, {counts} from seal_series where series = 'seals'");
    let read = |row: &Row| {
        let mut before = [0; FORMS];
        for (count, column) in before.iter_mut().zip(BEFORE) {
            *count = row.count(column)?;
        }
        Ok(Series { last_number: row.get("last_number")?, last_hash: row.get("last_hash")?, before })
    };
    Ok(SERIES.one(tx.row(&sql, &[]).await?.as_ref(), read)?.unwrap_or_default())
}

pub(super) async fn insert(tx: &mut Tx, seal: &Seal) -> Result<()> {
    let sql = "insert into seals (number, previous_hash, root, batch_count, row_count, sealed_at, seal_hash)
               values ($1, $2, $3, $4, $5, $6, $7)";
    let Seal { number, previous, root, batches, rows, sealed_at, hash } = seal;
    let params: [&dyn Param; 7] =
        [number, &previous.to_vec(), &root.to_vec(), batches, rows, &Ts(*sealed_at), &hash.to_vec()];
    tx.execute(sql, &params).await?;
    let sql = "update seal_series set last_number = $1, last_hash = $2 where series = 'seals'";
    tx.execute(sql, &[number, &hash.to_vec()]).await?;
    Ok(())
}

/// Batches that wait, each with how many rows it has.
pub(super) async fn waiting(tx: &mut Tx, limit: usize) -> Result<Vec<(i64, i64)>> {
    let sql =
        "select batch_id, row_count from seal_batches where seal_number is null order by batch_id limit $1";
    sizes(&tx.rows(sql, &[&db::limit(limit)]).await?)
}

/// Batches after one, each with how many rows it has.
pub(super) async fn batches_after(tx: &mut Tx, after: i64, limit: usize) -> Result<Vec<(i64, i64)>> {
    let sql = "select batch_id, row_count from seal_batches where batch_id > $1 order by batch_id limit $2";
    sizes(&tx.rows(sql, &[&after, &db::limit(limit)]).await?)
}

fn sizes(rows: &[Row]) -> Result<Vec<(i64, i64)>> {
    Ok(BATCHES.all(rows, |row| Ok((row.get("batch_id")?, row.get("row_count")?)))?)
}

/// The leaves of some batches that follow each other.
pub(super) async fn leaves(tx: &mut Tx, batches: &[(i64, i64)]) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut found = Vec::with_capacity(batches.len());
    for some in batches.chunks(IN_LIST) {
        let ids: Vec<_> = some.iter().map(|(id, _)| *id).collect();
        let sql = format!("select batch_id, leaves from seal_batches where batch_id in ({})", in_list(1));
        let rows = tx.rows_in(&sql, &[], &ids).await?;
        found.extend(BATCHES.all::<_, Vec<_>>(&rows, |row| Ok((row.get("batch_id")?, row.get("leaves")?)))?);
    }
    found.sort_unstable_by_key(|(id, _)| *id);
    Ok(found)
}

/// Remembers of which seal batches are.
pub(super) async fn save_roots(tx: &mut Tx, seal: i64, roots: &[(i64, Digest)]) -> Result<()> {
    let sql = "update seal_batches set root = $2, seal_number = $3 where batch_id = $1";
    let rows: Vec<_> =
        roots.iter().map(|(id, root)| [Cell::Int(*id), Cell::Bytes(root), Cell::Int(seal)]).collect();
    tx.execute_each(sql, &rows).await?;
    Ok(())
}

/// A batch as its seal holds it.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) id: i64,
    pub(super) rows: i64,
    pub(super) root: Option<Digest>,
    pub(super) seal: Option<i64>,
}

fn batch(row: &Row) -> db::Result<Batch> {
    let is_sealed = row.get::<Option<Vec<u8>>>("root")?.is_some();
    Ok(Batch {
        id: row.get("batch_id")?,
        rows: row.get("row_count")?,
        root: if is_sealed { Some(row.hash("root")?) } else { None },
        seal: row.get("seal_number")?,
    })
}

/// Batches of a seal after one, by id.
pub(super) async fn of_seal(tx: &mut Tx, seal: i64, after: i64, limit: usize) -> Result<Vec<Batch>> {
    let sql = "select batch_id, row_count, root, seal_number from seal_batches
               where seal_number = $1 and batch_id > $2 order by batch_id limit $3";
    Ok(BATCHES.all(&tx.rows(sql, &[&seal, &after, &db::limit(limit)]).await?, batch)?)
}

/// Some batches, by id.
pub(super) async fn batches(tx: &mut Tx, ids: &[i64]) -> Result<Vec<Batch>> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "select batch_id, row_count, root, seal_number from seal_batches where batch_id in ({})",
            in_list(1)
        );
        found.extend(BATCHES.all::<_, Vec<_>>(&tx.rows_in(&sql, &[], some).await?, batch)?);
    }
    found.sort_unstable_by_key(|batch| batch.id);
    Ok(found)
}

/// Seals that batches name and that are not there.
pub(super) async fn missing_seals(tx: &mut Tx) -> Result<Vec<i64>> {
    let sql =
        "select distinct b.seal_number from seal_batches b left join seals s on s.number = b.seal_number
               where b.seal_number is not null and s.number is null order by b.seal_number limit 100";
    Ok(tx.rows(sql, &[]).await?.iter().map(|row| row.get("seal_number")).collect::<db::Result<_>>()?)
}
