//! What is under strain? `tollbook serve`, a process of its own, asked as customers and switches ask it.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollbook::clock::Stopwatch;

use crate::Waited;
use crate::child::{Listening, free_address};
use crate::client::Client;
use crate::records::line_of;

const SETTINGS: &str = r#"
[operator]
name = "Harbour Telecom GmbH"
street = "Kaiserkai 0"
postcode = "20457"
city = "Hamburg"
country = "DE"
vat_id = "DE123456788"

[http]
requests_per_second = 0
"#;
const JSON: &str = "content-type: application/json\r\n";

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    _process: Listening,
    _settings: tempfile::NamedTempFile,
}

/// How long callers waited for `/livez`, and for a call to be granted.
pub(crate) struct Callers {
    live: Waited,
    granted: Waited,
}

impl std::fmt::Display for Callers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "/livez {}; a session {}", self.live, self.granted)
    }
}

impl Served {
    pub(crate) async fn start(url: &str) -> Self {
        let address = free_address();
        let settings = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(settings.path(), SETTINGS).expect("it can be written");
        let mut program = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        program.args(["--database-url", url, "--config"]).arg(settings.path());
        program.args([
            "serve",
            "--without-work",
            "--without-authentication",
            "--listen",
            &address.to_string(),
        ]);
        Self { address, _process: Listening::start(&program, address).await, _settings: settings }
    }

    /// The most memory that the process ever had, in KB.
    pub(crate) fn memory(&self) -> u64 {
        let listens = self.address.to_string();
        let processes = std::fs::read_dir("/proc").expect("Linux tells of processes").flatten();
        let mut status = processes.filter_map(|process| {
            let arguments = std::fs::read_to_string(process.path().join("cmdline")).ok()?;
            let status = std::fs::read_to_string(process.path().join("status")).ok()?;
            let is_it = status.starts_with("Name:\ttollbook\n") && arguments.contains(&listens);
            is_it.then_some(status)
        });
        let status = status.next().expect("the process runs");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|most| most.trim().strip_suffix(" kB")).expect("Linux counts memory");
        most.trim().parse().expect("it is a number")
    }

    /// Issues October's invoices with every call listed; answers where their documents are.
    pub(crate) async fn issue(&self) -> Vec<String> {
        let rate = json!({"country": "DE", "valid_from": "2021-01-01", "rate": "19"});
        self.post("/v1/tax-rates", &rate).await;
        let mut client = Client::connect(self.address).await;
        let (status, customers) = client.ask("GET /v1/customers?limit=500", "", "").await;
        assert_eq!(status, 200, "{customers}");
        let customers: Value = serde_json::from_str(customers).expect("it is JSON");
        let mut documents = Vec::new();
        for customer in customers["items"].as_array().expect("there are some") {
            let id = customer["id"].as_str().expect("each has an id");
            let itemised = r#"{"billing": {"itemisation": "full"}}"#;
            let (status, changed) = client.ask(&format!("PATCH /v1/customers/{id}"), JSON, itemised).await;
            assert_eq!(status, 200, "{changed}");
            let invoice =
                self.post(&format!("/v1/customers/{id}/invoices"), &json!({"month": "2026-10"})).await;
            let invoice = invoice["id"].as_str().expect("it has an id");
            documents.push(format!("/v1/customers/{id}/invoices/{invoice}/pdf"));
        }
        documents
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let mut client = Client::connect(self.address).await;
        let (status, answer) = client.ask(&format!("POST {path}"), JSON, &body.to_string()).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        serde_json::from_str(answer).expect("it is JSON")
    }

    /// Reads a document to its end and forgets it; answers its length.
    pub(crate) async fn document(&self, path: &str) -> u64 {
        let mut stream = TcpStream::connect(self.address).await.expect("the service listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the connection stands");
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.expect("it answers");
        assert_eq!(&start, b"HTTP/1.1 200");
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.expect("the connection stands")
    }

    /// Callers who come one after the other.
    pub(crate) async fn callers(&self, count: usize) -> Callers {
        let (mut live, mut granted) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let watch = Stopwatch::start();
            let mut client = Client::connect(self.address).await;
            assert_eq!(client.ask("GET /livez", "", "").await.0, 200);
            live.push(watch.elapsed());
            let call = json!({
                "call_id": format!("strain-{}", tollbook::clock::Clock::system().id()),
                "calling_number": line_of(0), "called_number": "+442079460123",
            });
            let watch = Stopwatch::start();
            let mut client = Client::connect(self.address).await;
            let (status, answer) = client.ask("POST /v1/charging/sessions", JSON, &call.to_string()).await;
            assert_eq!(status, 201, "{answer}");
            granted.push(watch.elapsed());
        }
        Callers { live: Waited(live), granted: Waited(granted) }
    }
}
