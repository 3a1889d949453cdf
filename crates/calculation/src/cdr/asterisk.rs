//! What does a record of Asterisk say? `Master.csv` goes by position, a dump of a `cdr` table by header.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::canonical::{self, filled, limited, trimmed};
use super::header::Header;
use super::line::{self, Cell, Line, Row, WIDTH, columns_differ, malformed, shown};
use super::settle::{self, ClockProof, Settled, Times, epoch};
use super::time::{self, Moments, milliseconds, milliseconds_between};
use super::{Cdr, ChargedParty, Direction, Disposition, Flaw, Leg, Reason, Service, Seventeenth, Warnings};

const ACCOUNTCODE: usize = 0;
const SRC: usize = 1;
const DST: usize = 2;
const CLID: usize = 3;
const CHANNEL: usize = 4;
const DSTCHANNEL: usize = 5;
const START: usize = 6;
const ANSWER: usize = 7;
const END: usize = 8;
const DURATION: usize = 9;
const BILLSEC: usize = 10;
const DISPOSITION: usize = 11;
const UNIQUEID: usize = 12;
const LINKEDID: usize = 13;
const SEQUENCE: usize = 14;

/// The columns that we read, each at its slot, with the other names that tables give them.
const READ: [(&str, &[&str]); 15] = [
    ("accountcode", &[]),
    ("src", &[]),
    ("dst", &[]),
    ("clid", &["callerid"]),
    ("channel", &[]),
    ("dstchannel", &[]),
    ("start", &["calldate"]),
    ("answer", &["answerdate"]),
    ("end", &["enddate", "hangupdate"]),
    ("duration", &[]),
    ("billsec", &[]),
    ("disposition", &[]),
    ("uniqueid", &[]),
    ("linkedid", &[]),
    ("sequence", &[]),
];

/// `Master.csv` of `cdr_csv`: what every layout begins with; `None` is a column that we do not need.
const MASTER: [Option<usize>; 16] = [
    Some(ACCOUNTCODE),
    Some(SRC),
    Some(DST),
    None,
    Some(CLID),
    Some(CHANNEL),
    Some(DSTCHANNEL),
    None,
    None,
    Some(START),
    Some(ANSWER),
    Some(END),
    Some(DURATION),
    Some(BILLSEC),
    Some(DISPOSITION),
    None,
];

/// `Master.csv` of `cdr_custom`, the other module that writes a file of this name: clid first.
const CUSTOM: [Option<usize>; 19] = [
    Some(CLID),
    Some(SRC),
    Some(DST),
    None,
    Some(CHANNEL),
    Some(DSTCHANNEL),
    None,
    None,
    Some(START),
    Some(ANSWER),
    Some(END),
    Some(DURATION),
    Some(BILLSEC),
    Some(DISPOSITION),
    None,
    Some(ACCOUNTCODE),
    Some(UNIQUEID),
    None,
    Some(SEQUENCE),
];

/// What the operator says about the switch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switch<'f> {
    pub(super) zone: &'f TimeZone,
    pub(super) trunks: &'f [String],
}

/// Whether a table has a column that we read by this name.
pub(super) fn is_field(name: &str) -> bool {
    READ.iter().any(|(ours, others)| *ours == name || others.contains(&name))
}

fn name(slot: usize) -> &'static str {
    READ.get(slot).map_or("line", |(name, _)| name)
}

/// The columns of a table, as its header gives them.
#[derive(Debug, Clone)]
pub(super) struct Table {
    columns: Vec<Option<usize>>,
    has_answer: bool,
}

impl Table {
    /// The slot for each column, or what the header lacks; columns that we do not know are left unread.
    pub(super) fn new(header: &Header, has_trunks: bool) -> Result<Self, Flaw> {
        let mut columns = vec![None; header.width()];
        let mut has = [false; READ.len()];
        for (slot, ((ours, others), has)) in READ.iter().zip(&mut has).enumerate() {
            let mut names = std::iter::once(ours).chain(*others);
            let place = names.find_map(|name| header.find(name));
            if let Some(column) = place.and_then(|place| columns.get_mut(place)) {
                *column = Some(slot);
                *has = true;
            }
        }
        let has = |slot: usize| has.get(slot) == Some(&true);
        if !has(START) {
            return Err(header.lacks(name(START), "`start` or `calldate`"));
        }
        for slot in [SRC, DST, BILLSEC, DISPOSITION] {
            if !has(slot) {
                return Err(header.lacks(name(slot), &format!("`{}`", name(slot))));
            }
        }
        if !has(END) && !has(DURATION) {
            return Err(header.lacks(name(DURATION), "`duration` or `end`"));
        }
        if ![UNIQUEID, LINKEDID, CHANNEL].into_iter().any(has) {
            return Err(header.lacks(name(UNIQUEID), "`uniqueid`, `linkedid` or `channel`"));
        }
        for slot in [CHANNEL, DSTCHANNEL] {
            if has_trunks && !has(slot) {
                return Err(header.lacks(name(slot), &format!("`{}`, by which a trunk is known", name(slot))));
            }
        }
        Ok(Self { columns, has_answer: has(ANSWER) })
    }

    /// Reads one line of the dump.
    pub(super) fn read<'l>(&self, line: Line<'l>, switch: Switch) -> Result<Cdr<'l>, Flaw> {
        read(self.row(line)?, switch, self.has_answer)
    }

    /// The fields of one line of the dump.
    pub(super) fn row<'l>(&self, line: Line<'l>) -> Result<Row<'l>, Flaw> {
        let mut row = Row::default();
        let found = line::split(line.text, |column, cell| {
            if let Some(slot) = self.columns.get(column).copied().flatten() {
                row.put(slot, without_null(cell));
            }
        })?;
        if found != self.columns.len() {
            return Err(columns_differ(found, line.text, &format!("the header has {}", self.columns.len())));
        }
        refuse_garbled(line, &row)?;
        Ok(row)
    }
}

/// Databases write an absent value as a bare `NULL` or `\N`.
fn without_null(cell: Cell) -> Cell {
    match cell {
        Cell::Bare("NULL" | "\\N") => Cell::Absent,
        cell => cell,
    }
}

/// Reads one line of `Master.csv`, in the order of either module that writes one.
pub(super) fn read_master<'l>(
    line: Line<'l>,
    seventeenth: Seventeenth,
    switch: Switch,
) -> Result<Cdr<'l>, Flaw> {
    read(master_row(line, seventeenth)?, switch, true)
}

/// The fields of one line of `Master.csv`.
pub(super) fn master_row(line: Line<'_>, seventeenth: Seventeenth) -> Result<Row<'_>, Flaw> {
    let mut raw = Row::default();
    let found = line::split(line.text, |column, cell| raw.put(column, cell))?;
    let order = order(&raw, found, line.text, seventeenth)?;
    let mut row = Row::default();
    for (column, slot) in order.into_iter().enumerate() {
        if let Some(slot) = slot {
            row.put(slot, raw.take_cell(column));
        }
    }
    // With 17 or 20 columns nothing but the value tells a unique id from a user field.
    if matches!(found, 17 | 20) && seventeenth == Seventeenth::UniqueId && epoch(row.text(UNIQUEID)).is_none()
    {
        let message = format!(
            "`{}` is no unique id of Asterisk: if column 17 is the user field, set the feed's `seventeenth` to `userfield`",
            shown(row.text(UNIQUEID))
        );
        return Err(Flaw::new(Reason::InvalidField, name(UNIQUEID), message));
    }
    refuse_garbled(line, &row)?;
    Ok(row)
}

/// Of the caller id only the number is read, so the name in it may have bytes of any kind.
fn refuse_garbled(line: Line<'_>, row: &Row<'_>) -> Result<(), Flaw> {
    if !line.is_garbled {
        return Ok(());
    }
    let mut needed = Row::default();
    for slot in (0..READ.len()).filter(|slot| *slot != CLID) {
        needed.put(slot, Cell::Bare(row.text(slot)));
    }
    line.refuse_garbled(&needed, name)
}

/// Whether a line of this many columns is one of a `Master.csv`, by where its times stand.
pub(super) fn is_master(first_line: &str) -> bool {
    let mut raw = Row::default();
    let found = line::split(first_line, |column, cell| raw.put(column, cell));
    found.is_ok_and(|found| order(&raw, found, "", Seventeenth::UniqueId).is_ok() && has_times(&raw))
}

fn has_times(raw: &Row) -> bool {
    is_custom(raw) || (looks_like_time(raw.text(9)) && looks_like_time(raw.text(11)))
}

/// The end of `cdr_csv` is where the duration of `cdr_custom` is, and its start where the last data is.
fn is_custom(raw: &Row) -> bool {
    looks_like_time(raw.text(8)) && looks_like_time(raw.text(10)) && !looks_like_time(raw.text(11))
}

fn looks_like_time(text: &str) -> bool {
    matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, b' ', _, _, b':', _, _, b':', _, _, ..])
}

fn order(
    raw: &Row,
    found: usize,
    line: &str,
    seventeenth: Seventeenth,
) -> Result<[Option<usize>; WIDTH], Flaw> {
    let id = (seventeenth == Seventeenth::UniqueId).then_some(UNIQUEID);
    let all_ids = [Some(UNIQUEID), None, None, Some(LINKEDID), Some(SEQUENCE)];
    let one_id = [id, None, Some(LINKEDID), Some(SEQUENCE)];
    let no_id = [None, Some(LINKEDID), Some(SEQUENCE)];
    let (front, tail): (&[_], &[_]) = match found {
        18 | 19 if is_custom(raw) => (&CUSTOM, &[]),
        _ if is_custom(raw) => {
            return Err(malformed(format!(
                "{found} columns in the order of Asterisk's cdr_custom, of which 18 and 19 are known: \
                 give the file a header and read it as asterisk-table"
            )));
        }
        16 => (&MASTER, &[]),
        17 => (&MASTER, one_id.get(..1).unwrap_or_default()),
        18 => (&MASTER, all_ids.get(..2).unwrap_or_default()),
        19 => (&MASTER, &no_id),
        20 => (&MASTER, &one_id),
        21 => (&MASTER, &all_ids),
        _ => return Err(columns_differ(found, line, "a Master.csv of Asterisk has 16 to 21")),
    };
    let mut order = [None; WIDTH];
    for (place, slot) in order.iter_mut().zip(front.iter().chain(tail)) {
        *place = *slot;
    }
    Ok(order)
}

fn read<'l>(mut row: Row<'l>, switch: Switch, has_answer: bool) -> Result<Cdr<'l>, Flaw> {
    let disposition = canonical::disposition(row.text(DISPOSITION))?;
    let duration_ms = milliseconds(name(DURATION), row.text(DURATION))?;
    let billsec_ms = milliseconds(name(BILLSEC), row.text(BILLSEC))?;
    let times = times(&row, disposition, duration_ms, billsec_ms, switch.zone)?;
    let Settled { start, mut answer, end, warnings } = times.settle()?;
    if !has_answer {
        let billsec_ms = billsec_ms.filter(|billed| disposition == Disposition::Answered || *billed > 0);
        answer = billsec_ms.and_then(|billed| time::later(end, billed.checked_neg()?));
    }
    // A table that lacks a column is expected to have that value computed: no warning is counted.
    let warnings = if has_answer { warnings } else { Warnings::default() };
    let billsec_ms = billsec_ms.or_else(|| answer.map(|answer| milliseconds_between(answer, end)));
    let direction = direction(&row, switch.trunks);
    let charged = matches!(direction, Direction::Outbound | Direction::Transit)
        && disposition == Disposition::Answered
        && billsec_ms.is_some_and(|billed| billed > 0);
    let Ids { call: call_id, record: record_id, written: written_id } = ids(&mut row, charged)?;
    let second_id = answer.filter(|_| charged).map(|answer| Cow::Owned(format!("{record_id}@{answer}")));
    Ok(Cdr {
        record_id: limited(record_id.into(), "record_id")?,
        written_id: written_id.map(Cow::Owned),
        second_id,
        names_call: true,
        leg: Leg::Unknown,
        call_id, // part of the record id, so within its limit
        account_ref: filled(trimmed(limited(row.take(ACCOUNTCODE), name(ACCOUNTCODE))?)),
        direction,
        charged_party: ChargedParty::Calling,
        calling_number: limited(caller(&mut row), name(SRC))?,
        called_number: limited(row.take(DST), name(DST))?,
        redirecting_number: None,
        service: Service::Voice,
        start,
        answer,
        end,
        duration_ms,
        billsec_ms,
        disposition,
        warnings,
    })
}

/// The times of a row; an end that is missing is the duration after the start.
fn times<'z>(
    row: &Row,
    disposition: Disposition,
    duration_ms: Option<i64>,
    billsec_ms: Option<i64>,
    zone: &'z TimeZone,
) -> Result<Times<'z>, Flaw> {
    let start = optional_moments(row, START, zone)?.ok_or_else(|| Flaw::missing(name(START)))?;
    let epoch = epoch(row.text(UNIQUEID)).or_else(|| epoch(row.text(LINKEDID)));
    let answer = optional_moments(row, ANSWER, zone)?;
    let names = [name(START), name(ANSWER), name(END)];
    let end = optional_moments(row, END, zone)?;
    let times = Times { names, zone, start, answer, end, duration_ms, billsec_ms, disposition, epoch };
    if end.is_some() {
        return Ok(times);
    }
    let duration_ms = duration_ms.ok_or_else(|| Flaw::missing(name(END)))?;
    let earlier = time::later(times.first_start(), duration_ms).ok_or_else(|| {
        let message = format!("`{}` seconds after the start is not a valid time", shown(row.text(DURATION)));
        Flaw::new(Reason::InvalidField, name(DURATION), message)
    })?;
    Ok(Times { end: Some(Moments { earlier, later: None, shown_offset: None }), ..times })
}

/// What the ids of a row say about the zone of its start.
pub(super) fn clock_proof(row: &Row, zone: &TimeZone) -> Option<ClockProof> {
    let start = optional_moments(row, START, zone).ok()??;
    settle::clock_proof(start, epoch(row.text(UNIQUEID)).or_else(|| epoch(row.text(LINKEDID))))
}

fn optional_moments(row: &Row, slot: usize, zone: &TimeZone) -> Result<Option<Moments>, Flaw> {
    match row.text(slot) {
        "" | "0000-00-00 00:00:00" => Ok(None),
        text => time::moments(name(slot), text, zone).map(Some),
    }
}

fn direction(row: &Row, trunks: &[String]) -> Direction {
    let on_trunk = |slot| trunks.iter().any(|trunk| belongs_to(row.text(slot), trunk));
    match (on_trunk(CHANNEL), on_trunk(DSTCHANNEL)) {
        _ if trunks.is_empty() => Direction::Outbound,
        (true, true) => Direction::Transit,
        (true, false) => Direction::Inbound,
        (false, true) => Direction::Outbound,
        (false, false) => Direction::Internal,
    }
}

/// `PJSIP/VIOrig-00008490` belongs to `PJSIP/VIOrig`, and not to `PJSIP/VI`; `DAHDI/i1/5551234-2` to `DAHDI/i1`.
fn belongs_to(channel: &str, trunk: &str) -> bool {
    let endpoint = channel.rsplit_once('-').map_or(channel, |(endpoint, _)| endpoint);
    endpoint.strip_prefix(trunk).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The source number, or the number of the caller id `"Name" <number>` when that is empty.
fn caller<'l>(row: &mut Row<'l>) -> Cow<'l, str> {
    let src = row.take(SRC);
    if !src.is_empty() {
        return src;
    }
    match row.take(CLID) {
        Cow::Borrowed(clid) => Cow::Borrowed(number_of(clid)),
        Cow::Owned(clid) => Cow::Owned(number_of(&clid).to_owned()),
    }
}

fn number_of(clid: &str) -> &str {
    let bracketed = clid.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let number = bracketed.map_or(clid, |(number, _)| number);
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
    // A caller id without brackets may be a name, which is no number.
    if bracketed.is_some() || is_number { number } else { "" }
}

/// The ids of the call and of the record, without blanks at their ends, and the latter with them if there are any.
struct Ids<'l> {
    call: Cow<'l, str>,
    record: String,
    written: Option<String>,
}

/// The ids of the call and of the record; the head of `cdr` says why they are made this way.
fn ids<'l>(row: &mut Row<'l>, charged: bool) -> Result<Ids<'l>, Flaw> {
    let start = row.text(START).replace(' ', "T");
    let (unique_id, linked_id, sequence) = (row.text(UNIQUEID), row.text(LINKEDID), row.text(SEQUENCE));
    let (channel, far_channel) = (row.text(CHANNEL), row.text(DSTCHANNEL));
    let has_id = !unique_id.is_empty() || !linked_id.is_empty();
    if !has_id && channel.is_empty() {
        return Err(Flaw::missing(name(UNIQUEID)));
    }
    let parts: &[&str] = match (has_id, sequence) {
        (false, _) => &[&start, channel, far_channel],
        (true, "") => &[linked_id, unique_id, &start, far_channel],
        (true, _) => &[linked_id, unique_id, sequence],
    };
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    let uncharged_id = parts.join("/");
    let derived_call_id = format!("{start}/{channel}");
    let linked_id = row.take(LINKEDID);
    let call_id =
        filled(linked_id).or_else(|| filled(row.take(UNIQUEID))).unwrap_or(Cow::Owned(derived_call_id));
    let written = if charged { format!("{call_id}>{}", row.text(DST)) } else { uncharged_id };
    let call_id = trimmed(call_id);
    let record_id =
        if charged { format!("{call_id}>{}", row.text(DST).trim()) } else { written.trim().to_owned() };
    let written_id = Some(written).filter(|written| *written != record_id);
    Ok(Ids { call: call_id, record: record_id, written: written_id })
}
