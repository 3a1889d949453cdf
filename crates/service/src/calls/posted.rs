//! Takes in the records that the API posts, one by one or many together, in a transaction that is open already.

use calculation::cdr::{Cdr, Flaw};
use calculation::phone_number::{Dialled, E164, NumberForm, dialled_as};

use super::assigned::Assigned;
use super::batch::{Batch, Incoming};
use super::charge::{self, Charging, Counted, Outcome};
use super::directory::Directory;
use super::elsewhere::Elsewhere;
use super::held::held_by_others;
use super::import::judged;
use super::resolve::Bench;
use super::source::Sender;
use super::understood::ReadBy;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::group_commit::Turn;
use crate::tariffs::TariffBook;

/// What a record is charged by.
type World<'w> = (&'w TariffBook, &'w Config, &'w Clock);

/// Charges a few records, each a JSON object as in NDJSON with the line it stands on, in a transaction that is open
/// already.
pub async fn charge_records(
    tx: &mut Tx,
    world: World<'_>,
    sender: &Sender,
    records: &[(u64, &[u8])],
) -> Result<Vec<Counted>> {
    let (mut run, batch) = begun(tx, world, sender, records).await?;
    let outcomes = charge::charge(tx, &mut run, &batch, world.2).await?;
    Ok(counted(&batch, outcomes))
}

/// As [`charge_records`], but records of customers whom others hold are left alone.
pub(super) async fn charge_free(
    tx: &mut Tx,
    world: World<'_>,
    sender: &Sender,
    records: &[(u64, &[u8])],
) -> Result<Vec<Turn<Counted>>> {
    let (mut run, mut batch) = begun(tx, world, sender, records).await?;
    let held = held_by_others(tx, &run, &batch).await?;
    let of_held = |incoming: &Incoming| incoming.customer().filter(|customer| held.contains(customer));
    let left_alone: Vec<_> = batch.incoming.iter().map(of_held).collect();
    batch.incoming.retain(|incoming| of_held(incoming).is_none());
    let outcomes = charge::charge(tx, &mut run, &batch, world.2).await?;
    let mut done = counted(&batch, outcomes).into_iter();
    let turns =
        left_alone.into_iter().map(|held| held.map(Turn::Held).or_else(|| done.next().map(Turn::Done)));
    Ok(turns.flatten().collect())
}

/// What became of many records that were posted together.
#[derive(Debug)]
pub enum Posted {
    Counted(Vec<Counted>),
    /// Their calls are there already, under another source: nothing of them is stored.
    Elsewhere(Elsewhere),
}

/// As [`charge_records`], for records that are as many as those of a file.
pub async fn charge_many(
    tx: &mut Tx,
    world: World<'_>,
    sender: &Sender,
    records: &[(u64, &[u8])],
) -> Result<Posted> {
    let (mut run, batch) = begun(tx, world, sender, records).await?;
    let outcomes = if sender.other_calls {
        charge::charge(tx, &mut run, &batch, world.2).await?
    } else {
        match charge::charge_first(tx, &mut run, &batch, world.2).await? {
            Ok(outcomes) => outcomes,
            Err(found) => return Ok(Posted::Elsewhere(found)),
        }
    };
    Ok(Posted::Counted(counted(&batch, outcomes)))
}

async fn begun(
    tx: &mut Tx,
    (tariffs, config, clock): World<'_>,
    sender: &Sender,
    records: &[(u64, &[u8])],
) -> Result<(Charging, Batch)> {
    let form = sender.form;
    let read_by = ReadBy { form, ..ReadBy::ndjson()? };
    let read: Vec<_> = records.iter().map(|(_, record)| read_by.read(record)).collect();
    let (numbers, references) = parties(&read, form);
    let everybody = crate::customers::some(tx, &numbers, &references, &[]).await?;
    let directory = Directory::load(tx, tariffs, everybody).await?;
    let assigned = Assigned::default();
    let (limits, now) = (config.limits(), clock.now());
    let bench = Bench { directory: &directory, region: None, form, assigned: &assigned, limits, now };
    let mut batch = Batch::default();
    for ((line, content), cdr) in records.iter().zip(read) {
        let start = batch.text.len();
        batch.text.extend_from_slice(content);
        let range = start..batch.text.len();
        batch.incoming.push(judged(*line, content, range, cdr, bench));
    }
    let run = Charging::begin_few(tx, sender, read_by, &batch).await?;
    Ok((run, batch))
}

fn counted(batch: &Batch, outcomes: Vec<Outcome>) -> Vec<Counted> {
    let counted = batch.incoming.iter().zip(outcomes).map(|(incoming, outcome)| Counted {
        record_id: incoming.record_id().map(str::to_owned),
        warnings: incoming.warnings(&outcome),
        outcome,
    });
    counted.collect()
}

/// The numbers and references in records: who might pay for them.
pub(super) fn parties(
    read: &[std::result::Result<Cdr<'_>, Flaw>],
    form: NumberForm,
) -> (Vec<E164>, Vec<String>) {
    let form = NumberForm { outside_digit: None, ..form };
    let (mut numbers, mut references) = (Vec::new(), Vec::new());
    for cdr in read.iter().flatten() {
        let texts = [Some(&cdr.calling_number), Some(&cdr.called_number), cdr.redirecting_number.as_ref()];
        for text in texts.into_iter().flatten() {
            // Whoever holds a number may hold one that no plan has.
            numbers.extend(text.parse::<E164>());
            if let Ok(Dialled::Number(number)) = dialled_as(text, None, form) {
                numbers.push(number);
            }
        }
        let sound = cdr.account_ref.as_ref().filter(|reference| !reference.contains('\0'));
        references.extend(sound.map(|reference| reference.clone().into_owned()));
    }
    numbers.sort_unstable();
    numbers.dedup();
    references.sort_unstable();
    references.dedup();
    (numbers, references)
}
