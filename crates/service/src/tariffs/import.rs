//! Takes a deck in as a new version of a tariff.

use calculation::tariff::Terms;
use calculation::tariff::deck::{self, Columns, Fault};
use jiff::Timestamp;

use super::store::{self, LastVersion};
use crate::db::Tx;
use crate::error::Result;
use crate::hash;
use crate::id::TariffId;

/// A tariff version to be: its terms and its deck.
#[derive(Debug)]
pub struct NewTariff<'a> {
    pub name: &'a str,
    pub terms: Terms,
    pub deck: &'a [u8],
    pub columns: &'a Columns,
    /// When to put it into force; it waits for [`super::publish`] when absent.
    pub valid_from: Option<Timestamp>,
}

/// What became of an import.
#[derive(Debug)]
pub enum Imported {
    /// A new version.
    New { id: TariffId, version: i64, rates: usize },
    /// The newest version is this very deck under these very terms.
    Same { id: TariffId, version: i64 },
    /// The deck is refused whole, for these reasons.
    Faults(Vec<Fault>),
    /// The tariff is in another currency.
    OtherCurrency(calculation::money::Currency),
}

/// Reads a deck and stores it as the next version of the tariff of that name.
pub async fn import(tx: &mut Tx, new: NewTariff<'_>, fresh_id: TariffId, now: Timestamp) -> Result<Imported> {
    let terms_text = serde_json::to_string(&new.terms).unwrap_or_default();
    // The same deck read by another column map is another price list.
    let read_by = format!("{terms_text} {:?}", new.columns);
    let content_hash = hash::of(&[new.deck, read_by.as_bytes()].concat());
    let currency = new.terms.currency;
    let tariff = match deck::read(new.terms, new.deck, new.columns) {
        Ok(tariff) => tariff,
        Err(faults) => return Ok(Imported::Faults(faults)),
    };
    let (id, known_currency) = store::hold_tariff(tx, fresh_id, new.name, currency, now).await?;
    if known_currency != currency {
        return Ok(Imported::OtherCurrency(known_currency));
    }
    let last = store::last_version(tx, id).await?;
    let in_force = |last: &&LastVersion, from| last.valid_from.is_some_and(|since| since <= from);
    let same_time = |last: &&LastVersion| new.valid_from.is_none_or(|from| in_force(last, from));
    let same = last.as_ref().filter(|last| last.content_hash == content_hash).filter(same_time);
    if let Some(LastVersion { version, .. }) = same {
        return Ok(Imported::Same { id, version: *version });
    }
    let version = last.map_or(0, |last| last.version) + 1;
    store::insert_version(tx, id, version, &tariff, &content_hash, now).await?;
    if let Some(valid_from) = new.valid_from {
        store::publish(tx, id, version, valid_from).await?;
    }
    Ok(Imported::New { id, version, rates: tariff.rates().len() })
}
