//! Calls that are stored, and sealed with what their transaction stores.

use super::call_cells;
use crate::calls::pass::CallRow;
use crate::db::Tx;
use crate::seals;

/// Seals calls that are stored.
pub(in crate::calls) fn seal_calls(tx: &mut Tx, rows: &[CallRow<'_>]) {
    let form = &*seals::CALL;
    for row in rows {
        let place = [row.record.customer.0, row.record.started_at.as_microsecond()];
        tx.seal(form, place, &call_cells(row)[..form.columns.len()]);
    }
}
