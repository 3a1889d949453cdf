//! Is a record a further leg of a call that was charged?
//!
//! Switches write several records of one call: of both legs, of a forwarded one, of each switch that it passed. They name the
//! call alike, and their talks are at the same time. What one party pays of a call is charged once.

use std::collections::{BTreeSet, HashMap, HashSet};

use calculation::cdr::{Flaw, Leg, Reason};
use jiff::Timestamp;

use super::batch::{Batch, Incoming};
use super::charge::FEW;
use super::content::overlap;
use super::resolve::{Fate, Record};
use super::store::{self, Talk};
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// The charged talks of calls that a batch has records of.
#[derive(Debug, Clone, Default)]
pub(super) struct Legs {
    talks: HashMap<(CustomerId, String), Vec<Talk>>,
    /// Calls that several records of the batch may tell of.
    shared: BTreeSet<String>,
}

/// A record that is charged, if the switch named its call.
fn named(incoming: &Incoming) -> Option<&Record> {
    let record = incoming.record.as_ref().ok()?;
    (record.names_call && matches!(record.fate, Fate::Bill(_))).then_some(record)
}

impl Legs {
    /// Those of a batch whose customers are held.
    pub(super) async fn load(tx: &mut Tx, source: &str, batch: &Batch) -> Result<Self> {
        let records = || batch.incoming.iter().filter_map(named);
        let apart = records().filter(|record| record.call_id() != record.record_id());
        let mut legs =
            Self { shared: apart.map(|record| record.call_id().to_owned()).collect(), ..Self::default() };
        if records().next().is_none() {
            return Ok(legs);
        }
        // Most feeds have one record a call: then nothing is asked for each of them.
        let asks_all = batch.incoming.len() <= FEW || store::may_have_legs(tx, source).await?;
        let asked = records().filter(|record| asks_all || legs.shared.contains(record.call_id()));
        let calls: HashSet<_> = asked.map(|record| (record.customer, record.call_id())).collect();
        let calls: Vec<_> = calls.into_iter().collect();
        for talk in store::talks_of_calls(tx, &calls).await? {
            legs.keep(talk);
        }
        Ok(legs)
    }

    fn keep(&mut self, talk: Talk) {
        self.talks.entry((talk.customer, talk.call_id.clone())).or_default().push(talk);
    }

    /// Remembers a record of the batch that is charged now.
    pub(super) fn note(&mut self, source: &str, record_id: &str, record: &Record) {
        if !record.names_call || !self.shared.contains(record.call_id()) {
            return;
        }
        let Some((answered_at, seconds)) = talk_of(record) else { return };
        self.keep(Talk {
            customer: record.customer,
            call_id: record.call_id().to_owned(),
            source: source.to_owned(),
            record_id: record_id.to_owned(),
            charged_party: record.other_party().map(str::to_owned),
            answered_at,
            seconds,
        });
    }

    /// Why a record waits: the same party was charged for the same time of the same call.
    pub(super) fn refusal(&self, source: &str, record_id: &str, record: &Record) -> Option<Flaw> {
        if !record.names_call || self.talks.is_empty() {
            return None;
        }
        let talks = self.talks.get(&(record.customer, record.call_id().to_owned()))?;
        let own = talk_of(record);
        let other = talks.iter().find(|talk| {
            (talk.source.as_str(), talk.record_id.as_str()) != (source, record_id)
                && talk.charged_party.as_deref() == record.other_party()
                && overlap(own, Some((talk.answered_at, talk.seconds)))
        })?;
        let leg = match record.leg {
            Leg::Unknown => "this",
            Leg::Originating => "the originating leg",
            Leg::Terminating => "the terminating leg",
            Leg::Forwarded => "the forwarded leg",
            Leg::Transferred => "the transferred leg",
        };
        let message = format!(
            "call {} was charged by record {}/{} for the same time: {leg} is not charged besides. If another party pays it, \
             name that in `charged_party`; if it is another call, send it under a `call_id` of its own",
            record.call_id(),
            talk_name(&other.source),
            talk_name(&other.record_id)
        );
        Some(Flaw::new(Reason::AnotherLeg, "call_id", message))
    }
}

fn talk_of(record: &Record) -> Option<(Timestamp, i64)> {
    Some((record.answered_at?, record.talk_seconds.into()))
}

/// No message repeats an id without end.
pub(super) fn talk_name(id: &str) -> String {
    id.chars().take(80).collect()
}
