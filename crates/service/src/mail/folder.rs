//! Writes mails as files, for another program to send or a person to look at.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::id::JobId;
use crate::jobs::Tried;

/// A folder that takes mails.
pub(super) struct Folder {
    pub(super) path: PathBuf,
}

impl Folder {
    /// Writes a mail to a file named by its job, so that trying again overwrites it. It has that name
    /// only when it is whole.
    pub(super) fn deliver(&self, id: JobId, attempt: u32, mail: &[u8]) -> Tried {
        match self.write(id, attempt, mail) {
            Ok(()) => Tried::Done,
            Err(error) => {
                Tried::Again(format!("the mail cannot be written to {}: {error}", self.path.display()))
            }
        }
    }

    fn write(&self, id: JobId, attempt: u32, mail: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.path)?;
        // Two attempts at once, after a lease ran out, must not write to the same file.
        let part = self.path.join(format!(".{id}.{attempt}.part"));
        let written =
            write_whole(&part, mail).and_then(|()| fs::rename(&part, self.path.join(format!("{id}.eml"))));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written?;
        // The name must outlive a power cut too: the job is done then.
        File::open(&self.path)?.sync_all()
    }
}

fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}
