//! What is measured? `tollbook serve`, a process of its own as in production: it asks for a token, logs, counts and
//! notes who read what. Nobody is held to a rate, and months are billed elsewhere.

use std::process::Command;

use serde_json::Value;

use crate::asking::Asked;
use crate::child::{Listening, free_address};
use crate::client::Client;

const UNLIMITED: [&str; 4] =
    ["--set", "http.requests_per_second=0", "--set", "http.connections_per_address=4000"];
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// The service under way.
pub(crate) struct Service {
    pub(crate) asked: Asked,
    _process: Listening,
}

impl Service {
    /// Serves a database, with further arguments of `serve`.
    pub(crate) async fn start(url: &str, further: &[&str]) -> Self {
        let address = free_address();
        let mut program = tollbook(url);
        program
            .args(["serve", "--without-work", "--listen", &address.to_string()])
            .args(UNLIMITED)
            .args(further);
        let credentials = client(url, &format!("bench-{}", address.port()));
        let process = Listening::start(&program, address).await;
        let mut client = Client::connect(address).await;
        let (status, answer) = client.ask("POST /oauth/token", FORM, &credentials).await;
        assert_eq!(status, 200, "{answer}");
        let token = text(&json(answer), "/access_token");
        Self { asked: Asked::new(address, Some(&token)), _process: process }
    }
}

fn tollbook(url: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    program.args(["--database-url", url]);
    program
}

/// Makes a client; answers the form by which it asks for a token.
fn client(url: &str, name: &str) -> String {
    let made = tollbook(url).args(["client", "add", name, "--role", "operator", "--json"]).output();
    let made = made.expect("the program runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = json(&String::from_utf8_lossy(&made.stdout));
    let (id, secret) = (text(&made, "/client/id"), text(&made, "/client_secret"));
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The text at a place of an answer.
pub(crate) fn text(answer: &Value, place: &str) -> String {
    let text = answer.pointer(place).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {place} in {answer}")).to_owned()
}
