//! Does what the README tells a newcomer to type work?

use std::process::{Command, Stdio};

use crate::cli::Shell;
use crate::support::program::{free_address, wait_for};

const README: &str = include_str!("../../../README.md");

/// The commands under a heading.
fn commands(heading: &str) -> &'static str {
    let (_, section) = README.split_once(&format!("## {heading}\n")).expect("the README has the section");
    let (_, block) = section.split_once("```sh\n").expect("the section has commands");
    block.split_once("```").expect("the commands end").0
}

#[test]
fn the_first_five_requests_are_answered() {
    let shell = Shell::new();
    shell.ok("demo --no-serve --dir demo");
    let address = free_address();
    let program = env!("CARGO_BIN_EXE_tollbook");
    let mut serve = Command::new(program);
    serve.current_dir(shell.path("")).args(["--database-url", "sqlite://demo/demo.db", "serve"]);
    let mut serving = serve.args(["--listen", &address.to_string()]).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&mut serving, address);
    let script = commands("The first five requests").replace("127.0.0.1:8080", &address.to_string());
    let script = format!("set -euo pipefail\nshopt -s expand_aliases\nalias tollbook={program}\n{script}");
    let ran = Command::new("bash").current_dir(shell.path("")).args(["-c", &script]).output().unwrap();
    serving.kill().unwrap();
    serving.wait().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    for part in [
        r#""outcome": "charged""#,
        "61 s to United Kingdom",
        r#"["2026-10-05T10:00:00Z","+442079460123",{"amount":"#,
        r#"["INV-2026-000001",{"amount":"#,
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
}
