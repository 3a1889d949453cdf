//! What does a canonical record say? The same rules for CSV and NDJSON.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::header::Header;
use super::line::{self, Cell, Line, Row, columns_differ, malformed, shown};
use super::settle::{self, ClockProof, Settled, Times, epoch};
use super::time::Moments;
use super::{Cdr, ChargedParty, Direction, Disposition, Flaw, Leg, Reason, Service, time};

const RECORD_ID: usize = 0;
const CALL_ID: usize = 1;
const ACCOUNT_REF: usize = 2;
const DIRECTION: usize = 3;
const CHARGED_PARTY: usize = 4;
const CALLING_NUMBER: usize = 5;
const CALLED_NUMBER: usize = 6;
const REDIRECTING_NUMBER: usize = 7;
const SERVICE: usize = 8;
const START_TIME: usize = 9;
const ANSWER_TIME: usize = 10;
const END_TIME: usize = 11;
pub(super) const DURATION: usize = 12;
pub(super) const BILLSEC: usize = 13;
const DISPOSITION: usize = 14;
const RECORD_TYPE: usize = 15;
const LEG: usize = 16;

/// The fields that we read, each at its slot.
const READ: [&str; 17] = [
    "record_id",
    "call_id",
    "account_ref",
    "direction",
    "charged_party",
    "calling_number",
    "called_number",
    "redirecting_number",
    "service",
    "start_time",
    "answer_time",
    "end_time",
    "duration",
    "billsec",
    "disposition",
    "record_type",
    "leg",
];

/// Fields of the record that charge nothing; they are accepted and kept with the line, not read.
const NOT_READ: [&str; 12] = [
    "source_id",
    "dialled_number",
    "release_cause",
    "sip_status",
    "released_by",
    "sequence",
    "replaces_record_id",
    "trunk_in",
    "trunk_out",
    "carrier",
    "quantity",
    "ext",
];

/// Columns without which no line can be a record.
const REQUIRED: [usize; 6] = [RECORD_ID, DIRECTION, CALLING_NUMBER, CALLED_NUMBER, START_TIME, DISPOSITION];
/// What together says when a call ended.
const INSTEAD_OF_END: [usize; 3] = [ANSWER_TIME, DURATION, BILLSEC];

/// The longest id or number; real ones have a quarter of it.
pub(super) const LONGEST_BYTES: usize = 200;

/// The slot of a field by its name.
pub(super) fn slot(name: &str) -> Option<usize> {
    READ.iter().position(|other| *other == name)
}

/// The name of the field in a slot.
pub(super) fn name(slot: usize) -> &'static str {
    READ.get(slot).copied().unwrap_or("line")
}

/// Whether the canonical record has a field of this name, read or not.
pub(super) fn is_field(name: &str) -> bool {
    slot(name).is_some() || NOT_READ.contains(&name) || name.starts_with("ext_")
}

/// The slot for each column of a CSV file, or what its header lacks.
pub(super) fn columns(header: &Header) -> Result<Vec<Option<usize>>, Flaw> {
    let has = |slot: usize| header.find(name(slot)).is_some();
    let end = [END_TIME].into_iter().filter(|_| !INSTEAD_OF_END.into_iter().all(has));
    if let Some(slot) = REQUIRED.into_iter().chain(end).find(|slot| !has(*slot)) {
        return Err(header.lacks(name(slot), &format!("`{}`", name(slot))));
    }
    if let Some((place, unknown)) = header.first_unknown(is_field) {
        let unknown = shown(unknown);
        return Err(malformed(format!(
            "column {place} of the header, `{unknown}`, is no field of a record: call it `ext_{unknown}` to keep it unread, \
             or map it in the feed's `columns`"
        )));
    }
    let mut columns = vec![None; header.width()];
    for slot in 0..READ.len() {
        if let Some(place) = header.find(name(slot)).and_then(|column| columns.get_mut(column)) {
            *place = Some(slot);
        }
    }
    Ok(columns)
}

/// Reads one line of CSV.
pub(super) fn read_csv<'l>(
    line: Line<'l>,
    columns: &[Option<usize>],
    zone: &TimeZone,
) -> Result<Cdr<'l>, Flaw> {
    read(row(line, columns)?, zone, Writer::Switch)
}

/// The fields of one line of CSV.
pub(super) fn row<'l>(line: Line<'l>, columns: &[Option<usize>]) -> Result<Row<'l>, Flaw> {
    let mut row = Row::default();
    let found = line::split(line.text, |column, cell| {
        if let Some(slot) = columns.get(column).copied().flatten() {
            row.put(slot, without_null(slot, cell));
        }
    })?;
    if found != columns.len() {
        return Err(columns_differ(found, line.text, &format!("the header has {}", columns.len())));
    }
    line.refuse_garbled(&row, name)?;
    Ok(row)
}

/// Databases write an absent value as a bare `NULL` or `\N`.
fn without_null(slot: usize, cell: Cell) -> Cell {
    match cell {
        // A caller's number is there even when it is withheld.
        Cell::Bare("NULL" | "\\N") if slot == CALLING_NUMBER => Cell::Bare(""),
        Cell::Bare("NULL" | "\\N") => Cell::Absent,
        cell => cell,
    }
}

/// Who wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Switch,
    /// We did, of a record in any format: Asterisk's may lack a called number.
    Ourselves,
}

/// Reads a row whose slots hold what the line says.
pub(super) fn read<'l>(mut row: Row<'l>, zone: &TimeZone, writer: Writer) -> Result<Cdr<'l>, Flaw> {
    refuse_other_than_full(row.text(RECORD_TYPE))?;
    let written_id = limited(row.take(RECORD_ID), name(RECORD_ID))?;
    let record_id = present(trimmed(written_id.clone()), name(RECORD_ID))?;
    let written_id = Some(written_id).filter(|written| *written != record_id);
    let call_id = trimmed(limited(row.take(CALL_ID), name(CALL_ID))?);
    let outcome = disposition(row.text(DISPOSITION))?;
    let duration_ms = time::milliseconds(name(DURATION), row.text(DURATION))?;
    let billsec_ms = time::milliseconds(name(BILLSEC), row.text(BILLSEC))?;
    let end = moments(&row, END_TIME, zone)?;
    let start = moments(&row, START_TIME, zone)?.ok_or_else(|| Flaw::missing(name(START_TIME)))?;
    if matches!(row.cell(CALLING_NUMBER), Cell::Absent) {
        return Err(Flaw::missing(name(CALLING_NUMBER)));
    }
    let times = Times {
        names: [name(START_TIME), name(ANSWER_TIME), name(END_TIME)],
        zone,
        start,
        answer: moments(&row, ANSWER_TIME, zone)?,
        end,
        duration_ms,
        billsec_ms,
        disposition: outcome,
        // Only where a clock without offset is to be checked is it asked whether an id holds a time.
        epoch: start.shown_offset.and_then(|_| epoch(&call_id).or_else(|| epoch(&record_id))),
    };
    let direction = direction(row.text(DIRECTION))?;
    let charged_party = charged_party(row.text(CHARGED_PARTY))?;
    let mut called_number = limited(row.take(CALLED_NUMBER), name(CALLED_NUMBER))?;
    if writer == Writer::Switch {
        called_number = present(called_number, name(CALLED_NUMBER))?;
    }
    let Settled { start, answer, end, warnings } = times.settle()?;
    let derived = answer.map(|answer| time::milliseconds_between(answer, end));
    Ok(Cdr {
        second_id: None,
        names_call: !call_id.is_empty(),
        call_id: if call_id.is_empty() { record_id.clone() } else { call_id },
        leg: leg(row.text(LEG)),
        record_id,
        written_id,
        account_ref: filled(trimmed(limited(row.take(ACCOUNT_REF), name(ACCOUNT_REF))?)),
        direction,
        charged_party,
        calling_number: limited(row.take(CALLING_NUMBER), name(CALLING_NUMBER))?,
        called_number,
        redirecting_number: filled(limited(row.take(REDIRECTING_NUMBER), name(REDIRECTING_NUMBER))?),
        service: service(row.text(SERVICE))?,
        start,
        answer,
        end,
        duration_ms,
        billsec_ms: billsec_ms.or(derived),
        disposition: outcome,
        warnings,
    })
}

/// What the ids of a row say about the zone of its start.
pub(super) fn clock_proof(row: &Row, zone: &TimeZone) -> Option<ClockProof> {
    let start = moments(row, START_TIME, zone).ok()??;
    settle::clock_proof(start, epoch(row.text(CALL_ID)).or_else(|| epoch(row.text(RECORD_ID))))
}

fn moments(row: &Row, slot: usize, zone: &TimeZone) -> Result<Option<Moments>, Flaw> {
    match row.text(slot) {
        "" => Ok(None),
        text => time::moments(name(slot), text, zone).map(Some),
    }
}

fn refuse_other_than_full(record_type: &str) -> Result<(), Flaw> {
    if record_type.is_empty() || is_word(record_type, "full") {
        return Ok(());
    }
    let message =
        format!("`{}` records are not charged: send the one full record of the call", shown(record_type));
    Err(Flaw::new(Reason::UnsupportedRecord, "record_type", message))
}

fn direction(text: &str) -> Result<Direction, Flaw> {
    let words = [
        ("outbound", Direction::Outbound),
        ("inbound", Direction::Inbound),
        ("internal", Direction::Internal),
        ("transit", Direction::Transit),
    ];
    one_of("direction", text, &words, "outbound, inbound, internal or transit")
}

fn charged_party(text: &str) -> Result<ChargedParty, Flaw> {
    let words = [
        ("", ChargedParty::Calling),
        ("calling", ChargedParty::Calling),
        ("called", ChargedParty::Called),
        ("redirecting", ChargedParty::Redirecting),
    ];
    one_of("charged_party", text, &words, "calling, called or redirecting")
}

/// Switches have words of their own for a leg, and none of them changes what is charged: one that is not known says nothing.
fn leg(text: &str) -> Leg {
    let words = [
        ("a", Leg::Originating),
        ("originating", Leg::Originating),
        ("b", Leg::Terminating),
        ("terminating", Leg::Terminating),
        ("forwarded", Leg::Forwarded),
        ("transferred", Leg::Transferred),
    ];
    words.iter().find(|(word, _)| is_word(text, word)).map_or(Leg::Unknown, |(_, leg)| *leg)
}

fn service(text: &str) -> Result<Service, Flaw> {
    let words = [
        ("", Service::Voice),
        ("voice", Service::Voice),
        ("sms", Service::Sms),
        ("mms", Service::Mms),
        ("data", Service::Data),
        ("fax", Service::Fax),
        ("video", Service::Video),
    ];
    one_of("service", text, &words, "voice, sms, mms, data, fax or video")
}

/// Reads how a call ended, in any case, with spaces or underscores: `NO ANSWER`, `no_answer`.
pub(super) fn disposition(text: &str) -> Result<Disposition, Flaw> {
    let words = [
        ("answered", Disposition::Answered),
        ("noanswer", Disposition::NoAnswer),
        ("busy", Disposition::Busy),
        ("failed", Disposition::Failed),
        ("cancelled", Disposition::Cancelled),
        ("canceled", Disposition::Cancelled),
        ("cancel", Disposition::Cancelled),
        ("congestion", Disposition::Congestion),
    ];
    one_of("disposition", text, &words, "ANSWERED, NO_ANSWER, BUSY, FAILED, CANCELLED or CONGESTION")
}

fn one_of<T: Copy>(field: &'static str, text: &str, words: &[(&str, T)], choice: &str) -> Result<T, Flaw> {
    match words.iter().find(|(word, _)| is_word(text, word)) {
        Some((_, value)) => Ok(*value),
        None if text.is_empty() => Err(Flaw::missing(field)),
        None => {
            let message = format!("`{}` is none of {choice}", shown(text));
            Err(Flaw::new(Reason::InvalidField, field, message))
        }
    }
}

/// Whether the text is this lowercase word, whatever its case, spaces and underscores.
fn is_word(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return text.is_empty();
    }
    let letters = text.bytes().filter(|byte| !matches!(byte, b' ' | b'_' | b'-'));
    letters.map(|byte| byte.to_ascii_lowercase()).eq(word.bytes())
}

/// An id without blanks at its ends, which tell nothing and would make another id of it.
pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn present<'l>(text: Cow<'l, str>, field: &'static str) -> Result<Cow<'l, str>, Flaw> {
    if text.is_empty() { Err(Flaw::missing(field)) } else { Ok(text) }
}

pub(super) fn filled(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.is_empty() { None } else { Some(text) }
}

/// Refuses an id or number that is longer than any real one, such as half a file behind a lost quote.
pub(super) fn limited<'l>(text: Cow<'l, str>, field: &'static str) -> Result<Cow<'l, str>, Flaw> {
    if text.len() <= LONGEST_BYTES {
        return Ok(text);
    }
    let message = format!("has {} bytes, at most {LONGEST_BYTES} are read: `{}`", text.len(), shown(&text));
    Err(Flaw::new(Reason::InvalidField, field, message))
}
