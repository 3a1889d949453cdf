//! What has a transaction done? Counted with it: what is rolled back is not counted.

use ::metrics::Key;

use super::Tx;
use crate::metrics::{self, Labels, Metric, Metrics};

/// What is to be counted once the transaction is committed.
pub struct Tally {
    metrics: Metrics,
    counted: Vec<(Key, u64)>,
}

impl Tally {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, counted: Vec::new() }
    }

    pub(super) fn settle(&mut self) {
        for (key, more) in self.counted.drain(..) {
            self.metrics.add(&key, more);
        }
    }
}

impl Tx {
    /// Adds to a counter when this transaction is committed.
    pub fn tally(&mut self, metric: Metric, labels: Labels<'_>, more: u64) {
        if more > 0 {
            self.tally_mut().counted.push((metrics::key(metric, labels), more));
        }
    }

    pub(super) fn tally_mut(&mut self) -> &mut Tally {
        match self {
            Self::Sqlite(tx) => &mut tx.tally,
            Self::Postgres(tx) => &mut tx.tally,
        }
    }
}
