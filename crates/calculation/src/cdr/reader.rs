//! How are the lines of a feed read? By its format, and by what its operator says about it.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::asterisk::{self, Switch, Table};
use super::header::Header;
use super::line::{self, Line, malformed, shown};
use super::settle::ClockProof;
use super::{Cdr, Flaw, canonical, json};

/// The shapes of files that we read.
///
/// ```
/// use calculation::cdr::Format;
/// assert_eq!("asterisk-table".parse(), Ok(Format::AsteriskTable));
/// assert_eq!(Format::CanonicalNdjson.to_string(), "ndjson");
/// assert!("excel".parse::<Format>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `csv`: our record, comma-separated, with a header.
    Canonical,
    /// `ndjson`: our record, one JSON object a line.
    CanonicalNdjson,
    /// `asterisk`: `Master.csv` by position, of 16 to 21 columns.
    AsteriskMaster,
    /// `asterisk-table`: a dump of a `cdr` table, with a header.
    AsteriskTable,
}

/// A text that names no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format of records: csv, ndjson, asterisk or asterisk-table")]
pub struct UnknownFormat(String);

/// What column 17 of a `Master.csv` with 17 or 20 columns is, which its lines do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Seventeenth {
    /// The unique id: `loguniqueid=yes` in Asterisk's `cdr.conf`.
    #[default]
    UniqueId,
    /// The user field: `loguserfield=yes`.
    UserField,
}

/// What an operator says about the files of one source.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The shape of its files.
    pub format: Format,
    /// Whose clock showed the times that have no offset; while it is unknown, they are refused.
    pub zone: TimeZone,
    /// Asterisk's names of the channels to the network, such as `PJSIP/VIOrig`; they tell outbound from inbound.
    pub trunks: Vec<String>,
    /// Our field name and the name that the file has for it.
    pub columns: Vec<(String, String)>,
    /// What column 17 of a `Master.csv` is.
    pub seventeenth: Seventeenth,
}

/// What the first line of a file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// Names of columns; records begin on the next line.
    Header,
    /// A record, to be read like every other line.
    Record,
}

/// Reads the lines of one file.
///
/// ```
/// use calculation::cdr::{Disposition, Feed, FirstLine, Format, Reader};
/// let header = b"record_id,direction,calling_number,called_number,start_time,answer_time,end_time,disposition";
/// let (reader, first) = Reader::new(Feed::new(Format::Canonical), header)?;
/// assert_eq!(first, FirstLine::Header);
///
/// let cdr = reader.read(
///     b"a-1,outbound,+4930123456,+442079460000,2026-03-01T12:00:00Z,2026-03-01T12:00:05Z,2026-03-01T12:01:05Z,ANSWERED",
/// )?;
/// assert_eq!((cdr.disposition, cdr.billsec_ms), (Disposition::Answered, Some(60_000)));
///
/// let flaw = reader.read(b"a-2,outbound,\"+4930").unwrap_err();
/// assert_eq!(flaw.to_string(), "line: a quote that is not closed on its line in column 3, at byte 14");
/// # Ok::<(), calculation::cdr::Flaw>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    zone: TimeZone,
    trunks: Vec<String>,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    Csv(Vec<Option<usize>>),
    Ndjson(Vec<(String, String)>),
    /// As [`Cdr::to_json`] writes it.
    Written,
    Master(Seventeenth),
    Table(Table),
}

impl Feed {
    /// A feed of this format, of no known zone, without trunks and map of columns.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            zone: TimeZone::unknown(),
            trunks: Vec::new(),
            columns: Vec::new(),
            seventeenth: Seventeenth::default(),
        }
    }
}

impl Reader {
    /// A reader for the file that begins with `first_line`, and what that line was.
    ///
    /// What is wrong here is wrong with the whole file: a header that lacks a column, or a map that does not fit.
    pub fn new(feed: Feed, first_line: &[u8]) -> Result<(Self, FirstLine), Flaw> {
        let Feed { format, zone, trunks, columns, seventeenth } = feed;
        let (layout, first) = match format {
            Format::Canonical => {
                let header = Header::read(first_line, &columns, canonical::is_field)?;
                (Layout::Csv(canonical::columns(&header)?), FirstLine::Header)
            }
            Format::CanonicalNdjson => (Layout::Ndjson(key_map(columns)?), FirstLine::Record),
            Format::AsteriskMaster => {
                refuse_map(&columns)?;
                (Layout::Master(seventeenth), FirstLine::Record)
            }
            Format::AsteriskTable => {
                let header = Header::read(first_line, &columns, asterisk::is_field)?;
                (Layout::Table(Table::new(&header, !trunks.is_empty())?), FirstLine::Header)
            }
        };
        Ok((Self { zone, trunks, layout }, first))
    }

    /// A reader for what [`Cdr::to_json`] has written, whatever format the record came in.
    pub fn written() -> Self {
        Self { zone: TimeZone::unknown(), trunks: Vec::new(), layout: Layout::Written }
    }

    /// Reads one line, given without its newline, as one record.
    ///
    /// Only the fields that are read must be UTF-8.
    pub fn read<'l>(&self, line: &'l [u8]) -> Result<Cdr<'l>, Flaw> {
        let bytes = line::bytes(line)?;
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.read_text(Line { text, is_garbled: false });
        }
        let text = String::from_utf8_lossy(bytes);
        self.read_text(Line { text: &text, is_garbled: true }).map(Cdr::into_owned)
    }

    fn read_text<'l>(&self, line: Line<'l>) -> Result<Cdr<'l>, Flaw> {
        let switch = Switch { zone: &self.zone, trunks: &self.trunks };
        match &self.layout {
            Layout::Csv(columns) => canonical::read_csv(line, columns, &self.zone),
            Layout::Ndjson(map) => json::read(line, map, &self.zone),
            Layout::Written => json::read_written(line),
            Layout::Master(seventeenth) => asterisk::read_master(line, *seventeenth, switch),
            Layout::Table(table) => table.read(line, switch),
        }
    }

    /// What an id in the line that holds a time says about the zone of the feed; nothing when it has no such id,
    /// its start has an offset of its own, or the two tell nothing about each other.
    pub fn clock_proof(&self, line: &[u8]) -> Option<ClockProof> {
        let text = line::text(line).ok()?;
        let line = Line { text: &text, is_garbled: false };
        match &self.layout {
            Layout::Csv(columns) => canonical::clock_proof(&canonical::row(line, columns).ok()?, &self.zone),
            Layout::Ndjson(map) => canonical::clock_proof(&json::row(line, map).ok()?, &self.zone),
            // Its times have an offset.
            Layout::Written => None,
            Layout::Master(seventeenth) => {
                asterisk::clock_proof(&asterisk::master_row(line, *seventeenth).ok()?, &self.zone)
            }
            Layout::Table(table) => asterisk::clock_proof(&table.row(line).ok()?, &self.zone),
        }
    }
}

/// Guesses the format of a file from its first line; nothing when it looks like none of ours.
///
/// ```
/// use calculation::cdr::{Format, detect};
/// assert_eq!(detect(br#"{"record_id":"a-1"}"#), Some(Format::CanonicalNdjson));
/// assert_eq!(detect(b"calldate,clid,src,dst,duration,billsec,disposition"), Some(Format::AsteriskTable));
/// assert_eq!(detect(b"Hello"), None);
/// ```
pub fn detect(first_line: &[u8]) -> Option<Format> {
    let text = line::text(first_line).ok()?;
    if text.trim_start().starts_with('{') {
        return Some(Format::CanonicalNdjson);
    }
    if asterisk::is_master(&text) {
        return Some(Format::AsteriskMaster);
    }
    let header = Header::read(first_line, &[], |_| true).ok()?;
    let has = |name: &str| header.find(name).is_some();
    if has("record_id") && has("start_time") {
        return Some(Format::Canonical);
    }
    if (has("calldate") || has("start")) && has("dst") && has("disposition") {
        return Some(Format::AsteriskTable);
    }
    None
}

/// What to do about a first line that other characters than commas part into fields; nothing when commas do.
///
/// ```
/// use calculation::cdr::other_separator;
/// assert!(other_separator(b"record_id;direction;start_time;end_time").unwrap().message.contains("semicolons"));
/// assert_eq!(other_separator(b"record_id,direction,start_time"), None);
/// ```
pub fn other_separator(first_line: &[u8]) -> Option<Flaw> {
    Header::read(first_line, &[], |_| true).err().filter(|flaw| flaw.message.contains("separated by"))
}

fn key_map(columns: Vec<(String, String)>) -> Result<Vec<(String, String)>, Flaw> {
    match columns.iter().find(|(ours, _)| !canonical::is_field(ours)) {
        Some((ours, _)) => Err(malformed(format!(
            "the feed's `columns` map to `{}`, which is no field of a record: docs/cdr-formats.md lists them",
            shown(ours)
        ))),
        None => Ok(columns),
    }
}

fn refuse_map(columns: &[(String, String)]) -> Result<(), Flaw> {
    if columns.is_empty() {
        return Ok(());
    }
    Err(malformed(
        "a Master.csv has no header that the feed's `columns` could map: \
         remove them, or give the file a header and read it as asterisk-table",
    ))
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Canonical => "csv",
            Self::CanonicalNdjson => "ndjson",
            Self::AsteriskMaster => "asterisk",
            Self::AsteriskTable => "asterisk-table",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        [Self::Canonical, Self::CanonicalNdjson, Self::AsteriskMaster, Self::AsteriskTable]
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat(shown(text)))
    }
}
