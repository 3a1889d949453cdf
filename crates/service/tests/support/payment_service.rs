//! A payment service on this machine: answers as it is told, and keeps what it was asked.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

/// What it does with a request; with all further ones, the last.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16, &'static str),
    /// It says nothing for longer than anybody waits.
    Never,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

pub(crate) struct PaymentService {
    script: Script,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl PaymentService {
    pub(crate) async fn start(answers: &[Answer]) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), answers).await
    }

    /// Where another was before.
    pub(crate) async fn start_at(address: SocketAddr, answers: &[Answer]) -> Self {
        let script = Script {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            asked: Arc::default(),
        };
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/top-ups", post(answer)).with_state(script.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { script, address, serving }
    }

    /// Stops listening; answers where it was.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.serving.abort();
        let _ = self.serving.await;
        self.address
    }

    /// Settings that lead to it, and whatever more.
    pub(crate) fn settings(&self, more: &str) -> String {
        format!("[prepaid]\ntop_up_url = \"http://{}/top-ups\"\n{more}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().expect("nobody panicked").clone()
    }
}

/// The setting of a file with a secret.
pub(crate) fn secret_file(path: &Path, secret: &str) -> String {
    std::fs::write(path, format!("{secret}\n")).expect("a file");
    format!("top_up_secret_file = \"{}\"\n", path.display())
}

async fn answer(
    State(script): State<Script>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    script.asked.lock().expect("nobody panicked").push(Asked { headers, body });
    let answer = {
        let mut answers = script.answers.lock().expect("nobody panicked");
        if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() }
    };
    match answer.expect("a script") {
        Answer::Status(code, text) => (StatusCode::from_u16(code).expect("a status"), text),
        Answer::Never => std::future::pending().await,
    }
}
