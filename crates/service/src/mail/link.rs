//! Who may read a document without a login? Whoever was sent a link that we signed, until it expires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::documents::Document;
use super::settings::{Carried, Delivery, secret, wrong};
use crate::error::Result;
use crate::id::CustomerId;

const SHORTEST_SECRET: usize = 32;

/// Makes and opens links.
pub(super) struct Links {
    signer: Hmac<Sha256>,
    public_url: String,
    valid_for: SignedDuration,
}

/// What a link leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    Document(CustomerId, Document),
    Expired,
    /// We did not sign it.
    Forged,
}

impl Links {
    /// Links as they are set; none without a secret.
    pub(super) fn open(delivery: &Delivery) -> Result<Option<Self>> {
        let asked = delivery.invoices == Carried::Link;
        let Some(file) = &delivery.secret_file else {
            let missing = || wrong("delivery.secret_file", "is missing: links are signed with a secret");
            return if asked { Err(missing()) } else { Ok(None) };
        };
        let secret = secret("delivery.secret_file", file)?;
        if secret.len() < SHORTEST_SECRET {
            let what = format!("`{}`: the secret is shorter than {SHORTEST_SECRET} letters", file.display());
            return Err(wrong("delivery.secret_file", what));
        }
        if !(1..=3650).contains(&delivery.link_days) {
            return Err(wrong("delivery.link_days", "must be 1 to 3650"));
        }
        let public_url = match &delivery.public_url {
            Some(url) => checked(url)?,
            None if asked => {
                return Err(wrong("delivery.public_url", "is missing: where do links lead to?"));
            }
            None => String::new(),
        };
        let signer =
            Hmac::new_from_slice(secret.as_bytes()).map_err(|error| wrong("delivery.secret_file", error))?;
        let valid_for = SignedDuration::from_hours(24 * i64::from(delivery.link_days));
        Ok(Some(Self { signer, public_url, valid_for }))
    }

    /// A link to a document, and when it expires.
    pub(super) fn to(&self, customer: CustomerId, document: Document, now: Timestamp) -> (String, Timestamp) {
        let expires = now.checked_add(self.valid_for).unwrap_or(Timestamp::MAX);
        let claim = format!("{document}.{customer}.{}", expires.as_second());
        let signature = self.signer.clone().chain_update(&claim).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        (format!("{}/d/{claim}.{signature}", self.public_url), expires)
    }

    /// What a token leads to now. Nothing in it is read before its signature is.
    pub(super) fn opened(&self, token: &str, now: Timestamp) -> Opened {
        let signed = token.rsplit_once('.').and_then(|(claim, signature)| {
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            // Compares in constant time.
            self.signer.clone().chain_update(claim).verify_slice(&signature).ok()?;
            let mut parts = claim.split('.');
            let document: Document = parts.next()?.parse().ok()?;
            let customer: CustomerId = parts.next()?.parse().ok()?;
            Some((document, customer, parts.next()?.parse::<i64>().ok()?))
        });
        match signed {
            None => Opened::Forged,
            Some((_, _, expires)) if now.as_second() >= expires => Opened::Expired,
            Some((document, customer, _)) => Opened::Document(customer, document),
        }
    }
}

/// The address without a slash at its end. Who reads along could read the invoice too, so it is `https`.
fn checked(url: &str) -> Result<String> {
    let local = ["http://localhost", "http://127.0.0.1"].iter().any(|local| url.starts_with(local));
    if url.len() <= "https://".len() || !(url.starts_with("https://") || local) {
        return Err(wrong("delivery.public_url", format!("`{url}` must begin with https://")));
    }
    Ok(url.trim_end_matches('/').to_owned())
}
