//! Which records are there already, and which calls were charged?

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::CALLS;
use super::replaced::REPLACEMENTS;
use crate::calls::content::Content;
use crate::db::{self, Cell, Kind, Row, Tx};
use crate::error::Result;
use crate::hash::Hash;
use crate::id::CustomerId;

/// A call that is there, as far as a record under its key is compared with it.
#[derive(Debug, Clone)]
pub(in crate::calls) struct Known {
    pub hash: Hash,
    pub customer: CustomerId,
    pub record_id: String,
    pub call_id: String,
    pub caller: String,
    pub called: String,
    pub number: Option<String>,
    pub disposition: String,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    pub talk_seconds: i64,
    pub outcome: String,
    /// Contents of the same record that were replaced, or took its place.
    pub settled: Vec<Hash>,
}

/// The records of a source that are there, by their ids.
pub(in crate::calls) type Stored = HashMap<String, Known>;

/// Which of these records are there already, and what they say.
pub(in crate::calls) async fn stored(tx: &mut Tx, source: &str, ids: &[&str]) -> Result<Stored> {
    if ids.is_empty() {
        return Ok(Stored::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| [Cell::Text(source), Cell::Text(id)]).collect();
    let select = "select distinct c.customer_id, c.record_id, c.content_hash, c.call_id, c.caller, c.called, c.dialled,
                    c.disposition, c.started_at, c.answered_at, c.ended_at, c.talk_seconds, c.outcome
                  from given g join calls c on c.source = g.source and c.record_id = g.record_id";
    let (definition, columns) = ("source text, record_id text", ["source", "record_id"]);
    let mut stored = Stored::new();
    for row in tx.over_rows(definition, &columns, &rows, &[select]).await? {
        let known = CALLS.read(&row, known)?;
        stored.insert(known.record_id.clone(), known);
    }
    let rows: Vec<_> = stored.keys().map(|id| [Cell::Text(source), Cell::Text(id)]).collect();
    let select = "select r.record_id, r.old_hash, r.new_hash from given g
                  join call_replacements r on r.source = g.source and r.record_id = g.record_id";
    let settled = if rows.is_empty() {
        Vec::new()
    } else {
        tx.over_rows(definition, &columns, &rows, &[select]).await?
    };
    for row in settled {
        let hashes = REPLACEMENTS.read(&row, |row| Ok([row.hash("old_hash")?, row.hash("new_hash")?]))?;
        if let Some(known) = stored.get_mut(&row.get::<String>("record_id")?) {
            known.settled.extend(hashes);
        }
    }
    Ok(stored)
}

fn known(row: &Row) -> db::Result<Known> {
    Ok(Known {
        hash: row.hash("content_hash")?,
        customer: CustomerId(row.get("customer_id")?),
        record_id: row.get("record_id")?,
        call_id: row.get("call_id")?,
        caller: row.get("caller")?,
        called: row.get("called")?,
        number: row.get("dialled")?,
        disposition: row.get("disposition")?,
        started_at: row.time("started_at")?,
        answered_at: row.optional_time("answered_at")?,
        ended_at: row.time("ended_at")?,
        talk_seconds: row.count::<u32>("talk_seconds")?.into(),
        outcome: row.get("outcome")?,
        settled: Vec::new(),
    })
}

/// Calls that came under other keys of the customers of records, and that were answered at about the same time: the place of the
/// record, the source, and what the call's record said.
pub(in crate::calls) async fn around(
    tx: &mut Tx,
    source: &str,
    records: &[Content<'_>],
) -> Result<Vec<(usize, String, Known)>> {
    let given: Vec<_> = records
        .iter()
        .zip(0_i64..)
        .filter_map(|(record, place)| {
            let (customer, answered_at) = (record.customer?, record.answered_at?);
            let before = |seconds: i64| answered_at.checked_sub(SignedDuration::from_secs(seconds)).ok();
            Some([
                Cell::Int(place),
                Cell::Int(customer.0),
                Cell::Time(before(LONGEST_USUAL_RING_SECONDS)?),
                Cell::Time(before(-2)?),
                Cell::Text(source),
                Cell::Text(record.record_id),
            ])
        })
        .collect();
    // Few customers call so much that the calls of some minutes are many.
    let sql = |table: &str| {
        format!(
            "select g.column1 as place, c.source, c.customer_id, c.record_id, c.content_hash, c.call_id, c.caller, c.called,
               c.dialled, c.disposition, c.started_at, c.answered_at, c.ended_at, c.talk_seconds, c.outcome
             from :given g join {table} c on c.customer_id = g.column2
              and c.started_at >= g.column3 and c.started_at <= g.column4
             where (c.source <> g.column5 or c.record_id <> g.column6) and c.answered_at is not null"
        )
    };
    let kinds = [Kind::Int, Kind::Int, Kind::Time, Kind::Time, Kind::Text, Kind::Text];
    let found = |row: &Row| Ok((row.count("place")?, row.get("source")?, known(row)?));
    let mut rows = tx.rows_over(&sql("calls"), kinds, &given).await?;
    // What was corrected since came in that file all the same.
    rows.append(&mut tx.rows_over(&sql("replaced_calls"), kinds, &given).await?);
    Ok(CALLS.all(&rows, found)?)
}

/// Calls of another source are looked for that began to ring so long before.
const LONGEST_USUAL_RING_SECONDS: i64 = 3_600;

/// A charged talk of a call.
#[derive(Debug, Clone)]
pub(in crate::calls) struct Talk {
    pub customer: CustomerId,
    pub call_id: String,
    pub source: String,
    pub record_id: String,
    /// Who pays, when it is not the caller.
    pub charged_party: Option<String>,
    pub answered_at: Timestamp,
    pub seconds: i64,
}

const TALK: &str =
    "c.customer_id, g.call_id, c.source, c.record_id, c.charged_party, c.answered_at, c.talk_seconds";
const NOT_REVERSED: &str = "not exists (select 1 from call_replacements r where r.customer_id = c.customer_id
    and r.source = c.source and r.reversed = c.record_id and r.stored_as <> r.reversed)";

/// The talks that were charged of some customers' calls, whichever source told of them. A record whose own id is the
/// call's is found by its key, in each source that there is.
pub(in crate::calls) async fn talks_of_calls(tx: &mut Tx, calls: &[(CustomerId, &str)]) -> Result<Vec<Talk>> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let given: Vec<_> =
        calls.iter().map(|(customer, call)| [Cell::Int(customer.0), Cell::Text(call)]).collect();
    let select = format!(
        "select {TALK} from given g join calls c on c.customer_id = g.customer_id and c.call_id = g.call_id
         where c.outcome = 'charged' and c.call_id <> c.record_id and {NOT_REVERSED}
         union all
         select {TALK} from given g cross join ({SOURCES}) s
         join calls c on c.source = s.source and c.record_id = g.call_id
         where c.customer_id = g.customer_id and c.outcome = 'charged' and c.call_id = c.record_id and {NOT_REVERSED}"
    );
    let definition = "customer_id bigint, call_id text";
    let rows = tx.over_rows(definition, &["customer_id", "call_id"], &given, &[&select]).await?;
    let talk = |row: &Row| {
        Ok(Talk {
            customer: CustomerId(row.get("customer_id")?),
            call_id: row.get("call_id")?,
            source: row.get("source")?,
            record_id: row.get("record_id")?,
            charged_party: row.get("charged_party")?,
            answered_at: row.time("answered_at")?,
            seconds: row.count::<u32>("talk_seconds")?.into(),
        })
    };
    Ok(CALLS.all(&rows, talk)?)
}

/// Each source of calls: a few steps in the key instead of a look at every call.
const SOURCES: &str = "with recursive sources (source) as (
      select min(source) from calls
      union all
      select (select min(calls.source) from calls where calls.source > sources.source) from sources
      where sources.source is not null)
    select source from sources where source is not null";

/// Whether a record of a source may be a leg of a call that another record tells of: another source has calls, or some call has
/// a name of its own.
pub(in crate::calls) async fn may_have_legs(tx: &mut Tx, source: &str) -> Result<bool> {
    let sql = "select case when exists (select 1 from calls where outcome = 'charged' and call_id <> record_id)
                        or exists (select 1 from calls where source > $1) or exists (select 1 from calls where source < $1)
                      then 1 else 0 end as may";
    let row = tx.row(sql, &[&source]).await?;
    Ok(row.map_or(Ok(0), |row| row.get::<i32>("may"))? == 1)
}

/// Two records of one call that were both charged to one party for the same time.
pub(in crate::calls) async fn legs_charged_twice(tx: &mut Tx) -> Result<Vec<[Talk; 2]>> {
    let reversed = |table: &str| {
        format!(
            "exists (select 1 from call_replacements r where r.customer_id = {table}.customer_id and r.source = {table}.source
               and r.reversed = {table}.record_id and r.stored_as <> r.reversed)"
        )
    };
    let sql = format!(
        "select a.customer_id, a.call_id, a.charged_party, a.source as a_source, a.record_id as a_record, a.answered_at as a_at,
           a.talk_seconds as a_seconds, b.source as b_source, b.record_id as b_record, b.answered_at as b_at,
           b.talk_seconds as b_seconds
         from calls a join calls b on b.customer_id = a.customer_id and b.call_id = a.call_id
         where a.outcome = 'charged' and a.call_id <> a.record_id and b.outcome = 'charged' and b.call_id <> b.record_id
           and (a.source, a.record_id) < (b.source, b.record_id)
           and coalesce(a.charged_party, '') = coalesce(b.charged_party, '')
           and a.answered_at < b.ended_at and b.answered_at < a.ended_at and not {} and not {}
         order by a.source, a.record_id, b.source, b.record_id limit 1000",
        reversed("a"),
        reversed("b")
    );
    let talk = |row: &Row, one: &str| {
        let column = |name: &str| format!("{one}_{name}");
        Ok::<_, db::Error>(Talk {
            customer: CustomerId(row.get("customer_id")?),
            call_id: row.get("call_id")?,
            source: row.get(&column("source"))?,
            record_id: row.get(&column("record"))?,
            charged_party: row.get("charged_party")?,
            answered_at: row.time(&column("at"))?,
            seconds: row.count::<u32>(&column("seconds"))?.into(),
        })
    };
    let pair = |row: &Row| Ok([talk(row, "a")?, talk(row, "b")?]);
    Ok(CALLS.all(&tx.rows(&sql, &[]).await?, pair)?)
}

/// Two records of different sources that were both charged for the same talk, by numbers, times and seconds.
pub(in crate::calls) async fn told_by_two_sources(tx: &mut Tx) -> Result<Vec<(CustomerId, [String; 2])>> {
    let sql = "select a.customer_id, a.source as a_source, a.record_id as a_record, b.source as b_source, b.record_id as b_record
               from calls a join calls b on b.customer_id = a.customer_id and b.started_at = a.started_at
                 and b.answered_at = a.answered_at and b.talk_seconds = a.talk_seconds and b.dialled = a.dialled
               where a.source < b.source and a.outcome = 'charged' and b.outcome = 'charged'
                 and coalesce(a.charged_party, '') = coalesce(b.charged_party, '')
               order by a.source, a.record_id, b.source, b.record_id limit 1000";
    let pair = |row: &Row| {
        let name = |one: &str| {
            let column = |what: &str| row.get::<String>(&format!("{one}_{what}"));
            Ok::<_, db::Error>(format!("{}/{}", column("source")?, column("record")?))
        };
        Ok((CustomerId(row.get("customer_id")?), [name("a")?, name("b")?]))
    };
    Ok(CALLS.all(&tx.rows(sql, &[]).await?, pair)?)
}
