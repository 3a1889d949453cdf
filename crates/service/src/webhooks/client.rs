//! How does a signed message leave? By HTTPS, to an address that was checked, and it waits no longer than it is told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use tower_service::Service;

use super::{Signer, target};

/// So much of a refusal is read, and so much of it shown.
const LONGEST_ANSWER: usize = 4 * 1024;
const SHOWN: usize = 200;

/// Sends messages.
pub(crate) struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    timeout: Duration,
}

/// Resolves names to addresses that a message may go to. What it answers is what is connected to: a name that
/// leads elsewhere a moment later gains nothing.
#[derive(Clone, Copy)]
pub(crate) struct Resolver {
    pub(crate) allow_private: bool,
}

/// A message on its way.
pub(crate) struct Outgoing<'a> {
    pub(crate) url: &'a Uri,
    pub(crate) id: &'a str,
    pub(crate) at: Timestamp,
    /// Each signs.
    pub(crate) signers: &'a [Signer],
    pub(crate) body: String,
}

/// What a receiver said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// When it wants to be asked again, in seconds.
    pub(crate) retry_after: Option<i64>,
    /// The beginning of a refusal.
    pub(crate) text: String,
}

/// Why a receiver said nothing.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Not within so many seconds.
    Late(u64),
    Fault(String),
}

impl Client {
    /// One whose answers may take so long.
    pub(crate) fn new(resolver: Resolver, timeout: Duration) -> Result<Self, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?
            .with_webpki_roots()
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(resolver);
        // TLS is the other connector's part.
        connector.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let connector = https.wrap_connector(connector);
        // Each request has a connection of its own: a receiver that closes idle ones fails none.
        let inner = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { inner, timeout })
    }

    /// Sends a message. No redirect is followed.
    pub(crate) async fn send(&self, message: Outgoing<'_>) -> Result<Answer, Unanswered> {
        let request = request(message).map_err(|error| Unanswered::Fault(error.to_string()))?;
        let late = |_| Unanswered::Late(self.timeout.as_secs());
        tokio::time::timeout(self.timeout, self.answer(request)).await.map_err(late)?
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let response = self.inner.request(request).await;
        let response = response.map_err(|error| Unanswered::Fault(with_causes(&error)))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(seconds);
        // Of a yes nothing is read: it may go on for megabytes.
        let text = if status.is_success() { String::new() } else { beginning(response.into_body()).await };
        Ok(Answer { status, retry_after, text })
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = target::resolve(name.as_str(), allow_private).await;
            found.map(Vec::into_iter).map_err(std::io::Error::other)
        })
    }
}

fn request(message: Outgoing<'_>) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    let Outgoing { url, id, at, signers, body } = message;
    let timestamp = at.as_second();
    let signatures: Vec<_> = signers.iter().map(|signer| signer.sign(id, timestamp, &body)).collect();
    let mut request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("tollbook/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp);
    if !signatures.is_empty() {
        request = request.header("webhook-signature", signatures.join(" "));
    }
    request.body(Full::from(body))
}

fn seconds(header: &HeaderValue) -> Option<i64> {
    header.to_str().ok()?.trim().parse().ok().filter(|seconds| *seconds >= 0)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// What a refusal says at its beginning.
async fn beginning(mut body: impl HttpBody<Data = Bytes> + Unpin) -> String {
    let mut read = Vec::new();
    while read.len() < LONGEST_ANSWER
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
    }
    let text = String::from_utf8_lossy(&read);
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
}
