//! Whose records wait in suspense?

use std::collections::{BTreeMap, BTreeSet};

use calculation::phone_number::{Dialled, E164};
use jiff::Timestamp;

use super::resolve::{charged_text, held_number};
use super::understood::ReadBy;
use crate::customers::{self, LineSpan};
use crate::db::Tx;
use crate::error::Result;
use crate::hash::Hash;
use crate::id::CustomerId;
use crate::names;
use crate::suspense::{self, Key};

/// How many are read at once.
const PAGE: usize = 1_000;

/// What names who pays for a record, and when.
struct Named {
    reference: Option<String>,
    number: Option<E164>,
    at: Timestamp,
}

/// The customers of whom a record waits, each with the instant of the earliest one's call.
pub async fn waiting_since(tx: &mut Tx) -> Result<BTreeMap<CustomerId, Timestamp>> {
    let mut since = BTreeMap::new();
    let mut after: Key = (String::new(), Hash::default(), 0);
    loop {
        let page = suspense::understood_after(tx, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(since) };
        after.clone_from(last);
        let mut named = Vec::with_capacity(page.len());
        for (_, text) in &page {
            named.extend(named_in(text)?);
        }
        for (customer, at) in customers_of(tx, &named).await? {
            let earliest = since.entry(customer).or_insert(at);
            *earliest = (*earliest).min(at);
        }
    }
}

fn named_in(text: &str) -> Result<Option<Named>> {
    let (read_by, line) = ReadBy::again(text)?;
    let Ok(cdr) = read_by.read(line.as_bytes()) else { return Ok(None) };
    let number = match held_number(charged_text(&cdr), read_by.region, read_by.form) {
        Some(Dialled::Number(number)) => Some(number),
        _ => None,
    };
    let reference =
        cdr.account_ref.as_deref().map(str::to_owned).filter(|reference| !reference.contains('\0'));
    Ok(Some(Named { reference, number, at: cdr.answer.unwrap_or(cdr.start) }))
}

/// The account that a record names, else the holder of the number.
async fn customers_of(tx: &mut Tx, named: &[Named]) -> Result<Vec<(CustomerId, Timestamp)>> {
    let references: BTreeSet<_> = named.iter().filter_map(|named| named.reference.clone()).collect();
    let references = customers::named_by(tx, &references.into_iter().collect::<Vec<_>>()).await?;
    let references: BTreeMap<_, _> =
        references.into_iter().map(|entry| (entry.reference, entry.customer_id)).collect();
    let numbers: BTreeSet<_> = named.iter().filter_map(|named| named.number).collect();
    let mut lines: BTreeMap<E164, Vec<LineSpan>> = BTreeMap::new();
    for span in customers::holders(tx, &numbers.into_iter().collect::<Vec<_>>()).await? {
        lines.entry(span.number).or_default().push(span);
    }
    let of = |named: &Named| {
        let by_reference = named.reference.as_ref().and_then(|reference| {
            references.get(reference).or_else(|| references.get(&names::folded(reference))).copied()
        });
        let holds =
            |span: &&LineSpan| span.valid_from <= named.at && span.valid_to.is_none_or(|to| named.at < to);
        let holder = || lines.get(&named.number?)?.iter().find(holds).map(|span| span.customer_id);
        Some((by_reference.or_else(holder)?, named.at))
    };
    Ok(named.iter().filter_map(of).collect())
}
