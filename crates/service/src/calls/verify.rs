//! Do the charges add up? Each is computed again, and each counter compared with what it counts.

use super::content::overlap;
use super::{recompute, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Result, noted};
use crate::id::ImportId;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub imports: u64,
    pub charges: u64,
    pub allowances: u64,
    pub faults: Vec<String>,
    /// No fault, but to be seen to: months that were left out when later ones were billed.
    pub unbilled: Vec<String>,
    /// Records of one call that were both charged for the same time, as an earlier version did.
    pub legs: Vec<String>,
}

const PAGE: i64 = 1_000;

/// Verifies every import's control total, every charge and every allowance counter.
pub async fn verify(tx: &mut Tx, app: &App) -> Result<Verified> {
    let mut verified = Verified::default();
    let stored_of = store::stored_of_imports(tx).await?;
    let imports = store::imports(tx, ImportId(i64::MAX), usize::MAX).await;
    for import in noted(imports, &mut verified.faults)?.unwrap_or_default() {
        verified.imports += 1;
        if !import.control.balances() {
            verified.faults.push(format!("import {} does not balance: {}", import.id, import.control));
        }
        let stored = stored_of.get(&import.id.0).copied().unwrap_or_default();
        let counted = [import.control.charged, import.control.free].map(u128::from);
        if u128::from(stored) + u128::from(import.purged) != counted[0] + counted[1] {
            let (id, control) = (import.id, import.control);
            verified.faults.push(format!("import {id} says {control}, but {stored} of its calls are stored"));
        }
    }
    let mut after = (String::new(), String::new());
    loop {
        let page = store::charged_after(tx, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = last.clone();
        for (_, stored) in page {
            verified.charges += 1;
            let Some(stored) = noted(stored, &mut verified.faults)? else { continue };
            let again = recompute(tx, app, &stored).await;
            let Some(again) = noted(again, &mut verified.faults)? else { continue };
            if again.is_none_or(|again| !again.same) {
                let call = &stored.call;
                verified.faults.push(format!("call {}/{} is not what it costs", call.source, call.record_id));
            }
        }
    }
    let legs = store::legs_charged_twice(tx).await;
    for [one, other] in noted(legs, &mut verified.faults)?.unwrap_or_default() {
        if overlap(Some((one.answered_at, one.seconds)), Some((other.answered_at, other.seconds))) {
            let (call, customer) = (&one.call_id, one.customer);
            let (one, other) = (
                format!("{}/{}", one.source, one.record_id),
                format!("{}/{}", other.source, other.record_id),
            );
            verified.legs.push(format!(
                "call {call} of {customer}: {one} and {other} were both charged for the same time"
            ));
        }
    }
    for (customer, [one, other]) in store::told_by_two_sources(tx).await? {
        verified
            .legs
            .push(format!("{one} and {other} of {customer} tell of the same talk, from two sources"));
    }
    for (customer, start) in store::skipped_months(tx).await? {
        verified.unbilled.push(format!("{customer}: the month from {start} was not billed, a later one was"));
    }
    for (source, record) in store::taken_otherwise(tx).await? {
        verified.faults.push(format!("call {source}/{record} took other seconds of allowances than it says"));
    }
    let counters = store::allowance_counters(tx).await;
    let (counters, wrong) = noted(counters, &mut verified.faults)?.unwrap_or_default();
    verified.allowances = counters;
    verified.faults.extend(
        wrong
            .into_iter()
            .map(|customer| format!("an allowance of {customer} counts other seconds than its calls took")),
    );
    Ok(verified)
}
