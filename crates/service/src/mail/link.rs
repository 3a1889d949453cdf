//! Who may read a document without a login? Whoever was sent a link that we signed, until it expires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::documents::Document;
use super::settings::{Carried, Delivery, secret, wrong};
use crate::error::Result;
use crate::id::{CustomerId, LinkId};

const SHORTEST_SECRET: usize = 32;
/// Ten years.
pub(super) const LONGEST_DAYS: u16 = 3650;

/// Makes and opens links.
pub(super) struct Links {
    signer: Hmac<Sha256>,
    public_url: String,
    valid_for: SignedDuration,
}

/// A new link. It works once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewLink {
    pub(super) id: LinkId,
    pub(super) customer: CustomerId,
    pub(super) document: Document,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) url: String,
}

/// What a link leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// The link has an id, unless it was made before links had one.
    Document {
        customer: CustomerId,
        document: Document,
        link: Option<LinkId>,
    },
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
        if !(1..=LONGEST_DAYS).contains(&delivery.link_days) {
            return Err(wrong("delivery.link_days", format!("must be 1 to {LONGEST_DAYS}")));
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

    /// A link to a document.
    pub(super) fn to(
        &self,
        customer: CustomerId,
        document: Document,
        id: LinkId,
        created_at: Timestamp,
    ) -> NewLink {
        let expires_at = created_at.checked_add(self.valid_for).unwrap_or(Timestamp::MAX);
        let claim = format!("{document}.{customer}.{}.{id}", expires_at.as_second());
        let signature = URL_SAFE_NO_PAD.encode(self.signed(&claim).finalize().into_bytes());
        let url = format!("{}/d/{claim}.{signature}", self.public_url);
        NewLink { id, customer, document, created_at, expires_at, url }
    }

    fn signed(&self, claim: &str) -> Hmac<Sha256> {
        self.signer.clone().chain_update(claim)
    }

    /// What a token leads to now. Nothing in it is read before its signature is.
    pub(super) fn opened(&self, token: &str, now: Timestamp) -> Opened {
        let signed = token.rsplit_once('.').and_then(|(claim, signature)| {
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            // Compares in constant time.
            self.signed(claim).verify_slice(&signature).ok()?;
            let parts: Vec<&str> = claim.split('.').collect();
            let [document, customer, expires, link @ ..] = &parts[..] else { return None };
            let link = match link {
                [] => None,
                [id] => Some(id.parse().ok()?),
                _ => return None,
            };
            let (document, customer) = (document.parse().ok()?, customer.parse().ok()?);
            Some((Opened::Document { customer, document, link }, expires.parse::<i64>().ok()?))
        });
        match signed {
            None => Opened::Forged,
            Some((_, expires)) if now.as_second() >= expires => Opened::Expired,
            Some((opened, _)) => opened,
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
