//! What does a canonical record say? The same rules for CSV and NDJSON.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::header::Header;
use super::line::{self, Cell, Row, columns_differ, malformed, shown};
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
const REQUIRED: [usize; 7] =
    [RECORD_ID, DIRECTION, CALLING_NUMBER, CALLED_NUMBER, START_TIME, END_TIME, DISPOSITION];

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
    if let Some(slot) = REQUIRED.into_iter().find(|slot| header.find(name(*slot)).is_none()) {
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
    line: &'l [u8],
    columns: &[Option<usize>],
    zone: &TimeZone,
) -> Result<Cdr<'l>, Flaw> {
    let mut row = Row::default();
    let found = line::split(line::text(line)?, |column, cell| {
        if let Some(slot) = columns.get(column).copied().flatten() {
            row.put(slot, cell);
        }
    })?;
    if found != columns.len() {
        return Err(columns_differ(found, &format!("the header has {}", columns.len())));
    }
    read(row, zone)
}

/// Reads a row whose slots hold what the line says.
pub(super) fn read<'l>(mut row: Row<'l>, zone: &TimeZone) -> Result<Cdr<'l>, Flaw> {
    refuse_other_than_full(row.text(RECORD_TYPE))?;
    let record_id = present(limited(row.take(RECORD_ID), name(RECORD_ID))?, name(RECORD_ID))?;
    let call_id = limited(row.take(CALL_ID), name(CALL_ID))?;
    let answer = optional_time(&row, ANSWER_TIME, zone)?;
    let end = required_time(&row, END_TIME, zone)?;
    let derived = answer.map(|answer| time::milliseconds_between(answer, end));
    if matches!(row.cell(CALLING_NUMBER), Cell::Absent) {
        return Err(missing(name(CALLING_NUMBER)));
    }
    Ok(Cdr {
        second_id: None,
        names_call: !call_id.is_empty(),
        call_id: if call_id.is_empty() { record_id.clone() } else { call_id },
        leg: leg(row.text(LEG)),
        record_id,
        account_ref: filled(limited(row.take(ACCOUNT_REF), name(ACCOUNT_REF))?),
        direction: direction(row.text(DIRECTION))?,
        charged_party: charged_party(row.text(CHARGED_PARTY))?,
        calling_number: limited(row.take(CALLING_NUMBER), name(CALLING_NUMBER))?,
        called_number: present(limited(row.take(CALLED_NUMBER), name(CALLED_NUMBER))?, name(CALLED_NUMBER))?,
        redirecting_number: filled(limited(row.take(REDIRECTING_NUMBER), name(REDIRECTING_NUMBER))?),
        service: service(row.text(SERVICE))?,
        start: required_time(&row, START_TIME, zone)?,
        answer,
        end,
        duration_ms: time::milliseconds(name(DURATION), row.text(DURATION))?,
        billsec_ms: time::milliseconds(name(BILLSEC), row.text(BILLSEC))?.or(derived),
        disposition: disposition(row.text(DISPOSITION))?,
    })
}

fn optional_time(row: &Row, slot: usize, zone: &TimeZone) -> Result<Option<Timestamp>, Flaw> {
    match row.text(slot) {
        "" => Ok(None),
        text => time::moments(name(slot), text, zone).map(|moments| Some(moments.earlier)),
    }
}

fn required_time(row: &Row, slot: usize, zone: &TimeZone) -> Result<Timestamp, Flaw> {
    optional_time(row, slot, zone)?.ok_or_else(|| missing(name(slot)))
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
    ];
    one_of("direction", text, &words, "outbound, inbound or internal")
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
        None if text.is_empty() => Err(missing(field)),
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

pub(super) fn missing(field: &'static str) -> Flaw {
    Flaw::new(Reason::MissingField, field, "is empty or absent and must be given")
}

fn present<'l>(text: Cow<'l, str>, field: &'static str) -> Result<Cow<'l, str>, Flaw> {
    if text.is_empty() { Err(missing(field)) } else { Ok(text) }
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
