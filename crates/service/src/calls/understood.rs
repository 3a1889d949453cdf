//! What does a record in suspense say, whatever its format and wherever its file is?

use calculation::cdr::{Cdr, Feed, Flaw, Format, Reader};
use calculation::phone_number::{NumberForm, Region};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// How the records of a source are read.
#[derive(Debug, Clone)]
pub(super) struct ReadBy {
    pub reader: Reader,
    /// The region of calling numbers without a country code.
    pub region: Option<Region>,
    /// How numbers are written.
    pub form: NumberForm,
}

/// A record as it was understood, and what its source knew besides.
#[derive(Serialize, Deserialize)]
struct Understood<'t> {
    #[serde(borrow)]
    record: &'t RawValue,
    region: Option<Region>,
    /// Absent in what earlier versions kept.
    #[serde(default)]
    form: NumberForm,
}

impl ReadBy {
    /// As our own record, one JSON object a line.
    pub(super) fn ndjson() -> Result<Self> {
        match Reader::new(Feed::new(Format::CanonicalNdjson), b"{}") {
            Ok((reader, _)) => Ok(Self { reader, region: None, form: NumberForm::default() }),
            Err(flaw) => Err(Error::Other(flaw.to_string())),
        }
    }

    /// What a record says, as text; nothing when it cannot be read.
    pub(super) fn understood(&self, content: &[u8]) -> Option<String> {
        let json = self.reader.read(content).ok()?.to_json();
        let record: &RawValue = serde_json::from_str(&json).ok()?;
        serde_json::to_string(&Understood { record, region: self.region, form: self.form }).ok()
    }

    /// The line of such a text, and how its numbers are read.
    pub(super) fn again(text: &str) -> Result<(Self, &str)> {
        let read: Understood<'_> = serde_json::from_str(text)
            .map_err(|error| Error::Contradiction(format!("a record in suspense: {error}")))?;
        let read_by = Self { reader: Reader::written(), region: read.region, form: read.form };
        Ok((read_by, read.record.get()))
    }

    pub(super) fn read<'l>(&self, line: &'l [u8]) -> std::result::Result<Cdr<'l>, Flaw> {
        self.reader.read(line)
    }
}
