//! Stores rows that are sealed: in the columns of their form, and last the batch, which their transaction asked for.

use super::rows::place_of;
use crate::db::{Cell, Form, Tx};
use crate::error::Result;

/// Stores rows and seals them.
pub async fn insert<const WIDTH: usize>(tx: &mut Tx, form: &Form, rows: &[[Cell<'_>; WIDTH]]) -> Result<()> {
    tx.insert_rows(form.table, &stored_columns(form), rows).await?;
    for row in rows {
        seal_row(tx, form, row);
    }
    Ok(())
}

/// The columns in which rows of a form are stored.
pub fn stored_columns<const WIDTH: usize>(form: &Form) -> [&'static str; WIDTH] {
    std::array::from_fn(|place| form.columns.get(place).copied().unwrap_or("seal_batch_id"))
}

/// Seals a row that is stored.
pub fn seal_row(tx: &mut Tx, form: &Form, row: &[Cell<'_>]) {
    let place = place_of(form, |place| row.get(place).copied());
    tx.seal(form, place, row.get(..form.columns.len()).unwrap_or(row));
}
