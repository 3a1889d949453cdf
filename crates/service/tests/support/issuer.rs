//! An issuer on this machine that signs whatever a test wants, and counts how often it is asked for its keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};

/// What stands before the seed in a private key (RFC 8410), as it is written here, and how long that is in the other form.
const V1_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const V2_HEAD: usize = 16;

/// A key to sign with.
pub(crate) struct Signer {
    pub(crate) kid: String,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key is made");
        // The same seed in the older form, without the public key: not every reader knows the newer one.
        let seed = &pair.serialize_der()[V2_HEAD..V2_HEAD + 32];
        Self { kid: kid.to_owned(), key: EncodingKey::from_ed_der(&[&V1_HEAD[..], seed].concat()) }
    }

    /// What everybody may know of it.
    pub(crate) fn public(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).expect("it is a key");
        let mut public = serde_json::to_value(jwk).expect("it is JSON");
        public["kid"] = self.kid.as_str().into();
        public
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).expect("it is signed")
    }
}

#[derive(Clone)]
struct Shared {
    keys: Arc<Mutex<Vec<Value>>>,
    name: Arc<Mutex<String>>,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

pub(crate) struct Issuer {
    shared: Shared,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Signer]) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared {
            keys: Arc::default(),
            name: Arc::new(Mutex::new(format!("http://{address}"))),
            status: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/keys", get(key_set))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        let issuer = Self { shared, address, serving };
        issuer.publish(keys);
        issuer
    }

    /// Its keys are these from now on.
    pub(crate) fn publish(&self, keys: &[&Signer]) {
        *self.shared.keys.lock().expect("no panic") = keys.iter().map(|key| key.public()).collect();
    }

    /// It calls itself something else.
    pub(crate) fn rename(&self, name: &str) {
        name.clone_into(&mut self.shared.name.lock().expect("no panic"));
    }

    /// It answers with this status.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// How often it was asked for its keys.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn settings(&self) -> String {
        format!("issuer = \"{}\"\naudience = \"tollbook\"\n", self.name())
    }
}

async fn about(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    shared.asked.fetch_add(1, Ordering::Relaxed);
    let status = StatusCode::from_u16(shared.status.load(Ordering::Relaxed)).expect("a status");
    let name = shared.name.lock().expect("no panic").clone();
    (status, Json(json!({"jwks_uri": format!("{name}/keys"), "issuer": name})))
}

async fn key_set(State(shared): State<Shared>) -> Json<Value> {
    let mut keys = shared.keys.lock().expect("no panic").clone();
    // What a set of keys may hold besides is passed over.
    keys.push(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}));
    keys.push(json!({"kty": "from the future", "kid": "new"}));
    Json(json!({"keys": keys}))
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
