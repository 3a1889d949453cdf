//! Which records are charged together, and what does each say?

use calculation::cdr::{Flaw, Warnings};

use super::charge::Outcome;
use super::content::{Content, Said};
use super::import::BATCH_RECORDS;
use super::resolve::{Bill, Fate, Record};
use crate::hash::{self, Hash};
use crate::id::CustomerId;

/// One record of a batch, read and resolved, or what was wrong with it.
#[derive(Debug)]
pub struct Incoming {
    /// The line it stands on, from 1.
    pub line: u64,
    /// Of what it says; of its bytes when it could not be read.
    pub hash: Hash,
    /// Where it stands in the batch's text.
    pub content: std::ops::Range<usize>,
    pub record: std::result::Result<Record, Flaw>,
    /// What a record says that could be read and yet is flawed.
    pub(super) said: Option<Box<Said>>,
}

/// Records that are charged together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records as they came, one after the other.
    pub text: Vec<u8>,
    pub incoming: Vec<Incoming>,
}

impl Batch {
    /// One that holds many records.
    pub fn with_room() -> Self {
        Self { text: Vec::new(), incoming: Vec::with_capacity(BATCH_RECORDS) }
    }

    /// The hash of a record as it came. Records in suspense are known by it, and calls of earlier versions.
    pub(super) fn hash_of_bytes(&self, incoming: &Incoming) -> Hash {
        hash::of(self.bytes(incoming))
    }

    pub(super) fn bytes(&self, incoming: &Incoming) -> &[u8] {
        self.text.get(incoming.content.clone()).unwrap_or_default()
    }

    /// The records that may meet a session or balances.
    pub(super) fn reconciled(&self) -> impl Iterator<Item = &Record> {
        let records = self.incoming.iter().filter_map(|incoming| incoming.record.as_ref().ok());
        records.filter(|record| record.reconciles)
    }

    /// Its room, for other records.
    pub fn emptied(mut self) -> Self {
        self.text.clear();
        self.incoming.clear();
        self
    }
}

impl Incoming {
    pub(super) fn bill(&self) -> Option<&Bill> {
        match &self.record.as_ref().ok()?.fate {
            Fate::Bill(bill) => Some(bill),
            Fate::Free(_) => None,
        }
    }

    /// Whose record it is, if that could be read.
    pub(super) fn customer(&self) -> Option<CustomerId> {
        self.record.as_ref().ok().map(|record| record.customer)
    }

    /// What was unusual about a record that was taken in.
    pub(crate) fn warnings(&self, outcome: &Outcome) -> Warnings {
        match (outcome, &self.record) {
            (Outcome::Charged { .. } | Outcome::Free(_), Ok(record)) => record.warnings,
            _ => Warnings::default(),
        }
    }

    /// The record's id, if it could be read.
    pub(crate) fn record_id(&self) -> Option<&str> {
        let said = || self.said.as_ref().map(|said| said.record_id.as_str());
        self.record.as_ref().map_or_else(|_| said(), |record| Some(record.record_id()))
    }

    /// The record's id as it was written, when blanks stood at its ends: an earlier version stored calls under it.
    pub(super) fn written_id(&self) -> Option<&str> {
        let said = || self.said.as_ref().and_then(|said| said.written_id.as_deref());
        self.record.as_ref().map_or_else(|_| said(), Record::written_id)
    }

    /// Each key that the record may have.
    pub(super) fn record_ids(&self) -> impl Iterator<Item = &str> {
        let second = self.record.as_ref().ok().and_then(Record::second_id);
        self.record_id().into_iter().chain(second).chain(self.written_id())
    }

    /// What the record says, if it could be read.
    pub(super) fn says(&self) -> Option<Content<'_>> {
        let said = || self.said.as_ref().map(|said| said.content());
        self.record.as_ref().map_or_else(|_| said(), |record| Some(record.content()))
    }

    /// Whether it is charged, and the switch named its call.
    pub(super) fn names_call(&self) -> bool {
        self.bill().is_some() && self.record.as_ref().is_ok_and(|record| record.names_call)
    }

    /// Whether it is charged, and of a call that has a name of its own.
    pub(super) fn is_of_other_call(&self) -> bool {
        self.bill().is_some()
            && self
                .record
                .as_ref()
                .is_ok_and(|record| record.names_call && record.call_id() != record.record_id())
    }
}
