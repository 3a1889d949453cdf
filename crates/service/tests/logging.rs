//! Does the log say what happened, and nothing that nobody may read?

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Engine;
use crate::support::program::{free_address, wait_for};

/// The program, with its log in a file.
struct Program {
    child: Child,
    address: std::net::SocketAddr,
    folder: tempfile::TempDir,
}

impl Program {
    fn start(url: &str, log: &str, level: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        std::fs::write(folder.path().join("settings.toml"), log).unwrap();
        let file = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        command.current_dir(folder.path()).env("TOLLBOOK_LOG", level);
        command.args(["--config", "settings.toml", "--database-url", url, "serve", "--listen"]);
        command.arg(address.to_string());
        let mut child = command.stdout(Stdio::null()).stderr(file).spawn().expect("the program runs");
        wait_for(&mut child, address);
        Self { child, address, folder }
    }

    async fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Tells it to stop, and answers what it logged and whether it ended well.
    fn stop(mut self) -> (String, bool) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let ended = self.child.wait().unwrap();
        (std::fs::read_to_string(self.folder.path().join("log")).unwrap(), ended.success())
    }
}

const SECRETS: [&str; 6] =
    ["493023125001", "442079460123", "3023125001", "tok3n-of-a-switch", "s3cr3t-of-a-link", "0ther-s3cr3t"];

/// Asks all sorts of things with numbers and secrets in them.
async fn talk(program: &Program) {
    let customer = json!({
        "reference": "C-1", "currency": "EUR", "party": {"name": "C-1", "country": "DE"},
        "lines": [{"number": "+493023125001", "valid_from": "2020-01-01T00:00:00Z"}],
    });
    let call = json!({"call_id": "1", "calling_number": "+493023125001", "called_number": "+442079460123"});
    let bearer = "authorization: Bearer tok3n-of-a-switch\r\nx-request-id: switch-a/17\r\n";
    for (method, path, body) in [
        ("POST", "/v1/customers", customer.to_string()),
        // Twice: the number is taken.
        ("POST", "/v1/customers", customer.to_string().replace("C-1", "C-2")),
        ("POST", "/v1/charging/sessions", call.to_string()),
        ("POST", "/v1/charging/sessions", call.to_string().replace("+44", "\\u0000+44")),
        ("POST", "/v1/calls?source=+493023125001", call.to_string()),
        ("POST", "/v1/imports?source=a", "+493023125001,+442079460123\n".to_owned()),
        ("GET", "/v1/quote?from=%2B493023125001&to=%2B442079460123", String::new()),
        ("GET", "/v1/customers/%2B493023125001/calls", String::new()),
        ("GET", "/d/inv_1.cus_1.1.s3cr3t-of-a-link", String::new()),
        ("GET", "/493023125001?token=s3cr3t-of-a-link", String::new()),
        ("GET", "/livez", String::new()),
    ] {
        let answer = program.ask(method, path, bearer, &body).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{path}: {answer}");
        assert!(answer.contains("x-request-id: switch-a/17"), "{answer}");
    }
}

fn assert_secret(log: &str) {
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_line_by_its_route_and_shows_no_number() {
    let (url, _database) = crate::support::empty_database(Engine::Postgres).await;
    let program = Program::start(&url, "[log]\nformat = \"json\"\n", "info");
    talk(&program).await;
    let (log, ended_well) = program.stop();
    assert!(ended_well, "{log}");
    assert_secret(&log);
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let answered: Vec<_> = lines.iter().filter(|line| line["message"] == "answered").collect();
    // All but the last, which machines ask all the time.
    assert_eq!(answered.len(), 10, "{log}");
    for line in &answered {
        assert_eq!(line["spans"][0]["id"], "switch-a/17", "{line}");
        assert!(
            line["milliseconds"].is_u64() && line["status"].is_u64() && line["method"].is_string(),
            "{line}"
        );
    }
    let routes: Vec<_> = answered.iter().map(|line| line["route"].as_str().unwrap()).collect();
    for route in ["/v1/customers/{customer_id}/calls", "/d/{token}", "none"] {
        assert!(routes.contains(&route), "{routes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn even_a_talkative_log_shows_no_number_and_no_secret() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (url, _database) = crate::support::empty_database(engine).await;
        // A password that this server does not ask for, but that every fault could show.
        let secret = url.replace("postgres@", "postgres:0ther-s3cr3t@");
        let program = Program::start(&secret, "[log]\nformat = \"text\"\n", "trace");
        talk(&program).await;
        let (log, _) = program.stop();
        assert!(log.contains("answered") && log.contains("request{id=\"switch-a/17\"}"), "{log}");
        assert_secret(&log);
    }
}
