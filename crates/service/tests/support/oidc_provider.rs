//! A real OpenID Connect provider on this machine, which gives tokens; it ends when dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::access::basic;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/oidc_provider.mjs");

pub(crate) struct OidcProvider {
    process: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl OidcProvider {
    /// One whose tokens of the role customer are of this customer.
    pub(crate) fn start(customer: &str) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
        let folder = target.join("node");
        let missing = "the OpenID Connect provider does not start: run ./test, which installs it";
        let mut command = Command::new("node");
        command.arg(SCRIPT).arg(&folder).arg(customer).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().expect(missing);
        let mut said = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let port = line(&mut said).parse().expect(missing);
        Self { process, said, port }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What makes an application take its tokens.
    pub(crate) fn settings(&self) -> String {
        format!("issuer = \"{}\"\naudience = \"urn:tollbook\"\n", self.issuer())
    }

    /// A token by the client credentials grant. The client's name is `role.algorithm`.
    pub(crate) fn token(&self, client: &str, audience: &str, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&resource={audience}&scope={scope}");
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.port,
            basic(client, "secret"),
            form.len()
        );
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("the provider listens");
        connection.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let json = body.find('{').zip(body.rfind('}')).map_or("", |(from, to)| &body[from..=to]);
        let body: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"));
        body["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Makes it sign by new keys only.
    pub(crate) fn rotate(&mut self) {
        let input = self.process.stdin.as_mut().expect("its input is a pipe");
        input.write_all(b"rotate\n").expect("it reads");
        assert_eq!(line(&mut self.said), "rotated");
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("it speaks text");
    line.trim().to_owned()
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
