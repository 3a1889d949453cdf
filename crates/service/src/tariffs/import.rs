//! Takes a deck in as a new version of a tariff, compared with the one in force.

use calculation::tariff::deck::{self, Columns, Deck, EndDates, Fault};
use calculation::tariff::{self, Difference, Mode, Terms};
use jiff::Timestamp;

use super::change::{Change, InForce, in_force};
use super::store::{self, LastVersion};
use crate::db::Tx;
use crate::error::Result;
use crate::hash::{self, Hash};
use crate::id::TariffId;
use crate::names;

/// A tariff version to be: its terms and its deck.
#[derive(Debug)]
pub struct NewTariff<'a> {
    pub name: &'a str,
    pub terms: Terms,
    pub deck: &'a [u8],
    pub columns: &'a Columns,
    /// When to put it into force; it waits for [`super::publish`] when absent.
    pub valid_from: Option<Timestamp>,
    /// What the deck is to the list in force; absent: it leaves nothing without a price.
    pub mode: Option<Mode>,
}

/// What became of an import, the refusals in the order in which they are found.
#[derive(Debug)]
pub enum Imported {
    /// A new version.
    New { id: TariffId, version: i64, rates: usize, change: Box<Change> },
    /// The newest version is this very deck under these very terms, or says the same.
    Same { id: TariffId, version: i64 },
    /// The deck is refused whole, for these reasons.
    Faults(Vec<Fault>),
    /// The tariff is in another currency.
    OtherCurrency(calculation::money::Currency),
    /// No list is in force that could be amended.
    NothingToAmend,
    /// To amend is to keep what holds from an instant on: which one?
    AmendedFromWhen,
    /// Prefixes would have no price of their own, and nothing says that this is meant.
    Lost(Box<Change>),
}

/// Reads a deck and stores it as the next version of the tariff of that name.
pub async fn import(tx: &mut Tx, new: NewTariff<'_>, fresh_id: TariffId, now: Timestamp) -> Result<Imported> {
    let content_hash = content_hash(&new);
    let currency = new.terms.currency;
    let deck = match deck::read_rows(&new.terms, new.deck, new.columns) {
        Ok(deck) => deck,
        Err(faults) => return Ok(Imported::Faults(faults)),
    };
    let name = known_name(tx, new.name).await?;
    let (id, known_currency) = store::hold_tariff(tx, fresh_id, &name, currency, now).await?;
    if known_currency != currency {
        return Ok(Imported::OtherCurrency(known_currency));
    }
    let last = store::last_version(tx, id).await?;
    let in_force_by = |last: &&LastVersion, from| last.valid_from.is_some_and(|since| since <= from);
    let same_time = |last: &&LastVersion| new.valid_from.is_none_or(|from| in_force_by(last, from));
    let same =
        last.as_ref().filter(|last| last.content_hash == content_hash && !last.withdrawn).filter(same_time);
    if let Some(LastVersion { version, .. }) = same {
        return Ok(Imported::Same { id, version: *version });
    }
    let before = in_force(tx, id, new.valid_from.unwrap_or(now)).await?;
    let (tariff, change) = match version_of(new.terms, deck, new.mode, new.valid_from, before) {
        Ok(planned) => planned,
        Err(refused) => return Ok(refused),
    };
    if new.mode == Some(Mode::Amend)
        && let (true, Some(version)) = (change.difference.same, change.compared_with)
    {
        return Ok(Imported::Same { id, version });
    }
    if new.valid_from.is_some() && change.unmeant(new.mode).next().is_some() {
        return Ok(Imported::Lost(change));
    }
    let version = last.map_or(0, |last| last.version) + 1;
    store::insert_version(tx, (id, version), &tariff, &content_hash, fresh_id.0, now).await?;
    if let Some(valid_from) = new.valid_from {
        store::publish(tx, id, version, valid_from).await?;
    }
    Ok(Imported::New { id, version, rates: tariff.rates().len(), change })
}

/// The name under which a tariff is known, or is to be.
async fn known_name(tx: &mut Tx, name: &str) -> Result<String> {
    let known = store::names(tx).await?;
    Ok(names::known_as(name, known.iter().map(String::as_str)))
}

/// The name of another tariff that looks like that of one.
pub async fn looks_like(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let known = store::names(tx).await?;
    Ok(names::look_alike(name, known.iter().map(String::as_str)))
}

/// The version that a deck makes, and what it changes.
fn version_of(
    terms: Terms,
    deck: Deck,
    mode: Option<Mode>,
    valid_from: Option<Timestamp>,
    before: InForce,
) -> std::result::Result<(tariff::Tariff, Box<Change>), Imported> {
    let Some((old_version, old)) = before.list else {
        if mode == Some(Mode::Amend) {
            return Err(Imported::NothingToAmend);
        }
        let tariff = tariff::Tariff::new(terms, deck.rates);
        let added = tariff::compare(&empty(&tariff), &tariff, &[], before.span);
        let change = Change { difference: added, compared_with: None, next: before.next };
        return Ok((tariff, Box::new(change)));
    };
    if mode == Some(Mode::Amend) {
        let priced: std::collections::BTreeSet<_> =
            old.rates().iter().chain(&deck.rates).map(|rate| &rate.prefix).collect();
        let unknown = deck.removed.iter().filter(|removed| !priced.contains(&removed.prefix));
        let faults: Vec<Fault> = unknown.map(nothing_to_delete).collect();
        if !faults.is_empty() {
            return Err(Imported::Faults(faults));
        }
    }
    let rates = match mode {
        Some(Mode::Amend) if valid_from.is_none() => return Err(Imported::AmendedFromWhen),
        Some(mode) if valid_from.is_some() => {
            tariff::complete(mode, &old, deck.rates, &deck.removed, before.span)
        }
        _ => deck.rates,
    };
    let fault = |(_, message)| Fault { line: 0, field: "prefix", message };
    let faults: Vec<Fault> = tariff::check(&terms, &rates).into_iter().map(fault).collect();
    if !faults.is_empty() {
        return Err(Imported::Faults(faults));
    }
    let tariff = tariff::Tariff::new(terms, rates);
    let difference: Difference = tariff::compare(&old, &tariff, &deck.removed, before.span);
    let change = Change { difference, compared_with: Some(old_version), next: before.next };
    Ok((tariff, Box::new(change)))
}

fn nothing_to_delete(removed: &tariff::Removed) -> Fault {
    let message =
        format!("{} has no price to delete: correct the prefix or take the row out", removed.prefix);
    Fault { line: 0, field: "status", message }
}

fn empty(tariff: &tariff::Tariff) -> tariff::Tariff {
    tariff::Tariff::new(tariff.terms().clone(), Vec::new())
}

/// The hash by which the same deck is known again. The same deck read by another column map is another price list.
fn content_hash(new: &NewTariff<'_>) -> Hash {
    let terms_text = serde_json::to_string(&new.terms).unwrap_or_default();
    let Columns { named, ignored, end_dates } = new.columns;
    // As versions were hashed before there were end dates and modes.
    let mut read_by = format!("{terms_text} Columns {{ named: {named:?}, ignored: {ignored:?} }}");
    if *end_dates == Some(EndDates::Inclusive) {
        read_by.push_str(" end dates inclusive");
    }
    if new.mode == Some(Mode::Amend) {
        read_by.push_str(" amends");
    }
    hash::of(&[new.deck, read_by.as_bytes()].concat())
}

/// The currency and terms of the list in force at an instant: what an amendment keeps.
pub async fn terms_at(tx: &mut Tx, name: &str, at: Timestamp) -> Result<Option<Terms>> {
    let Some(tariff) = super::by_name(tx, name).await? else { return Ok(None) };
    Ok(super::version_at(&tariff, at).map(|version| version.terms.clone()))
}
