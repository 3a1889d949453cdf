//! Where switches hand records in one by one: those that come together are charged in one transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::charge::Counted;
use super::posted::{charge_free, charge_records};
use super::source::Sender;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::group_commit::{Deed, GroupCommit, Patience, Turn};
use crate::tariffs::TariffBook;

/// Takes records in; cheap to clone.
#[derive(Clone)]
pub struct Counter {
    queue: GroupCommit<Clerk>,
}

/// A record, and the settings of who took it.
struct Posted {
    sender: Sender,
    record: Vec<u8>,
    config: Arc<Config>,
}

#[derive(Clone)]
struct Clerk {
    clock: Clock,
    tariffs: TariffBook,
}

impl Counter {
    /// Opens it. What it needs ends with its last clone.
    pub fn open(db: &Db, clock: &Clock, tariffs: &TariffBook, config: &Config) -> Self {
        let clerk = Clerk { clock: clock.clone(), tariffs: tariffs.clone() };
        Self { queue: GroupCommit::open(db, &clerk, config) }
    }

    /// Whether records are taken.
    pub fn is_alive(&self) -> bool {
        self.queue.is_alive()
    }

    /// Charges a record, a JSON object as in NDJSON, and waits until that is committed.
    pub async fn charge(&self, config: &Arc<Config>, sender: Sender, record: Vec<u8>) -> Result<Counted> {
        self.queue.ask(Posted { sender, record, config: config.clone() }).await
    }
}

impl Deed for Clerk {
    type Request = Posted;
    type Answer = Counted;

    async fn together(
        &self,
        tx: &mut Tx,
        posted: &[Arc<Posted>],
        patience: Patience,
    ) -> Result<Vec<Turn<Counted>>> {
        let Some(config) = posted.first().map(|first| &first.config) else { return Ok(Vec::new()) };
        let mut answers = BTreeMap::new();
        let mut rest: Vec<usize> = (0..posted.len()).collect();
        while !rest.is_empty() {
            let (round, later) = each_once(&rest, posted);
            for (sender, places) in round {
                // Whichever it is of those that came together, it is the first line of its own request.
                let records: Vec<_> =
                    places.iter().map(|place| (1, posted[*place].record.as_slice())).collect();
                let world = (&self.tariffs, &**config, &self.clock);
                let turns = match patience {
                    Patience::LeavesOut => charge_free(tx, world, sender, &records).await?,
                    Patience::Waits => {
                        let counted = charge_records(tx, world, sender, &records).await?;
                        counted.into_iter().map(Turn::Done).collect()
                    }
                };
                answers.extend(places.into_iter().zip(turns));
            }
            rest = later;
        }
        if answers.len() == posted.len() {
            Ok(answers.into_values().collect())
        } else {
            Err(Error::Contradiction("a record without an answer".to_owned()))
        }
    }
}

/// Where those stand of which no equal one comes before, by source, and the others: one that was sent twice at once
/// sees what became of the first.
fn each_once<'p>(
    places: &[usize],
    posted: &'p [Arc<Posted>],
) -> (BTreeMap<&'p Sender, Vec<usize>>, Vec<usize>) {
    let mut seen = HashSet::new();
    let (mut round, mut later) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for place in places {
        let Posted { sender, record, .. } = &*posted[*place];
        if seen.insert((&sender.source, record)) {
            round.entry(sender).or_default().push(*place);
        } else {
            later.push(*place);
        }
    }
    (round, later)
}
