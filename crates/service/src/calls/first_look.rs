//! Is this the file that its source says it is? The first records are read before anything of them is charged.
//!
//! A wrong format or zone would fill suspense, or charge a whole file at wrong times: it is refused whole, and
//! nothing of it is stored.

use std::io::{BufReader, Read};

use calculation::cdr::{ClockProof, FirstLine, Flaw, Format, Reader, Reason, detect, other_separator};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::lines::{LineEnd, next_line};
use super::source::Source;
use crate::error::{Error, Result};

/// So many lines are looked at.
pub(super) const FIRST_LINES: usize = 100;

/// Zones that are proposed, the likelier first.
const PROPOSED: [&str; 36] = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Halifax",
    "America/St_Johns",
    "America/Bogota",
    "America/Caracas",
    "America/Anchorage",
    "Pacific/Honolulu",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Tehran",
    "Asia/Kabul",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dhaka",
    "Asia/Yangon",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

/// A reader and the format it reads.
pub(super) struct Opened {
    pub(super) reader: Reader,
    pub(super) format: Format,
}

/// A line that was read ahead.
pub(super) struct Ahead {
    pub(super) content: Vec<u8>,
    /// Absent for a header, which is no record.
    pub(super) end: Option<LineEnd>,
    /// Bytes of the input that it took.
    pub(super) bytes: u64,
}

/// The first lines of an input, kept until they are charged.
pub(super) struct Head(pub(super) Vec<Ahead>);

impl Head {
    /// The records among the lines, each with its number.
    pub(super) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let numbered = (1..).zip(&self.0);
        let records = numbered.filter(|(_, line)| line.end.is_some() && !line.content.is_empty());
        records.map(|(number, line)| (number, line.content.as_slice()))
    }
}

/// What the first look found.
pub(super) type Looked = std::result::Result<(Opened, Head), Flaw>;

/// Makes a reader by the first line, reads the lines that follow it, and judges them.
pub(super) fn look(source: &Source, input: &mut BufReader<impl Read>) -> Result<Looked> {
    let mut first = Vec::new();
    let Some(end) = next_line(input, &mut first).map_err(Error::file("the input"))? else {
        let message = "the input is empty: is it the right file?";
        return Ok(Err(Flaw::new(Reason::MalformedLine, "line", message)));
    };
    let (opened, kind) = match open(source, &first) {
        Ok(opened) => opened,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let record = (kind == FirstLine::Record).then_some(end);
    let mut head = Head(vec![Ahead { content: first, end: record, bytes: end.bytes }]);
    while head.0.len() < FIRST_LINES {
        let mut content = Vec::new();
        match next_line(input, &mut content).map_err(Error::file("the input"))? {
            Some(end) => head.0.push(Ahead { content, end: Some(end), bytes: end.bytes }),
            None => break,
        }
    }
    let refusal = wrong_zone(&opened, &head, source).or_else(|| wrong_format(&opened, &head));
    Ok(match refusal {
        Some(flaw) => Err(flaw),
        None => Ok((opened, head)),
    })
}

fn open(source: &Source, first: &[u8]) -> std::result::Result<(Opened, FirstLine), Flaw> {
    let detected = detect(first).filter(|format| {
        // The first line of a document that is spread over lines looks like NDJSON too.
        *format != Format::CanonicalNdjson || serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
    });
    let Some(format) = source.format.or(detected) else {
        if let Some(flaw) = other_separator(first) {
            return Err(flaw);
        }
        let message = "the first line tells no format: name it (csv, ndjson, asterisk, asterisk-table)";
        return Err(Flaw::new(Reason::MalformedLine, "line", message));
    };
    let (reader, kind) = Reader::new(source.feed(format), first)?;
    Ok((Opened { reader, format }, kind))
}

/// None of the records can be read: it is another format, or another layout of it.
fn wrong_format(opened: &Opened, head: &Head) -> Option<Flaw> {
    let mut count = 0_u64;
    let mut first: Option<(u64, Flaw)> = None;
    for (number, line) in head.records() {
        match opened.reader.read(line) {
            Err(flaw) if is_unreadable(flaw.reason) => {
                count += 1;
                first.get_or_insert((number, flaw));
            }
            _ => return None,
        }
    }
    let (number, flaw) = first?;
    let message = format!(
        "none of the first {count} records can be read as {}; line {number} says: {}. Is it the right format?",
        opened.format, flaw.message
    );
    Some(Flaw { message, ..flaw })
}

const fn is_unreadable(reason: Reason) -> bool {
    matches!(reason, Reason::MalformedLine | Reason::MissingField | Reason::InvalidField)
}

/// The ids of the records say that they began at other times than the zone makes of their clocks.
///
/// Where some agree, the zone is right for a part of the file: then each record is judged by itself.
fn wrong_zone(opened: &Opened, head: &Head, source: &Source) -> Option<Flaw> {
    let mut found: Option<(u64, Offset, Timestamp)> = None;
    for (number, line) in head.records() {
        match opened.reader.clock_proof(line) {
            Some(ClockProof::Agrees) => return None,
            Some(ClockProof::Fits { offset, at }) => {
                found.get_or_insert((number, offset, at));
            }
            None => {}
        }
    }
    let (number, offset, at) = found?;
    let fitting: Vec<_> = PROPOSED.into_iter().filter(|name| had_offset(name, offset, at)).take(3).collect();
    let proposal =
        if fitting.is_empty() { String::new() } else { format!(", as in {}", fitting.join(" or ")) };
    let message = format!(
        "line {number}: its id says that the call began {at}, but the clock of {} says otherwise. The clock fits an \
         offset of {offset}{proposal}: set the zone to that of the switch",
        source.zone.iana_name().unwrap_or("the zone")
    );
    Some(Flaw::new(Reason::Contradiction, "start", message))
}

fn had_offset(zone: &str, offset: Offset, at: Timestamp) -> bool {
    TimeZone::get(zone).is_ok_and(|zone| zone.to_offset(at) == offset)
}
