//! Which records are there already, and which calls were charged?

use std::collections::HashMap;

use jiff::Timestamp;

use super::CALLS;
use super::replaced::REPLACEMENTS;
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

const KNOWN: &str =
    "c.customer_id, c.record_id, c.content_hash, c.call_id, c.caller, c.called, c.dialled, c.disposition, c.started_at,
    c.answered_at, c.ended_at, c.talk_seconds, c.outcome";

/// Which of these records are there already, and what they say.
pub(in crate::calls) async fn stored(tx: &mut Tx, source: &str, ids: &[&str]) -> Result<Stored> {
    if ids.is_empty() {
        return Ok(Stored::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| [Cell::Text(source), Cell::Text(id)]).collect();
    let select = format!(
        "select distinct {KNOWN} from given g join calls c on c.source = g.source and c.record_id = g.record_id"
    );
    let (definition, columns) = ("source text, record_id text", ["source", "record_id"]);
    let mut stored = Stored::new();
    for row in tx.over_rows(definition, &columns, &rows, &[&select]).await? {
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

/// The second in which a call of a customer was answered, or began.
pub(in crate::calls) type Moment = (CustomerId, i64);

/// The calls of customers that were answered in or between some seconds: the source, and what the call's record said. Where seconds are
/// close to each other the calls of all of them are read once.
pub(in crate::calls) async fn answered_about(
    tx: &mut Tx,
    moments: impl Iterator<Item = &Moment>,
) -> Result<Vec<(String, Known)>> {
    let given: Vec<_> = spans(moments, LONGEST_USUAL_RING_SECONDS)
        .into_iter()
        .filter_map(|(customer, [from, to])| {
            let first_ring = instant(from - LONGEST_USUAL_RING_SECONDS)?;
            Some([Cell::Int(customer.0), instant(from)?, instant(to + 1)?, first_ring, instant(to + 3)?])
        })
        .collect();
    let sql = |table: &str| {
        format!(
            "select c.source, {KNOWN}
             from :given g join {table} c on c.customer_id = g.column1
              and c.started_at >= g.column4 and c.started_at < g.column5
             where c.answered_at >= g.column2 and c.answered_at < g.column3"
        )
    };
    let kinds = [Kind::Int, Kind::Time, Kind::Time, Kind::Time, Kind::Time];
    let found = |row: &Row| Ok((row.get("source")?, known(row)?));
    let mut rows = tx.rows_over(&sql("calls"), kinds, &given).await?;
    // What was corrected since came in that file all the same.
    rows.append(&mut tx.rows_over(&sql("replaced_calls"), kinds, &given).await?);
    Ok(CALLS.all(&rows, found)?)
}

/// Calls of another source are looked for that began to ring so long before.
const LONGEST_USUAL_RING_SECONDS: i64 = 3_600;

fn instant(second: i64) -> Option<Cell<'static>> {
    Timestamp::from_second(second).ok().map(Cell::Time)
}

/// Charged calls of other sources than one that began in or between some seconds: the source, who pays besides the customer, and what the
/// call's record said. Where seconds are close to each other the calls of all of them are read once.
pub(in crate::calls) async fn begun_about(
    tx: &mut Tx,
    source: &str,
    moments: impl Iterator<Item = &Moment>,
) -> Result<Vec<(String, Option<String>, Known)>> {
    let given: Vec<_> = spans(moments, CLOSE_SECONDS)
        .into_iter()
        .filter_map(|(customer, [from, to])| {
            Some([Cell::Int(customer.0), instant(from)?, instant(to + 1)?, Cell::Text(source)])
        })
        .collect();
    let sql = format!(
        "select c.source, c.charged_party, {KNOWN}
         from :given g join calls c on c.customer_id = g.column1 and c.started_at >= g.column2 and c.started_at < g.column3
         where c.source <> g.column4 and c.outcome = 'charged'"
    );
    let kinds = [Kind::Int, Kind::Time, Kind::Time, Kind::Text];
    let found = |row: &Row| Ok((row.get("source")?, row.get("charged_party")?, known(row)?));
    Ok(CALLS.all(&tx.rows_over(&sql, kinds, &given).await?, found)?)
}

/// Seconds of a customer, in their order, as spans without longer gaps.
fn spans<'a>(moments: impl Iterator<Item = &'a Moment>, longest_gap: i64) -> Vec<(CustomerId, [i64; 2])> {
    let mut spans: Vec<(CustomerId, [i64; 2])> = Vec::new();
    for (customer, second) in moments {
        match spans.last_mut() {
            Some((last, [_, to])) if last == customer && *second <= *to + longest_gap => *to = *second,
            _ => spans.push((*customer, [*second; 2])),
        }
    }
    spans
}

/// Calls that began within so many seconds of each other are read together.
const CLOSE_SECONDS: i64 = 60;

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
/// a name of its own. Asked in an index's order, which is followed to its first row: `exists` would be looked for in all calls.
pub(in crate::calls) async fn may_have_legs(tx: &mut Tx, source: &str) -> Result<bool> {
    let sql =
        "select case when (select customer_id from calls where outcome = 'charged' and call_id <> record_id
                                 order by customer_id, call_id limit 1) is not null
                        or (select min(source) from calls) <> $1 or (select max(source) from calls) <> $1
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
                 and (a.call_id = b.call_id or a.call_id = a.record_id or b.call_id = b.record_id)
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
