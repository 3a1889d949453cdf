//! How does a test run the program itself, as an operator does?

use std::process::{Command, Output};

/// Runs `tollbook` on a database; waits until it ends.
pub(crate) fn tollbook(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.args(["--database-url", url]).args(arguments).output().expect("the program runs")
}

/// What a command that must succeed says.
pub(crate) fn done(url: &str, arguments: &[&str]) -> String {
    let output = tollbook(url, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the answer is text")
}

/// What a command that must fail says.
pub(crate) fn failed(url: &str, arguments: &[&str]) -> String {
    let output = tollbook(url, arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("the refusal is text")
}
