//! Puts a version into force that waited for it.

use calculation::tariff::{self, Mode};
use jiff::Timestamp;

use super::change::{Change, in_force};
use super::{Tariff, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::TariffId;

/// What became of publishing a version.
#[derive(Debug)]
pub enum Published {
    Tariff(Tariff),
    UnknownTariff,
    UnknownVersion,
    /// It was withdrawn then.
    Withdrawn(Timestamp),
    /// It is in force since then: a published version is never changed.
    Already(Timestamp),
    /// Prefixes would have no price of their own, and nothing says that this is meant.
    Lost(Box<Change>),
}

/// Puts a version into force from an instant on. What it leaves without a price must be meant: `mode` says so.
pub async fn publish(
    tx: &mut Tx,
    id: TariffId,
    version: i64,
    valid_from: Timestamp,
    mode: Option<Mode>,
) -> Result<Published> {
    store::hold(tx, id).await?;
    let Some(tariff) = store::by_id(tx, id).await? else { return Ok(Published::UnknownTariff) };
    let Some(found) = tariff.versions.iter().find(|found| found.version == version) else {
        return Ok(Published::UnknownVersion);
    };
    if let Some(since) = found.withdrawn_at {
        return Ok(Published::Withdrawn(since));
    }
    if let Some(since) = found.valid_from {
        return Ok(Published::Already(since));
    }
    let before = in_force(tx, id, valid_from).await?;
    if let Some((old_version, old)) = before.list
        && let Some(new) = store::load(tx, id, version).await?
    {
        let difference = tariff::compare(&old, &new, &[], before.span);
        let change = Change { difference, compared_with: Some(old_version), next: before.next };
        if change.unmeant(mode).next().is_some() {
            return Ok(Published::Lost(Box::new(change)));
        }
    }
    if !store::publish(tx, id, version, valid_from).await? {
        let since = store::published(tx, id).await?.into_iter().find(|(_, known)| *known == version);
        return Ok(since.map_or(Published::UnknownVersion, |(since, _)| Published::Already(since)));
    }
    Ok(store::by_id(tx, id).await?.map_or(Published::UnknownTariff, Published::Tariff))
}
