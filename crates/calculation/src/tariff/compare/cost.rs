//! Is a call dearer by one rate than by another?

use crate::money::Exact;
use crate::tariff::Rate;

/// Talks that tell increments, steps, connection charges and minimum charges apart.
const TALKS: [u32; 8] = [1, 30, 60, 61, 120, 180, 600, 3_600];
/// The talk whose price says how much a change is.
const USUAL_TALK: u32 = 180;

/// How the prices of calls change from one rate to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    pub(super) dearer: bool,
    pub(super) cheaper: bool,
    /// It changes, and no talk that is looked at shows how; or it was barred.
    pub(super) otherwise: bool,
    /// By how many thousandths the usual talk gets dearer.
    pub(super) permille: Option<i64>,
}

impl Cost {
    pub(super) fn changed(self) -> bool {
        self.dearer || self.cheaper || self.otherwise
    }
}

/// Whether every call costs the same by both, and both or neither bar it.
pub(super) fn same_price(old: &Rate, new: &Rate) -> bool {
    old.connection_fee == new.connection_fee
        && old.steps == new.steps
        && old.increments == new.increments
        && old.minimum_charge == new.minimum_charge
        && old.blocked == new.blocked
}

pub(super) fn compared(old: &Rate, new: &Rate) -> Cost {
    if same_price(old, new) {
        return Cost::default();
    }
    if old.blocked || new.blocked {
        return Cost { otherwise: old.blocked != new.blocked, ..Cost::default() };
    }
    let mut cost = Cost::default();
    for talk in TALKS {
        let (Some(before), Some(after)) = (price(old, talk), price(new, talk)) else {
            cost.otherwise = true;
            continue;
        };
        cost.dearer |= before < after;
        cost.cheaper |= after < before;
        if talk == USUAL_TALK {
            cost.permille = permille(before.units(), after.units());
        }
    }
    cost.otherwise |= !cost.dearer && !cost.cheaper;
    cost
}

fn price(rate: &Rate, talk_seconds: u32) -> Option<Exact> {
    let billed = rate.increments.billed(talk_seconds)?;
    Some(rate.exact(billed, 0)?.max(rate.minimum_charge.into()))
}

fn permille(before: i128, after: i128) -> Option<i64> {
    let change = after.checked_sub(before)?;
    if change == 0 {
        return Some(0);
    }
    let Some(thousandths) = change.checked_mul(1_000)?.checked_div(before) else { return Some(i64::MAX) };
    Some(i64::try_from(thousandths).unwrap_or(i64::MAX))
}
