//! Under which name is a feed known, and which other one looks like it? The name is a part of the key that prevents charging twice.

use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::names;

/// The name of a feed as it is stored and compared; as it was given only where records came under it before names were folded.
pub async fn known_feed(app: &App, name: &str) -> Result<String> {
    for form in names::earlier_forms(name) {
        if store::knows_feed(&mut app.db.read().await?, &form).await? {
            return Ok(form);
        }
    }
    Ok(names::folded(name))
}

/// The name of another feed that looks like that of a new one.
pub(super) async fn looks_like(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let known = store::feeds(tx).await?;
    if known.iter().any(|known| known == name) {
        return Ok(None);
    }
    Ok(names::look_alike(name, known.iter().map(String::as_str)))
}
