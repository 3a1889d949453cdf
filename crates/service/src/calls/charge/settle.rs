//! Which records of a batch wait in suspense from now on, and which do no more?

use jiff::Timestamp;

use super::{Batch, Charging, Outcome};
use crate::db::Tx;
use crate::error::Result;
use crate::suspense::{self, Flawed};

/// Puts flawed records into suspense, and takes out those that could be charged now.
pub(super) async fn settle_suspense(
    tx: &mut Tx,
    run: &Charging,
    batch: &Batch,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Result<()> {
    let mut suspended = Vec::new();
    let (mut same, mut mended) = (Vec::new(), Vec::new());
    for (incoming, outcome) in batch.incoming.iter().zip(outcomes) {
        match outcome {
            Outcome::Suspended(flaw) => suspended.push(Flawed {
                line: incoming.line,
                hash: incoming.hash,
                record_id: incoming.record_id(),
                content: batch.text.get(incoming.content.clone()).unwrap_or_default(),
                flaw,
            }),
            _ if run.waiting.hashes.contains(&incoming.hash) => same.push(incoming.hash),
            // Charged with other content: the record was mended.
            Outcome::Charged { .. } | Outcome::Free(_) => {
                mended.extend(incoming.record_id().filter(|id| run.waiting.ids.contains(*id)));
            }
            Outcome::Duplicate => {}
        }
    }
    suspense::put(tx, &run.source, run.import, &suspended, now).await?;
    suspense::resolve(tx, &run.source, &same, &mended, now).await
}
