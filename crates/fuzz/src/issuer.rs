//! Does a token of another issuer permit only what it claims? And which keys are accepted?

use jiff::Timestamp;
use serde_json::Value;
use tollbook::access::{Issuer, Role, read_key};
use tollbook::config::Config;

const SETTINGS: &str = "[access]\nissuer = \"https://id.example.org\"\naudience = \"tollbook\"\n";

/// Reads the claims of a token.
pub(crate) fn run(input: &[u8]) {
    let Ok(Value::Object(claims)) = serde_json::from_slice(input) else { return };
    let Some(issuer) = issuer() else { return };
    let Ok(now) = Timestamp::from_second(1_793_880_000) else { return };
    let Ok((caller, expires_at)) = issuer.read(&claims, now) else { return };
    assert!(expires_at > now, "{claims:?} has expired");
    assert_eq!(claims.get("iss").and_then(Value::as_str), Some("https://id.example.org"), "{claims:?}");
    assert!(caller.subject.starts_with("oidc:") && caller.subject.len() > "oidc:".len(), "{caller:?}");
    assert_eq!(caller.role == Role::Customer, caller.customer.is_some(), "{caller:?}");
    assert!(caller.scopes.is_subset(&caller.role.scopes()), "{caller:?}");
}

fn issuer() -> Option<Issuer> {
    let config = Config::from_toml(SETTINGS).ok()?;
    Issuer::open(&config.access).ok()?
}

/// Reads a key from the issuer's list.
pub(crate) fn key(input: &[u8]) {
    if let Ok(key) = serde_json::from_slice::<Value>(input) {
        let taken = read_key(&key).is_some();
        let is_secret = key["kty"] == "oct";
        assert!(!(taken && is_secret), "a shared secret is taken for a key: {key}");
    }
}
