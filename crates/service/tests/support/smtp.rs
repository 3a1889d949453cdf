//! A mail server on loopback that behaves as it is told, and the mails it took.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtp_server.py");

/// A mail server; it ends when dropped.
pub(crate) struct SmtpServer {
    /// Its standard input stays open as long as this process lives.
    process: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

/// A mail that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) content: Vec<u8>,
    /// `from`, `to`, `tls`, `user`.
    pub(crate) envelope: Value,
}

/// A certificate for `localhost`, in files.
pub(crate) struct Certificate {
    folder: tempfile::TempDir,
}

impl SmtpServer {
    /// A server whose mails meet one behaviour after another, and whose further mails meet the last.
    pub(crate) fn start(behaviours: &str) -> Self {
        Self::start_with(&["--behaviours", behaviours])
    }

    /// A server with further options: see the script.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("tollbook-test-").tempdir().expect("a temporary folder");
        let mut command = Command::new(super::python::python());
        command.arg(SCRIPT).arg("--folder").arg(folder.path()).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("python runs");
        let mut line = String::new();
        let output = process.stdout.take().expect("standard output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the server says where it listens");
        let Ok(port) = line.trim().parse() else {
            let mut complaint = String::new();
            let mut errors = process.stderr.take().expect("standard error is a pipe");
            errors.read_to_string(&mut complaint).expect("the complaint is text");
            panic!("the mail server does not start: run ./test, which installs it.\n{complaint}");
        };
        Self { process, folder, port }
    }

    /// What makes an application send here.
    pub(crate) fn settings(&self, further: &str) -> String {
        let port = self.port;
        let tls = if further.contains("tls =") { "" } else { "tls = \"none\"\n" };
        format!(
            "[mail]\ntransport = \"smtp\"\nhost = \"localhost\"\nport = {port}\n\
             from = \"billing@harbour.example\"\n{tls}{further}\n"
        )
    }

    /// The mails taken so far, in order.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let file = |number: u32, kind: &str| self.folder.path().join(format!("{number}.{kind}"));
        let numbers = (1..).take_while(|number| file(*number, "json").exists());
        let read = |number| Taken {
            content: std::fs::read(file(number, "eml")).expect("the mail is there"),
            envelope: serde_json::from_slice(&std::fs::read(file(number, "json")).expect("it is there"))
                .expect("it is JSON"),
        };
        numbers.map(read).collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate is made");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).expect("it is written");
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem())
            .expect("it is written");
        Self { folder }
    }

    pub(crate) fn file(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }

    pub(crate) fn key(&self) -> String {
        self.folder.path().join("key.pem").display().to_string()
    }
}
