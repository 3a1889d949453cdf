//! The command `backup`: a SQLite database into a file, while others go on writing.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::Output;
use crate::db::{BackedUp, Db};
use crate::error::{Error, Result};

/// Write a SQLite database into a file, as it is now, while others go on writing
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

/// Backs up the database at a URL. Its schema is left as it is: a newer program must be able to back up first.
pub(crate) async fn run(url: &str, args: Args, output: Output) -> Result<bool> {
    let Args { file } = args;
    let shown = file.display();
    if file.exists() {
        return Err(Error::Other(format!("{shown} is there already: a backup replaces nothing")));
    }
    // Under another name until it is whole: whoever collects the files takes no half.
    let mut part = file.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let bytes = match Db::open_existing(url).await?.back_up(&part).await {
        Ok(BackedUp::Done) => onto_the_disk(&part)?,
        Ok(BackedUp::Server) => {
            return Err(Error::Other(
                "PostgreSQL is backed up by pg_dump: scripts/backup does it".to_owned(),
            ));
        }
        Ok(BackedUp::Damaged(how)) => {
            let part = part.display();
            return Err(Error::Other(format!(
                "the database is not sound: {how}; what could be read is in {part}"
            )));
        }
        Err(error) => {
            // A half is worth nothing, and would be in the way of the next.
            drop(std::fs::remove_file(&part));
            return Err(error.into());
        }
    };
    let renamed = std::fs::rename(&part, &file).and_then(|()| File::open(folder(&file))?.sync_all());
    renamed.map_err(Error::file(shown.to_string()))?;
    output.answer(&json!({"file": file, "bytes": bytes}), format_args!("{shown}: {bytes} bytes"))?;
    Ok(true)
}

/// Waits until a file is there for good; answers its size.
fn onto_the_disk(path: &Path) -> Result<u64> {
    let written = File::open(path).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    Ok(written.map_err(Error::file(path.display().to_string()))?.len())
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
