//! How does a customer get documents? By mail, or by letter: by choice, or without an address.

use super::{Customer, store};
use crate::db::Tx;
use crate::error::Result;

/// Whether a customer gets documents by letter: by choice, or since there is no address for mails.
pub async fn gets_letters(tx: &mut Tx, customer: &Customer) -> Result<bool> {
    let has_address = customer.party.email.as_deref().is_some_and(|email| !email.trim().is_empty());
    Ok(store::delivery(tx, customer.id).await?.map_or(!has_address, |chosen| chosen == "letter"))
}
