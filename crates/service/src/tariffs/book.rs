//! Which price list is in force? Published versions, kept in memory once they were read.
//!
//! A version never changes after it was imported, so what is in memory is never stale; which versions
//! are published is read anew by every transaction that charges.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use calculation::tariff::Tariff;
use jiff::Timestamp;

use super::store;
use crate::db::Tx;
use crate::error::Result;
use crate::id::TariffId;

/// Price lists in memory, shared by all doors.
#[derive(Debug, Clone, Default)]
pub struct TariffBook {
    loaded: Arc<Mutex<Loaded>>,
    /// Whoever reads one from the database: the others wait and find it in memory.
    loading: Arc<tokio::sync::Mutex<()>>,
}

type Loaded = HashMap<(TariffId, i64), Arc<Tariff>>;

/// One published version of a tariff.
#[derive(Debug, Clone)]
pub struct Version {
    pub valid_from: Timestamp,
    pub tariff_id: TariffId,
    pub version: i64,
    pub tariff: Arc<Tariff>,
}

impl TariffBook {
    /// The published versions of a tariff, by the instant from which they are in force.
    pub async fn published(&self, tx: &mut Tx, id: TariffId) -> Result<Vec<Version>> {
        let mut versions = Vec::new();
        for (valid_from, version) in store::published(tx, id).await? {
            if let Some(tariff) = self.version(tx, id, version).await? {
                versions.push(Version { valid_from, tariff_id: id, version, tariff });
            }
        }
        Ok(versions)
    }

    /// One version of a tariff.
    pub async fn version(&self, tx: &mut Tx, id: TariffId, version: i64) -> Result<Option<Arc<Tariff>>> {
        let known = || self.loaded().get(&(id, version)).cloned();
        if let Some(known) = known() {
            return Ok(Some(known));
        }
        let _loading = self.loading.lock().await;
        if let Some(known) = known() {
            return Ok(Some(known));
        }
        let loaded = store::load(tx, id, version).await?.map(Arc::new);
        if let Some(tariff) = &loaded {
            self.loaded().insert((id, version), tariff.clone());
        }
        Ok(loaded)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
