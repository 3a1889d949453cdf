//! What is read before a call has to wait for it? The price lists of all plans, and the numbering plans of the world.

use std::collections::BTreeSet;
use std::time::Duration;

use calculation::phone_number;

use crate::db::Db;
use crate::error::Result;
use crate::plans;
use crate::tariffs::TariffBook;

/// Price lists that were published since are read this often.
const EVERY: Duration = Duration::from_secs(30);
/// A database that does not answer keeps nobody from being served for longer.
const AT_FIRST: Duration = Duration::from_secs(10);

/// Reads the price lists of all plans, those published for later too.
pub async fn read_ahead(db: &Db, tariffs: &TariffBook) -> Result<()> {
    let plans = plans::all(&mut db.read().await?).await?;
    let named: BTreeSet<_> = plans.iter().map(|plan| plan.tariff_id).collect();
    for tariff in named {
        tariffs.published(&mut db.read().await?, tariff).await?;
    }
    Ok(())
}

/// Reads what there is before the first call comes.
pub async fn read_before_serving(db: &Db, tariffs: &TariffBook) {
    tokio::task::block_in_place(phone_number::read_plans);
    match tokio::time::timeout(AT_FIRST, read_ahead(db, tariffs)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "price lists could not be read: the first calls wait for them");
        }
        Err(_) => tracing::warn!("price lists take long to read: the first calls wait for them"),
    }
}

/// Reads what is published later before it comes into force. It never ends.
pub async fn keep_reading_ahead(db: Db, tariffs: TariffBook) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = read_ahead(&db, &tariffs).await {
            tracing::debug!(%error, "price lists were not read ahead");
        }
    }
}
