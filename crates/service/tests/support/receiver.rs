//! A receiver of webhooks on this machine: answers as it is told, and keeps what it got.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tollbook::app::App;
use tollbook::webhooks::{self, Delivered};

use super::{TestApp, json_request, send};

/// What it does with a request; with all further ones, the last.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// With a header.
    With(u16, &'static str, String),
    /// A body that never ends.
    Endless(u16),
    /// It says nothing for longer than anybody waits.
    Never,
}

/// What it got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Clone)]
struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

pub(crate) struct Receiver {
    script: Script,
    pub(crate) port: u16,
}

impl Receiver {
    pub(crate) async fn start(replies: &[Reply]) -> Self {
        let replies = Arc::new(Mutex::new(replies.iter().cloned().collect()));
        let script = Script { replies, got: Arc::default() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let router = Router::new().fallback(reply).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { script, port }
    }

    /// One that takes everything.
    pub(crate) async fn willing() -> Self {
        Self::start(&[Reply::Status(204)]).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Replies otherwise from now on.
    pub(crate) fn replies(&self, replies: &[Reply]) {
        *self.script.replies.lock().expect("nobody panicked") = replies.iter().cloned().collect();
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.script.got.lock().expect("nobody panicked").clone()
    }

    /// The payloads that it got, in the order of their messages.
    pub(crate) fn payloads(&self) -> Vec<Value> {
        let mut got = self.got();
        got.sort_by_key(Got::id);
        got.iter().map(Got::json).collect()
    }

    /// Waits until it got so many messages.
    pub(crate) async fn wait_for(&self, messages: usize) {
        while self.got().len() < messages {
            tokio::task::yield_now().await;
        }
    }
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a text")
    }

    pub(crate) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The signature that a secret gives it.
    pub(crate) fn signature(&self, secret: &str) -> String {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let signed = format!("{}.{}.{}", self.id(), self.header("webhook-timestamp"), self.body);
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key is one").chain_update(signed);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

async fn reply(State(script): State<Script>, headers: HeaderMap, body: String) -> Response<Body> {
    script.got.lock().expect("nobody panicked").push(Got { headers, body });
    let reply = {
        let mut replies = script.replies.lock().expect("nobody panicked");
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    };
    let answer = |status| Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    let answer = match reply.expect("a script") {
        Reply::Status(status) => answer(status).body(Body::from("what of it?")),
        Reply::With(status, name, value) => answer(status).header(name, value).body(Body::empty()),
        Reply::Endless(status) => {
            let piece = Bytes::from(vec![b'x'; 65_536]);
            let pieces = futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(piece));
            answer(status).body(Body::from_stream(pieces))
        }
        Reply::Never => std::future::pending().await,
    };
    answer.expect("an answer")
}

/// The application with webhooks that may stay on this machine.
pub(crate) fn local(db: &TestApp) -> App {
    local_with(db, "")
}

pub(crate) fn local_with(db: &TestApp, more: &str) -> App {
    db.configured(&format!("[webhooks]\nallow_private = true\n{more}")).expect("sound settings")
}

/// An endpoint at an address: its path in the API and its secret.
pub(crate) async fn endpoint(app: &App, url: &str, events: &[&str]) -> (String, String) {
    let body = json!({"url": url, "events": events});
    let answer = send(app.clone(), json_request("/v1/webhooks", &body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name: &str| answer.body[name].as_str().expect("a text").to_owned();
    (format!("/v1/webhooks/{}", text("id")), text("secret"))
}

/// Sends a test to an endpoint; answers the message's id.
pub(crate) async fn ping(db: &TestApp, endpoint: &str) -> String {
    let answer = db.post_json(&format!("{endpoint}/test"), &json!({})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["message_id"].as_str().expect("an id").to_owned()
}

pub(crate) async fn deliver(app: &App) -> [u64; 3] {
    let Delivered { done, put_off, failed } = webhooks::deliver(app).await.expect("it runs");
    [done, put_off, failed]
}

/// The messages to an endpoint, the newest first.
pub(crate) async fn messages(db: &TestApp, endpoint: &str) -> Vec<Value> {
    let answer = db.get(&format!("{endpoint}/messages?limit=500")).await;
    answer.body["items"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}

/// How many messages are stored, for whomever.
pub(crate) async fn stored(db: &TestApp) -> i64 {
    let mut tx = db.app.db.read().await.expect("a transaction");
    let row = tx.row("select count(*) as messages from webhook_messages", &[]).await.expect("a count");
    row.expect("a row").get("messages").expect("a number")
}
