//! Whom does a command name?

use super::{Customer, by_reference};
use crate::db::Tx;
use crate::error::{Error, Result};

/// The customer with a reference; it is a fault to name nobody.
pub async fn named(tx: &mut Tx, reference: &str) -> Result<Customer> {
    let found = by_reference(tx, reference).await?;
    found.ok_or_else(|| Error::Other(format!("no customer has the reference {reference}")))
}
