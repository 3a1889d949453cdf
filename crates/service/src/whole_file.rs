//! How is a file written so that nobody finds half of it? Beside its place, then moved there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file, in place of one that is there.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let mut whole = WholeFile::begin(path)?;
    whole.write_all(content.as_ref())?;
    whole.finish()
}

/// A file that comes to its place when it is finished; dropped before, nothing is left of it.
pub struct WholeFile {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins a file that is to stand at this path.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?.to_string_lossy();
        let part = path.with_file_name(format!(".{name}.{}.part", crate::clock::random_bits_64()));
        let file = Some(BufWriter::new(File::create_new(&part)?));
        Ok(Self { path: path.to_owned(), part, file })
    }

    /// Puts it in its place.
    pub fn finish(mut self) -> io::Result<()> {
        self.settle()?;
        fs::rename(&self.part, &self.path)?;
        sync_folder(&self.path)
    }

    /// Puts it in its place, unless a file is there.
    pub fn finish_new(mut self) -> io::Result<()> {
        self.settle()?;
        fs::hard_link(&self.part, &self.path)?;
        fs::remove_file(&self.part)?;
        sync_folder(&self.path)
    }

    fn settle(&mut self) -> io::Result<()> {
        let file = self.file.take().ok_or_else(|| io::Error::other("was finished before"))?;
        file.into_inner()?.sync_all()
    }
}

/// The name must outlive a power cut too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After it was moved there is nothing to remove.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_takes_the_place_of_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pdf");
        write(&path, "old and long").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), names(folder.path())),
            ("new".into(), vec!["a.pdf".into()])
        );
    }

    #[test]
    fn one_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pdf");
        write(&path, "old").unwrap();
        let mut part = WholeFile::begin(&path).unwrap();
        part.write_all(b"half").unwrap();
        part.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(part);
        assert_eq!(names(folder.path()), ["a.pdf"]);
    }

    #[test]
    fn a_new_file_takes_no_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        let begun = || {
            let mut file = WholeFile::begin(&path).unwrap();
            file.write_all(b"{}").unwrap();
            file
        };
        begun().finish_new().unwrap();
        let refused = begun().finish_new().unwrap_err();
        assert_eq!(
            (refused.kind(), names(folder.path())),
            (io::ErrorKind::AlreadyExists, vec!["a.ndjson".into()])
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let refused = write(&folder.path().join("none/a.pdf"), "x").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    }
}
