//! Did another source bring the same calls already?
//!
//! A file that is imported under another name than the last time would be charged again, each record under a key that nobody has.
//! So its first records are compared with what other sources brought for the same customers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calculation::cdr::{Flaw, Reason};
use jiff::Timestamp;

use super::batch::Incoming;
use super::content::Content;
use super::legs::talk_name;
use super::resolve::Record;
use super::store::{self, Moment};
use crate::db::Tx;
use crate::error::Result;
use crate::id::NOBODY;

/// Most of the first records are there already, under another source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which brought most of them.
    pub source: String,
    /// It is the source itself: under other ids.
    pub is_own: bool,
    /// How many of the compared records are there.
    pub found: usize,
    pub compared: usize,
}

impl std::fmt::Display for Elsewhere {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, found, compared, is_own } = self;
        if *is_own {
            return write!(
                out,
                "{found} of the first {compared} calls are there already, from this source under other ids: a corrected record keeps its id, \
                 waits as `conflict` and is put in the other's place by `tollbook suspense replace`. If they are other calls, say so: \
                 --other-calls (other_calls=true)"
            );
        }
        write!(
            out,
            "{found} of the first {compared} calls are there already, from source {source}: import the file under that name. If they are other calls, say so: \
             --other-calls (other_calls=true)"
        )
    }
}

/// Compares the first records of a source with the calls of other sources: same numbers, answer and length.
pub(super) async fn elsewhere(tx: &mut Tx, source: &str, records: &[Incoming]) -> Result<Option<Elsewhere>> {
    // What is imported again is a duplicate, not a call of another source.
    let ids: Vec<_> = records.iter().flat_map(Incoming::record_ids).collect();
    let own = store::stored(tx, source, &ids).await?;
    let is_new = |incoming: &&Incoming| !incoming.record_ids().any(|id| own.contains_key(id));
    let known = |record: &&Record| record.customer != NOBODY && record.answered_at.is_some();
    let new = records.iter().filter(is_new).filter_map(|incoming| incoming.record.as_ref().ok());
    let records: Vec<_> = new.filter(known).collect();
    let contents: Vec<Content<'_>> = records.iter().map(|record| record.content()).collect();
    let mut places: BTreeMap<Moment, Vec<usize>> = BTreeMap::new();
    for (place, content) in contents.iter().enumerate() {
        let moment = content.customer.zip(content.answered_at.map(Timestamp::as_second));
        if let Some(moment) = moment {
            places.entry(moment).or_default().push(place);
        }
    }
    let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (other_source, known) in store::answered_about(tx, places.keys()).await? {
        let moment = known.answered_at.map(|answered_at| (known.customer, answered_at.as_second()));
        let Some(places) = moment.and_then(|moment| places.get(&moment)) else { continue };
        let there = found.entry(other_source.clone()).or_default();
        for place in places {
            let Some((record, content)) = records.get(*place).zip(contents.get(*place)) else { continue };
            if there.contains(place) {
                continue;
            }
            // Within one source a call that has a name is known by it.
            let is_same = if other_source == source {
                !record.names_call && content.is_same_attempt(&known.content())
            } else {
                content.is_same_talk(&known.content())
            };
            if is_same {
                there.insert(*place);
            }
        }
    }
    let compared = contents.len();
    let most = found.into_iter().map(|(source, places)| (places.len(), source)).max();
    let most = most.filter(|(found, _)| found.saturating_mul(2) > compared);
    let is_own = |other: &str| other == source;
    Ok(most.map(|(found, most)| Elsewhere { is_own: is_own(&most), source: most, found, compared }))
}

/// Why posted records wait that say what a charged record of another source says, by their place.
pub(super) async fn told_elsewhere(
    tx: &mut Tx,
    source: &str,
    records: &[Incoming],
) -> Result<HashMap<usize, Flaw>> {
    let mut asked: BTreeMap<Moment, Vec<(usize, &Record)>> = BTreeMap::new();
    for (place, incoming) in records.iter().enumerate() {
        if let Some(record) = incoming.record.as_ref().ok().filter(|_| incoming.bill().is_some()) {
            // Another source may write whole seconds.
            let moment = (record.customer, record.started_at.as_second());
            asked.entry(moment).or_default().push((place, record));
        }
    }
    let mut told = HashMap::new();
    for (other_source, party, known) in store::begun_about(tx, source, asked.keys()).await? {
        let moment = (known.customer, known.started_at.as_second());
        for (place, record) in asked.get(&moment).into_iter().flatten() {
            let is_same = record.number() == known.number.as_deref()
                && record.other_party() == party.as_deref()
                && record.content().differences(&known.content()).is_empty();
            if is_same {
                told.entry(*place).or_insert_with(|| told_by(&other_source, &known.record_id));
            }
        }
    }
    Ok(told)
}

fn told_by(source: &str, record_id: &str) -> Flaw {
    let message = format!(
        "the same call was charged by record {}/{} of another source: it is not charged twice. If this is another call, send it with \
         other_calls=true",
        talk_name(source),
        talk_name(record_id)
    );
    Flaw::new(Reason::AnotherLeg, "start_time", message)
}
