//! Where do records come from, and how are they written there? What their operator says of a source.

use calculation::cdr::{Feed, Format, Seventeenth};
use calculation::phone_number::{NumberForm, Region};
use jiff::tz::TimeZone;

/// Where records come from and how they are written.
#[derive(Debug, Clone)]
pub struct Source {
    /// The switch or feed: with the record's id the key that prevents charging twice.
    pub name: String,
    /// How records are written; told from the first line when absent.
    pub format: Option<Format>,
    /// The zone of times without an offset, which are refused when it is unknown.
    pub zone: TimeZone,
    /// The region of calling numbers without a country code.
    pub region: Option<Region>,
    /// How it writes numbers.
    pub form: NumberForm,
    /// Channel names of trunks, for Asterisk.
    pub trunks: Vec<String>,
    /// Our column name and the header's.
    pub columns: Vec<(String, String)>,
    /// What column 17 of a `Master.csv` of 17 or 20 columns is.
    pub seventeenth: Seventeenth,
    /// Whether the calls are others than those that another source brought at the same times.
    pub other_calls: bool,
}

impl Source {
    /// A source of that name; times without an offset and numbers without a country are refused.
    pub fn new(name: &str) -> Self {
        let (trunks, columns) = (Vec::new(), Vec::new());
        Self {
            name: name.to_owned(),
            format: None,
            zone: TimeZone::unknown(),
            region: None,
            form: NumberForm::default(),
            trunks,
            columns,
            seventeenth: Seventeenth::default(),
            other_calls: false,
        }
    }

    pub(super) fn feed(&self, format: Format) -> Feed {
        let (trunks, columns) = (self.trunks.clone(), self.columns.clone());
        Feed { zone: self.zone.clone(), trunks, columns, seventeenth: self.seventeenth, ..Feed::new(format) }
    }
}

/// Who hands records in one by one, and how they write numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender {
    /// The switch or feed: with a record's id the key that prevents charging twice.
    pub source: String,
    pub form: NumberForm,
    /// Whether the calls are others than those of which another source says the same.
    pub other_calls: bool,
}

impl From<&str> for Sender {
    fn from(source: &str) -> Self {
        Self { source: source.to_owned(), form: NumberForm::default(), other_calls: false }
    }
}
