//! The records in suspense in the database.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Flawed, Suspended, Waiting};
use crate::clock::Clock;
use crate::cursor;
use crate::db::{self, Cell, Kind, Param, Place, Row, Ts, Tx};
use crate::error::Result;
use crate::hash::{self, Hash};
use crate::id::ImportId;
use crate::seals;

const SUSPENSE: Place = Place::new("suspense", &["source", "content_hash", "line"]);

/// The records that wait in suspense, newest first.
pub async fn list(tx: &mut Tx, source: Option<&str>, limit: usize) -> Result<Vec<Suspended>> {
    list_after(tx, source, &Cursor::first(), limit).await
}

/// Where a page of records in suspense begins: right after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    seen_at: Timestamp,
    source: String,
    line: i64,
    hash: Hash,
}

impl Cursor {
    /// Before all others.
    pub fn first() -> Self {
        let seen_at = Timestamp::from_second(LAST_SECOND).unwrap_or(Timestamp::MAX);
        Self { seen_at, source: String::new(), line: 0, hash: Hash::default() }
    }

    /// The cursor that goes on after a record.
    pub fn after(record: &Suspended) -> Self {
        let Suspended { seen_at, source, line, hash, .. } = record.clone();
        Self { seen_at, source, line, hash }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (micros, line) = (self.seen_at.as_microsecond().to_string(), self.line.to_string());
        out.write_str(&cursor::encode(&[&micros, &line, &hash::hex(&self.hash), &self.source]))
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let [micros, line, hash, source] = cursor::decode(text).ok_or(())?;
        let seen_at = micros.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let seen_at = seen_at.filter(|at| (0..=LAST_SECOND).contains(&at.as_second())).ok_or(())?;
        let hash = u128::from_str_radix(&hash, 16).map_err(|_| ())?.to_be_bytes();
        Ok(Self { seen_at, source, line: line.parse().map_err(|_| ())?, hash })
    }
}

/// Of the year 2999: nothing is seen later.
const LAST_SECOND: i64 = 32_503_679_999;

/// Those after a cursor.
pub async fn list_after(
    tx: &mut Tx,
    source: Option<&str>,
    after: &Cursor,
    limit: usize,
) -> Result<Vec<Suspended>> {
    let limit = db::limit(limit);
    let sql = format!(
        "{SUSPENDED} where resolved_at is null and source = coalesce(cast($1 as text), source)
           and (seen_at < $3 or seen_at = $3 and (source, line, content_hash) > ($4, $5, $6))
         order by seen_at desc, source, line, content_hash limit $2"
    );
    let Cursor { seen_at, source: after_source, line, hash } = after;
    let params: [&dyn Param; 6] = [&source, &limit, &Ts(*seen_at), after_source, line, &hash.to_vec()];
    Ok(SUSPENSE.all(&tx.rows(&sql, &params).await?, suspended)?)
}

/// The records that wait since another one stands under their id.
pub async fn conflicts(tx: &mut Tx, source: &str, record_id: &str) -> Result<Vec<Suspended>> {
    let sql = format!(
        "{SUSPENDED} where source = $1 and record_id = $2 and reason = 'conflict' and resolved_at is null
         order by seen_at desc, line, content_hash"
    );
    Ok(SUSPENSE.all(&tx.rows(&sql, &[&source, &record_id]).await?, suspended)?)
}

const SUSPENDED: &str =
    "select source, line, import_id, record_id, reason, field, message, content, seen_at, content_hash,
    understood from suspense";

fn suspended(row: &Row) -> db::Result<Suspended> {
    Ok(Suspended {
        source: row.get("source")?,
        line: row.get("line")?,
        import_id: row.get::<Option<i64>>("import_id")?.map(ImportId),
        record_id: row.get("record_id")?,
        reason: row.get("reason")?,
        field: row.get("field")?,
        message: row.get("message")?,
        content: row.get("content")?,
        seen_at: row.time("seen_at")?,
        hash: row.hash("content_hash")?,
        understood: row.get("understood")?,
    })
}

/// The place of a record: its source, its content's hash and its line.
pub type Key = (String, Hash, i64);

/// What records that wait say, of those that could be read, after a place; each with its own.
pub async fn understood_after(tx: &mut Tx, after: &Key, limit: usize) -> Result<Vec<(Key, String)>> {
    let sql = "select source, content_hash, line, understood from suspense
               where resolved_at is null and understood is not null and (source, content_hash, line) > ($1, $2, $3)
               order by source, content_hash, line limit $4";
    let (source, hash, line) = after;
    let rows = tx.rows(sql, &[source, &hash.to_vec(), line, &db::limit(limit)]).await?;
    let read = |row: &Row| {
        let key = (row.get("source")?, row.hash("content_hash")?, row.get("line")?);
        Ok((key, row.get("understood")?))
    };
    Ok(SUSPENSE.all(&rows, read)?)
}

/// How many records wait.
pub async fn count(tx: &mut Tx) -> Result<u64> {
    let sql = "select count(*) as waiting from suspense where resolved_at is null";
    Ok(tx.counted(sql, &[], "waiting").await?)
}

/// Of a record in suspense so much is kept; it is cut only when it is longer.
const LONGEST_CONTENT: usize = 8 * 1024;

/// Puts records into suspense; one that waits already is renewed.
pub async fn put(
    tx: &mut Tx,
    source: &str,
    import: Option<ImportId>,
    suspended: &[Flawed<'_>],
    clock: &Clock,
) -> Result<()> {
    if suspended.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let batch = tx.seal_batch(|| (clock.id(), now));
    let contents: Vec<String> = suspended.iter().map(|flawed| shown(flawed.content)).collect();
    let rows = suspended.iter().zip(&contents).map(|(flawed, content)| {
        [
            Cell::Text(source),
            Cell::Bytes(&flawed.hash),
            Cell::fit(flawed.line),
            import.map(|import| import.0).into(),
            flawed.record_id.into(),
            Cell::Text(flawed.flaw.reason.code()),
            Cell::Text(flawed.flaw.field),
            Cell::Text(&flawed.flaw.message),
            Cell::Text(content),
            Cell::Time(now),
            flawed.understood.as_deref().into(),
            Cell::Int(batch),
        ]
    });
    let columns = [
        "source",
        "content_hash",
        "line",
        "import_id",
        "record_id",
        "reason",
        "field",
        "message",
        "content",
        "seen_at",
        "understood",
        "seal_batch_id",
    ];
    let definition = "source text, content_hash bytea, line bigint, import_id bigint, record_id text,
                      reason text, field text, message text, content text, seen_at timestamptz, understood text,
                      seal_batch_id bigint";
    let upsert = "insert into suspense (source, content_hash, line, import_id, record_id, reason, field,
                                        message, content, seen_at, understood, seal_batch_id, suspended_at)
                  select source, content_hash, line, import_id, record_id, reason, field, message, content,
                         seen_at, understood, seal_batch_id, seen_at
                  from given where true
                  on conflict (source, content_hash, line) do update set
                    import_id = excluded.import_id, record_id = excluded.record_id, reason = excluded.reason,
                    field = excluded.field, message = excluded.message, seen_at = excluded.seen_at, understood = excluded.understood,
                    resolved_at = null, renewals = suspense.renewals + 1
                  returning content_hash, line, content, renewals";
    for row in tx.over_rows(definition, &columns, &rows.collect::<Vec<_>>(), &[upsert]).await? {
        // One that came again is sealed already.
        if row.get::<i64>("renewals")? == 0 {
            let (hash, line): (Hash, i64) = (row.hash("content_hash")?, row.get("line")?);
            let content: String = row.get("content")?;
            let sealed = [
                Cell::Text(source),
                Cell::Bytes(&hash),
                Cell::Int(line),
                Cell::Text(&content),
                Cell::Time(now),
            ];
            seals::seal_row(tx, &seals::SUSPENDED, &sealed);
        }
    }
    Ok(())
}

/// A record as a person can read it: no database keeps a NUL in text.
fn shown(content: &[u8]) -> String {
    let cut = content.len() > LONGEST_CONTENT;
    let start = content.get(..LONGEST_CONTENT).unwrap_or(content);
    let mut text = String::from_utf8_lossy(start).replace('\0', "␀");
    if cut {
        text.push('…');
    }
    text
}

/// Takes records out of suspense: those of a content, and those of an id whose content was mended.
pub async fn resolve(
    tx: &mut Tx,
    source: &str,
    same: &[Hash],
    mended: &[&str],
    now: Timestamp,
) -> Result<()> {
    for hash in same {
        let sql = "update suspense set resolved_at = $3 where source = $1 and content_hash = $2";
        tx.execute(sql, &[&source, &hash.to_vec(), &Ts(now)]).await?;
    }
    for id in mended {
        let sql = "update suspense set resolved_at = $3
                   where source = $1 and record_id = $2 and reason <> 'conflict' and resolved_at is null";
        tx.execute(sql, &[&source, id, &Ts(now)]).await?;
    }
    Ok(())
}

/// This source's records in suspense.
pub async fn waiting(tx: &mut Tx, source: &str) -> Result<Waiting> {
    let sql =
        "select content_hash, record_id, reason from suspense where source = $1 and resolved_at is null";
    Ok(read_waiting(&tx.rows(sql, &[&source]).await?)?)
}

/// Which of a few records wait: with this content, or under this id.
pub async fn waiting_of(tx: &mut Tx, source: &str, hashes: &[Hash], ids: &[&str]) -> Result<Waiting> {
    let those = |condition: &str| {
        format!(
            "select s.content_hash, s.record_id, s.reason from :given g cross join suspense s
             where s.source = g.column1 and {condition} and s.resolved_at is null"
        )
    };
    let given: Vec<_> = hashes.iter().map(|hash| [Cell::Text(source), Cell::Bytes(hash)]).collect();
    let of_content = those("s.content_hash = g.column2");
    let mut rows = tx.rows_over(&of_content, [Kind::Text, Kind::Bytes], &given).await?;
    let given: Vec<_> = ids.iter().map(|id| [Cell::Text(source), Cell::Text(id)]).collect();
    rows.append(&mut tx.rows_over(&those("s.record_id = g.column2"), [Kind::Text; 2], &given).await?);
    Ok(read_waiting(&rows)?)
}

fn read_waiting(rows: &[Row]) -> db::Result<Waiting> {
    let mut waiting = Waiting::default();
    for row in rows {
        waiting.hashes.insert(SUSPENSE.read(row, |row| row.hash("content_hash"))?);
        if row.get::<String>("reason")? != "conflict" {
            waiting.ids.extend(row.get::<Option<String>>("record_id")?);
        }
    }
    Ok(waiting)
}

/// Removes some of the records that were seen last before an instant; answers how many.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64> {
    let limit = db::limit(limit);
    let sql = "delete from suspense where (source, content_hash, line) in (
                 select source, content_hash, line from suspense where seen_at < $1
                 order by seen_at, source, content_hash, line limit $2)";
    Ok(tx.execute(sql, &[&Ts(before), &limit]).await?)
}
