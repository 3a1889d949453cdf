//! Writes mails as files, for another program to send or a person to look at.

use std::fs;
use std::path::PathBuf;

use crate::id::JobId;
use crate::jobs::Tried;
use crate::whole_file;

/// A folder that takes mails.
pub(super) struct Folder {
    pub(super) path: PathBuf,
}

impl Folder {
    /// Writes a mail to a file named by its job, so that trying again overwrites it. It has that name
    /// only when it is whole.
    pub(super) fn deliver(&self, id: JobId, mail: &[u8]) -> Tried {
        match self.write(id, mail) {
            Ok(()) => Tried::Done,
            Err(error) => {
                Tried::Again(format!("the mail cannot be written to {}: {error}", self.path.display()))
            }
        }
    }

    fn write(&self, id: JobId, mail: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.path)?;
        whole_file::write(&self.path.join(format!("{id}.eml")), mail)
    }
}
