//! Whom does a reference name, and which other one looks like it?

use super::{ReferenceEntry, store};
use crate::db::Tx;
use crate::error::Result;
use crate::names;

/// How many older references are given their look in one transaction.
const CHUNK: usize = 500;

/// The customer that a reference names, and under which form: as it is given, folded, or one of before that folds to the same.
pub(super) async fn named(tx: &mut Tx, reference: &str) -> Result<Option<ReferenceEntry>> {
    let folded = names::folded(reference);
    for form in names::earlier_forms(reference).into_iter().chain([folded.clone()]) {
        if let Some(customer_id) = store::id_of_reference(tx, &form).await? {
            return Ok(Some(ReferenceEntry { reference: form, customer_id }));
        }
    }
    let alike = store::looking_like(tx, reference).await?;
    Ok(alike.into_iter().find(|entry| names::folded(&entry.reference) == folded))
}

/// Another customer's reference that looks like one.
pub(super) async fn look_alike(tx: &mut Tx, reference: &str) -> Result<Option<String>> {
    let alike = store::looking_like(tx, reference).await?;
    Ok(names::look_alike(reference, alike.iter().map(|entry| &*entry.reference)))
}

/// Stores what some references look like that are from before that was stored; answers how many.
pub async fn look_at_references(tx: &mut Tx) -> Result<usize> {
    let without = store::without_look(tx, CHUNK).await?;
    for reference in &without {
        store::save_look(tx, reference).await?;
    }
    Ok(without.len())
}
