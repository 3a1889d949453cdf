//! How does a copy of the whole database come about while others write?

use std::path::Path;

use rusqlite::Connection;

use super::{Db, Result};

/// What became of a backup.
#[derive(Debug, PartialEq, Eq)]
pub enum BackedUp {
    Done,
    /// There is no file to back up: the server's own programs do it.
    Server,
    /// The file was read again, and is not sound: it says what is wrong.
    Damaged(String),
}

impl Db {
    /// Writes the database, as it is at this moment, into a file that nothing is in yet. Others go on writing
    /// meanwhile.
    pub async fn back_up(&self, file: &Path) -> Result<BackedUp> {
        let Self::Sqlite(sqlite) = self else { return Ok(BackedUp::Server) };
        let reader = sqlite.reader().lock_owned().await;
        // One statement, one snapshot. The engine's other way, its backup interface, begins anew whenever another
        // program writes.
        reader.execute("vacuum into ?1", [file.to_string_lossy().as_ref()])?;
        let copy = Connection::open(file)?;
        let found: String = copy.query_row("pragma integrity_check", [], |row| row.get(0))?;
        Ok(if found == "ok" { BackedUp::Done } else { BackedUp::Damaged(found) })
    }
}
