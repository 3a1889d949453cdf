//! Takes back a version that is not yet in force.

use calculation::tariff;
use jiff::Timestamp;

use super::change::{Change, in_force};
use super::{Tariff, store};
use crate::db::Tx;
use crate::error::Result;
use crate::id::TariffId;

/// What became of withdrawing a version.
#[derive(Debug)]
pub enum Withdrawn {
    /// It stays in the record. What changes by it is compared with what it would have been; absent, when the version was
    /// not published or nothing else is in force then.
    Tariff(Tariff, Option<Box<Change>>),
    UnknownTariff,
    UnknownVersion,
    /// It was withdrawn then.
    Already(Timestamp),
    /// Calls are charged by it since then.
    InForce(Timestamp),
}

/// Withdraws a version. Calls are charged by the list before it, as if it had never been there.
pub async fn withdraw(tx: &mut Tx, id: TariffId, version: i64, now: Timestamp) -> Result<Withdrawn> {
    if !store::hold(tx, id).await? {
        return Ok(Withdrawn::UnknownTariff);
    }
    let Some(tariff) = store::by_id(tx, id).await? else { return Ok(Withdrawn::UnknownTariff) };
    let Some(found) = tariff.versions.iter().find(|found| found.version == version) else {
        return Ok(Withdrawn::UnknownVersion);
    };
    if let Some(since) = found.withdrawn_at {
        return Ok(Withdrawn::Already(since));
    }
    if let Some(since) = found.valid_from.filter(|since| *since <= now) {
        return Ok(Withdrawn::InForce(since));
    }
    store::withdraw(tx, id, version, now).await?;
    let change = match found.valid_from {
        Some(from) => change_by_withdrawal(tx, id, version, from).await?,
        None => None,
    };
    Ok(store::by_id(tx, id)
        .await?
        .map_or(Withdrawn::UnknownTariff, |tariff| Withdrawn::Tariff(tariff, change)))
}

async fn change_by_withdrawal(
    tx: &mut Tx,
    id: TariffId,
    version: i64,
    from: Timestamp,
) -> Result<Option<Box<Change>>> {
    let now = in_force(tx, id, from).await?;
    let gone = store::load(tx, id, version).await?;
    let Some(((_, list), gone)) = now.list.zip(gone) else { return Ok(None) };
    let difference = tariff::compare(&gone, &list, &[], now.span);
    Ok(Some(Box::new(Change { difference, compared_with: Some(version), next: now.next })))
}
