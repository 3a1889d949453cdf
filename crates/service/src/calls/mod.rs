//! What was called, what did it cost, and why? Records come in, are charged once, and stay readable.

mod ahead;
mod announce;
mod assigned;
mod batch;
mod charge;
pub mod cli;
mod content;
mod correction;
mod counter;
mod described;
mod directory;
mod elsewhere;
mod explain;
mod feed;
mod first_look;
mod held;
mod history;
pub mod http;
mod import;
mod legs;
pub mod lines;
mod notable;
mod pass;
mod posted;
mod purge;
mod quote;
mod recorded;
mod resolve;
mod source;
mod spending;
mod store;
mod texts;
mod understood;
mod usage;
mod verify;
mod waiting;
mod without;

use std::collections::BTreeMap;

use calculation::money::{Amount, Money};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use ahead::{keep_reading_ahead, read_ahead, read_before_serving};
pub use charge::{Charging, Counted, Outcome, charge};
pub(crate) use content::overlap;
pub use correction::{Correction, Current, Prepared, current, free_id, is_invoiced, remember, reverse};
pub use counter::Counter;
pub use directory::{Account, Directory};
pub use elsewhere::Elsewhere;
pub use explain::{Recomputed, Why, explain, recompute};
pub use feed::known_feed;
pub use history::{by_key, history};
pub use import::{Begun as BegunUpload, BegunImport, Import, Imported, begin as begin_import, import};
pub use notable::{Notable, countries_before, notable};
pub use posted::{Posted, charge_many, charge_records};
pub use purge::{Removed, count_purgeable, purge, unbilled_from};
pub use quote::{Quote, Quoted, quote};
pub(crate) use recorded::{RecordedTalk, recorded_talks};
pub(crate) use resolve::{Bill, Fate, Record};
pub use source::{Sender, Source};
pub use spending::{Spending, spending};
pub use store::{Cursor, ImportRow, StoredCall, itemised};
pub use usage::{
    Invoiced, InvoicedUsage, Month, MonthUse, Uses, invoiced_usage, invoiced_with, usage, usage_left,
};
pub use verify::{Verified, verify};
pub use waiting::waiting_since;
pub use without::{InvoicedCalls, RecordKey};

use crate::db::Tx;
use crate::error::Result;
use crate::hash::Hash;
use crate::id::{CreditNoteId, CustomerId, ImportId, InvoiceId};

/// The control total of an import: what came in must equal what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Control {
    /// Records in.
    pub records: u64,
    /// Records that were charged.
    pub charged: u64,
    /// Records that cost nothing: unanswered, inbound, internal, emergency.
    pub free: u64,
    /// Records that were there already, with the same content.
    pub duplicate: u64,
    /// Records that wait in suspense.
    pub suspended: u64,
}

impl Control {
    /// Counts one outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        self.records += 1;
        match outcome {
            Outcome::Charged { .. } => self.charged += 1,
            Outcome::Free(_) => self.free += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Suspended(_) => self.suspended += 1,
        }
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            records: self.records + other.records,
            charged: self.charged + other.charged,
            free: self.free + other.free,
            duplicate: self.duplicate + other.duplicate,
            suspended: self.suspended + other.suspended,
        }
    }

    /// Whether it balances.
    pub fn balances(&self) -> bool {
        self.records == self.charged + self.free + self.duplicate + self.suspended
    }
}

impl std::fmt::Display for Control {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, charged, free, duplicate, suspended } = self;
        write!(
            out,
            "{records} records = {charged} charged + {free} free + {duplicate} duplicate + {suspended} suspended"
        )
    }
}

/// Which call: `switch-a/A000123`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallKey {
    /// The switch or feed it came from.
    #[schema(example = "switch-a")]
    pub source: String,
    /// Its key within the source.
    #[schema(example = "A000123")]
    pub record_id: String,
}

impl std::str::FromStr for CallKey {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').ok_or_else(|| format!("`{text}` is no SOURCE/RECORD_ID"))?;
        Ok(Self { source: parts.0.to_owned(), record_id: parts.1.to_owned() })
    }
}

/// A call in the history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Call {
    /// The switch or feed it came from.
    #[schema(example = "switch-a")]
    pub source: String,
    /// Its key within the source.
    #[schema(example = "A000123")]
    pub record_id: String,
    /// Ties the legs of one call together.
    pub call_id: String,
    #[schema(example = "+493023125001")]
    pub caller: String,
    /// As dialled.
    #[schema(example = "0044 20 7946 0123")]
    pub called: String,
    /// As understood: E.164 or a short code; absent when it was not understood.
    #[schema(example = "+442079460123")]
    pub number: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// Seconds of talk.
    pub talk_seconds: i64,
    /// `charged`, or why it cost nothing.
    #[schema(example = "charged")]
    pub outcome: String,
    /// The destination, as the invoice shows it.
    #[schema(example = "United Kingdom")]
    pub destination: Option<String>,
    /// Seconds after the increments.
    pub billed_seconds: Option<i64>,
    /// How many of them were included in the plan.
    pub included_seconds: Option<i64>,
    /// What it cost.
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
    /// The beginning of the month it is invoiced with.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub period_start: Option<Timestamp>,
    /// The beginning of the month it belongs to, when that was invoiced already.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub late_for: Option<Timestamp>,
    /// The invoice that it is on; absent while its month is not invoiced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceOfCall>,
    /// That a corrected record took its place: what it cost was given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversed: Option<Reversal>,
    /// What the record said before it was corrected, the last first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<EarlierCall>,
}

/// The invoice that a call is on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoiceOfCall {
    #[schema(value_type = String, example = "inv_01h2x3y4z5a6b")]
    pub id: InvoiceId,
    /// Absent for the moment between issuing and numbering.
    #[schema(example = "INV-2026-000001")]
    pub number: Option<String>,
}

/// A call was reversed, and a corrected record took its place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reversal {
    #[schema(value_type = String, format = DateTime)]
    pub reversed_at: Timestamp,
    #[schema(example = "The switch's clock was wrong")]
    pub reason: String,
    /// The id of the corrected record in the same source.
    #[schema(example = "A000123~2")]
    pub replaced_by: String,
    /// What gave it back, when it was on an invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "crn_01h2x3y4z5a6b")]
    pub credit_note_id: Option<CreditNoteId>,
}

/// A call as it was charged before its record was corrected.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EarlierCall {
    /// As dialled.
    #[schema(example = "0044 20 7946 0123")]
    pub called: String,
    #[schema(example = "+442079460123")]
    pub number: Option<String>,
    /// The destination, as an invoice would have shown it.
    #[schema(example = "United Kingdom")]
    pub destination: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    /// Seconds of talk.
    pub talk_seconds: i64,
    /// `charged`, or why it cost nothing.
    #[schema(example = "charged")]
    pub outcome: String,
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
    pub reversed: Reversal,
}

/// That a corrected record took the place of another.
#[derive(Debug, Clone)]
pub struct Replacement {
    pub id: i64,
    /// Whose call was reversed.
    pub customer: CustomerId,
    pub source: String,
    pub record_id: String,
    pub old_hash: Hash,
    pub new_hash: Hash,
    /// Under which id the reversed call stood, and under which the corrected one does.
    pub reversed: String,
    pub stored_as: String,
    pub reason: String,
    pub credit_note: Option<CreditNoteId>,
    pub replaced_at: Timestamp,
}

/// An amount with its currency.
#[derive(ToSchema)]
#[schema(as = Money)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub struct MoneySchema {
    #[schema(example = "12.34")]
    amount: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
}

/// Which calls of a customer are asked for.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// Started at or after.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    /// Only those older than this one.
    pub before: Option<Cursor>,
    pub limit: usize,
}

/// Imports before one, newest first.
pub async fn imports(tx: &mut Tx, before: ImportId, limit: usize) -> Result<Vec<ImportRow>> {
    store::imports(tx, before, limit).await
}

/// An import by its id.
pub async fn import_by_id(tx: &mut Tx, id: ImportId) -> Result<Option<ImportRow>> {
    store::import(tx, id).await
}

/// How often each reason or warning occurred.
pub type Reasons = BTreeMap<&'static str, u64>;

/// What charging a call comes to, for the one who sent it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Answer {
    /// It was charged.
    Charged {
        record_id: String,
        #[schema(value_type = String, example = "cus_01h2x3y4z5a6b")]
        customer_id: CustomerId,
        #[schema(value_type = MoneySchema)]
        amount: Money,
        /// What was unusual about it (docs/operating.md); absent when nothing was.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schema(required = false, example = json!(["unassigned_number"]))]
        warnings: Vec<&'static str>,
    },
    /// It costs nothing.
    Free {
        record_id: String,
        /// Why it costs nothing.
        reason: &'static str,
        /// What was unusual about it (docs/operating.md); absent when nothing was.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schema(required = false)]
        warnings: Vec<&'static str>,
    },
    /// It was there already, with the same content.
    Duplicate { record_id: String },
    /// It cannot be charged and waits in suspense.
    Suspended { record_id: Option<String>, reason: &'static str, field: &'static str, message: String },
}

/// An amount stored as millionths.
fn amount(micros: i64) -> Amount {
    Amount::from_micros(micros)
}
