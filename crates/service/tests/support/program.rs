//! How does a test run the program itself, as an operator does?

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::python::python;

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

/// What a terminal shows of a command that must succeed.
pub(crate) fn on_a_terminal(url: &str, arguments: &[&str]) -> String {
    let script = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new(python());
    command.args(["-c", script, env!("CARGO_BIN_EXE_tollbook"), "--database-url", url]).args(arguments);
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("the answer is text")
}

/// Ports below those that the system gives to whoever asks for any: no other test and no connection has one by chance.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// An address on this machine for a program to listen to.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests beside this one begins elsewhere.
    let begin = u16::try_from(std::process::id() % 100).expect("it is below a hundred") * 100;
    loop {
        let port = PORTS.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Waits until a program answers at an address.
pub(crate) fn wait_for(program: &mut Child, address: SocketAddr) {
    while TcpStream::connect(address).is_err() {
        let ended = program.try_wait().expect("the program can be asked");
        assert!(ended.is_none(), "the program ended: {ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
