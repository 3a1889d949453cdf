//! Do two references name the same payment? Blanks at the ends do not count, and a run of them is one.

use super::{Payment, store};
use crate::db::Tx;
use crate::error::Result;

/// A reference as it is stored and compared: a bank's list and a person put blanks where they like, no-break ones too.
pub(super) fn folded(reference: &str) -> String {
    reference.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The form under which a reference is known, or is to be: folded, but where a payment has it from before they were.
pub(super) async fn known_form(tx: &mut Tx, reference: &str) -> Result<String> {
    let folded = folded(reference);
    let is_known = folded != reference && store::by_reference(tx, reference).await?.is_some();
    Ok(if is_known { reference.to_owned() } else { folded })
}

/// The payment that a reference names.
pub(super) async fn find(tx: &mut Tx, reference: &str) -> Result<Option<Payment>> {
    let form = known_form(tx, reference).await?;
    store::by_reference(tx, &form).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_folded_and_nothing_else() {
        for (reference, expected) in [
            ("bank 1", "bank 1"),
            (" bank 1 ", "bank 1"),
            ("bank   1", "bank 1"),
            ("bank\u{a0}1", "bank 1"),
            ("bank\u{202f}\u{2007} 1\u{3000}", "bank 1"),
            ("Bank 1", "Bank 1"),
            ("bank1", "bank1"),
            ("bank-1", "bank-1"),
        ] {
            assert_eq!(folded(reference), expected, "{reference:?}");
        }
    }
}
