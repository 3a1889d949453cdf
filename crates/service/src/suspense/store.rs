//! The records in suspense in the database.

use jiff::Timestamp;

use super::{Flawed, Suspended, Waiting};
use crate::db::{self, Cell, Row, Ts, Tx};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::ImportId;

/// The records that wait in suspense, newest first.
pub async fn list(tx: &mut Tx, source: Option<&str>, limit: usize) -> Result<Vec<Suspended>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "select source, line, import_id, record_id, reason, field, message, content, seen_at
               from suspense where resolved_at is null and source = coalesce(cast($1 as text), source)
               order by seen_at desc, source, line limit $2";
    let suspended = |row: &Row| {
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
        })
    };
    Ok(tx.rows(sql, &[&source, &limit]).await?.iter().map(suspended).collect::<db::Result<_>>()?)
}

/// How many records wait.
pub async fn count(tx: &mut Tx) -> Result<u64> {
    let sql = "select count(*) as waiting from suspense where resolved_at is null";
    let row = tx.row(sql, &[]).await?;
    let waiting = row.map(|row| row.get::<i64>("waiting")).transpose()?;
    Ok(waiting.unwrap_or_default().unsigned_abs())
}

/// Of a record in suspense so much is kept; it is cut only when it is longer.
const LONGEST_CONTENT: usize = 8 * 1024;

/// Puts records into suspense; one that waits already is renewed.
pub async fn put(
    tx: &mut Tx,
    source: &str,
    import: Option<ImportId>,
    suspended: &[Flawed<'_>],
    now: Timestamp,
) -> Result<()> {
    if suspended.is_empty() {
        return Ok(());
    }
    let contents: Vec<String> = suspended.iter().map(|flawed| shown(flawed.content)).collect();
    let rows = suspended.iter().zip(&contents).map(|(flawed, content)| {
        [
            Cell::Text(source),
            Cell::Bytes(&flawed.hash),
            Cell::Int(i64::try_from(flawed.line).unwrap_or(i64::MAX)),
            import.map(|import| import.0).into(),
            flawed.record_id.into(),
            Cell::Text(flawed.flaw.reason.code()),
            Cell::Text(flawed.flaw.field),
            Cell::Text(&flawed.flaw.message),
            Cell::Text(content),
            Cell::Time(now),
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
    ];
    let definition = "source text, content_hash bytea, line bigint, import_id bigint, record_id text,
                      reason text, field text, message text, content text, seen_at timestamptz";
    let upsert = "insert into suspense (source, content_hash, line, import_id, record_id, reason, field,
                                        message, content, seen_at)
                  select source, content_hash, line, import_id, record_id, reason, field, message, content,
                         seen_at
                  from given where true
                  on conflict (source, content_hash, line) do update set
                    import_id = excluded.import_id, record_id = excluded.record_id, reason = excluded.reason,
                    field = excluded.field, message = excluded.message, seen_at = excluded.seen_at,
                    resolved_at = null";
    tx.over_rows(definition, &columns, &rows.collect::<Vec<_>>(), &[upsert]).await?;
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
    let mut waiting = Waiting::default();
    for row in tx.rows(sql, &[&source]).await? {
        waiting.hashes.insert(row.get::<Vec<u8>>("content_hash")?.try_into().unwrap_or_default());
        if row.get::<String>("reason")? != "conflict" {
            waiting.ids.extend(row.get::<Option<String>>("record_id")?);
        }
    }
    Ok(waiting)
}

/// Which of a few records wait.
pub async fn waiting_of(tx: &mut Tx, source: &str, hashes: &[Hash]) -> Result<Waiting> {
    let mut waiting = Waiting::default();
    for hash in hashes {
        let sql = "select line from suspense where source = $1 and content_hash = $2 and resolved_at is null limit 1";
        if tx.row(sql, &[&source, &hash.to_vec()]).await?.is_some() {
            waiting.hashes.insert(*hash);
        }
    }
    Ok(waiting)
}
