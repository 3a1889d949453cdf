//! What does a version change when it comes into force, and is what it leaves without a price meant?

use calculation::tariff::{self, Difference, Lost, Mode, Span, Why};
use jiff::Timestamp;

use super::store;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TariffId;

/// What a version changes.
#[derive(Debug)]
pub struct Change {
    pub difference: Difference,
    /// The version that was in force; none was when absent.
    pub compared_with: Option<i64>,
    /// The version that takes over later, and when.
    pub next: Option<(Timestamp, i64)>,
}

/// What is in force at an instant, and until when.
pub(super) struct InForce {
    pub(super) list: Option<(i64, tariff::Tariff)>,
    pub(super) span: Span,
    pub(super) next: Option<(Timestamp, i64)>,
}

impl Change {
    /// What would have no price of its own, though nothing says so.
    pub fn unmeant(&self, mode: Option<Mode>) -> impl Iterator<Item = &Lost> {
        self.difference.lost.iter().filter(move |lost| !lost.is_meant(mode))
    }

    /// The mode to advise by: none helps a list whose every loss is a gap of its own.
    pub fn advised(&self, mode: Option<Mode>) -> Option<Mode> {
        let gaps = self.unmeant(mode).all(|lost| matches!(lost.why, Why::Gap | Why::NewGap));
        if gaps { Some(Mode::Replace) } else { mode }
    }
}

/// The version in force at an instant, and the one that takes over from it.
pub(super) async fn in_force(tx: &mut Tx, id: TariffId, at: Timestamp) -> Result<InForce> {
    let published = store::published(tx, id).await?;
    let next = published.iter().copied().find(|(from, _)| *from > at);
    let now = published.into_iter().rev().find(|(from, _)| *from <= at);
    let list = match now {
        None => None,
        Some((_, version)) => {
            let list = store::load(tx, id, version).await?;
            let vanished = || Error::Contradiction(format!("version {version} of tariff {id} vanished"));
            Some((version, list.ok_or_else(vanished)?))
        }
    };
    Ok(InForce { list, span: Span { from: at, until: next.map(|(from, _)| from) }, next })
}
