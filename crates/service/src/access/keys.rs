//! By which keys does an issuer sign? Found by discovery, kept for some minutes, asked for again when it signs by another.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Request, StatusCode, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

use crate::config::{in_file, wrong};
use crate::error::Result;

/// After so long they are asked for again: a key that was taken back works no longer than this.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// So long they are used while the issuer cannot be asked.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// The issuer is asked no more often than this, whatever keys tokens name.
const REST: SignedDuration = SignedDuration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 512 * 1024;
/// Shorter RSA keys are too weak (RFC 7518, 3.3).
const SHORTEST_RSA_BYTES: usize = 256;

/// The keys of an issuer.
pub(super) struct Keys {
    issuer: String,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    state: Mutex<State>,
    /// Held by the one who asks the issuer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<Vec<Key>>,
    fetched_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

/// A key that an issuer signs with.
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifies: Arc<DecodingKey>,
}

/// Whether there is a key.
pub(super) enum Found {
    Key(Arc<DecodingKey>),
    None,
    /// The issuer could not be asked.
    Unreachable,
}

impl State {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        // A token that names no key is one of the only key's.
        if id.is_none() && fitting.next().is_some() { None } else { Some(first.verifies.clone()) }
    }

    fn within(at: Option<Timestamp>, span: SignedDuration, now: Timestamp) -> bool {
        at.is_some_and(|at| now.duration_since(at).abs() < span)
    }
}

impl Keys {
    pub(super) fn open(issuer: &str, ca_file: Option<&Path>) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        match ca_file {
            None => roots.roots.extend_from_slice(webpki_roots::TLS_SERVER_ROOTS),
            Some(file) => {
                let refuse = |what: String| wrong("access.issuer_ca_file", in_file(file, what));
                let certificates =
                    CertificateDer::pem_file_iter(file).map_err(|error| refuse(error.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
                    roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(refuse("has no certificate".to_owned()));
                }
            }
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("access.issuer", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.build());
        Ok(Self {
            issuer: issuer.to_owned(),
            client,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// The key that a token names.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Found {
        let state = self.state();
        let usable = state.find(id, algorithm).filter(|_| State::within(state.fetched_at, KEPT, now));
        if let Some(key) = usable {
            if State::within(state.fetched_at, FRESH, now) || State::within(state.asked_at, REST, now) {
                return Found::Key(key);
            }
            // Whoever comes first asks again; the others need not wait for that.
            let Ok(turn) = self.asking.try_lock() else { return Found::Key(key) };
            self.ask(now).await;
            drop(turn);
        } else if !State::within(state.asked_at, REST, now) {
            let turn = self.asking.lock().await;
            // Another may have asked while this one waited.
            if !State::within(self.state().asked_at, REST, now) {
                self.ask(now).await;
            }
            drop(turn);
        }
        let state = self.state();
        if !State::within(state.fetched_at, KEPT, now) {
            return Found::Unreachable;
        }
        state.find(id, algorithm).map_or(Found::None, Found::Key)
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, now: Timestamp) {
        let answer = tokio::time::timeout(TIMEOUT, self.fetch()).await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at = Some(now);
        match answer.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs()))) {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.fetched_at = Some(now);
            }
            Err(why) => tracing::warn!(issuer = self.issuer, why, "the keys of the issuer were not read"),
        }
    }

    async fn fetch(&self) -> std::result::Result<Vec<Key>, String> {
        let about = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let about = self.get(&about).await?;
        if about["issuer"] != self.issuer.as_str() {
            return Err(format!("it says of itself that it is {}", about["issuer"]));
        }
        let place = about["jwks_uri"].as_str().ok_or("it does not say where its keys are")?;
        let set = self.get(place).await?;
        let set = set["keys"].as_array().ok_or("its keys are no list")?;
        Ok(set.iter().filter_map(read).collect())
    }

    async fn get(&self, url: &str) -> std::result::Result<Value, String> {
        let uri = checked(url).map_err(|what| format!("{url} {what}"))?;
        let request = Request::get(uri)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("tollbook/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            format!("{url}: {error}{cause}")
        })?;
        if response.status() != StatusCode::OK {
            return Err(format!("{url} answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| format!("{url}: {error}"))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| format!("{url} answered no JSON: {error}"))
    }
}

/// An address that is asked: over TLS, or on this machine.
pub(super) fn checked(url: &str) -> std::result::Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no address")?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    let host =
        authority.filter(|authority| !authority.as_str().contains('@')).map(axum::http::uri::Authority::host);
    match (uri.scheme_str(), host) {
        (Some("https"), Some(_)) | (Some("http"), Some("localhost" | "127.0.0.1" | "[::1]")) => Ok(uri),
        (Some("http"), Some(_)) => Err("must be https://…: http is for this machine alone"),
        _ => Err("must be https://HOST/PATH, without a login"),
    }
}

/// A key for signatures of a kind that is taken; of others a set may have any number.
pub fn read(value: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let bytes = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let length = bytes.iter().skip_while(|byte| **byte == 0).count();
            (length >= SHORTEST_RSA_BYTES).then_some(Algorithm::RS256)?
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|is| *is == PublicKeyUse::Signature);
    let for_this = jwk.common.key_algorithm.is_none_or(|named| named == algorithm.into());
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| for_signatures && for_this)?;
    Some(Key { id: jwk.common.key_id, algorithm, verifies: Arc::new(key) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_nobody_else_reads_is_asked() {
        for url in [
            "https://id.example.org/realms/a",
            "http://127.0.0.1:8080",
            "http://localhost/x",
            "http://[::1]:1/",
        ] {
            assert!(checked(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "id.example.org",
            "http://id.example.org",
            "http://127.0.0.1.example.org",
            "https://a:b@id.example.org",
            "ftp://localhost",
            "http://localhost@example.org",
            "http://10.0.0.1/",
        ] {
            assert!(checked(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_is_taken_for_the_one_thing_it_is_for() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a"});
        let with = |name: &str, value: &str| {
            let mut key = ed.clone();
            key[name] = value.into();
            read(&key).map(|key| key.algorithm)
        };
        assert_eq!(read(&ed).map(|key| key.algorithm), Some(Algorithm::EdDSA));
        assert_eq!(with("use", "sig"), Some(Algorithm::EdDSA));
        assert_eq!(with("alg", "EdDSA"), Some(Algorithm::EdDSA));
        assert_eq!(with("use", "enc"), None);
        assert_eq!(with("alg", "RS256"), None);
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let long = URL_SAFE_NO_PAD.encode([0xff; 256]);
        assert!(read(&json!({"kty": "RSA", "n": short, "e": "AQAB"})).is_none());
        assert!(read(&json!({"kty": "RSA", "n": long, "e": "AQAB"})).is_some());
        for other in [
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
            json!({}),
            json!("key"),
        ] {
            assert!(read(&other).is_none(), "{other}");
        }
    }
}
