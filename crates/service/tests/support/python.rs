//! Which Python runs what the tests need beside Rust?

use std::path::{Path, PathBuf};

/// The Python that `./test` prepared.
#[expect(clippy::disallowed_methods, reason = "a test run has no settings file")]
pub(crate) fn python() -> PathBuf {
    let given = std::env::var("TOLLBOOK_TEST_PYTHON").ok().map(PathBuf::from);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let python = given.unwrap_or_else(|| target.join("venv/bin/python"));
    assert!(python.exists(), "{} is missing: run ./test, which installs it", python.display());
    python
}
