//! What does a line of NDJSON say? One object, whose values are taken as text so that no float is made of them.
//! And how is a record of any format written as such a line?

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use super::canonical::{self, BILLSEC, DURATION, Writer};
use super::line::{Cell, Line, Row, malformed, shown};
use super::{Cdr, Flaw, Reason};

/// Reads one object; `map` holds (our name, key in the file).
pub(super) fn read<'l>(line: Line<'l>, map: &[(String, String)], zone: &TimeZone) -> Result<Cdr<'l>, Flaw> {
    canonical::read(row(line, map)?, zone, Writer::Switch)
}

/// Reads what [`write`] has written.
pub(super) fn read_written(line: Line<'_>) -> Result<Cdr<'_>, Flaw> {
    canonical::read(row(line, &[])?, &TimeZone::unknown(), Writer::Ourselves)
}

/// The fields of one object.
pub(super) fn row<'l>(line: Line<'l>, map: &[(String, String)]) -> Result<Row<'l>, Flaw> {
    let Pairs(pairs) = parse(line.text)?;
    let mut row = Row::default();
    for (Text(key), value) in pairs {
        // As in a header, a mapped name is taken from where the map says, and from nowhere else.
        let is_mapped_elsewhere = map.iter().any(|(ours, theirs)| *ours == *key && *theirs != *key);
        if is_mapped_elsewhere && !map.iter().any(|(_, theirs)| *theirs == *key) {
            continue;
        }
        let ours = map.iter().find(|(_, theirs)| *theirs == *key).map_or(&*key, |(ours, _)| ours.as_str());
        let Some(slot) = canonical::slot(ours) else {
            if canonical::is_field(ours) {
                continue;
            }
            return Err(malformed(format!(
                "`{}` is no field of a record: put it inside `ext`, or map it in the feed's `columns`",
                shown(&key)
            )));
        };
        if !matches!(row.cell(slot), Cell::Absent) {
            return Err(malformed(format!("`{}` is given twice", canonical::name(slot))));
        }
        row.put(slot, cell(slot, value.get())?);
    }
    line.refuse_garbled(&row, canonical::name)?;
    Ok(row)
}

fn parse<'l, T: Deserialize<'l>>(text: &'l str) -> Result<T, Flaw> {
    // The parser's own message may repeat the whole line, so only the place is taken from it.
    serde_json::from_str(text)
        .map_err(|error| malformed(format!("no JSON object on one line, at byte {}", error.column())))
}

fn cell(slot: usize, value: &str) -> Result<Cell<'_>, Flaw> {
    match value.as_bytes() {
        b"null" => Ok(Cell::Absent),
        [b'"', ..] => {
            let Text(text) = parse(value)?;
            if text.contains('\0') {
                return Err(Flaw::new(Reason::InvalidField, canonical::name(slot), "holds a NUL character"));
            }
            Ok(Cell::Quoted(text))
        }
        [b'-' | b'0'..=b'9', ..] if matches!(slot, DURATION | BILLSEC) => Ok(Cell::Bare(value)),
        _ => {
            let message = format!("`{}` is no text: write it in quotes", shown(value));
            Err(Flaw::new(Reason::InvalidField, canonical::name(slot), message))
        }
    }
}

/// Writes a record as one line of NDJSON, which says all that was understood of it.
pub(super) fn write(cdr: &Cdr<'_>) -> String {
    let seconds = |milliseconds: Option<i64>| milliseconds.map(decimal_seconds);
    let call_id = cdr.names_call.then_some(&*cdr.call_id);
    json!({
        "record_id": cdr.record_id,
        "call_id": call_id,
        "account_ref": cdr.account_ref,
        "direction": cdr.direction.word(),
        "charged_party": cdr.charged_party.word(),
        "calling_number": cdr.calling_number,
        "called_number": cdr.called_number,
        "redirecting_number": cdr.redirecting_number,
        "service": cdr.service.word(),
        "start_time": cdr.start,
        "answer_time": cdr.answer,
        "end_time": cdr.end,
        "duration": seconds(cdr.duration_ms),
        "billsec": seconds(cdr.billsec_ms),
        "disposition": cdr.disposition.word(),
    })
    .to_string()
}

fn decimal_seconds(milliseconds: i64) -> String {
    let (whole, rest) =
        (milliseconds.unsigned_abs().div_euclid(1_000), milliseconds.unsigned_abs().rem_euclid(1_000));
    let sign = if milliseconds < 0 { "-" } else { "" };
    format!("{sign}{whole}.{rest:03}")
}

/// The pairs of an object in their order, values as they are written.
struct Pairs<'l>(Vec<(Text<'l>, &'l RawValue)>);

/// A string, borrowed unless it has escapes.
struct Text<'l>(Cow<'l, str>);

struct PairsVisitor;
struct TextVisitor;

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(PairsVisitor)
    }
}

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::with_capacity(16);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_str(TextVisitor)
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
