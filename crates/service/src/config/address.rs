//! Where is the database, and which password opens it?

use std::path::Path;

use super::secret;
use crate::error::{Error, Result};

/// Where the database is: an address, or a file whose first line is one.
pub fn database_url(url: Option<&str>, file: Option<&Path>) -> Result<String> {
    match (url, file) {
        (Some(_), Some(_)) => {
            let both = "give the database's address or the file that holds it, not both";
            Err(Error::Other(format!("--database-url, --database-url-file: {both}")))
        }
        (Some(url), None) => Ok(url.to_owned()),
        (None, Some(path)) => secret("--database-url-file", path),
        (None, None) => Ok("sqlite://tollbook.db".to_owned()),
    }
}

/// A database's address with the password that a file holds.
pub(crate) fn with_password(url: &str, file: Option<&Path>) -> Result<String> {
    let Some(file) = file else { return Ok(url.to_owned()) };
    let password = secret("the database's password", file)?;
    // Every byte is escaped, so none can be taken for a part of the address.
    let password = password.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let joint = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{joint}password={password}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_from_a_file_stands_in_the_address_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "a@/:?&#%\nmore").unwrap();
        let url = |url| with_password(url, Some(&file)).unwrap();
        let escaped = "password=%61%40%2F%3A%3F%26%23%25";
        assert_eq!(url("postgres://u@h/d"), format!("postgres://u@h/d?{escaped}"));
        assert_eq!(
            url("postgres://u@h/d?sslmode=require"),
            format!("postgres://u@h/d?sslmode=require&{escaped}")
        );
        assert_eq!(with_password("sqlite://f", None).unwrap(), "sqlite://f");
        std::fs::write(&file, "\n").unwrap();
        let refused = with_password("postgres://u@h/d", Some(&file)).unwrap_err().to_string();
        assert!(refused.contains("the first line is empty"), "{refused}");
    }
}
