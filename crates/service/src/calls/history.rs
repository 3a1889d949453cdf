//! Which calls did a customer make? Corrected ones are shown with what was charged before.

use super::store::{self, Replaced, StoredCall};
use super::{Call, Cursor, EarlierCall, HistoryQuery};
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// A customer's calls, newest first.
pub async fn history(tx: &mut Tx, customer: CustomerId, query: &HistoryQuery) -> Result<Vec<Call>> {
    let found = store::history(tx, customer, query).await?;
    let mut calls: Vec<Call> = found.into_iter().map(|stored| stored.call).collect();
    let gone = mark(tx, customer, &mut calls).await?;
    // Another customer has the corrected call: what was reversed is a call of its own here.
    let last = calls.last().filter(|_| calls.len() >= query.limit).map(key);
    let is_on_page = |call: &Call| {
        query.from.is_none_or(|from| from <= call.started_at)
            && query.to.is_none_or(|to| call.started_at < to)
            && query.before.as_ref().is_none_or(|before| key(call) < key_of(before))
            && last.as_ref().is_none_or(|last| *last < key(call))
    };
    let more: Vec<_> = gone.into_iter().filter(is_on_page).collect();
    if !more.is_empty() {
        calls.extend(more);
        calls.sort_by_key(|call| std::cmp::Reverse(key(call)));
        calls.truncate(query.limit);
    }
    Ok(calls)
}

/// One call, with all that is stored of its charge.
pub async fn by_key(
    tx: &mut Tx,
    customer: CustomerId,
    source: &str,
    record: &str,
) -> Result<Option<StoredCall>> {
    let Some(mut found) = store::by_key(tx, customer, source, record).await? else { return Ok(None) };
    mark(tx, customer, std::slice::from_mut(&mut found.call)).await?;
    Ok(Some(found))
}

/// Tells of calls which are reversed, and what the corrected ones replace; answers reversed calls that nothing of this customer
/// replaces.
async fn mark(tx: &mut Tx, customer: CustomerId, calls: &mut [Call]) -> Result<Vec<Call>> {
    if !store::has_replacements(tx, customer).await? {
        return Ok(Vec::new());
    }
    let reversals = store::reversals_of(tx, customer).await?;
    for call in calls.iter_mut() {
        call.reversed = reversals.get(&(call.source.clone(), call.record_id.clone())).cloned();
    }
    let mut gone = Vec::new();
    for Replaced { call: before, is_succeeded } in store::replaced_of(tx, customer).await? {
        if !is_succeeded {
            gone.push(before);
            continue;
        }
        let stands =
            |call: &&mut Call| (&call.source, &call.record_id) == (&before.source, &before.record_id);
        if let Some(call) = calls.iter_mut().find(stands) {
            call.replaces.extend(earlier(before));
        }
    }
    Ok(gone)
}

fn earlier(call: Call) -> Option<EarlierCall> {
    let Call { called, number, destination, started_at, answered_at, .. } = call;
    let Call { talk_seconds, outcome, amount, reversed, .. } = call;
    let reversed = reversed?;
    Some(EarlierCall {
        called,
        number,
        destination,
        started_at,
        answered_at,
        talk_seconds,
        outcome,
        amount,
        reversed,
    })
}

type Key = (jiff::Timestamp, String, String);

fn key(call: &Call) -> Key {
    (call.started_at, call.source.clone(), call.record_id.clone())
}

fn key_of(cursor: &Cursor) -> Key {
    (cursor.started_at, cursor.source.clone(), cursor.record_id.clone())
}
