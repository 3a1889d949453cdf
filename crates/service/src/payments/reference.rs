//! Do two references name the same payment? Blanks at the ends do not count, and a run of them is one.

use super::{Payment, store};
use crate::db::Tx;
use crate::error::Result;
use crate::names::{earlier_forms, folded};

/// The form under which a reference is known, or is to be: folded, but where a payment has it from before they were.
pub(super) async fn known_form(tx: &mut Tx, reference: &str) -> Result<String> {
    for form in earlier_forms(reference) {
        if store::by_reference(tx, &form).await?.is_some() {
            return Ok(form);
        }
    }
    Ok(folded(reference))
}

/// The payment that a reference names.
pub(super) async fn find(tx: &mut Tx, reference: &str) -> Result<Option<Payment>> {
    let form = known_form(tx, reference).await?;
    store::by_reference(tx, &form).await
}
